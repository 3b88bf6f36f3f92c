"""Modules that have moved: the old name still works for one version, and warns."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

from creme.errors import CremeWarning


def forward(old: str, *homes: str) -> Callable[[str], Any]:
    """A module's ``__getattr__`` that finds names where they are now.

    Parameters
    ----------
    old : str
        The module that is asked for a name.
    homes : str
        The modules that may have it, the likeliest first.
    """

    def lookup(name: str) -> Any:
        if not name.startswith("__"):
            for home in homes:
                if hasattr(module := import_module(home), name):
                    warnings.warn(
                        f"{old}.{name} has moved to {home}.{name}; the old name goes with the next "
                        f"version",
                        CremeWarning,
                        stacklevel=2,
                    )
                    return getattr(module, name)
        raise AttributeError(f"module {old!r} has no attribute {name!r}")

    return lookup
