"""The landscapes of an interactions test as tables: Shapley values, indices, variance by order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from creme.analysis import scipy_stats as stats
from creme.analysis.epistasis import floor_of, log_activity
from creme.analysis.landscape import (
    interaction_indices,
    sampled_shapley,
    shapley_values,
    variance_by_order,
)

SHAPLEY_COLUMNS = (
    *("locus", "track", "contig", "genomic_start", "genomic_end", "distance", "value", "low"),
    *("high", "share", "sampling_error"),
)
ORDER_COLUMNS = ("locus", "track", "scale", "order", "share")


@dataclass(frozen=True)
class Landscape:
    """The activities of the subsets of a locus's members.

    Attributes
    ----------
    locus, track : str
    one : Dataset
        The locus and track of the test's Dataset.
    wild_type : float
    activities : dict of int to array, (replicate,)
        By subset, without the empty one.
    members : int
    floor : float
    """

    locus: str
    track: str
    one: xr.Dataset
    wild_type: float
    activities: dict[int, NDArray[np.float64]]
    members: int
    floor: float

    @property
    def whole(self) -> bool:
        """Whether all subsets were measured."""
        return len(self.activities) == (1 << self.members) - 1

    def values(self, *, log: bool = False) -> NDArray[np.float64]:
        """(replicate, 2^members), the wild type first; log2 with the floor, or as they are."""
        replicates = len(next(iter(self.activities.values())))
        out = np.empty((replicates, 1 << self.members))
        out[:, 0] = self.wild_type
        for mask, activity in self.activities.items():
            out[:, mask] = activity
        return log_activity(out, self.wild_type, self.floor) if log else out


def landscapes(dataset: xr.Dataset) -> Iterator[Landscape]:
    """The landscape of each locus and track that has members.

    Parameters
    ----------
    dataset : Dataset
        Of the interactions test, of the loci's own TSSs.
    """
    floor = floor_of(dataset)
    masks = dataset["combination"].values.astype(int)
    for track in dataset["track"].values:
        for place, locus in enumerate(dataset["locus"].values):
            one = dataset.isel(locus=place).sel(track=track)
            members = int(np.isfinite(one["member_start"].values.astype(np.float64)).sum())
            combined = one["combined"].transpose("combination", "replicate").values
            there = np.isfinite(combined).any(axis=1) & (masks < 1 << members)
            if members < 2:
                continue
            activities = dict(
                zip(masks[there].tolist(), combined[there].astype(np.float64), strict=True)
            )
            wild = float(one["wild_type"].item())
            yield Landscape(str(locus), str(track), one, wild, activities, members, floor)


def shapley_table(dataset: xr.Dataset) -> pd.DataFrame:
    """Each member's share of the activity that is lost with all of them.

    Returns
    -------
    DataFrame
        `SHAPLEY_COLUMNS`, a row for each locus, track and member, where all subsets were measured
        or those of random orders: ``value``, in units of the activity, with its interval (0.95)
        over replicates; ``share``, by the wild type; ``sampling_error``, the standard error of
        having drawn some orders only, 0 where all subsets were measured.
    """
    rows = []
    for each in landscapes(dataset):
        if each.whole:
            values = shapley_values(each.values())
            errors = np.zeros(each.members)
        elif "order_of_loss" in each.one:
            replicates = len(each.activities[1])
            start = {0: np.full(replicates, each.wild_type)}
            orders = each.one["order_of_loss"].transpose("order", "member").values
            orders = orders[:, : each.members].astype(int)
            values, _ = sampled_shapley({**start, **each.activities}, orders)
            means = {mask: a.mean() for mask, a in (start | each.activities).items()}
            _, errors = sampled_shapley(means, orders)
        else:
            continue
        mean, low, high = _interval(values)
        for member in range(each.members):
            place = each.one.isel(member=member)
            start_, end = (int(place[f"member_genomic_{at}"]) for at in ("start", "end"))
            contig = str(each.one["contig"].item()) if "contig" in each.one.coords else ""
            share = mean[member] / each.wild_type if each.wild_type > 0 else np.nan
            at = (start_, end, int(place["member_distance"]))
            number = (mean[member], low[member], high[member], share, float(errors[member]))
            rows.append((each.locus, each.track, contig, *at, *number))
    return pd.DataFrame(rows, columns=list(SHAPLEY_COLUMNS))


def _interval(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Mean, low and high over replicates; NaN bounds of a single one."""
    replicates = len(values)
    mean = values.mean(axis=0)
    if replicates < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    error = values.std(axis=0, ddof=1) / np.sqrt(replicates)
    half = stats.student.ppf(0.975, replicates - 1) * error
    return mean, mean - half, mean + half


def order_table(dataset: xr.Dataset) -> pd.DataFrame:
    """Shares of the variance over all subsets that single tiles, pairs, triples and so on make.

    It depends on the scale, and so both are given: ``additive``, activities as they are, and
    ``log``, their logarithms.

    Returns
    -------
    DataFrame
        `ORDER_COLUMNS`, a row for each locus, track, scale and order, where all subsets were
        measured. The noise of replicates is taken off, so that a share may be below 0.
    """
    rows = []
    for each in landscapes(dataset):
        if not each.whole:
            continue
        for scale in ("additive", "log"):
            shares = variance_by_order(each.values(log=scale == "log"))
            for order, share in enumerate(shares.tolist(), 1):
                rows.append((each.locus, each.track, scale, order, share))
    return pd.DataFrame(rows, columns=list(ORDER_COLUMNS))


def index_table(dataset: xr.Dataset) -> pd.DataFrame:
    """The interaction index of each pair on the log scale, over all that else may be lost.

    Returns
    -------
    DataFrame
        A row for each locus, track and pair, where all subsets were measured: ``first`` and
        ``second``, numbers of members; ``index``, log2, with ``low`` and ``high`` (0.95).
    """
    rows = []
    for each in landscapes(dataset):
        if not each.whole:
            continue
        mean, low, high = _interval(interaction_indices(each.values(log=True)))
        for one in range(each.members):
            for other in range(one + 1, each.members):
                at = (one, other)
                rows.append((each.locus, each.track, *at, mean[at], low[at], high[at]))
    columns = ["locus", "track", "first", "second", "index", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
