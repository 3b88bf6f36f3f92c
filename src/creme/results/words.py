"""Values as people say them, for the command line and the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def site_word(attributes: Mapping[str, Any]) -> str:
    """``TSS``, or what loci are called that need not be TSSs, by a Dataset's attributes."""
    from creme.test import SITE  # which a command's help does without

    return str(attributes.get(SITE, "TSS"))


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    if 0 < seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def units(n: int) -> str:
    """``1 unit``, ``5 units``: loci, or pairs of them, that a test was run on."""
    return f"{n} unit{'' if n == 1 else 's'}"
