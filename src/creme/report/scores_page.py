"""A table of scores, each between a floor and a ceiling, as a page that needs no network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from creme.errors import ConfigError, listing
from creme.report.marks import number
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

BETTER = ("higher", "lower", "one", "")
"""The values of a score that are better: higher ones, lower ones, those near 1; or none, where a
score describes."""
_NEEDED = ("question", "score", "value", "better", "n")
_WIDE, _EDGE = 200.0, 8.0
_FLOOR, _CEILING, _MODEL = "var(--faint)", "var(--necessity)", "var(--enhancing)"


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
    missing = [name for name in _NEEDED if name not in scores]
    if missing:
        raise ConfigError(f"the table of scores lacks {listing(missing)}")
    wrong = set(scores["better"]) - set(BETTER)
    if wrong:
        words = listing(filter(None, BETTER))
        raise ConfigError(f"better = {listing(sorted(map(str, wrong)))}: give {words}, or nothing")
    rows = [{str(key): value for key, value in row.items()} for row in scores.to_dict("records")]
    ends = {"floor": floor, "ceiling": ceiling}
    legend = _legend(model, {name: words for name, words in ends.items() if _any(rows, name)})
    parts: list[Child] = [tag("p", about), legend]
    questions: list[tuple[str, list[dict[str, Any]]]] = []
    for row in rows:
        if not questions or questions[-1][0] != row["question"]:
            questions.append((str(row["question"]), []))
        questions[-1][1].append(row)
    for k, (question, its) in enumerate(questions):
        parts.append(
            tag(
                "section",
                tag("h2", capital(question), id=f"q{k}"),
                _table(question, its, model),
                aria_labelledby=f"q{k}",
            )
        )
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
    least, most = min(finite), max(finite)
    wide = (most - least) or 1.0

    def x(value: float) -> str:
        return f"{_EDGE + (value - least) / wide * (_WIDE - 2 * _EDGE):.1f}"

    middle = HIGH / 2
    marks: list[Child] = [stroke(_EDGE, _WIDE - _EDGE, middle, middle, "var(--line)", 1)]
    if row["better"] == "one":
        marks.append(stroke(x(1.0), x(1.0), 1, HIGH - 1, "var(--line)", 1, dashed=True))
    for key, colour in (("floor", _FLOOR), ("ceiling", _CEILING)):
        if np.isfinite(places[key]):
            at = x(places[key])
            marks.append(stroke(at, at, 3, HIGH - 3, colour, 3))
    if all(np.isfinite(each) for each in ends.values()):
        marks.append(stroke(x(ends["low"]), x(ends["high"]), middle, middle, _MODEL, 2.5))
    at = x(places["value"])
    marks.append(tag("circle", cx=at, cy=f"{middle:g}", r="4.5", style=f"fill:{_MODEL}"))
    label = ", ".join(
        f"{key} {short(value)}" for key, value in places.items() if np.isfinite(value)
    )
    return picture(_WIDE, label, marks)


def _legend(model: str, ends: dict[str, str]) -> Html:
    """The marks and what they stand for; `ends` has the words for floor and ceiling."""
    middle = HIGH / 2
    dot = [
        stroke(1, 23, middle, middle, _MODEL, 2.5),
        tag("circle", cx="12", cy=f"{middle:g}", r="4.5", style=f"fill:{_MODEL}"),
    ]
    items = [(f"{model}, with its 95 % interval", dot)]
    for name, words in ends.items():
        colour = {"floor": _FLOOR, "ceiling": _CEILING}[name]
        items.append((f"{name}: {words}" if words else name, [stroke(12, 12, 3, 19, colour, 3)]))
    listed = [tag("li", picture(24, words, marks), " ", words) for words, marks in items]
    return tag("ul", *listed, class_="scores-legend")
