"""From a test's Dataset to the grid of its measure, by what the test says of itself.

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

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from creme.errors import ConfigError, listing
from creme.report.axis_labels import scale_of
from creme.report.grid import Floats, MeasureGrid
from creme.report.select import only
from creme.results.words import site_word
from creme.test import Presentation

MOST_ROWS = 40
"""Values of a dimension that are told apart as rows; over a larger one the measure is averaged."""

_SUPPORTING = ("_std", "_se", "_replicates")


def _measure_of(dataset: xr.Dataset, presentation: Presentation) -> str:
    """The variable that answers the test's question."""
    if not presentation.measure:
        raise ConfigError(
            f"the results have no numbers that a test of the name {presentation.test!r} could call "
            f"its measure: they have {listing(map(str, dataset.variables))}"
        )
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
    contigs = part["contig"].values.ravel().tolist() if "contig" in part.coords else []
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
        scale=scale_of(presentation.test, dataset.attrs) if name == "effect" else "",
        site=site_word(dataset.attrs),
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
        letters: NDArray[np.object_] = text.transpose("locus", across).values
        # Where loci have fewer positions the others are NaN.
        there = [letter for letter in letters.ravel() if isinstance(letter, str) and letter]
        if there and all(len(letter) == 1 for letter in there):
            return letters
    return None
