"""The random contexts of the loci, and how much answers depend on their choice."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import pandas as pd
import xarray as xr

from creme import report
from creme.analysis.agreement import effect_agreement, paired_effects, paired_tracks
from creme.analysis.background_choice import (
    SMALL,
    perturbation_name,
    same_but_for_backgrounds,
    sign_and_rank,
)
from creme.analysis.backgrounds import background_table, in_order_of_doubt
from creme.analysis.outliers import RULE
from creme.errors import ConfigError
from creme.report.marks import loci as loci_of
from creme.report.marks import number
from creme.report.page.encode import Child, Html, name, tag
from creme.report.page.results import HEAVY, PageResults, title_of
from creme.report.page.svg import inline
from creme.report.page.table import count, table
from creme.test import Presentation

MOST_ROWS = 50
"""Loci of a test's table: those with outliers first, then those whose backgrounds vary most."""
MOST_PAIRS = 6
"""Pairs of tests that are compared."""


def backgrounds(results: PageResults) -> Html | None:
    """A table for each test that says how active its backgrounds are, and pairs of choices.

    None where no test has backgrounds, or differs from another in them alone.
    """
    parts: list[Child] = []
    for label in results.view.tests:
        dataset = results.view.open(label, ("shuffled", "moved", "placed", "whole"))
        frame = background_table(dataset)
        if frame is not None and not frame.empty:
            title = title_of(results.view, label)
            parts.append(tag("h3", title))
            parts += _of_test(title, frame[frame["track"] == results.view.track], dataset)
    choices = list(_choices(results))
    if not parts and not choices:
        return None
    return tag(
        "section",
        tag("h2", "Backgrounds", id="backgrounds"),
        tag(
            "p",
            "A background is a sequence that replaces the context of a TSS. The activity of the "
            "TSS tile in it is the reference for the effects of contexts and tiles, so one unusual "
            f"background shifts every effect of its locus. An outlier {RULE}.",
        )
        if parts
        else None,
        *parts,
        *choices,
        aria_labelledby="backgrounds",
    )


def _of_test(title: str, frame: pd.DataFrame, dataset: xr.Dataset) -> Iterator[Html]:
    off = int((frame["outliers"] > 0).sum())
    yield tag(
        "p",
        f"Replaced by {perturbation_name(dataset.attrs)}. ",
        f"Loci with an outlier among their backgrounds: {off:,} of {len(frame):,}.",
    )
    rows = [
        (
            name(row["locus"]),
            count(int(row["backgrounds"])),
            *(_value(row[key]) for key in ("wild_type", "median", "std", "lowest", "highest")),
            row["outlier_backgrounds"],
            _value(row["mean"]),
            _value(row["mean_without_outliers"]) if row["outliers"] else "",
            _share(row["gc"]),
            _span(row["background_gc_lowest"], row["background_gc_highest"]),
            _share(row["n"]),
        )
        for row in in_order_of_doubt(frame).head(MOST_ROWS).to_dict("records")
    ]
    more = f"; {count(len(frame) - MOST_ROWS)} more" if len(frame) > MOST_ROWS else ""
    columns = (
        *("locus", "backgrounds", "wild type", "median", "standard deviation", "lowest"),
        *("highest", "outliers (activity)", "mean", "without outliers"),
        *("GC", "GC of backgrounds", "N"),
    )
    caption = f"Activities of backgrounds, {title}{more}"
    yield tag(
        "details",
        tag("summary", f"Backgrounds of {loci_of(len(frame))}"),
        table(columns, rows, caption=caption, numeric=" nnnnnn nn n"),
    )


def _choices(results: PageResults) -> Iterator[Html]:
    """Pairs of tests of the page that differ in their perturbation alone."""
    view = results.view
    attributes = {label: view.open(label).attrs for label in view.tests}
    rows: list[list[Child]] = []
    figures: list[Html] = []
    notes: list[str] = []
    pairs = list(same_but_for_backgrounds(view.tests, attributes))
    for one, other in pairs[:MOST_PAIRS]:
        measure = view.presentation(one).measure
        try:
            a, b = (view.open(label, HEAVY)[[measure]].load() for label in (one, other))
            paired, _ = paired_effects(a, b, paired_tracks(a, b), measure)
        except (ConfigError, KeyError) as error:
            notes.append(f"{one} and {other} are not compared: {error}.")
            continue
        paired = paired[paired["track_a"] == view.track]
        names = [perturbation_name(attributes[label]) for label in (one, other)]
        if paired.empty:
            continue
        rows.append(_row(view.presentation(one), names, paired))
        ax = report.comparison_scatter(paired, "a", "b", labels=(names[0], names[1]), title=one)
        words = f"{view.presentation(one).title}: {names[0]} and {names[1]}"
        picture, width = inline(ax, f"b{len(figures)}", words)
        caption = tag("figcaption", tag("b", words), f". {measure.capitalize()} with either.")
        figures.append(
            tag("figure", tag("div", picture, class_="paper"), caption, style=f"--w:{width}")
        )
    if not rows and not notes:
        return
    yield tag("h3", "Choice of backgrounds")
    if rows:
        columns = (
            *("test", "A", "B", "loci", "values", "Pearson", "Spearman", "same sign"),
            *("mean difference", "same strongest", "rank of A's strongest in B"),
        )
        yield tag("p", CHOICE)
        title = "Agreement of effects between choices of backgrounds"
        yield table(columns, rows, caption=title, numeric="   nn  nnnn")
        yield tag("div", *figures, class_="figures")
    if notes:
        yield tag("ul", *(tag("li", note) for note in notes))


CHOICE = (
    "These tests differ only in the sequence that replaces bases. Where they disagree by more than "
    "replicates do, the result depends on that choice. Signs are compared where one of the two "
    f"values is at least {SMALL:g} in size; intervals are 95 % intervals of a bootstrap over loci."
)


def _row(shown: Presentation, names: list[str], paired: pd.DataFrame) -> list[Child]:
    scores = effect_agreement(paired, resamples=2000).to_dict("records")
    neutral = 0.0 if shown.neutral != shown.neutral else shown.neutral
    (agreed,) = sign_and_rank(paired, neutral).to_dict("records")
    return [
        shown.title,
        *names,
        count(int(scores[0]["loci"])),
        count(len(paired)),
        *(_interval(score) for score in scores),
        f"{_share(agreed['same_sign'])} of {agreed['signs']:,}" if agreed["signs"] else "",
        _value(agreed["difference"]),
        _share(agreed["same_strongest"]),
        "" if agreed["median_rank"] != agreed["median_rank"] else f"{agreed['median_rank']:g}",
    ]


def _interval(score: dict[Hashable, Any]) -> str:
    value, low, high = (float(score[key]) for key in ("correlation", "low", "high"))
    if value != value:
        return "undefined"
    if low != low:
        return number(value, ".3f")
    return f"{number(value, '.3f')} ({number(low, '.3f')} to {number(high, '.3f')})"


def _value(value: float) -> str:
    return "" if value != value else number(value, ".3g")


def _share(value: float) -> str:
    return "" if value != value else f"{value:.1%}"


def _span(low: float, high: float) -> str:
    return "" if low != low else f"{low:.1%} to {high:.1%}"
