"""Tiles: the TSS tile and the non-overlapping tiles around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from creme.errors import ConfigError, SequenceError
from creme.sequence import Sequence

MIN_BASES = 0.5
"""Share of a tile that has to be bases, and not N, to be measured, unless a test says another."""


@dataclass(frozen=True, order=True, slots=True)
class Tile:
    """A half-open interval [start, end) of sequence positions, 0-based."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise SequenceError(
                f"a tile needs 0 <= start < end, not start = {self.start}, end = {self.end}"
            )

    def __len__(self) -> int:
        return self.end - self.start

    @classmethod
    def centred(cls, at: int, size: int, length: int) -> Tile:
        """The tile of `size` bp around position `at`, which is the first base of its right half.

        Raises
        ------
        ConfigError
            If it has no bases, or does not fit into a sequence of `length` bp.
        """
        start = at - size // 2
        if size < 1:
            raise ConfigError(f"tile = {size}: a tile has at least 1 bp")
        if start < 0 or start + size > length:
            raise ConfigError(
                f"a TSS tile of {size} bp around position {at} does not fit into a sequence of "
                f"{length} bp"
            )
        return cls(start, start + size)

    def overlaps(self, other: Tile) -> bool:
        """Whether the two share a base."""
        return self.start < other.end and other.start < self.end

    def of(self, sequence: Sequence) -> Sequence:
        """The bases of `sequence` in this tile; an error if the tile reaches past its end."""
        if self.end > len(sequence):
            raise SequenceError(
                f"tile [{self.start}, {self.end}) lies outside a sequence of {len(sequence)} bp"
            )
        return sequence[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Tiling:
    """The TSS tile and the tiles of the context.

    Attributes
    ----------
    length : int
        Length of the sequence, bp.
    tss : Tile or None
        The tile centred on the TSS; None where there is none, and the site is tiled as well.
    context : tuple of Tile
        The other tiles, sorted by start; none overlaps the TSS tile or another one.
    """

    length: int
    tss: Tile | None
    context: tuple[Tile, ...]

    @classmethod
    def around(cls, length: int, tss: int, tile: int, tss_tile: int | None = None) -> Tiling:
        """The paper's tiling: a tile centred on the TSS, then outwards while a whole one fits.

        Parameters
        ----------
        length : int
            Length of the sequence, bp.
        tss : int
            Position of the TSS base.
        tile : int
            Length of a context tile, bp; the paper's is 5,000.
        tss_tile : int, optional
            Length of the TSS tile, bp; that of the others unless given. The TSS base is the first
            one of its right half. With 0 there is none: the tiles cover the whole sequence, from
            the site outwards, so that one of them begins with the base of the site; the outermost
            ones reach to the ends, and are up to twice as long (or shorter, on a side of the site
            that has no room for a whole one).

        Raises
        ------
        ConfigError
            If the TSS tile does not fit, or leaves no room for a single context tile; without a TSS
            tile, if neither side of the site has room for one.

        Notes
        -----
        Section "CREME investigation of Enformer". For 196,608 bp and 5,000 bp there are 38 context
        tiles, which start at 804 + 5000 i; the TSS tile is [95,804, 100,804).
        """
        if tile < 1:
            raise ConfigError(f"tile = {tile}: a tile has at least 1 bp")
        if tss_tile == 0:
            return cls(length, None, _whole(length, tss, tile))
        centre = Tile.centred(tss, tile if tss_tile is None else tss_tile, length)
        start, end = centre.start, centre.end
        left = (Tile(s, s + tile) for s in range(start % tile, start, tile))
        right = (Tile(s, s + tile) for s in range(end, length - tile + 1, tile))
        context = (*left, *right)
        if not context:
            raise ConfigError(
                f"tile = {tile}: no whole tile fits beside the TSS tile [{start}, {end}) of a "
                f"sequence of {length} bp"
            )
        return cls(length, centre, context)

    @classmethod
    def of(cls, length: int, tss: Tile | None, context: tuple[Tile, ...]) -> Tiling:
        """A tiling of chosen tiles, sorted by start; anywhere where there is no TSS tile.

        Raises
        ------
        ConfigError
            If a tile overlaps the TSS tile or another tile, or lies outside the sequence.
        """
        tiles = disjoint(context, length)
        if tss is None:
            return cls(length, None, tiles)
        disjoint([tss], length)
        for tile in tiles:
            if tile.overlaps(tss):
                raise ConfigError(
                    f"tile [{tile.start}, {tile.end}) overlaps the TSS tile "
                    f"[{tss.start}, {tss.end}); choose tiles outside it"
                )
        return cls(length, tss, tiles)

    def __iter__(self) -> Iterator[Tile]:
        return iter(self.context)

    def __len__(self) -> int:
        return len(self.context)


def _whole(length: int, site: int, tile: int) -> tuple[Tile, ...]:
    """Tiles that cover a sequence, outwards from a site; see `Tiling.around`."""
    if max(site, length - site) < tile:
        raise ConfigError(
            f"tile = {tile}: no whole tile fits on either side of the site at {site} of a sequence "
            f"of {length} bp"
        )
    # A side's tiles, and what is left of it for the outermost one.
    left, right = max(1, site // tile), max(1, (length - site) // tile)
    inner = [site + k * tile for k in range(1 - left, right)]
    edges = [0, *inner, length] if site else [*inner, length]
    return tuple(Tile(start, end) for start, end in pairwise(edges))


def disjoint(tiles: Iterable[Tile], length: int) -> tuple[Tile, ...]:
    """The tiles sorted by start.

    Raises
    ------
    ConfigError
        If two overlap, or one lies outside a sequence of `length` bp.
    """
    ordered = tuple(sorted(tiles))
    for tile in ordered:
        if tile.end > length:
            raise ConfigError(
                f"tile [{tile.start}, {tile.end}) lies outside the sequence of {length} bp"
            )
    for one, other in pairwise(ordered):
        if one.overlaps(other):
            raise ConfigError(
                f"tiles [{one.start}, {one.end}) and [{other.start}, {other.end}) overlap"
            )
    return ordered
