"""The sections of the page that need no script: summary, selection, stages, settings, sources."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from creme.analysis.categories import CRE_CLASSES
from creme.report.marks import loci
from creme.report.page.coverage import why_not
from creme.report.page.encode import Child, Html, joined, name, tag
from creme.report.page.figure import Drawn
from creme.report.page.source import Source
from creme.report.page.svg import inline

TITLES = {
    "loci": "Selection of loci",
    "context_dependence": "Context dependence",
    "context_swap": "Context swap",
    "necessity": "Necessity",
    "sufficiency": "Sufficiency",
    "distance": "Distance",
    "higher_order": "Higher-order interactions",
    "multiplicity": "Multiplicity",
    "fine_tile": "Fine-tile search",
    "run": "Run",
}
"""Stages as headings."""

CAVEAT = (
    "What a model shows is a hypothesis about biology, and not a measurement. Effects are "
    "differences of predictions: they say what this model has learned, errors and all."
)

CITATION = (
    "Shushan Toneyan and Peter K Koo. Interpreting Cis-Regulatory Interactions from Large-Scale "
    "Deep Neural Networks for Genomics."
)


def count(value: object) -> str:
    """A whole number as people read it."""
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(
    columns: Iterable[Child], rows: Iterable[Iterable[Child]], *, caption: str, numeric: str = ""
) -> Html:
    """A table in a box of its own, which scrolls sideways where it is too wide.

    Parameters
    ----------
    columns : iterable
        Headings.
    rows : iterable of iterable
        The first cell of each is its heading.
    caption : str
    numeric : str
        A character a column: ``n`` for numbers.
    """
    heads, body = list(columns), []
    kinds = ["n" if mark == "n" else None for mark in numeric.ljust(len(heads))]
    for row in rows:
        first, *others = row
        cells = [tag("td", c, class_=kind) for c, kind in zip(others, kinds[1:], strict=True)]
        body.append(tag("tr", tag("th", first, scope="row"), *cells))
    head = [tag("th", c, scope="col", class_=kind) for c, kind in zip(heads, kinds, strict=True)]
    whole = tag(
        "table", tag("caption", caption), tag("thead", tag("tr", *head)), tag("tbody", *body)
    )
    return tag("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)


def summary(source: Source, shown: int) -> Html:
    """Numbers that say what the study found, and what is missing of it."""
    facts: list[tuple[str, str]] = []
    if source.funnel:
        facts.append((count(source.funnel[0]["left"]), str(source.funnel[0]["why"])))
    facts.append((count(shown), "locus" if shown == 1 else "loci"))
    for context, number in (source.state.get("categories") or {}).items():
        if number:
            what = "without a category" if context == "none" else f"in {context} contexts"
            facts.append((count(number), what))
    classes: dict[str, int] = {}
    for of in (source.state.get("classes") or {}).values():
        for kind, number in of.items():
            classes[kind] = classes.get(kind, 0) + number
    for kind in CRE_CLASSES:
        if number := classes.get(kind, 0):
            facts.append((count(number), kind if number == 1 else f"{kind}s"))
    totals = {k: sum(s.get(k) or 0 for s in source.stages.values()) for k in _COUNTS}
    facts.append((count(totals["predicted"]), "sequences predicted"))
    facts.append((count(totals["stored"]), "more taken from the store"))
    if totals["seconds"]:
        facts.append((duration(totals["seconds"]), "of computing"))
    items = [tag("li", tag("b", value), " ", words) for value, words in facts]
    return joined([tag("ul", *items, class_="facts"), _not_positive(source), _missing(source)])


_COUNTS = ("asked", "predicted", "stored", "repeated", "seconds")


def _not_positive(source: Source) -> Html | None:
    """What effects are, shares of an activity, where that is negative or 0."""
    activity = source.loci["activity"].to_numpy(dtype=float)
    said = []
    if n := int((activity < 0).sum()):
        said.append(f"The activity of {loci(n)} is negative: effects there have the other sign.")
    if n := int((activity == 0).sum()):
        said.append(f"The activity of {loci(n)} is 0: effects there are not defined.")
    return tag("p", " ".join(said), class_="missing", role="note") if said else None


def _missing(source: Source) -> Html | None:
    """What is not there, stage by stage."""
    said = []
    for stage, state in source.stages.items():
        what = TITLES.get(stage, stage)
        if state.get("state") != "finished":
            why = state.get("error") or _WHY.get(str(state.get("state")), "")
            said.append(tag("li", f"{what} is {state.get('state')}", f": {why}" if why else "."))
        elif state.get("note"):
            said.append(tag("li", f"{what} had nothing to do: {state['note']}."))
        failed = state.get("failures") or []
        if failed:
            number = f"{count(len(failed))} unit{'s' if len(failed) > 1 else ''}"
            said.append(tag("li", f"{what}: {number} failed, and have no results."))
    if source.study:
        left_out = [TITLES[s] for s in TITLES if s not in source.stages and s != "run"]
        if left_out:
            said.append(tag("li", f"Not part of this study: {', '.join(left_out)}."))
    elif source.not_shown:
        said.append(
            tag("li", f"Not shown on this page: {', '.join(source.not_shown)}; 'creme results' "
                "prints and exports them.")
        )  # fmt: skip
    if not said:
        return None
    return tag(
        "div",
        tag("h3", "What is missing"),
        tag("ul", *said),
        class_="missing",
        role="note",
    )


_WHY = {
    "waiting": "it has not begun.",
    "running": "it has no results yet.",
    "interrupted": "it was stopped before its end, and can be continued.",
    "stopped": "it was stopped before its end, and can be continued.",
}


def funnel(source: Source) -> Html | None:
    """The steps of the selection."""
    if not source.funnel:
        return None
    most = max((row["left"] for row in source.funnel), default=0) or 1
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
        for row in source.funnel
    ]
    columns = ("step", "left", "", "left out", "why")
    return table(columns, rows, caption="Selection of TSSs, step by step", numeric=" n n ")


def drawings(drawn: Iterable[Drawn], source: Source) -> Html:
    """The figures, stage by stage; a stage without results says so."""
    parts: list[Html] = []
    numbered = enumerate(drawn)
    for title, group in groupby(numbered, key=lambda item: _SUBJECTS[item[1].stage]):
        shown = [_figure(one, f"f{k}") for k, one in group]
        parts.append(tag("h3", title))
        parts.append(tag("div", *shown, class_="figures"))
    if (why := why_not(source)) is not None:
        parts.append(tag("p", why))
    if not parts:
        parts.append(tag("p", "No test has results yet: there is nothing to draw."))
    without = [s for s in source.stages if s in TITLES and s not in ("loci", "run")]
    without = [TITLES[s] for s in without if s not in source.tests]
    if without and source.tests:
        parts.append(tag("p", f"Without results, and so without figures: {', '.join(without)}."))
    return joined(parts)


_SUBJECTS = {
    **dict.fromkeys(("context_dependence", "context_swap"), "Contexts"),
    **dict.fromkeys(("necessity", "sufficiency"), "Tiles"),
    "distance": "Distance",
    "higher_order": "Sets of tiles",
    "multiplicity": "Copies",
    "fine_tile": "Parts of tiles",
}


def _figure(one: Drawn, prefix: str) -> Html:
    paper = f"{one.paper} of the paper. " if one.paper else "Not in the paper. "
    caption = tag("figcaption", tag("b", one.title), ". ", tag("i", paper), one.caption)
    picture, width = inline(one.drawing, prefix, f"{one.title}. {one.caption}")
    return tag("figure", tag("div", picture, class_="paper"), caption, style=f"--w:{width}")


def stages(source: Source) -> Html:
    """State, counts and hours of each stage."""
    rows: list[list[Child]] = []
    for stage, state in source.stages.items():
        said = state.get("error") or state.get("note") or ""
        numbers = [count(state.get(k, "") if state.get(k) is not None else "") for k in _SHOWN]
        took = state.get("seconds")
        rows.append(
            [
                TITLES.get(stage, stage),
                state.get("state"),
                *numbers,
                duration(took) if took is not None else "",
                joined([said, _failures(state.get("failures") or [])]),
            ]
        )
    columns = ("stage", "state", "units", "asked for", "predicted", "from the store", "repeated",
               "time", "notes")  # fmt: skip
    note = tag(
        "p",
        "A stage's counts and time are those of the run that finished it. Repeated sequences were "
        "asked for more than once in it.",
    )
    caption = "Predictions and time, stage by stage"
    return joined([table(columns, rows, caption=caption, numeric="  nnnnnn "), note])


_SHOWN = ("units", "asked", "predicted", "stored", "repeated")
_FAILURES = 50


def _failures(failures: list[Any]) -> Html | None:
    if not failures:
        return None
    items = [tag("li", name(unit), ": ", why) for unit, why in failures[:_FAILURES]]
    if len(failures) > _FAILURES:
        items.append(tag("li", f"and {count(len(failures) - _FAILURES)} more"))
    return tag("details", tag("summary", f"{len(failures)} failed"), tag("ul", *items))


def settings(source: Source) -> Html:
    """The file, the model, versions and the seed."""
    model = source.model
    tracks = [str(track) for track in model.get("tracks") or []]
    facts: list[tuple[str, Child]] = [
        ("model", name(model.get("name", "unknown"))),
        ("model's version", model.get("version", "unknown")),
        ("fingerprint", tag("code", model.get("fingerprint", "unknown"))),
        ("configuration", tag("code", _short(model.get("configuration", {})))),
        ("kept bins", f"{ranges(model.get('bins') or [])}, of {model.get('bin_size', '?')} bp"),
        ("kept tracks", joined(_listed(tracks))),
        ("activities", tag("code", _short(source.readouts))),
        ("deciding activity", name(source.tracks[0] if source.tracks else "unknown")),
        ("seed", source.seed),
        ("versions", ", ".join(f"{k} {v}" for k, v in source.versions.items())),
        ("store", tag("code", source.state.get("store", "unknown"))),
        ("folder", tag("code", source.path.resolve())),
        ("state of", source.state.get("updated", "unknown")),
    ]
    if model.get("machine"):
        facts.insert(6, ("machine", model["machine"]))
    rows = [joined([tag("dt", key), tag("dd", value)]) for key, value in facts]
    what = "The study file" if source.study else "The experiment file"
    return joined(
        [
            tag("dl", *rows, class_="settings"),
            tag("h3", f"{what}, as it was run"),
            tag("pre", tag("code", source.configuration), tabindex="0", dir="ltr"),
        ]
    )


def _short(value: object, limit: int = 2000) -> str:
    plain = json.dumps(value, ensure_ascii=False)
    return plain if len(plain) <= limit else plain[:limit] + "\N{HORIZONTAL ELLIPSIS}"


def _listed(names: list[str], most: int = 24) -> list[Child]:
    parts: list[Child] = []
    for k, one in enumerate(names[:most]):
        parts += [", " if k else None, name(one)]
    if len(names) > most:
        parts.append(f" and {count(len(names) - most)} more")
    return parts or ["none"]


def ranges(values: list[int]) -> str:
    """Whole numbers as runs: ``0-55, 60``."""
    parts: list[str] = []
    ordered = sorted(values)
    start = 0
    for k in range(1, len(ordered) + 1):
        if k == len(ordered) or ordered[k] != ordered[k - 1] + 1:
            first, last = ordered[start], ordered[k - 1]
            parts.append(str(first) if first == last else f"{first}-{last}")
            start = k
    return ", ".join(parts[:12]) + (" and others" if len(parts) > 12 else "") or "none"


def citation(source: Source) -> Html:
    """What to cite."""
    return joined(
        [
            tag("p", "The tests and the analyses are those of CREME:"),
            tag("blockquote", tag("p", CITATION)),
            tag(
                "p",
                "Please cite also the paper of the model, ",
                name(source.model.get("name", "unknown")),
                ", and the sources of the genome and the annotation; and name the versions and the "
                "fingerprint above.",
            ),
        ]
    )


def duration(seconds: float) -> str:
    """Seconds as people say them, with hours as hours."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
