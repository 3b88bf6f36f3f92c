"""A figure of the page with its caption, and the buttons that save it and its values."""

from __future__ import annotations

import re

import pandas as pd

from creme.report.page.encode import Child, Html, joined, packed, tag
from creme.report.page.figure import PageFigure
from creme.report.page.svg import inline
from creme.report.page.table import count
from creme.results.csv_text import csv_text

MOST_ROWS = 50_000
"""Rows of a figure's values that the page has; of more, ``creme export`` writes all."""
_DIGITS = "%.7g"


def figure_html(one: PageFigure, prefix: str, *, of_the_paper: bool = True) -> Html:
    """A figure, with its caption, its formula, and buttons for SVG and CSV.

    Parameters
    ----------
    one : PageFigure
    prefix : str
        Of the ids of the figure's parts, unlike those of other figures.
    of_the_paper : bool
        Whether the caption says which of the paper's figures it is, if any.
    """
    paper = None
    if of_the_paper:
        paper = tag("i", f"{one.paper} of the paper. " if one.paper else "Not in the paper. ")
    caption = tag("figcaption", tag("b", one.title), ". ", paper, one.caption, _formula(one))
    picture, width = inline(one.drawing, prefix, f"{one.title}. {one.caption}")
    buttons, data = _buttons(one, prefix)
    drawn = tag("div", picture, class_="paper")
    return tag("figure", drawn, caption, buttons, data, style=f"--w:{width}")


def _formula(one: PageFigure) -> Html | None:
    return tag("span", one.formula, class_="formula") if one.formula else None


def _buttons(one: PageFigure, prefix: str) -> tuple[Html, Html | None]:
    """The buttons, which the script shows, and the values that one of them saves."""
    file = file_name(f"{one.paper} {one.title}")
    parts: list[Child] = [_button("SVG", "svg", prefix, file, one.title)]
    data = None
    if one.data is not None and 0 < len(one.data) <= MOST_ROWS:
        parts.append(_button("CSV", "csv", prefix, file, one.title))
        values = csv_text(_shortened(one.data))
        data = tag("script", packed(values), type="text/plain", id=f"csv-{prefix}")
    elif one.data is not None and len(one.data):
        parts.append(f"{count(len(one.data))} values: creme export writes them as a table.")
    return tag("div", joined(parts), class_="saves", hidden=True), data


def _button(words: str, kind: str, prefix: str, file: str, title: str) -> Html:
    what = "the figure as SVG" if kind == "svg" else "the values of the figure as CSV"
    return tag(
        "button", words, type="button", data_save=kind, data_of=prefix,
        data_file=f"{file}.{kind}", aria_label=f"save {what}: {title}",
    )  # fmt: skip


def _shortened(frame: pd.DataFrame) -> pd.DataFrame:
    """Floats with the digits that predictions have."""
    short = frame.copy()
    for name in frame.select_dtypes("float").columns:
        short[name] = [None if v != v else float(_DIGITS % v) for v in frame[name]]
    return short


def file_name(words: str) -> str:
    """A name for a file in plain letters."""
    return re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-").lower()[:60] or "figure"
