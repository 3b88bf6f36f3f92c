"""Scores of several models side by side, as a page that needs no network."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from typing import Any

import numpy as np
import pandas as pd

from creme.analysis.resampling import FEW
from creme.report.marks import capital
from creme.report.page.encode import Child, Html, joined, tag
from creme.report.page.table import count, table
from creme.report.score_parts import (
    FLOOR,
    HIGH,
    NONE,
    Scale,
    by_question,
    legend,
    picture,
    rows_of,
    section,
    short,
    stroke,
    value_cell,
    value_marks,
    whole_page,
)

_WIDE, _LANE = 220.0, 15.0
_FIRST, _LAST = 22.0, 212.0
"""Where scales begin and end in a drawing, pixels; numbers of lanes stand before them."""
_BETTER = {"higher": "higher is better", "lower": "lower is better", "": "describes"}


def scores_side_by_side(
    scores: pd.DataFrame,
    differences: pd.DataFrame,
    models: SequenceOf[str],
    *,
    title: str,
    about: str,
    differ: str = "",
    notes: Iterable[str] = (),
) -> str:
    """Scores of several models as an HTML page, a drawn line for each, and their differences.

    As `creme.report.scores_page.scores_page` has it: no network, no script, the same bytes from the
    same scores.

    Parameters
    ----------
    scores : DataFrame
        A row a score: ``question``, ``score``, ``better`` (``higher``, ``lower`` or empty),
        ``floor``, ``sentence``, and for each model ``value NAME``, ``low NAME``, ``high NAME``, ``n
        NAME`` and ``why NAME``, the reason why it has no value. Rows of one question that follow
        each other stand in one table.
    differences : DataFrame
        From the first model: ``question``, ``score``, ``card`` (the other one), ``difference``,
        ``low``, ``high``, ``n``, ``noise`` and ``says``, a few words.
    models : sequence of str
        Their names, in the order in which they stand.
    title : str
    about : str
        A paragraph on the models and the data.
    differ : str
        A paragraph on the differences.
    notes : iterable of str
        Paragraphs below the tables.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ConfigError
        If a column lacks.
    """
    of_model = [f"{key} {name}" for name in models for key in ("value", "low", "high", "n", "why")]
    columns = ["question", "score", "better", "floor", "sentence", *of_model]
    questions = by_question(scores, columns)
    parts: list[Child] = [tag("p", about), _legend(models)]
    for k, (question, rows) in enumerate(questions):
        parts.append(section(f"q{k}", capital(question), _scores(question, rows, models)))
    heading = f"Differences from {models[0]}"
    if differences.empty:
        drawn = tag("p", "No score has a value on loci that two cards share.")
    else:
        drawn = _differences(differences)
    parts.append(section("differences", heading, joined([drawn, tag("p", differ)])))
    parts += [tag("p", note) for note in notes]
    return whole_page(title, joined(parts))


def _scores(question: str, rows: list[dict[str, Any]], models: SequenceOf[str]) -> Html:
    """The scores of a question; without the floor where none of them has one."""
    with_floor = any(short(row["floor"]) != NONE for row in rows)
    heads: list[Child] = ["score", *models, *(["floor"] if with_floor else []), "drawn"]
    body = []
    for row in rows:
        better = "" if all(row[f"why {name}"] for name in models) else _BETTER[row["better"]]
        words = " ".join(filter(None, (str(row["sentence"]), f"({better})" if better else "")))
        cells: list[Child] = [joined([row["score"], tag("small", words)])]
        cells += [_cell(row, name) for name in models]
        cells += [short(row["floor"])] if with_floor else []
        body.append([*cells, _lanes(row, models)])
    numeric = " " + "n" * (len(heads) - 2)
    return tag(
        "div", table(heads, body, caption=f"scores of {question}", numeric=numeric), class_="scores"
    )


def _of(row: dict[str, Any], model: str) -> dict[str, Any]:
    """The values of one model in a row of all."""
    return {key: row[f"{key} {model}"] for key in ("value", "low", "high", "n", "why")}


def _cell(row: dict[str, Any], model: str) -> Child:
    its = _of(row, model)
    if its["why"]:
        return tag("small", f"not applicable: {its['why']}", class_="why")
    few = "*" if its["n"] < FEW else ""
    return joined([value_cell(its), tag("small", f"n = {count(int(its['n']))}{few}")])


def _lanes(row: dict[str, Any], models: SequenceOf[str]) -> Html:
    """A line for each model on one scale, numbered from the top, and the floor across all."""
    each = [_of(row, name) for name in models]
    floor = float(row["floor"])
    values = [float(its[key]) for its in each for key in ("value", "low", "high")]
    finite = [value for value in (*values, floor) if np.isfinite(value)]
    if not finite:
        return Html("")
    high = _LANE * len(models) + 6
    scale = Scale(min(finite), max(finite), _FIRST, _LAST)
    marks: list[Child] = []
    if np.isfinite(floor):
        marks.append(stroke(scale.x(floor), scale.x(floor), 2, high - 2, FLOOR, 3))
    words = []
    for k, (name, its) in enumerate(zip(models, each, strict=True)):
        middle = 3 + _LANE * (k + 0.5)
        marks += _lane(scale, middle, its["value"], its["low"], its["high"], str(k + 1))
        words.append(f"{name} {'not applicable' if its['why'] else short(its['value'])}")
    words += [f"floor {short(floor)}"] if np.isfinite(floor) else []
    return picture(_WIDE, ", ".join(words), marks, high)


def _lane(
    scale: Scale, middle: float, value: float, low: float, high: float, label: str = ""
) -> list[Child]:
    """A value with its interval on a line of its own."""
    marks: list[Child] = [stroke(_FIRST, _LAST, middle, middle, "var(--line)", 1)]
    if label:
        style = "fill:var(--ink);font-size:11px"
        marks.append(tag("text", label, x="4", y=f"{middle + 4:g}", style=style))
    return [*marks, *value_marks(scale, middle, value, low, high)]


def _differences(differences: pd.DataFrame) -> Html:
    heads = ["score", "difference", "noise", "loci", "says", "drawn"]
    body = [
        [
            joined([row["score"], tag("small", f"{row['question']}; {row['card']}")]),
            value_cell({**row, "value": row["difference"]}),
            short(row["noise"]),
            count(int(row["n"])),
            row["says"],
            _around_zero(row),
        ]
        for row in rows_of(differences)
    ]
    return tag("div", table(heads, body, caption="differences", numeric=" nnn"), class_="scores")


def _around_zero(row: dict[str, Any]) -> Html:
    """A difference with its interval, 0, and twice the noise on either side of it."""
    value, low, high = (float(row[key]) for key in ("difference", "low", "high"))
    noise = 2 * float(np.nan_to_num(row["noise"]))
    ends = [abs(each) for each in (value, low, high, noise) if np.isfinite(each)]
    most = max(ends) or 1.0
    scale = Scale(-most, most, _FIRST, _LAST)
    middle, zero = HIGH / 2, scale.x(0.0)
    marks: list[Child] = []
    if noise:
        at = scale.x(-noise)
        wide = f"{float(scale.x(noise)) - float(at):.1f}"
        shade = "fill:var(--line)"
        marks.append(tag("rect", x=at, y="3", width=wide, height=f"{HIGH - 6:g}", style=shade))
    marks.append(stroke(zero, zero, 1, HIGH - 1, FLOOR, 1, dashed=True))
    marks += _lane(scale, middle, value, low, high)
    return picture(_WIDE, f"difference {short(value)}, twice the noise {short(noise)}", marks)


def _legend(models: SequenceOf[str]) -> Html:
    """The marks and the words for them, and the order of the lines."""
    shade = tag("rect", x="4", y="3", width="16", height=f"{HIGH - 6:g}", style="fill:var(--line)")
    others: list[tuple[str, list[Child]]] = [
        ("floor: an answer that has seen no sequence", [stroke(12, 12, 3, 19, FLOOR, 3)]),
        ("of differences, twice the noise of seeds", [shade]),
    ]
    order = ", ".join(f"{k + 1} {name}" for k, name in enumerate(models))
    return legend("a value", others, f"lines from the top: {order}")
