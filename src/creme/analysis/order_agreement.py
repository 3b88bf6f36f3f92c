"""Agreement of the greedy searches of two experiments on the tiles and on their order."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from creme.analysis.agreement import (
    TILE,
    NothingInCommonError,
    Overlap,
    Tracks,
    check_tile_sizes,
    overlap_of,
    tile_lengths,
)
from creme.analysis.pairing import PLACE, named_as
from creme.analysis.statistics import mean_over
from creme.errors import ConfigError
from creme.seeds import derive


def rank_biased_overlap(
    a: SequenceOf[Hashable], b: SequenceOf[Hashable], persistence: float = 0.9
) -> float:
    """Similarity of two rankings whose first places matter most and which need not be whole.

    The mean, over depths d, of the share of the first d that both have, with weights p^d; beyond
    the common depth the last share is taken to go on (the extrapolated form).

    Parameters
    ----------
    a, b : sequence
        Best first, each item once; the longer one is cut to the length of the other.
    persistence : float
        p, between 0 and 1: the smaller, the more the first places matter.

    Returns
    -------
    float
        1 for the same order, 0 for nothing in common; NaN where one is empty.

    Notes
    -----
    Webber, Moffat and Zobel (2010), equation 32 for lists of one length. Kendall's tau would need
    the same items in both, and counts a change of the last places as one of the first.
    """
    depth = min(len(a), len(b))
    shared = [len(set(a[:d]) & set(b[:d])) / d for d in range(1, depth + 1)]
    return _biased(np.array(shared), persistence)


def overlap_by_chance(
    depth: int, in_a: int, in_b: int, in_both: int, persistence: float = 0.9
) -> float:
    """Expected `rank_biased_overlap` of random orders of `in_a` and `in_b` items."""
    if not in_a or not in_b:
        return float("nan")
    return _biased(np.arange(1, depth + 1) * in_both / (in_a * in_b), persistence)


def _biased(shares: NDArray[np.float64], persistence: float) -> float:
    if not 0 < persistence < 1:
        raise ConfigError(f"persistence = {persistence}: it lies between 0 and 1")
    if not shares.size:
        return float("nan")
    depths = np.arange(1, shares.size + 1)
    weights = (1 - persistence) * persistence ** (depths - 1)
    return float((weights * shares).sum() + persistence**shares.size * shares[-1])


def order_agreement(
    a: xr.Dataset,
    b: xr.Dataset,
    tracks: Tracks,
    *,
    persistence: float = 0.9,
    seed: int = 0,
    **options: Any,
) -> tuple[pd.DataFrame, Overlap]:
    """Compare the tiles that greedy searches choose, the first ones counting most.

    Parameters
    ----------
    a, b : Dataset
        Of the higher-order test.
    tracks : list of (str, str)
        Of `paired_tracks`.
    persistence : float
        Of `rank_biased_overlap`.
    seed : int
    **options
        Of `creme.analysis.statistics.mean_over`.

    Returns
    -------
    DataFrame
        For each search and pair of tracks: ``overlap``, the mean rank-biased overlap of the loci,
        ``low`` and ``high``; ``chance``, its mean where orders are random; ``first``, the share of
        loci whose first tile is the same; ``loci``, those where both searches chose a tile;
        ``rounds``, the fewest and the most that are compared, as text.
    Overlap
        Of the loci, and of the tiles that could be chosen.

    Raises
    ------
    ConfigError
        If the tiles differ in size; a `NothingInCommonError` if no locus or no search is in both.
    """
    check_tile_sizes(a, b)
    b, renamed = named_as(a, b)
    rows = []
    searches = [str(s) for s in a["search"].values if s in b["search"].values]
    for search in searches:
        for of_a, of_b in tracks:
            orders = [_orders(a, search, of_a), _orders(b, search, of_b)]
            compared = [
                (orders[0][key], orders[1][key])
                for key in orders[0]
                # A search that chose nothing has no order.
                if key in orders[1] and orders[0][key][0] and orders[1][key][0]
            ]
            if not compared:
                continue
            scores = np.array([_one_locus(one, other, persistence) for one, other in compared])
            overlap = xr.DataArray(scores[:, 0], dims="locus")
            draw_seed = derive(seed, "agreement", "orders", search, of_a, of_b)
            mean = mean_over(overlap, seed=draw_seed, **options)
            rounds = scores[:, 3].astype(int)
            fewest, most = rounds.min(), rounds.max()
            rows.append(
                {
                    "search": search,
                    "track_a": of_a,
                    "track_b": of_b,
                    "overlap": mean["mean"].item(),
                    "low": mean["low"].item(),
                    "high": mean["high"].item(),
                    "chance": scores[:, 1].mean(),
                    "first": scores[:, 2].mean(),
                    "loci": len(compared),
                    "rounds": str(most) if fewest == most else f"{fewest}-{most}",
                }
            )
    if not rows:
        raise NothingInCommonError(
            "the greedy searches of A and B have no search of a locus in common"
        )
    common = _overlap(a, b, searches[0], tracks[0])
    return pd.DataFrame(rows), replace(common, renamed=renamed)


def _overlap(a: xr.Dataset, b: xr.Dataset, search: str, tracks: tuple[str, str]) -> Overlap:
    """Loci and tiles are the same for all searches and tracks."""
    frames = [
        pd.DataFrame(
            [
                (*key, *tile)
                for key, (_, tiles) in _orders(dataset, search, track).items()
                for tile in sorted(tiles)
            ],
            columns=[*PLACE, *TILE],
        )
        for dataset, track in zip((a, b), tracks, strict=True)
    ]
    return overlap_of(frames[0].merge(frames[1], how="outer", indicator="present_in"))


_Order = tuple[list[tuple[int, int]], set[tuple[int, int]]]
"""The chosen tiles in their order, and all tiles that could have been chosen."""


def _orders(dataset: xr.Dataset, search: str, track: str) -> Mapping[tuple[Any, ...], _Order]:
    chosen = dataset.sel(search=search, track=track)
    selected = chosen["selected"].transpose("locus", "round").values
    like = xr.DataArray(
        np.zeros((dataset.sizes["locus"], dataset.sizes["tile"])), dims=("locus", "tile")
    )
    tiles = [
        values.variable.set_dims(dict(like.sizes)).transpose("locus", "tile").values
        for values in (chosen["distance"], tile_lengths(chosen))
    ]
    keys = [chosen[name].values.tolist() for name in PLACE]
    orders: dict[tuple[Any, ...], _Order] = {}
    for row, key in enumerate(zip(*keys, strict=True)):
        names = [
            (int(distance), int(length)) if np.isfinite(distance) else None
            for distance, length in zip(tiles[0][row], tiles[1][row], strict=True)
        ]
        # After the last tile of a search: NaN, or -1 where sets are tested.
        order = [names[int(index)] for index in selected[row] if index >= 0]
        orders[key] = (
            [name for name in order if name is not None],
            {name for name in names if name is not None},
        )
    return orders


def _one_locus(one: _Order, other: _Order, persistence: float) -> tuple[float, float, float, int]:
    """Overlap, overlap by chance, 1 if the first tile is the same, and rounds."""
    depth = min(len(one[0]), len(other[0]))
    chance = overlap_by_chance(
        depth, len(one[1]), len(other[1]), len(one[1] & other[1]), persistence
    )
    first = float(one[0][0] == other[0][0])
    return rank_biased_overlap(one[0], other[0], persistence), chance, first, depth
