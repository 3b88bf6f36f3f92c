"""A table of scores, each between a floor and a ceiling, as a page that needs no network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from creme.errors import ConfigError, listing
from creme.report.marks import capital, number
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
    section,
    short,
    stroke,
    value_cell,
    value_marks,
    whole_page,
)

BETTER = ("higher", "lower", "one", "")
"""The values of a score that are better: higher ones, lower ones, those near 1; or none, where a
score describes."""
_NEEDED = ("question", "score", "value", "better", "n")
_WIDE, _EDGE = 200.0, 8.0
_COLOURS = {"floor": FLOOR, "ceiling": "var(--necessity)"}


def standing(row: pd.Series | dict[str, Any]) -> float:
    """How far a score is on the way from its floor (0) to its ceiling (1).

    Above 1 of a score better than its ceiling, below 0 of one worse than its floor. NaN if one of
    the three is not known, the ceiling is no better than the floor, or no value is better.

    Parameters
    ----------
    row : mapping
        ``value``, ``floor``, ``ceiling`` and ``better``, one of `BETTER`.
    """
    value, floor, ceiling = (float(row.get(key, np.nan)) for key in ("value", "floor", "ceiling"))
    if not row["better"]:
        return float("nan")
    if row["better"] == "one":
        value, floor, ceiling = (-abs(each - 1) for each in (value, floor, ceiling))
    elif row["better"] == "lower":
        value, floor, ceiling = -value, -floor, -ceiling
    if not ceiling > floor:
        return float("nan")
    return (value - floor) / (ceiling - floor)


def scores_page(
    scores: pd.DataFrame,
    *,
    title: str,
    about: str,
    model: str = "model",
    floor: str = "",
    ceiling: str = "",
    notes: Iterable[str] = (),
) -> str:
    """A table of scores as an HTML page, a drawn line for each between its floor and its ceiling.

    The file needs no network, allows itself none and runs no script; the same scores give the same
    bytes. It is text: `creme.files.durable.write_text` writes it.

    Parameters
    ----------
    scores : DataFrame
        A row a score, in the order in which they are shown:

        - ``question`` (str): the heading that the score stands under; rows of one question that
          follow each other stand in one table;
        - ``score`` (str): its name;
        - ``value`` (float), and optionally ``low`` and ``high``, its 95 % interval: NaN where
          there is none;
        - ``floor`` and ``ceiling`` (float), optional: the score of the poorest and of the best
          answer, NaN where there is none;
        - ``better`` (str): one of `BETTER`;
        - ``n`` (int): the number of things that it is of;
        - ``sentence`` (str), optional: the score in one sentence.
    title : str
    about : str
        A paragraph on the model and the data.
    model : str
        Its name.
    floor, ceiling : str
        The answers that they are of, for the legend.
    notes : iterable of str
        Paragraphs below the tables.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ConfigError
        If a column lacks, or ``better`` is none of `BETTER`.
    """
    questions = by_question(scores, _NEEDED)
    wrong = set(scores["better"]) - set(BETTER)
    if wrong:
        words = listing(filter(None, BETTER))
        raise ConfigError(f"better = {listing(sorted(map(str, wrong)))}: give {words}, or nothing")
    ends: list[tuple[str, list[Child]]] = [
        (f"{name}: {words}" if words else name, [stroke(12, 12, 3, 19, _COLOURS[name], 3)])
        for name, words in (("floor", floor), ("ceiling", ceiling))
        if any(_any(rows, name) for _, rows in questions)
    ]
    parts: list[Child] = [tag("p", about), legend(model, ends)]
    for k, (question, rows) in enumerate(questions):
        parts.append(section(f"q{k}", capital(question), _table(question, rows, model)))
    parts += [tag("p", note) for note in notes]
    return whole_page(title, joined(parts))


def _table(question: str, rows: list[dict[str, Any]], model: str) -> Html:
    """The scores of a question; without the columns that none of them has."""
    ends = [name for name in ("floor", "ceiling") if _any(rows, name)]
    heads: list[Child] = ["score", model, "n", *ends]
    whole = len(ends) == 2
    heads += ["from floor to ceiling"] if whole else []
    heads += ["drawn"] if ends else []
    body = []
    for row in rows:
        sentence = row.get("sentence")
        cells: list[Child] = [
            joined([row["score"], tag("small", sentence) if sentence else None]),
            value_cell(row),
            count(int(row["n"])),
            *(short(row.get(name)) for name in ends),
        ]
        if whole:
            there = standing(row)
            cells.append(f"{number(100 * there, '.0f')} %" if np.isfinite(there) else NONE)
        body.append([*cells, _line(row)] if ends else cells)
    caption = f"scores of {question}"
    drawn = table(heads, body, caption=caption, numeric=" nnnnn"[: len(heads)])
    return tag("div", drawn, class_="scores")


def _any(rows: Iterable[dict[str, Any]], name: str) -> bool:
    return any(short(row.get(name)) != NONE for row in rows)


def _line(row: dict[str, Any]) -> Html:
    """The score with its interval, its floor and its ceiling, on a scale of its own."""
    places = {key: float(row.get(key, np.nan)) for key in ("floor", "ceiling", "value")}
    ends = {key: float(row.get(key, np.nan)) for key in ("low", "high")}
    finite = [each for each in (*places.values(), *ends.values()) if np.isfinite(each)]
    if row["better"] == "one" and finite:
        finite.append(1.0)
    if not finite or not np.isfinite(places["value"]):
        return Html("")
    scale = Scale(min(finite), max(finite), _EDGE, _WIDE - _EDGE)
    middle = HIGH / 2
    marks: list[Child] = [stroke(_EDGE, _WIDE - _EDGE, middle, middle, "var(--line)", 1)]
    if row["better"] == "one":
        marks.append(stroke(scale.x(1.0), scale.x(1.0), 1, HIGH - 1, "var(--line)", 1, dashed=True))
    for key, colour in _COLOURS.items():
        if np.isfinite(places[key]):
            at = scale.x(places[key])
            marks.append(stroke(at, at, 3, HIGH - 3, colour, 3))
    marks += value_marks(scale, middle, places["value"], **ends)
    label = ", ".join(
        f"{key} {short(value)}" for key, value in places.items() if np.isfinite(value)
    )
    return picture(_WIDE, label, marks)
