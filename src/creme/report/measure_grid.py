"""The measure of any test as an array of loci, rows and positions, from what the test says of it.

Every test says which variable answers its question and which dimension lies along the sequence
(`creme.test.Presentation`). From that follows how it is drawn, whatever other dimensions it has:

- the dimension along the sequence is the x axis, in bp from the TSS, with genomic intervals (or
  another one that has a ``DIM_distance``, where that is larger); where there is none, the largest
  dimension is, by its own coordinate;
- a second dimension makes rows: lines, or the rows of a heat map;
- the measure is averaged over further dimensions, and the captions say so.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from creme.errors import ConfigError, listing
from creme.report.select import only
from creme.test import Presentation

Floats = NDArray[np.float64]

MOST_ROWS = 40
"""Values of a dimension that are told apart as rows; over a larger one the measure is averaged."""

_SUPPORTING = ("_std", "_se", "_replicates")


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
        known = step[np.isfinite(step)]
        return bool(known.size) and bool(np.median(known) <= length * 1.01)

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

    @property
    def complete(self) -> list[int]:
        """The places of the loci that have a value wherever any locus has one."""
        there = np.isfinite(self.values)
        whole: NDArray[np.bool_] = (there | ~there.any(axis=0)).all(axis=(1, 2))
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


def _measure_of(dataset: xr.Dataset, presentation: Presentation) -> str:
    """The variable that answers the test's question."""
    if presentation.measure not in dataset.variables:
        raise ConfigError(
            f"the results have no variable {presentation.measure!r}, which the test "
            f"{presentation.test!r} calls its measure: they have "
            f"{listing(map(str, dataset.data_vars))}"
        )
    return presentation.measure


def variables_of(dataset: xr.Dataset, presentation: Presentation) -> list[str]:
    """The variables that a grid is made from, so that no others need be read."""
    name = _measure_of(dataset, presentation)
    own = [name, *(f"{name}{end}" for end in _SUPPORTING)]
    return [n for n in map(str, dataset.data_vars) if n in own or _is_profile(dataset, n, name)]


def _is_profile(dataset: xr.Dataset, name: str, measure: str) -> bool:
    """Whether a variable lies along one dimension of the measure alone, as ``importance`` does."""
    values = dataset[name]
    if values.dtype.kind != "f" or "track" not in values.dims or name.endswith(_SUPPORTING):
        return False
    dims = set(values.dims) - {"locus", "track"}
    of_measure = set(dataset[measure].dims) - {"locus", "track", "replicate"}
    return len(dims) == 1 and dims < of_measure


def _profile(dataset: xr.Dataset, measure: str, across: str) -> str | None:
    """The variable that lies along the x axis alone; the first by name, if there is one."""
    names = sorted(map(str, dataset.data_vars))
    return next(
        (n for n in names if _is_profile(dataset, n, measure) and across in dataset[n].dims), None
    )


def measure_grid(
    dataset: xr.Dataset, presentation: Presentation, *, track: str | None = None
) -> MeasureGrid:
    """The measure of one track by locus, row and position.

    Parameters
    ----------
    dataset : Dataset
        Of any test.
    presentation : Presentation
        What the test says of itself, as `creme.results.view.ResultsView.presentation` gives it.
    track : str, optional
        Needed where there are several.

    Raises
    ------
    ConfigError
        If there is no such track, or nothing that could be drawn.
    """
    name, neutral = _measure_of(dataset, presentation), presentation.neutral
    part = only(dataset, track=track)
    if "locus" not in part.dims:
        part = part.expand_dims("locus")
    dims = [str(dim) for dim in part[name].dims if dim not in ("locus", "replicate")]
    dims = [dim for dim in dims if part.sizes[dim] > 1 or dim == presentation.along]
    across = _across(part, dims, presentation.along)
    row_dim = _row_dim(part, [dim for dim in dims if dim != across and part.sizes[dim] > 1])
    averaged = tuple(dim for dim in dims if dim not in (across, row_dim) and part.sizes[dim] > 1)
    shaper = _Shaper(part, row_dim, across)
    values = shaper.array(part[name])
    replicates = _replicates(part, name)
    each = None if replicates is None else shaper.array(replicates, "replicate")
    spread, spread_name = _spread(part, name, shaper, each, averaged=bool(averaged))
    x, kind, width, intervals = _places(part, shaper)
    profile = _profile(dataset, name, across)
    contigs = part["contig"].values.ravel() if "contig" in part.coords else []
    return MeasureGrid(
        measure=name,
        neutral=None if math.isnan(neutral) else neutral,
        loci=tuple(str(n) for n in _labels(part, "locus")),
        across=across,
        kind=kind,
        x=x,
        width=width,
        names=tuple(_labels(part, across)) if kind == "names" and across else (),
        row_dim=row_dim,
        rows=tuple(_labels(part, row_dim)) if row_dim else ("",),
        values=values,
        spread=spread,
        spread_name=spread_name,
        replicates=each,
        letters=_letters(part, across),
        profile=None if profile is None else shaper.array(part[profile])[:, 0],
        profile_name=profile or "",
        intervals=intervals,
        contigs=tuple(map(str, contigs))
        if len(contigs) == part.sizes["locus"]
        else ("",) * part.sizes["locus"],
        averaged=averaged,
    )


def _across(part: xr.Dataset, dims: list[str], along: str) -> str:
    if along in dims:
        # A tile that is put elsewhere has its new places along the sequence as well.
        places = [dim for dim in dims if dim == along or f"{dim}_distance" in part.variables]
        return max(places, key=lambda dim: (part.sizes[dim], dim == along))
    by_number = [dim for dim in dims if _has_numbers(part[dim])]
    return max(by_number or dims, key=lambda dim: part.sizes[dim], default="")


def _row_dim(part: xr.Dataset, dims: list[str]) -> str:
    """The dimension of the rows: a named one before one of numbers, the smallest that there is."""
    small = [dim for dim in dims if part.sizes[dim] <= MOST_ROWS]
    return min(small, key=lambda dim: (_has_numbers(part[dim]), part.sizes[dim]), default="")


def _labels(part: xr.Dataset, dim: str) -> list[str]:
    values = part[dim].values if dim in part.coords else np.arange(part.sizes[dim])
    return [f"{v:g}" if isinstance(v, float) else str(v) for v in values.tolist()]


def _replicates(part: xr.Dataset, name: str) -> xr.DataArray | None:
    for values in (part.get(f"{name}_replicates"), part[name]):
        if values is not None and "replicate" in values.dims:
            return values
    return None


def _spread(
    part: xr.Dataset, name: str, shaper: _Shaper, each: Floats | None, *, averaged: bool
) -> tuple[Floats | None, str]:
    """The spread around the mean of replicates, and what it is."""
    for end, words in (("_se", "standard error"), ("_std", "standard deviation")):
        # The spread of a mean over further dimensions is another one.
        if f"{name}{end}" in part.variables and not averaged:
            return shaper.array(part[f"{name}{end}"]), words
    if each is None or each.shape[-1] < 2:
        return None, ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of positions without values
        n = np.isfinite(each).sum(axis=-1)
        return np.nanstd(each, axis=-1, ddof=1) / np.sqrt(n), "standard error"


class _Shaper:
    """Variables of a Dataset as arrays of (loci, rows, positions)."""

    def __init__(self, part: xr.Dataset, row_dim: str, across: str) -> None:
        self.part, self.across = part, across
        self._sizes = {
            "locus": part.sizes["locus"],
            row_dim or " row": part.sizes.get(row_dim, 1),
            across or " position": part.sizes.get(across, 1),
        }

    def array(self, values: xr.DataArray, *more: str) -> Floats:
        """(loci, rows, positions, *more) of a variable, which may lack some of them."""
        sizes = {**self._sizes, **{dim: self.part.sizes[dim] for dim in more}}
        others = [dim for dim in values.dims if dim not in sizes]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of means over nothing
            reduced = values.astype(np.float64)
            reduced = reduced.mean(others) if others else reduced
        shaped = reduced.variable.set_dims(sizes).transpose(*sizes)
        return np.array(shaped.values, dtype=np.float64)

    def along(self, name: str) -> Floats | None:
        """A coordinate of numbers along the x axis; None if there is no such one."""
        there = name in self.part.variables and self.across in self.part[name].dims
        return self.array(self.part[name]) if there and _has_numbers(self.part[name]) else None


def _has_numbers(values: xr.DataArray) -> bool:
    return values.dtype.kind in "iuf"


def _places(part: xr.Dataset, shaper: _Shaper) -> tuple[Floats, str, Floats, Floats | None]:
    """Where the positions are: x, its kind, their lengths, and their genomic intervals."""
    across = shaper.across
    width = np.full((part.sizes["locus"], part.sizes.get(across, 1)), np.nan)
    if not across:
        return shaper.array(xr.DataArray(0.0)), "names", width, None
    low, high = shaper.along("genomic_start"), shaper.along("genomic_end")
    intervals = None
    if low is not None:
        # A position that has a start alone is one base.
        intervals = np.stack([low[:, 0], (low + 1 if high is None else high)[:, 0]], axis=-1)
        width = intervals[..., 1] - intervals[..., 0]
    start, end = shaper.along(f"{across}_start"), shaper.along(f"{across}_end")
    if start is not None and end is not None:
        width = (end - start)[:, 0]
    for name in (f"{across}_distance", "distance"):
        if (distance := shaper.along(name)) is not None:
            return distance, "sequence", width, intervals
    if intervals is not None and {"tss_position", "strand"} <= set(part.coords):
        way = np.where(part["strand"].values == "-", -1.0, 1.0)
        middle = (intervals.sum(axis=-1) - 1) / 2
        from_tss = way[:, None] * (middle - part["tss_position"].values[:, None])
        return (
            shaper.array(xr.DataArray(from_tss, dims=("locus", across))),
            "sequence",
            width,
            intervals,
        )
    if _has_numbers(part[across]):
        return shaper.array(part[across]), "values", width, intervals
    numbered = xr.DataArray(np.arange(part.sizes[across]), dims=across)
    return shaper.array(numbered), "names", width, intervals


def _letters(part: xr.Dataset, across: str) -> NDArray[np.object_] | None:
    """A coordinate of single letters along the x axis, (locus, position)."""
    for name in sorted(map(str, part.coords)):
        values = part[name]
        if name == across or set(values.dims) - {"locus"} != {across} or _has_numbers(values):
            continue
        text = values.astype(object).variable.set_dims(
            {"locus": part.sizes["locus"], across: part.sizes[across]}
        )
        found: NDArray[np.object_] = text.transpose("locus", across).values
        # Where loci have fewer positions the others are NaN.
        known = [letter for letter in found.ravel() if isinstance(letter, str) and letter]
        if known and all(len(letter) == 1 for letter in known):
            return found
    return None


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
