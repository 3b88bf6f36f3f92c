"""The parts of pages of scores: numbers, marks, and the page around them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from creme.report.marks import number
from creme.report.page.encode import Child, Html, joined, tag, text
from creme.report.page.frame import asset, policy, style_sheet

NONE = "\N{EN DASH}"
"""Stands where there is no number."""
HIGH = 22.0
"""A drawing's height, pixels."""


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


def capital(words: str) -> str:
    """Words that begin with a capital."""
    return words[:1].upper() + words[1:]


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
