"""Two studies or experiments on the same loci, as a section of the page."""

from __future__ import annotations

from typing import Any

import pandas as pd
import xarray as xr

from creme import report
from creme.analysis.agreement import (
    Tracks,
    effect_agreement,
    paired_effects,
    paired_tracks,
)
from creme.analysis.background_choice import SMALL, sign_and_rank
from creme.analysis.class_agreement import class_agreement, classes_of
from creme.analysis.order_agreement import order_agreement
from creme.errors import ConfigError, listing
from creme.report.marks import number
from creme.report.page.encode import Child, Html, joined, name, tag
from creme.report.page.results import HEAVY, PageResults, title_of_test
from creme.report.page.svg import inline
from creme.report.page.table import count, table
from creme.results.view import ResultsView
from creme.seeds import derive

_EFFECTS = ("context_dependence", "context_swap", "necessity", "sufficiency")
_DRAWS = {"resamples": 2000}


def comparison(results: PageResults, other: PageResults) -> Html:
    """How far two results agree: effects, classes and greedy orders, with their intervals.

    Raises
    ------
    ConfigError
        If they have no test in common that can be compared.
    """
    agreement = _Agreement()
    for test in (*_EFFECTS, "higher_order"):
        if test not in results.labels or test not in other.labels:
            continue
        a, b = (each.open(test, HEAVY).load() for each in (results, other))
        if not a.sizes["locus"] or not b.sizes["locus"]:
            continue
        try:
            pairs = _pairs(results, other, a, b)
            if test == "higher_order":
                agreement.orders(test, a, b, pairs)
            else:
                agreement.effects(test, a, b, pairs, (results, other))
        except ConfigError as error:
            agreement.notes.append(f"{title_of_test(test)} is not compared: {error}.")
    if not agreement.any:
        why = f": {' '.join(agreement.notes)}" if agreement.notes else ""
        raise ConfigError(
            f"{results.view.path} and {other.view.path} have nothing in common that can be "
            f"compared, of {listing([*_EFFECTS, 'higher_order'])}{why}"
        )
    return tag(
        "section",
        tag("h2", "Comparison", id="comparison"),
        _intro(results, other),
        agreement.html(),
        aria_labelledby="comparison",
    )


def _pairs(results: PageResults, other: PageResults, a: xr.Dataset, b: xr.Dataset) -> Tracks:
    """The deciding activities; those of one name where either of both has another."""
    first = (results.view.track, other.view.track)
    if first[0] in a["track"].values and first[1] in b["track"].values:
        if first[0] == first[1] or a.sizes["track"] == b.sizes["track"] == 1:
            return [first]
        if results.view.raw.get("track") and other.view.raw.get("track"):
            return [first]
    return paired_tracks(a, b)


def _intro(results: PageResults, other: PageResults) -> Html:
    return tag(
        "p",
        "A is this report's, ",
        name(results.view.name),
        "; B is ",
        name(other.view.name),
        " (",
        tag("code", other.view.path.resolve()),
        f"). They differ in {_differing(results, other)}. Intervals are 95 % intervals of a "
        "bootstrap over loci. Two models cannot agree better than one of them does with itself "
        "under another seed.",
    )


def _differing(results: PageResults, other: PageResults) -> str:
    """In what the two differ, stage by stage for studies."""
    if results.view.kind != other.view.kind:
        return "that one is a study and the other an experiment"
    one, two = _sections(results.view), _sections(other.view)
    differing = sorted(key for key in {*one} & {*two} if one[key] != two[key])
    # What only one of them has is another stage, and no other setting.
    lone = sorted({key.split(": ")[0] for key in {*one} ^ {*two}})
    return listing([*differing, *(f"{key} (only one has it)" for key in lone)] or ["nothing"], 30)


def _sections(view: ResultsView) -> dict[str, Any]:
    """The values by name that make the results what they are."""
    identity = view.raw.get("identity", {})
    if view.kind == "experiment":
        return dict(identity)
    return {
        f"{stage}: {section}": value
        for stage, sections in identity.items()
        for section, value in sections.items()
    }


class _Agreement:
    """Rows of the tables, and figures."""

    def __init__(self) -> None:
        self._effects: list[list[Child]] = []
        self._signs: list[list[Child]] = []
        self._classes: list[list[Child]] = []
        self._orders: list[list[Child]] = []
        self._counts: list[Html] = []
        self._figures: list[Html] = []
        self.notes: list[str] = []

    @property
    def any(self) -> bool:
        return bool(self._effects or self._orders)

    def effects(
        self,
        test: str,
        a: xr.Dataset,
        b: xr.Dataset,
        pairs: Tracks,
        of: tuple[PageResults, PageResults],
    ) -> None:
        paired, overlap = paired_effects(a, b, pairs)
        self.notes += overlap.sentences(title_of_test(test))
        if paired.empty:
            return
        scores = effect_agreement(paired, **_DRAWS)
        for (in_a, in_b), part in scores.groupby(["track_a", "track_b"], sort=False):
            values = [_interval(r["correlation"], r["low"], r["high"]) for r in _records(part)]
            sizes = [count(int(part[key].iloc[0])) for key in ("loci", "n")]
            self._effects.append([title_of_test(test), _track(in_a, in_b), *sizes, *values])
        for (in_a, in_b), part in paired.groupby(["track_a", "track_b"], sort=False):
            self._class(test, part, _track(in_a, in_b), of)
        for row in _records(sign_and_rank(paired)):
            track = _track(row["track_a"], row["track_b"])
            of_strongest = [
                "" if row[key] != row[key] else number(row[key], ".3g")
                for key in ("same_sign", "difference", "same_strongest", "median_rank")
            ]
            self._signs.append([title_of_test(test), track, count(row["signs"]), *of_strongest])
        self._draw(test, paired)

    def _class(
        self, test: str, part: pd.DataFrame, track: Html, of: tuple[PageResults, PageResults]
    ) -> None:
        """Each with the thresholds of its own study."""
        both = [
            classes_of(test, part[side], **_limits(test, each))
            for side, each in zip("ab", of, strict=True)
        ]
        (in_a, names), (in_b, others) = both
        if not (names and others):
            return
        seed = derive(0, "agreement", "classes", test, str(track))
        agreement = class_agreement(in_a, in_b, part["locus"], names, seed=seed, **_DRAWS)
        kappa = _interval(agreement.kappa, agreement.low, agreement.high)
        if agreement.kappa != agreement.kappa:
            kappa = "one class only"
        self._classes.append(
            [
                title_of_test(test),
                track,
                count(agreement.n),
                number(agreement.agreement, ".3f"),
                kappa,
            ]
        )
        classes = [
            c
            for c in agreement.counts.index
            if agreement.counts.loc[c].any() or agreement.counts[c].any()
        ]
        rows = [[c, *(count(int(n)) for n in agreement.counts.loc[c, classes])] for c in classes]
        caption = f"{title_of_test(test)}: classes of A (down) and B (across)"
        self._counts.append(
            table(["A \\ B", *classes], rows, caption=caption, numeric=" " + "n" * len(classes))
        )

    def orders(self, test: str, a: xr.Dataset, b: xr.Dataset, pairs: Tracks) -> None:
        orders, overlap = order_agreement(a, b, pairs, **_DRAWS)
        self.notes += overlap.sentences(title_of_test(test))
        for row in _records(orders):
            self._orders.append(
                [
                    row["search"],
                    _track(row["track_a"], row["track_b"]),
                    count(int(row["loci"])),
                    row["rounds"],
                    _interval(row["overlap"], row["low"], row["high"]),
                    number(row["chance"], ".3f"),
                    number(row["first"], ".3f"),
                ]
            )

    def _draw(self, test: str, paired: pd.DataFrame) -> None:
        first = paired[
            (paired["track_a"] == paired["track_a"].iloc[0])
            & (paired["track_b"] == paired["track_b"].iloc[0])
        ]
        ax = report.comparison_scatter(
            first, "a", "b", labels=("effect in A", "effect in B"), title=title_of_test(test)
        )
        picture, width = inline(
            ax, f"c{len(self._figures)}", f"{title_of_test(test)}: effects of A and B"
        )
        words = ". Effects of A and B, and their rank correlation."
        caption = tag("figcaption", tag("b", title_of_test(test)), words)
        self._figures.append(
            tag("figure", tag("div", picture, class_="paper"), caption, style=f"--w:{width}")
        )

    def html(self) -> Html:
        parts: list[Child] = []
        if self._effects:
            heads = ["test", "activity", "loci", "values", "Pearson", "Spearman"]
            parts.append(table(heads, self._effects, caption="Effects", numeric="  nn"))
        if self._signs:
            heads = ["test", "activity", "values", "same sign", "mean |A - B|", "same strongest"]
            heads.append("rank of A's strongest in B")
            caption = f"Signs of values of at least {SMALL:g}, and the strongest of each locus"
            parts.append(table(heads, self._signs, caption=caption, numeric="  nnnnn"))
        if self._classes:
            heads = ["test", "activity", "values", "same class", "Cohen's kappa"]
            parts.append(table(heads, self._classes, caption="Classes", numeric="  nn"))
            parts += self._counts
        if self._orders:
            heads = ["search", "activity", "loci", "rounds", "rank-biased overlap", "by chance"]
            heads.append("same first tile")
            parts.append(table(heads, self._orders, caption="Greedy orders", numeric="  n  nn"))
        if self._figures:
            parts.append(tag("div", *self._figures, class_="figures"))
        if self.notes:
            parts.append(tag("ul", *(tag("li", note) for note in self.notes)))
        return joined(parts)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _limits(test: str, results: PageResults) -> dict[str, Any]:
    categories, classes = results.view.limits
    if test == "context_dependence":
        return categories.of_loci()
    if test == "sufficiency":
        return classes.of_tiles()
    return {}


def _track(in_a: object, in_b: object) -> Html:
    return name(in_a) if in_a == in_b else joined([name(in_a), " / ", name(in_b)])


def _interval(value: float, low: float, high: float) -> str:
    if value != value:
        return "undefined"
    if low != low:
        return f"{number(value, '.3f')} (no interval)"
    return f"{number(value, '.3f')} ({number(low, '.3f')} to {number(high, '.3f')})"
