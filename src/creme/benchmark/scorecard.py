"""The scorecard: a page of scores of one model, beside the oracle and a guess by distance."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from creme.api import measure
from creme.benchmark.curves import (
    BANDS,
    distance_scores,
    distance_table,
    saturation_scores,
    saturation_table,
)
from creme.benchmark.detections import Strengths, ratio_scores, scores, statistic_scores
from creme.benchmark.guess import (
    average_precision,
    curve_guess,
    guessed_calls,
    saturation_guess,
)
from creme.benchmark.sets import ADDED, pair_class, set_scores
from creme.benchmark.subject import Subject, windows_of
from creme.benchmark.truth import TESTS, effect_table, true_effects
from creme.benchmark.truth_table import TruthTable
from creme.genome import Locus
from creme.model import Model

if TYPE_CHECKING:
    from pathlib import Path

    from creme.store import Store

STRONG = Strengths()
FLOOR = "noise floor"
GUESS = (
    "A guess knows the truth of the other loci and nothing of the sequence: the mean effect and "
    "the mean curve at the same distance, the median saturation, and of two elements that their "
    "effects add up. It calls as many tiles as the model does, those of the largest guesses."
)
"""Of the floor, as pages say it."""


def tile_scores(effects: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Scores of the effects of tiles, whatever the model.

    Parameters
    ----------
    effects : DataFrame
        ``locus``, ``distance``, ``effect``, ``q`` and ``truth``; rows without truth are left out.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        ``score``, ``value``, ``low``, ``high``, ``n``: ``enhancers, average precision`` and
        ``silencers, average precision``, of tiles ordered by effect; ``enhancers found``,
        ``silencers found``, ``calls that are right``, at q < 0.05; ``slope A-B bp``, of measured on
        true effects, by distance from the TSS; ``noise floor``, the 95th percentile of absolute
        effects of tiles that do nothing.
    """
    certain = effects[effects["truth"].notna() & effects["effect"].notna()]
    truth = certain["truth"]
    statistics: dict[str, Any] = {}
    for name, sign in (("enhancers", 1.0), ("silencers", -1.0)):
        statistics[f"{name}, average precision"] = (
            certain,
            lambda rows, sign=sign: average_precision(
                (sign * rows["truth"] >= STRONG.strong).to_numpy(),
                (sign * rows["effect"]).to_numpy(),
            ),
        )
    band = pd.cut(certain["distance"].abs(), BANDS, right=False, labels=False)
    for k, (low, high) in enumerate(pairwise(BANDS)):
        statistics[f"slope {low}-{high} bp"] = (certain[band == k], _slope)
    nothing = certain[truth.abs() <= STRONG.nothing]
    statistics[FLOOR] = (nothing, lambda rows: rows["effect"].abs().quantile(0.95))
    of_effects = statistic_scores(statistics, seed)
    called = scores(certain, STRONG, seed=seed)
    if effects["q"].isna().all():
        called = called.assign(value=np.nan, low=np.nan, high=np.nan)
    named = called.rename(
        index={
            "enhancer recall": "enhancers found",
            "silencer recall": "silencers found",
            "precision": "calls that are right",
        }
    ).loc[["enhancers found", "silencers found", "calls that are right"]]
    return pd.concat([of_effects, named.reset_index()], ignore_index=True)


def _slope(rows: pd.DataFrame) -> float:
    squares = float((rows["truth"] ** 2).sum())
    return float((rows["truth"] * rows["effect"]).sum()) / squares if squares else np.nan


def scorecard(
    subject: Subject, *, loci: int = 20, tile: int = 1000, replicates: int = 5
) -> pd.DataFrame:
    """A model's scores on held-out loci of a grammar, with its ceiling and its floor.

    Parameters
    ----------
    subject : Subject
    loci, tile, replicates : int

    Returns
    -------
    DataFrame
        ``question``, ``score``, ``value``, ``low``, ``high``, ``n``; ``oracle``, the score of the
        oracle on the same loci; ``guess``, that of what is guessed without the sequence, from the
        truth of the other loci: `creme.benchmark.guess.distance_guess` of tiles, the mean curve,
        the median saturation, and of pairs that their single effects add up. NaN for what no guess
        answers.
    """
    parts = []
    for test in TESTS:
        tables = {}
        for name, one in (("value", subject), ("oracle", subject.oracle)):
            held_out = one.loci(loci)
            dataset = one.ask(test, windows_of(held_out), tile=tile, replicates=replicates)
            truth = true_effects(held_out, dataset, test, one.cell_type)
            effects = effect_table(dataset, truth, replicates)
            tables[name] = tile_scores(effects, one.seed)
            if name == "value":
                tables["guess"] = tile_scores(guessed_calls(effects), one.seed)
        parts.append(_beside(tables["value"], tables).assign(question=test))
    subjects = {"value": subject, "oracle": subject.oracle}
    curves = {name: distance_table(one, loci=loci) for name, one in subjects.items()}
    copies = {name: saturation_table(one, loci=loci) for name, one in subjects.items()}
    curves["guess"] = curve_guess(curves["value"])
    copies["guess"] = saturation_guess(copies["value"])
    seed = subject.seed
    pairs = {name: set_scores(one, loci=loci) for name, one in subjects.items()}
    added = pairs["value"].set_index("score").loc[ADDED]
    pairs["guess"] = pd.DataFrame([{**added, "score": "right"}])
    for question, tables, kept in (
        (
            "distance decay",
            {name: distance_scores(table, seed) for name, table in curves.items()},
            ("slope",),
        ),
        (
            "saturation",
            {name: saturation_scores(table, seed) for name, table in copies.items()},
            ("half ratio", "half spread"),
        ),
        ("additivity", pairs, ("right",)),
    ):
        mine = tables["value"][tables["value"]["score"].isin(kept)]
        parts.append(_beside(mine, tables).assign(question=question))
    return _ordered(pd.concat(parts, ignore_index=True))


def table_scorecard(
    model: Model,
    loci: SequenceOf[Locus],
    truth: TruthTable,
    *,
    tracks: Any,
    tile: int,
    replicates: int = 5,
    store: str | Path | Store | None = None,
    seed: int = 0,
    **options: Any,
) -> pd.DataFrame:
    """A model's scores on loci whose truth is in a table.

    Parameters
    ----------
    model : Model
    loci : sequence of Locus
        Those that the table does not name are left out.
    truth : TruthTable
    tracks
        As of `creme.measure`; the first is scored.
    tile, replicates : int
    store, seed
        As of `creme.measure`.
    **options
        Of `creme.measure`, such as ``bins``.

    Returns
    -------
    DataFrame
        As `scorecard`, without ``oracle``: necessity, sufficiency where the table has it, and
        additivity where it has sets of two with their interaction.
    """
    named = set(truth.elements["locus"])
    loci = [locus for locus in loci if locus.name in named]
    truth.in_loci(loci)
    options = {"tracks": tracks, "store": store, "seed": seed, **options}
    parts = []
    for test in TESTS:
        if test == "sufficiency" and not truth.tells_sufficiency:
            continue
        dataset = measure(test, model, loci, tile=tile, replicates=replicates, **options)
        by_name = {locus.name: locus for locus in loci}
        measured = [by_name[name] for name in dataset["locus"].values.tolist()]
        effects = effect_table(dataset, truth.true_effects(measured, dataset, test), replicates)
        tables = {
            "value": tile_scores(effects, seed),
            "guess": tile_scores(guessed_calls(effects), seed),
        }
        parts.append(_beside(tables["value"], tables).assign(question=test))
    pairs = truth.pairs(loci)
    if pairs:
        dataset = measure(
            "higher_order",
            model,
            [locus for locus in loci if locus.name in pairs],
            tile=tile,
            tiles={name: spans for name, (spans, _) in pairs.items()},
            replicates=replicates,
            rounds=2,
            accept="all",
            searches=["enhancers"],
            **options,
        )
        rows = []
        for place, name in enumerate(dataset["locus"].values.tolist()):
            one = dataset.isel(locus=place, search=0, track=0)
            alone = one["tile_fold_change"].isel(round=0).values
            both = float(one["fold_change"].isel(round=1))
            kind = pair_class(float(alone[0]), float(alone[1]), both)
            true = pairs[name][1]
            rows.append({"locus": name, "right": kind == true, ADDED: true == "additive"})
        table = pd.DataFrame(rows)
        every = table["right"] | True
        counted = {name: (table[name], every) for name in ("right", ADDED)}
        scored = ratio_scores(table["locus"], counted, seed)
        right = scored.loc[["right"]].assign(guess=float(scored["value"][ADDED]))
        parts.append(right.reset_index().assign(question="additivity"))
    return _ordered(pd.concat(parts, ignore_index=True))


def _beside(mine: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A model's scores with those of the others in columns of their own."""
    others = {
        name: mine["score"].map(table.set_index("score")["value"])
        for name, table in tables.items()
        if name != "value"
    }
    return mine.assign(**others)


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    names = ["question", "score", "value", "low", "high", "n", "oracle", "guess"]
    return table[[name for name in names if name in table]]


def scorecard_page(table: pd.DataFrame, title: str, about: str) -> str:
    """A scorecard as Markdown.

    Parameters
    ----------
    table : DataFrame
    title : str
    about : str
        A paragraph on the model and the loci.
    """
    others = [name for name in ("oracle", "guess") if name in table]
    heads = {"oracle": "oracle (ceiling)", "guess": "guess (floor)"}
    head = ["question", "score", "model", "n", *(heads[name] for name in others)]
    lines = [f"# {title}", "", about, "", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in table.to_dict("records"):
        value = _number(row["value"])
        if np.isfinite(row["low"]):
            value += f" ({_number(row['low'])}–{_number(row['high'])})"
        cells = [row["question"], row["score"], value, f"{int(row['n']):,}"]
        lines.append("| " + " | ".join([*cells, *(_number(row[name]) for name in others)]) + " |")
    return "\n".join(
        [
            *lines,
            "",
            "In brackets 95 % intervals over loci. A tile is an enhancer (a silencer) to be found "
            f"from a true effect of {STRONG.strong} on; calls have q < 0.05. A slope of 1 is a "
            "model whose effects are as large as the true ones. The noise floor is the effect that "
            f"19 of 20 tiles stay below which do nothing. {GUESS}",
            "",
        ]
    )


def _number(value: float) -> str:
    return f"{value:.3f}" if isinstance(value, float) and np.isfinite(value) else "–"
