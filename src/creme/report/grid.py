"""The measure of any test as an array of loci, rows and positions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from creme.errors import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MeasureGrid:
    """A test's measure of one track.

    Attributes
    ----------
    measure : str
        The variable.
    neutral : float or None
        Its value where nothing happens; None where that is not known.
    loci : tuple of str
        Names of the loci, or of whatever else the test's units are.
    across : str
        The dimension along the x axis; empty if there is none, and one position.
    kind : {'sequence', 'values', 'names'}
        Whether `x` is a distance from the TSS in bp, another number, or the place of a name.
    x : array of float64, shape (loci, rows, positions)
    width : array of float64, shape (loci, positions)
        Length of each position's interval, bp; NaN where it has none.
    names : tuple of str
        Names of the positions, where `kind` is ``names``.
    row_dim : str
        The dimension of the rows; empty if there is one row.
    rows : tuple of str
    values : array of float64, shape (loci, rows, positions)
        NaN where nothing was measured.
    spread : array of the same shape, or None
        Around the mean of the replicates.
    spread_name : str
        ``standard error`` or ``standard deviation``.
    replicates : array of float64, shape (loci, rows, positions, replicates), or None
    letters : array of str, shape (loci, positions), or None
        One letter a position: the bases that stand there.
    profile : array of float64, shape (loci, positions), or None
        Another variable of the test along the x axis alone, such as ``importance``.
    profile_name : str
    intervals : array of float64, shape (loci, positions, 2), or None
        Genomic start and end, 0-based and half-open; NaN where there is no position.
    contigs : tuple of str
        Of each locus; empty where unknown.
    averaged : tuple of str
        Dimensions over which the measure is averaged.
    scale : str
        What an effect is, in words, such as a difference; empty where that is not known.
    site : str
        What loci are about: a TSS, or a site.
    """

    measure: str
    neutral: float | None
    loci: tuple[str, ...]
    across: str
    kind: str
    x: Floats
    width: Floats
    names: tuple[str, ...]
    row_dim: str
    rows: tuple[str, ...]
    values: Floats
    spread: Floats | None
    spread_name: str
    replicates: Floats | None
    letters: NDArray[np.object_] | None
    profile: Floats | None
    profile_name: str
    intervals: Floats | None
    contigs: tuple[str, ...]
    averaged: tuple[str, ...]
    scale: str = ""
    site: str = "TSS"

    @property
    def measure_words(self) -> str:
        """The measure, with its scale, in words."""
        return words_of(self.measure) + f" ({self.scale})" * bool(self.scale)

    @property
    def shared(self) -> bool:
        """Whether all loci were measured at the same positions."""
        first = self.x[:1]
        return bool(np.array_equal(np.broadcast_to(first, self.x.shape), self.x, equal_nan=True))

    @property
    def side_by_side(self) -> bool:
        """Whether the positions of a locus are intervals that mostly touch each other."""
        if self.kind != "sequence" or self.x.shape[2] < 2:
            return False
        step = np.diff(np.sort(self.x[:, 0], axis=1), axis=1)
        length = np.nanmedian(self.width) if np.isfinite(self.width).any() else np.nan
        steps = step[np.isfinite(step)]
        return bool(steps.size) and bool(np.median(steps) <= length * 1.01)

    @property
    def as_heat_map(self) -> bool:
        """Whether rows are those of a heat map, since there are too many for lines."""
        rows, positions = len(self.rows), self.x.shape[2]
        return positions > 1 and (rows > 6 or (rows > 3 and positions > 8 and self.side_by_side))

    @property
    def away(self) -> Floats:
        """How far each locus's furthest value is from neutral, or from 0; NaN without values."""
        flat = np.abs(self.values - (self.neutral or 0.0)).reshape(len(self.loci), -1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of a locus without values
            furthest: Floats = np.nanmax(flat, axis=1, initial=np.nan)
            return furthest

    def has_values(self, place: int) -> bool:
        """Whether there is such a locus, and a value of it."""
        return place < len(self.loci) and bool(np.isfinite(self.values[place]).any())

    @property
    def complete(self) -> list[int]:
        """The places of the loci that have a value wherever any locus has one."""
        there = np.isfinite(self.values)
        whole = np.all(there | ~there.any(axis=0), axis=(1, 2))
        return [int(k) for k in np.flatnonzero(whole)]

    def take(self, places: Sequence[int]) -> MeasureGrid:
        """Some of the loci."""
        at = list(places)

        def of(values: Floats | None) -> Floats | None:
            return None if values is None else values[at]

        return replace(
            self,
            loci=tuple(self.loci[k] for k in at),
            x=self.x[at],
            width=self.width[at],
            values=self.values[at],
            spread=of(self.spread),
            replicates=of(self.replicates),
            letters=None if self.letters is None else self.letters[at],
            profile=of(self.profile),
            intervals=of(self.intervals),
            contigs=tuple(self.contigs[k] for k in at),
        )


def mean_over_loci(grid: MeasureGrid) -> MeasureGrid:
    """One locus, the mean of all, with its standard error over loci.

    Raises
    ------
    ConfigError
        If the loci were measured at different positions.
    """
    if not grid.shared:
        raise ConfigError("loci were measured at different positions: they have no mean")
    n = np.isfinite(grid.values).sum(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of positions without values
        mean = np.nanmean(grid.values, axis=0)[None]
        spread = (np.nanstd(grid.values, axis=0, ddof=1) / np.sqrt(n))[None]
        profile = None if grid.profile is None else np.nanmean(grid.profile, axis=0)[None]
    letters = grid.letters
    if letters is not None and not (letters == letters[:1]).all():
        letters = None
    return replace(
        grid.take([0]),
        loci=("",),
        values=mean,
        spread=spread,
        spread_name="standard error over loci",
        replicates=None,
        letters=None if letters is None else letters[:1],
        profile=profile,
        intervals=None,
        contigs=("",),
    )


def words_of(name: str) -> str:
    """The name of a variable or a dimension as words."""
    return name.replace("_", " ")
