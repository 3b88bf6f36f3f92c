"""Greedy searches against a model of additive effects."""

from __future__ import annotations

import numpy as np
import xarray as xr

from creme.errors import ConfigError

INTERACTIONS = ("additive", "cooperative", "redundant")


def additive_comparison(dataset: xr.Dataset, *, threshold: float = 0.3) -> xr.Dataset:
    """Compare the observed trace of a greedy search with that of additive effects.

    The additive trace adds up the effects that the tiles had by themselves, in the search's first
    round, in the order in which the search chose them. Both are fold changes over the wild type,
    which is 1 before the first round.

    Of sets that were tested, the tiles' own effects are those of fresh shuffles (``alone``), and
    the two are compared at the accepted set alone: not on the way to it, and not where it has fewer
    than two tiles.

    Parameters
    ----------
    dataset : Dataset
        Of the higher-order test.
    threshold : float
        Mean squared error above which a set is not additive.

    Returns
    -------
    Dataset, (locus, search, round, track)
        ``observed`` and ``additive``, the traces; and without ``round``: ``mse``, the mean of
        (observed - additive)^2 over rounds; ``difference``, the mean of observed - additive;
        ``interaction``, one of `INTERACTIONS`, empty where the trace is NaN. Of a tested set
        ``mse`` and ``difference`` are those at its last tile, NaN for fewer than two tiles.

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
    """
    if not threshold >= 0:
        raise ConfigError(f"threshold = {threshold}: a mean squared error is not negative")
    observed = dataset["fold_change"].astype(np.float64)
    tested = "alone" in dataset
    alone = dataset["alone"].astype(np.float64) if tested else _of_first_round(dataset)
    additive = (1 + (alone - 1).cumsum("round", skipna=False)).transpose(*observed.dims)
    if tested:
        additive = additive.where(observed.notnull())
        deviation = _at_the_end(observed - additive, alone)
        mse, difference = deviation**2, deviation
    else:
        deviation = observed - additive
        mse, difference = (deviation**2).mean("round"), deviation.mean("round")
    # Shuffling enhancers lowers the activity, shuffling silencers raises it.
    excess = xr.where(observed["search"] == "enhancers", -1, 1) * difference
    interaction = np.select(
        [mse.isnull(), mse <= threshold, excess.transpose(*mse.dims) > 0],
        ["", "additive", "redundant"],
        "cooperative",
    )
    return xr.Dataset(
        {
            "observed": observed,
            "additive": additive,
            "mse": mse,
            "difference": difference,
            "interaction": mse.copy(data=interaction.astype(object)),
        }
    )


def _of_first_round(dataset: xr.Dataset) -> xr.DataArray:
    """Fold change of each round's tile in the first round, where nothing else was shuffled."""
    alone = dataset["tile_fold_change"].astype(np.float64).isel(round=0, drop=True)
    # One tile of each round is the selected one; after the end of a search none is: NaN.
    index = xr.DataArray(np.arange(alone.sizes["tile"]), dims="tile")
    alone = alone.drop_vars([n for n, c in alone.coords.items() if "tile" in c.dims])
    return alone.where(index == dataset["selected"]).max("tile")


def _at_the_end(values: xr.DataArray, alone: xr.DataArray) -> xr.DataArray:
    """The value at a set's last tile; NaN for sets of fewer than two tiles."""
    size = alone.notnull().sum("round")
    place = xr.DataArray(np.arange(1, values.sizes["round"] + 1), dims="round")
    return values.where((place == size) & (size > 1)).max("round")
