"""Greedy searches against additive and multiplicative effects."""

from __future__ import annotations

import numpy as np
import xarray as xr

from creme.analysis.variances import variance
from creme.errors import ConfigError

INTERACTIONS = ("additive", "cooperative", "redundant")
_ERRORS = 2
"""Standard errors from a bound of the activity within which an expectation says nothing."""


def additive_comparison(
    dataset: xr.Dataset,
    *,
    threshold: float = 0.3,
    floor: xr.DataArray | None = None,
    ceiling: xr.DataArray | None = None,
) -> xr.Dataset:
    """Compare the observed trace of a greedy search with those of independent effects.

    The additive trace adds up the effects that the tiles had by themselves, in the search's first
    round, in the order in which the search chose them; the multiplicative one multiplies their fold
    changes. Both are fold changes over the wild type, which is 1 before the first round.

    Of sets that were tested, the tiles' own effects are those of fresh shuffles (``alone``), and
    the two are compared at the accepted set alone: not on the way to it, and not where it has fewer
    than two tiles.

    Parameters
    ----------
    dataset : Dataset
        Of the higher-order test.
    threshold : float
        Mean squared error above which a set is not additive, or not multiplicative.
    floor : DataArray, optional
        The activity that stays without any tile, (locus, track): that of the TSS tile alone, such
        as the mean ``mutant`` of the context dependence test. 0 unless given.
    ceiling : DataArray, optional
        The highest activity that the model gives, likewise; none unless given.

    Returns
    -------
    Dataset, (locus, search, round, track)
        ``observed`` and ``additive``, the traces; and without ``round``: ``mse``, the mean of
        (observed - additive)^2 over rounds; ``difference``, the mean of observed - additive;
        ``interaction``, one of `INTERACTIONS`, empty where the trace is NaN, or where the results
        say that the wild type is ``below_minimum`` (`minimum_activity`). Of a tested set
        ``mse`` and ``difference`` are those at its last tile, NaN for fewer than two tiles.

        ``multiplicative``, with ``mse_multiplicative``, ``difference_multiplicative``; and
        ``explained_by``, the scale of the lesser error, ``additive`` or ``multiplicative``, empty
        where they are equal. ``interaction_additive`` and ``interaction_multiplicative`` are the
        classes on either scale (``multiplicative`` in the place of ``additive``) by the rounds
        whose expectation is further than 2 standard errors from floor and ceiling;
        ``undetermined`` where there is none after the first.

        With a floor also ``multiplicative_above_floor``, with ``mse_above_floor`` and
        ``mse_multiplicative_above_floor``: of (a - b) / (WT - b), in units of what may be lost.
        NaN where the floor is not below the wild type.

    Notes
    -----
    Section "Comparison to additive effects". For enhancers a set is

    - *cooperative* if the observed trace is on average above the additive one: each tile is needed,
      so that each shuffle by itself already costs what both cost together, and the additive trace
      falls too far, down to negative activities (Figure 4f);
    - *redundant* if it is below: the tiles stand in for one another, so that single shuffles cost
      little, and the additive trace stays too high (Figure 4e).

    For silencers, whose shuffles raise the activity, the paper takes effects with the other sign
    (WT - shuffled): above and below change places. A set is redundant where shuffling it does more
    than its parts add up to, and cooperative where it does less, in either search.

    Two tiles that keep 0.3 of the activity each keep 0.09 together where effects multiply, and -0.4
    where they add: that set is "cooperative" on the one scale and nothing on the other. Effects of
    enhancers multiply in reporter assays (Bergman et al. 2022).
    """
    if not threshold >= 0:
        raise ConfigError(f"threshold = {threshold}: a mean squared error is not negative")
    observed = dataset["fold_change"].astype(np.float64)
    tested = "alone" in dataset
    if tested:
        alone = dataset["alone"].astype(np.float64)
    else:
        first = dataset["tile_fold_change"].astype(np.float64).isel(round=0, drop=True)
        alone = _of_selected(first, dataset)
    additive = (1 + (alone - 1).cumsum("round", skipna=False)).transpose(*observed.dims)
    multiplicative = alone.cumprod("round", skipna=False).transpose(*observed.dims)
    counted = _last_of_several(alone) if tested else xr.ones_like(observed, dtype=bool)
    if tested:
        additive, multiplicative = (
            trace.where(observed.notnull()) for trace in (additive, multiplicative)
        )
    deviation = (observed - additive).where(counted)
    mse, difference = (deviation**2).mean("round"), deviation.mean("round")
    product = (observed - multiplicative).where(counted)
    mse_product = (product**2).mean("round")
    better = np.select([mse < mse_product, mse_product < mse], ["additive", "multiplicative"], "")
    compared = xr.Dataset(
        {
            "observed": observed,
            "additive": additive,
            "mse": mse,
            "difference": difference,
            "interaction": _classes(deviation, threshold, "additive"),
            "multiplicative": multiplicative,
            "mse_multiplicative": mse_product,
            "difference_multiplicative": product.mean("round"),
            "explained_by": mse.copy(data=better.astype(object)),
        }
    )
    wild_type = dataset["wild_type"].astype(np.float64) if "wild_type" in dataset else None
    low, high = (_relative(bound, wild_type) for bound in (floor, ceiling))
    variance = _variance(dataset, wild_type)
    single = variance / alone.where(alone != 0) ** 2
    squares = {
        "additive": variance.fillna(0).cumsum("round"),
        "multiplicative": multiplicative**2 * single.fillna(0).cumsum("round"),
    }
    for scale, square in squares.items():
        expected, margin = compared[scale], _ERRORS * square**0.5
        clear = expected - margin > (0.0 if low is None else low.fillna(0.0))
        if high is not None:
            clear = clear & (expected + margin < high)
        apart = (observed - expected).where(counted)
        compared[f"interaction_{scale}"] = _classes(apart, threshold, scale, clear)
    if "below_minimum" in dataset:
        above = ~dataset["below_minimum"].astype(bool)
        for name in ("interaction", "interaction_additive", "interaction_multiplicative"):
            compared[name] = compared[name].where(above, "").transpose(*mse.dims)
    return compared if low is None else _with_floor(compared, alone, low)


def _of_selected(values: xr.DataArray, dataset: xr.Dataset) -> xr.DataArray:
    """Of values by tile, that of the tile that each round selects; NaN after a search's end."""
    index = xr.DataArray(np.arange(values.sizes["tile"]), dims="tile")
    values = values.drop_vars([n for n, c in values.coords.items() if "tile" in c.dims])
    return values.where(index == dataset["selected"]).max("tile")


def _last_of_several(alone: xr.DataArray) -> xr.DataArray:
    """Whether a round has the last tile of a set of two or more."""
    size = alone.notnull().sum("round")
    place = xr.DataArray(np.arange(1, alone.sizes["round"] + 1), dims="round")
    return (place == size) & (size > 1)


def _classes(
    deviation: xr.DataArray, threshold: float, scale: str, clear: xr.DataArray | None = None
) -> xr.DataArray:
    """Classes of sets by observed less expected, of the rounds that are clear of bounds."""
    undetermined = xr.zeros_like(deviation.isel(round=0, drop=True), dtype=bool)
    if clear is not None:
        clear = clear.transpose(*deviation.dims)
        later = slice(1, None)
        bounded = (deviation.notnull() & ~clear).isel(round=later).any("round")
        undetermined = bounded & ~clear.isel(round=later).any("round")
        first = xr.DataArray(np.arange(deviation.sizes["round"]) == 0, dims="round")
        deviation = deviation.where(clear | first)
    mse, difference = (deviation**2).mean("round"), deviation.mean("round")
    # Shuffling enhancers lowers the activity, shuffling silencers raises it.
    excess = xr.where(deviation["search"] == "enhancers", -1, 1) * difference
    classes = np.select(
        [
            mse.isnull(),
            undetermined.transpose(*mse.dims),
            mse <= threshold,
            excess.transpose(*mse.dims) > 0,
        ],
        ["", "undetermined", scale, "redundant"],
        "cooperative",
    )
    return mse.copy(data=classes.astype(object))


def _relative(bound: xr.DataArray | None, wild_type: xr.DataArray | None) -> xr.DataArray | None:
    """A bound of the activity as a fold change over the wild type."""
    if bound is None:
        return None
    if wild_type is None:
        raise ConfigError("a floor or a ceiling needs results with their wild_type")
    _, bound = xr.align(wild_type, bound, join="left")
    return bound / wild_type.where(wild_type > 0)


def _variance(dataset: xr.Dataset, wild_type: xr.DataArray | None) -> xr.DataArray:
    """Squared standard error of the fold change that each round's tile has by itself.

    NaN where it is not known: without ``shuffled``, or of one replicate.
    """
    if "alone_se" in dataset:
        return dataset["alone_se"].astype(np.float64) ** 2
    if "shuffled" not in dataset or wild_type is None:
        return xr.full_like(dataset["fold_change"].astype(np.float64), np.nan)
    shuffled = dataset["shuffled"].isel(round=0, drop=True).astype(np.float64) / wild_type
    used = shuffled.notnull().sum("replicate")
    several = shuffled.where(used > 1)
    return _of_selected(variance(several, "replicate") / used, dataset)


def _with_floor(compared: xr.Dataset, alone: xr.DataArray, floor: xr.DataArray) -> xr.Dataset:
    """Add the multiplicative trace of what lies above the floor, and errors in units of that."""
    room = (1 - floor).where(floor < 1)
    # A single effect below the floor leaves nothing: two of them do not leave something.
    kept = ((alone - floor) / room).clip(min=0).cumprod("round", skipna=False)
    observed = compared["observed"]
    expected = (floor + room * kept).transpose(*observed.dims)
    error = ((observed - expected) ** 2).mean("round") / room**2
    dims = compared["mse"].dims
    return compared.assign(
        multiplicative_above_floor=expected,
        mse_above_floor=(compared["mse"] / room**2).transpose(*dims),
        mse_multiplicative_above_floor=error.transpose(*dims),
    )
