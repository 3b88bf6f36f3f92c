"""Distance and multiplicity compared with the true curves, and the parts of the fine-tile search.

Each takes of every locus the tile that is truly strongest by itself: the tests are about curves,
not about finding tiles.
"""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creme.analysis.saturation import saturation
from creme.benchmark.detections import statistic_scores
from creme.benchmark.planted import PlantedLocus, planted_sets
from creme.benchmark.subject import Subject, windows_of
from creme.demo.truth import Interval, LocusTruth
from creme.tiling import Tile, Tiling

if TYPE_CHECKING:
    import xarray as xr

    from creme.demo.loci import GrammarLocus

TILE = 1000
LEAST = 0.1
"""True effect by itself that a tile has at least."""
BANDS = (0, 2000, 5000, 8000, 15_000)
"""Where bands of distance begin, bp; the last ends there."""
_SIGNS = {"enhancer": 1.0, "silencer": -1.0}
_NEAR = 30
"""Bases on either side of a site that still count as its own, bp."""


def strongest_tiles(
    loci: SequenceOf[GrammarLocus], cell: int, tile: int = TILE, kind: str = "enhancer"
) -> dict[str, Interval]:
    """By gene, the tile that truly adds most to the TSS tile; loci without one are left out.

    Of ``kind = "silencer"``, the one that takes most.
    """
    chosen, sign = {}, _SIGNS[kind]
    for locus in loci:
        length, truth = len(locus.codes), locus.truth
        own = _own(length, tile)
        alone = truth.only([own])[cell]
        effects = {
            (one.start, one.end): (truth.only([own, (one.start, one.end)])[cell] - alone)
            / truth.wild_type[cell]
            for one in Tiling.around(length, length // 2, tile)
        }
        best = max(effects, key=lambda interval: sign * effects[interval])
        if sign * effects[best] >= LEAST:
            chosen[locus.gene] = best
    return chosen


def _own(length: int, tile: int) -> Interval:
    one = Tile.centred(length // 2, tile, length)
    return one.start, one.end


def distance_errors(
    subject: Subject, *, loci: int, replicates: int = 5, kind: str = "enhancer"
) -> pd.DataFrame:
    """The distance test's curve against the true decay.

    Parameters
    ----------
    subject : Subject
    loci, replicates : int
    kind : str
        ``enhancer``, of the held-out loci, or ``silencer``, of planted ones.

    Returns
    -------
    DataFrame
        ``score``, ``value``, ``low``, ``high``, ``n`` (loci): by band of distance, ``error A-B
        bp``, the median over positions of the absolute difference of measured and true log2 fold
        changes, and ``bias A-B bp``, their mean difference; ``slope``, of measured on true log2
        fold changes of all positions.
    """
    table = distance_table(subject, loci=loci, replicates=replicates, kind=kind)
    return distance_scores(table, subject.seed)


def distance_table(
    subject: Subject, *, loci: int, replicates: int = 5, kind: str = "enhancer"
) -> pd.DataFrame:
    """``locus``, ``distance`` (bp), ``measured`` and ``true``, log2 fold changes, by position."""
    held_out, dataset, chosen = _placed(subject, "distance", loci, replicates, kind)
    rows = []
    for locus in held_out:
        if locus.gene not in chosen:
            continue
        measured = _of_locus(dataset, locus.gene)["fold_change"].values.ravel()
        true = _true_curve(locus.truth, chosen[locus.gene], dataset, subject.cell)
        for distance, one, other in zip(
            np.abs(dataset["position_distance"].values), measured, true, strict=True
        ):
            if one > 0 and other > 0:
                rows.append((locus.gene, float(distance), np.log2(one), np.log2(other)))
    return pd.DataFrame(rows, columns=["locus", "distance", "measured", "true"])


def distance_scores(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The scores of `distance_errors`, of a `distance_table`."""
    table = table.assign(difference=table["measured"] - table["true"])
    band = pd.cut(table["distance"], BANDS, right=False, labels=False)
    statistics = {}
    for k, (low, high) in enumerate(pairwise(BANDS)):
        name = f"{low}-{high} bp"
        inside = table[band == k]
        statistics[f"error {name}"] = (inside, lambda rows: rows["difference"].abs().median())
        statistics[f"bias {name}"] = (inside, lambda rows: rows["difference"].mean())
    statistics["slope"] = (table, slope_of)
    return statistic_scores(statistics, seed)


def slope_of(rows: pd.DataFrame) -> float:
    """Of ``measured`` on ``true``, through the origin."""
    squares = float((rows["true"] ** 2).sum())
    return float((rows["true"] * rows["measured"]).sum() / squares) if squares else np.nan


def _placed(
    subject: Subject, test: str, loci: int, replicates: int, kind: str, **parameters: object
) -> tuple[SequenceOf[GrammarLocus], xr.Dataset, dict[str, Interval]]:
    held_out = subject.loci(loci) if kind == "enhancer" else _with_one(subject, loci, kind)
    chosen = strongest_tiles(held_out, subject.cell, kind=kind)
    dataset = subject.ask(
        test,
        windows_of(held_out),
        tile=TILE,
        tiles={gene: [interval] for gene, interval in chosen.items()},
        replicates=replicates,
        **parameters,
    )
    return held_out, dataset, chosen


def _with_one(subject: Subject, loci: int, kind: str) -> list[GrammarLocus]:
    """Planted loci with one enhancer, or silencer, that does enough by itself."""

    def accepted(one: PlantedLocus) -> bool:
        return bool(strongest_tiles([one.locus], subject.cell, kind=kind))

    planted = planted_sets(subject, loci, TILE, 1, f"{kind}s", accepted)
    return [one.locus for one in planted]


def _of_locus(dataset: xr.Dataset, gene: str) -> xr.Dataset:
    names = dataset["locus"].values.tolist()
    return dataset.isel(locus=[names.index(gene)], track=[0])


def _true_curve(truth: LocusTruth, tile: Interval, dataset: xr.Dataset, cell: int) -> np.ndarray:
    own = _own(truth.length, TILE)
    control = truth.arranged([own], [(tile, tile[0])])[cell]
    starts = dataset["position_start"].values.tolist()
    return np.array([truth.arranged([own], [(tile, at)])[cell] / control for at in starts])


def saturation_errors(
    subject: Subject,
    *,
    loci: int,
    replicates: int = 3,
    copies: int = 6,
    kind: str = "enhancer",
) -> pd.DataFrame:
    """The multiplicity test's saturation against that of the exact search, fitted alike.

    Parameters
    ----------
    subject : Subject
    loci, replicates, copies : int
    kind : str
        As of `distance_errors`.

    Returns
    -------
    DataFrame
        ``score``, ``value``, ``low``, ``high``, ``n`` (loci): ``half ratio``, the median of
        measured by true half-saturation points, in copies; ``half spread``, the median of the
        absolute log2 of it; ``half above``, the share of loci where it is above 1; ``plateau
        ratio``, the median of measured by true plateaus, of enhancers; ``both saturate``, the
        share of loci whose fit is defined in the truth that is defined in the measured curve as
        well; ``fold change error``, the median absolute log2 ratio of measured and true fold
        changes.
    """
    table = saturation_table(subject, loci=loci, replicates=replicates, copies=copies, kind=kind)
    scores = saturation_scores(table, subject.seed)
    # Silencers' plateaus are near 0, where a ratio says nothing.
    return scores if kind == "enhancer" else scores[scores["score"] != "plateau ratio"]


def saturation_table(
    subject: Subject,
    *,
    loci: int,
    replicates: int = 3,
    copies: int = 6,
    kind: str = "enhancer",
) -> pd.DataFrame:
    """Fits of each locus's curve: ``half`` and ``plateau`` of the measured one, ``true half`` and
    ``true plateau`` of the exact one, NaN where not defined; ``error`` of the curve itself."""
    held_out, dataset, chosen = _placed(
        subject, "multiplicity", loci, replicates, kind, copies=copies, searches=[f"{kind}s"]
    )
    rows = []
    for locus in held_out:
        if locus.gene not in chosen:
            continue
        measured = _of_locus(dataset, locus.gene)
        true = _exact_copies(
            locus.truth, chosen[locus.gene], dataset, copies, subject.cell, _SIGNS[kind]
        )
        exact = measured.assign(
            fold_change_replicates=(
                measured["fold_change_replicates"] * 0
                + measured["copies"].copy(data=true[1:]).drop_vars("copies")
            ),
            tss_control=measured["tss_control"] * 0 + true[0],
            control=measured["control"] * 0 + 1.0,
        )
        fits = [saturation(each, resamples=0) for each in (measured, exact)]
        half, plateau = (
            [float(fit[name].values.ravel()[0]) for fit in fits] for name in ("half", "plateau")
        )
        curve = measured["fold_change"].values.ravel()
        rows.append(
            {
                "locus": locus.gene,
                "half": half[0],
                "true half": half[1],
                "plateau": plateau[0],
                "true plateau": plateau[1],
                "error": float(np.median(np.abs(np.log2(curve / true[1:])))),
            }
        )
    names = ["locus", "half", "true half", "plateau", "true plateau", "error"]
    return pd.DataFrame(rows, columns=names)


def saturation_scores(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The scores of `saturation_errors`, of a `saturation_table`."""
    defined = table[np.isfinite(table["true half"])]
    defined = defined.assign(both=np.isfinite(defined["half"]))
    fitted = defined[defined["both"]]
    ratios = pd.DataFrame(
        {
            "locus": fitted["locus"],
            "half": fitted["half"] / fitted["true half"],
            "plateau": fitted["plateau"] / fitted["true plateau"],
        }
    )
    return statistic_scores(
        {
            "half ratio": (ratios, lambda rows: rows["half"].median()),
            "half spread": (ratios, lambda rows: np.log2(rows["half"]).abs().median()),
            "half above": (ratios, lambda rows: (rows["half"] > 1).mean()),
            "plateau ratio": (ratios, lambda rows: rows["plateau"].median()),
            "both saturate": (defined, lambda rows: rows["both"].mean()),
            "fold change error": (table, lambda rows: rows["error"].median()),
        },
        seed,
    )


def _exact_copies(
    truth: LocusTruth,
    tile: Interval,
    dataset: xr.Dataset,
    copies: int,
    cell: int,
    sign: float,
) -> np.ndarray:
    """True fold changes over the tile once at its place: without it, and of 1 to `copies` copies.

    Each copy is put where it truly does most in the direction of `sign`.
    """
    own = _own(truth.length, TILE)
    control = truth.arranged([own], [(tile, tile[0])])[cell]
    starts = dataset["position_start"].values.tolist()
    placed: list[tuple[Interval, int]] = []
    curve = [truth.arranged([own], [])[cell] / control]
    for _ in range(copies):
        free = [at for at in starts if at not in {start for _, start in placed}]
        values = {at: truth.arranged([own], [*placed, (tile, at)])[cell] for at in free}
        best = max(values, key=lambda at: sign * values[at])
        placed.append((tile, best))
        curve.append(values[best] / control)
    return np.array(curve)


def fine_tile_errors(
    subject: Subject, *, loci: int, replicates: int = 3, planted: bool = False
) -> pd.DataFrame:
    """The parts that the fine-tile search keeps, against the places of the sites that act.

    Parameters
    ----------
    subject : Subject
    loci, replicates : int
    planted : bool
        Of loci with one enhancer that was planted, in place of the held-out ones.

    Returns
    -------
    DataFrame
        ``score``, ``value``, ``low``, ``high``, ``n`` (loci): ``sites kept``, the share of the
        sites that act in a tile, weighted by what the activity loses without each, that lies
        wholly in what is kept; ``bases near a site``, the share of kept bases within 30 bp of a
        site that acts; ``by chance``, the same of all bases of the tile; ``bases kept``, the share
        of the tile.
    """
    held_out = _with_one(subject, loci, "enhancer") if planted else subject.loci(loci)
    chosen = strongest_tiles(held_out, subject.cell)
    dataset = subject.ask(
        "fine_tile",
        windows_of(held_out),
        tile=TILE,
        tiles={gene: [interval] for gene, interval in chosen.items()},
        replicates=replicates,
        windows=[100, 20],
        shares=[0.9, 0.7],
        removed=[1, 4],
    )
    rows = []
    for locus in held_out:
        if locus.gene not in chosen:
            continue
        tile = chosen[locus.gene]
        one = _of_locus(dataset, locus.gene)
        kept = np.zeros(TILE, dtype=bool)
        for start, end in zip(
            one["sub_start"].values.ravel(), one["sub_end"].values.ravel(), strict=True
        ):
            if np.isfinite(start):
                kept[int(start) - tile[0] : int(end) - tile[0]] = True
        near = np.zeros(TILE, dtype=bool)
        total, inside = 0.0, 0.0
        for start, end, worth in _acting(locus.truth, tile, subject.cell):
            near[max(0, start - tile[0] - _NEAR) : end - tile[0] + _NEAR] = True
            total += worth
            inside += worth * bool(kept[start - tile[0] : end - tile[0]].all())
        if total:
            rows.append(
                {
                    "locus": locus.gene,
                    "sites": inside / total,
                    "near": float(near[kept].mean()) if kept.any() else np.nan,
                    "chance": float(near.mean()),
                    "kept": float(kept.mean()),
                }
            )
    table = pd.DataFrame(rows, columns=["locus", "sites", "near", "chance", "kept"])
    names = {
        "sites kept": "sites",
        "bases near a site": "near",
        "by chance": "chance",
        "bases kept": "kept",
    }
    return statistic_scores(
        {score: (table, _mean_of(column)) for score, column in names.items()}, subject.seed
    )


def _mean_of(column: str):  # type: ignore[no-untyped-def]
    return lambda rows: rows[column].mean()


def _acting(truth: LocusTruth, tile: Interval, cell: int) -> list[tuple[int, int, float]]:
    """Sites within the tile, and what the activity beside the TSS tile loses without each."""
    own = _own(truth.length, TILE)
    whole = truth.only([own, tile])[cell]
    acting = []
    for start, end in truth.spans(tile):
        left = truth.only([own, (tile[0], start + 1), (end - 1, tile[1])])[cell]
        if whole - left > LEAST / 10 * whole:
            acting.append((start, end, float((whole - left) / whole)))
    return acting
