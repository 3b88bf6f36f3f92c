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
        ``interaction``, one of `INTERACTIONS`, empty where the trace is NaN.

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
    alone = dataset["tile_fold_change"].astype(np.float64).isel(round=0, drop=True)
    # One tile of each round is the selected one; after the end of a search none is: NaN.
    index = xr.DataArray(np.arange(alone.sizes["tile"]), dims="tile")
    alone = alone.drop_vars([n for n, c in alone.coords.items() if "tile" in c.dims])
    alone = alone.where(index == dataset["selected"]).max("tile")
    additive = (1 + (alone - 1).cumsum("round", skipna=False)).transpose(*observed.dims)
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
