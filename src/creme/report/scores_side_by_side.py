"""Scores of several models side by side, as a page that needs no network."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from creme.analysis.resampling import FEW
from creme.errors import ConfigError, listing
from creme.report.page.encode import Child, Html, joined, tag
from creme.report.page.table import count, table
from creme.report.score_parts import (
    HIGH,
    NONE,
    capital,
    picture,
    short,
    stroke,
    value_cell,
    whole_page,
)

_WIDE, _LANE = 220.0, 15.0
_FIRST, _LAST = 22.0, 212.0
"""Where scales begin and end in a drawing, pixels; numbers of lanes stand before them."""
_FLOOR, _MODEL = "var(--faint)", "var(--enhancing)"
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
    if missing := [name for name in columns if name not in scores]:
        raise ConfigError(f"the table of scores lacks {listing(missing)}")
    parts: list[Child] = [tag("p", about), _legend(models)]
    for k, (question, rows) in enumerate(_by_question(scores)):
        drawn = _scores(question, rows, models)
        parts.append(_section(f"q{k}", capital(question), drawn))
    heading = f"Differences from {models[0]}"
    if differences.empty:
        drawn = tag("p", "No score has a value on loci that two cards share.")
    else:
        drawn = _differences(differences)
    parts.append(_section("differences", heading, joined([drawn, tag("p", differ)])))
    parts += [tag("p", note) for note in notes]
    return whole_page(title, joined(parts))


def _by_question(scores: pd.DataFrame) -> list[tuple[str, list[dict[str, Any]]]]:
    rows = [{str(key): value for key, value in row.items()} for row in scores.to_dict("records")]
    return [(name, list(its)) for name, its in groupby(rows, lambda row: str(row["question"]))]


def _section(anchor: str, heading: str, body: Html) -> Html:
    return tag("section", tag("h2", heading, id=anchor), body, aria_labelledby=anchor)


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
    scale = _Scale(min(finite), max(finite))
    marks: list[Child] = []
    if np.isfinite(floor):
        marks.append(stroke(scale.x(floor), scale.x(floor), 2, high - 2, _FLOOR, 3))
    words = []
    for k, (name, its) in enumerate(zip(models, each, strict=True)):
        middle = 3 + _LANE * (k + 0.5)
        marks += _lane(scale, middle, its["value"], its["low"], its["high"], str(k + 1))
        words.append(f"{name} {'not applicable' if its['why'] else short(its['value'])}")
    words += [f"floor {short(floor)}"] if np.isfinite(floor) else []
    return picture(_WIDE, ", ".join(words), marks, high)


class _Scale:
    """Places of values in a drawing."""

    def __init__(self, least: float, most: float) -> None:
        self._least, self._wide = least, (most - least) or 1.0

    def x(self, value: float) -> str:
        return f"{_FIRST + (value - self._least) / self._wide * (_LAST - _FIRST):.1f}"


def _lane(
    scale: _Scale, middle: float, value: float, low: float, high: float, label: str = ""
) -> list[Child]:
    """A value with its interval on a line of its own."""
    marks: list[Child] = [stroke(_FIRST, _LAST, middle, middle, "var(--line)", 1)]
    if label:
        style = "fill:var(--ink);font-size:11px"
        marks.append(tag("text", label, x="4", y=f"{middle + 4:g}", style=style))
    if np.isfinite(low) and np.isfinite(high):
        marks.append(stroke(scale.x(low), scale.x(high), middle, middle, _MODEL, 2.5))
    if np.isfinite(value):
        at = scale.x(value)
        marks.append(tag("circle", cx=at, cy=f"{middle:g}", r="4.5", style=f"fill:{_MODEL}"))
    return marks


def _differences(differences: pd.DataFrame) -> Html:
    rows = [
        {str(key): value for key, value in row.items()} for row in differences.to_dict("records")
    ]
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
        for row in rows
    ]
    return tag("div", table(heads, body, caption="differences", numeric=" nnn"), class_="scores")


def _around_zero(row: dict[str, Any]) -> Html:
    """A difference with its interval, 0, and twice the noise on either side of it."""
    value, low, high = (float(row[key]) for key in ("difference", "low", "high"))
    noise = 2 * float(np.nan_to_num(row["noise"]))
    ends = [abs(each) for each in (value, low, high, noise) if np.isfinite(each)]
    most = max(ends) or 1.0
    scale = _Scale(-most, most)
    middle, zero = HIGH / 2, scale.x(0.0)
    marks: list[Child] = []
    if noise:
        at = scale.x(-noise)
        wide = f"{float(scale.x(noise)) - float(at):.1f}"
        shade = "fill:var(--line)"
        marks.append(tag("rect", x=at, y="3", width=wide, height=f"{HIGH - 6:g}", style=shade))
    marks.append(stroke(zero, zero, 1, HIGH - 1, _FLOOR, 1, dashed=True))
    marks += _lane(scale, middle, value, low, high)
    return picture(_WIDE, f"difference {short(value)}, twice the noise {short(noise)}", marks)


def _legend(models: SequenceOf[str]) -> Html:
    """The marks and what they stand for."""
    middle = HIGH / 2
    dot = [
        stroke(1, 23, middle, middle, _MODEL, 2.5),
        tag("circle", cx="12", cy=f"{middle:g}", r="4.5", style=f"fill:{_MODEL}"),
    ]
    shade = tag("rect", x="4", y="3", width="16", height=f"{HIGH - 6:g}", style="fill:var(--line)")
    items = [
        ("a value, with its 95 % interval", dot),
        ("floor: an answer that has seen no sequence", [stroke(12, 12, 3, 19, _FLOOR, 3)]),
        ("of differences, twice the noise of seeds", [shade]),
    ]
    listed = [tag("li", picture(24, words, marks), " ", words) for words, marks in items]
    order = ", ".join(f"{k + 1} {name}" for k, name in enumerate(models))
    listed.append(tag("li", f"lines from the top: {order}"))
    return tag("ul", *listed, class_="scores-legend")
