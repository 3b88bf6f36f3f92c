"""Chosen intervals of the locus sequences: the same for all loci, or by locus."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

from creme.errors import ConfigError, nearest
from creme.genome import Locus
from creme.tiling import Tile

Intervals = list[tuple[int, int]]
ByLocus = Intervals | dict[str, Intervals]
"""[start, end) for every locus, or by the names of loci."""


def chosen_loci(chosen: ByLocus | None, loci: SequenceOf[Locus], where: str) -> SequenceOf[Locus]:
    """The loci that intervals are chosen for: those that are named, or all.

    Raises
    ------
    ConfigError
        If one is named that is not among `loci`; `where` is the field that names it.
    """
    if not isinstance(chosen, dict):
        return loci
    names = [locus.name for locus in loci]
    for name in chosen:
        if name not in names:
            raise ConfigError(
                f"{where} names locus {name!r}, which the experiment does not have"
                f"{nearest(name, names)}"
            )
    return [locus for locus in loci if locus.name in chosen]


def chosen_tiles(chosen: ByLocus, locus: Locus) -> list[Tile]:
    """The intervals chosen for one locus."""
    intervals = chosen[locus.name] if isinstance(chosen, dict) else chosen
    return [Tile(start, end) for start, end in intervals]
