"""Tables of the page that need no script."""

from __future__ import annotations

from collections.abc import Iterable

from creme.report.page.encode import Child, Html, tag


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
