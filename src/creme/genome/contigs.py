"""Names of contigs, with and without ``chr``."""

from __future__ import annotations


def plain_contig(name: str) -> str:
    """A contig without ``chr``, so that ``1`` and ``chr1`` are the same; ``M`` is ``MT``."""
    plain = name[3:] if name.lower().startswith("chr") and len(name) > 3 else name
    return "MT" if plain == "M" else plain
