"""The sections of the page that need no script: summary, selection, figures, stages."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from creme.analysis.categories import CRE_CLASSES
from creme.report.marks import capital, loci, number
from creme.report.page.coverage import why_not
from creme.report.page.downloads import figure_html
from creme.report.page.encode import Child, Html, joined, name, tag
from creme.report.page.figure import PageFigure, PageSection
from creme.report.page.results import (
    RUN,
    SELECTION,
    WITH_FIGURES,
    PageResults,
    title_of,
)
from creme.report.page.table import count, table
from creme.results.view import Failure, ResultsView
from creme.results.words import duration
from creme.study.sections import STAGES

CAVEAT = (
    "A model's results are hypotheses about biology, not measurements. Effects are "
    "differences of predictions: they say what this model has learned, errors and all."
)


def summary(view: ResultsView, shown: int) -> Html:
    """Numbers that say what the results hold, and what is missing of them.

    Parameters
    ----------
    view : ResultsView
    shown : int
        Loci that the page has.
    """
    facts: list[tuple[str, str]] = []
    if view.funnel:
        first = view.funnel[0]
        why = str(first["why"])
        one = why.replace("transcripts", "transcript", 1) if first["left"] == 1 else why
        facts.append((count(first["left"]), one))
    facts.append((count(shown), "locus" if shown == 1 else "loci"))
    for context, amount in (view.raw.get("categories") or {}).items():
        if amount:
            article = "an" if context[0] in "aeiou" else "a"
            of = f"in {article} {context} context" if amount == 1 else f"in {context} contexts"
            facts.append((count(amount), "without a category" if context == "none" else of))
    classes: dict[str, int] = {}
    for of in (view.raw.get("classes") or {}).values():
        for kind, amount in of.items():
            classes[kind] = classes.get(kind, 0) + amount
    for kind in CRE_CLASSES:
        if amount := classes.get(kind, 0):
            facts.append((count(amount), kind if amount == 1 else f"{kind}s"))
    totals = {k: sum(s.get(k) or 0 for s in view.stages.values()) for k in _COUNTS}
    facts.append((count(totals["predicted"]), "sequences predicted"))
    facts.append((count(totals["stored"]), "more taken from the store"))
    if totals["seconds"]:
        facts.append((duration(totals["seconds"]), "of computing"))
    items = [tag("li", tag("b", value), " ", words) for value, words in facts]
    notes = [_not_positive(view), _remarks(view), _missing(view)]
    plain = [*_nothing_to_do(view), _left_out(view)]
    return joined([tag("ul", *items, class_="facts"), *notes, *plain])


_COUNTS = ("asked", "predicted", "stored", "repeated", "seconds")


def _not_positive(view: ResultsView) -> Html | None:
    """How many loci have an activity, of which effects are shares, that is negative or 0."""
    n = int((view.loci["activity"].to_numpy(dtype=float) <= 0).sum())
    if not n:
        return None
    sentence = f"The activity of {loci(n)} is at or below 0: shares of it are not defined."
    return tag("p", sentence, class_="missing", role="note")


def _remarks(view: ResultsView) -> Html | None:
    """Notes that a reader of the values has to know, as the run gave them."""
    items = [tag("li", capital(note), ".") for note in view.notes]
    for label in view.tests:
        items += [
            tag("li", f"{title_of(view, label)}, ", name(sentence), ".")
            for sentence in view.remarks(label)
        ]
    if not items:
        return None
    heading = tag("h3", "Notes on the values")
    return tag("div", heading, tag("ul", *items), class_="missing", id="notes", role="note")


def _missing(view: ResultsView) -> Html | None:
    """The stages, tests and units that were asked for and are not there."""
    items: list[Html] = []
    for stage, state in view.stages.items():
        title = title_of(view, stage)
        if state.get("state") != "finished":
            why = state.get("error") or _WHY.get(str(state.get("state")), "")
            items.append(tag("li", f"{title} is {state.get('state')}", f": {why}" if why else "."))
        failed = len(_failures_of(view, stage))
        if failed:
            units = (
                "1 unit failed, and has"
                if failed == 1
                else f"{count(failed)} units failed, and have"
            )
            items.append(tag("li", f"{title}: {units} no results."))
    items += _progress(view)
    if not items:
        return None
    return tag(
        "div",
        tag("h3", "Missing parts"),
        tag("ul", *items),
        class_="missing",
        role="note",
    )


def _nothing_to_do(view: ResultsView) -> list[Html]:
    """The finished stages for which there was no locus or tile; that is a result."""
    return [
        tag("p", f"{title_of(view, stage)} had nothing to do: {state['note']}.")
        for stage, state in view.stages.items()
        if state.get("state") == "finished" and state.get("note")
    ]


def _left_out(view: ResultsView) -> Html | None:
    """The stages that the study file leaves out, and how to add them."""
    if view.kind != "study":
        return None
    every = [stage for stage in (SELECTION, *WITH_FIGURES) if stage in STAGES]
    names = [tag("code", stage) for stage in every if stage not in view.stages]
    if not names:
        return None
    listed = [piece for each in names for piece in (", ", each)][1:]
    return tag(
        "p",
        "The study file leaves out ",
        *listed,
        f". To run {'it' if len(names) == 1 else 'some of them'} too, add the "
        f"name{'' if len(names) == 1 else 's'} to ",
        tag("code", "stages"),
        " in that file, then give ",
        tag("code", "creme study FILE"),
        " again. Finished stages are not run a second time.",
    )


_WHY = {
    "waiting": "it has not begun.",
    "new": "it has not begun.",
    "running": "it has not come to its end.",
    "interrupted": "it was stopped before its end, and can be continued.",
    "stopped": "it was stopped before its end, and can be continued.",
}


def _progress(view: ResultsView) -> list[Html]:
    """Units that are finished of tests that are not; the rate and the time left of a run."""
    progress = view.progress
    items = []
    for label, units in progress.tests.items():
        if units.state in ("finished", "waiting", "new", "outdated"):
            continue
        there = f"{count(units.finished)} of {count(units.of)}" if units.of else units.finished
        if units.of or units.finished:
            items.append(tag("li", f"{title_of(view, label)}: {there} units are finished."))
    if view.state == "running" and progress.rate:
        words = f"The run makes {number(progress.rate, ',.4g')} predictions a second"
        if progress.seconds_left is not None:
            words += f", and needs about {duration(progress.seconds_left)} more"
        items.append(tag("li", f"{words}, as of {view.raw.get('updated', 'then')}."))
    elif view.state in ("interrupted", "stopped", "failed", "outdated"):
        items.append(tag("li", "To continue: ", tag("code", view.further)))
    return items


def _failures_of(view: ResultsView, stage: str) -> list[Failure]:
    """The failures of a stage; those of an experiment are all of its one stage."""
    if view.kind == "experiment" and stage == RUN:
        return view.failures
    return [failure for failure in view.failures if failure[0] == stage]


def funnel(view: ResultsView) -> Html | None:
    """The steps of the selection."""
    if not view.funnel:
        return None
    most = max((row["left"] for row in view.funnel), default=0) or 1
    rows = [
        (
            row["step"],
            count(row["left"]),
            tag(
                "span",
                class_="share",
                style=f"--share:{row['left'] / most:.4f}",
                aria_hidden="true",
            ),
            count(row["removed"]),
            row["why"],
        )
        for row in view.funnel
    ]
    columns = ("step", "left", "share", "left out", "why")
    return table(columns, rows, caption="Selection of TSSs, step by step", numeric=" n n ")


def figures_section(
    figures: Iterable[PageFigure], sections: Iterable[PageSection], results: PageResults
) -> Html:
    """The figures, stage by stage; then tests without figures of their own.

    Parameters
    ----------
    figures : iterable of PageFigure
        Those of the paper.
    sections : iterable of PageSection
        Those of other tests.
    results : PageResults
    """
    parts: list[Html] = []
    view = results.view
    numbered = enumerate(figures)
    for title, group in groupby(numbered, key=lambda item: item[1].section):
        shown = [figure_html(one, f"f{k}") for k, one in group]
        parts.append(tag("h3", title))
        parts.append(tag("div", *shown, class_="figures"))
    if (why := why_not(results)) is not None:
        parts.append(tag("p", why))
    for k, section in enumerate(sections):
        parts.append(tag("h3", section.title))
        parts += [tag("p", text) for text in section.text]
        shown = [
            figure_html(one, f"m{k}-{n}", of_the_paper=False)
            for n, one in enumerate(section.figures)
        ]
        parts.append(tag("div", *shown, class_="figures"))
        if section.table is not None:
            parts.append(section.table)
    if not parts:
        parts.append(tag("p", "No test has results yet: there is nothing to draw."))
    stages = [s for s in view.stages if s not in (SELECTION, RUN) and s not in view.tests]
    if stages and results.labels:
        names = ", ".join(title_of(view, stage) for stage in stages)
        parts.append(tag("p", f"Without results, and so without figures: {names}."))
    return joined(parts)


def stages(view: ResultsView) -> Html:
    """State, counts and hours of each stage."""
    rows: list[list[Child]] = []
    for stage, state in view.stages.items():
        note = state.get("error") or state.get("note") or ""
        numbers = [count(state.get(k, "") if state.get(k) is not None else "") for k in _SHOWN]
        took = state.get("seconds")
        rows.append(
            [
                title_of(view, stage),
                state.get("state"),
                *numbers,
                duration(took) if took is not None else "",
                joined([note, _failures(view, stage)]),
            ]
        )
    columns = ("stage", "state", "units", "asked for", "predicted", "from the store", "repeated",
               "time", "notes")  # fmt: skip
    explanation = tag(
        "p",
        "A stage's counts and time are those of the run that finished it. Repeated sequences were "
        "asked for more than once in it.",
    )
    caption = "Predictions and time, stage by stage"
    return joined([table(columns, rows, caption=caption, numeric="  nnnnnn "), explanation])


_SHOWN = ("units", "asked", "predicted", "stored", "repeated")
_FAILURES = 50


def _failures(view: ResultsView, stage: str) -> Html | None:
    failures = _failures_of(view, stage)
    if not failures:
        return None
    items = []
    for label, unit, why in failures[:_FAILURES]:
        # Of an experiment, whose tests share one stage, the test is named too.
        test = joined([name(label), ", "]) if label != stage else None
        items.append(tag("li", test, name(unit), ": ", why))
    if len(failures) > _FAILURES:
        items.append(tag("li", f"and {count(len(failures) - _FAILURES)} more"))
    return tag("details", tag("summary", f"{len(failures)} failed"), tag("ul", *items))
