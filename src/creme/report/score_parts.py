"""The parts of pages of scores: numbers, marks, and the page around them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from creme.errors import ConfigError, listing
from creme.report.marks import number
from creme.report.page.encode import Child, Html, joined, tag, text
from creme.report.page.frame import asset, policy, style_sheet

NONE = "\N{EN DASH}"
"""Stands where there is no number."""
HIGH = 22.0
"""A drawing's height, pixels."""
FLOOR, MODEL = "var(--faint)", "var(--enhancing)"
"""Colours of a floor and of a model's value."""


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, by the names of its columns."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def by_question(
    scores: pd.DataFrame, needed: Iterable[str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """The rows of scores; those of one question that follow each other stand together.

    Raises
    ------
    ConfigError
        If one of the `needed` columns lacks.
    """
    if missing := [name for name in needed if name not in scores]:
        raise ConfigError(f"the table of scores lacks {listing(missing)}")
    grouped = groupby(rows_of(scores), lambda row: str(row["question"]))
    return [(question, list(rows)) for question, rows in grouped]


def section(anchor: str, heading: str, body: Html) -> Html:
    """A part of the page under a heading, which an address names."""
    return tag("section", tag("h2", heading, id=anchor), body, aria_labelledby=anchor)


def value_cell(row: dict[str, Any]) -> Child:
    """A score with its interval below it."""
    value = short(row["value"])
    low, high = short(row.get("low")), short(row.get("high"))
    if NONE in (low, high):
        return value
    return joined([tag("b", value), tag("small", f"{low} to {high}")])


def short(value: object) -> str:
    """Three significant digits, and an en dash for none."""
    if not isinstance(value, (int, float)) or not np.isfinite(value):
        return NONE
    digits = 2 - int(np.floor(np.log10(abs(value)))) if value else 2
    return number(float(value), f".{min(max(digits, 0), 3)}f")


def picture(width: float, label: str, marks: Iterable[Child], height: float = HIGH) -> Html:
    """Marks as a drawing that is read out as its label."""
    return tag(
        "svg",
        *marks,
        role="img",
        aria_label=label,
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
    )


def stroke(
    x1: object,
    x2: object,
    y1: float,
    y2: float,
    colour: str,
    width: float,
    *,
    dashed: bool = False,
) -> Html:
    """A line of a drawing."""
    style = f"stroke:{colour};stroke-width:{width:g}"
    style += ";stroke-dasharray:2 2" if dashed else ""
    return tag("line", x1=x1, x2=x2, y1=f"{y1:g}", y2=f"{y2:g}", style=style)


class Scale:
    """Places of values in a drawing, pixels from its left."""

    def __init__(self, least: float, most: float, first: float, last: float) -> None:
        self._least, self._wide = least, (most - least) or 1.0
        self._first, self._last = first, last

    def x(self, value: float) -> str:
        """Where a value stands."""
        there = (value - self._least) / self._wide
        return f"{self._first + there * (self._last - self._first):.1f}"


def value_marks(
    scale: Scale, middle: float, value: float, low: float = np.nan, high: float = np.nan
) -> list[Child]:
    """A model's value as a dot on the line of its interval; without what is not a number."""
    marks: list[Child] = []
    if np.isfinite(low) and np.isfinite(high):
        marks.append(stroke(scale.x(low), scale.x(high), middle, middle, MODEL, 2.5))
    if np.isfinite(value):
        marks.append(_dot(scale.x(value), middle))
    return marks


def legend(value: str, others: Iterable[tuple[str, list[Child]]], more: str = "") -> Html:
    """The marks and the words for them, those of a value with its interval first."""
    middle = HIGH / 2
    sample: list[Child] = [stroke(1, 23, middle, middle, MODEL, 2.5), _dot("12", middle)]
    items = [(f"{value}, with its 95 % interval", sample), *others]
    listed = [tag("li", picture(24, words, marks), " ", words) for words, marks in items]
    return tag("ul", *listed, tag("li", more) if more else None, class_="scores-legend")


def _dot(x: str, y: float) -> Html:
    return tag("circle", cx=x, cy=f"{y:g}", r="4.5", style=f"fill:{MODEL}")


def whole_page(title: str, body: Html) -> str:
    """A page without a script, which allows itself no network."""
    style = f"{style_sheet()}\n{asset('scores.css')}"
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(style)),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("meta", name_="referrer", content="no-referrer"),
        tag("title", f"{title} \N{EN DASH} CREME"),
        tag("style", Html(style)),
    ]
    page = tag(
        "html",
        tag("head", *head),
        tag(
            "body",
            tag("header", tag("p", "CREME scores", class_="kind"), tag("h1", text(title))),
            tag("main", body, id="main"),
            tag("footer", tag("p", "This file needs no network, and uses none.")),
        ),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page}\n"
