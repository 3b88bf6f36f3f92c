"""Tables that fit the screen without cutting a word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.table import Table

from creme.errors import legible

BESIDES, EDGE = 3, 1
"""Letters that a table has beside those of its cells: for each column, and once."""


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    title: str | None = None,
    grey: Callable[[Sequence[Any]], bool] = lambda row: False,
    widths: Sequence[int] | None = None,
) -> Table:
    """A table of values, numbers to the right, everything shown as text; some rows in grey.

    Parameters
    ----------
    columns, rows, title
    grey : callable
        Whether a row is.
    widths : sequence of int, optional
        Of the columns; as wide as need be unless given.
    """
    made = Table(title=title, title_justify="left", header_style="bold")
    for place, column in enumerate(columns):
        numeric = all(isinstance(row[place], (int, float)) for row in rows)
        made.add_column(
            column,
            justify="right" if numeric else "left",
            overflow="fold",
            width=None if widths is None else widths[place],
        )
    for row in rows:
        made.add_row(*map(cell, row), style="bright_black" if grey(row) else None)
    return made


def cell(value: Any) -> str:
    """A value in a line of a table, which it stays in.

    Numbers have three decimals; one that these would show as nothing, such as a q-value of 2e-05,
    is written with its exponent.
    """
    if isinstance(value, float):
        return f"{value:.1e}" if 0 < abs(value) < 0.0005 else f"{value:.3f}"
    return legible(str(value)).replace("\n", "\\n")


def fitted(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    width: int,
    title: str | None = None,
    grey: Callable[[Sequence[Any]], bool] = lambda row: False,
) -> Iterator[Table]:
    """The table in as many parts as it takes to fit, one below the other.

    Cells wrap between words. Where that is not enough, columns go on in a further part, which
    repeats the first column, or has the numbers of the rows where that is too wide or does not
    tell the rows apart. Only a word that is wider than the screen is broken.
    """
    texts = [[cell(value) for value in row] for row in rows]
    widest = [
        max([cell_len(columns[at]), *(cell_len(text[at]) for text in texts)])
        for at in range(len(columns))
    ]
    if sum(widest) + BESIDES * len(columns) + EDGE <= width:
        yield table(columns, rows, title, grey)
        return
    least = [
        min(max(map(_word, [columns[at], *(text[at] for text in texts)])), width - BESIDES - EDGE)
        for at in range(len(columns))
    ]
    rows_are_grey = [grey(row) for row in rows]
    told_apart = len({text[0] for text in texts}) == len(texts) and least[0] <= width // 3
    for number, part in enumerate(_parts(least, width, len(str(len(rows))), told_apart)):
        names, body, low, high = [], [[] for _ in rows], [], []  # type: ignore[var-annotated]
        for at in part:
            names.append("#" if at < 0 else columns[at])
            low.append(len(str(len(rows))) if at < 0 else least[at])
            high.append(low[-1] if at < 0 else widest[at])
            for place, row in enumerate(rows):
                body[place].append(place + 1 if at < 0 else row[at])
        of = {id(row): is_grey for row, is_grey in zip(body, rows_are_grey, strict=True)}
        yield table(
            names,
            body,
            title if number == 0 else None,
            lambda row, of=of: of[id(row)],  # type: ignore[misc]
            _shared_out(low, high, width - BESIDES * len(names) - EDGE),
        )


def _word(text: str) -> int:
    return max(map(cell_len, text.split(" ")))


def _parts(least: list[int], width: int, digits: int, told_apart: bool) -> Iterator[list[int]]:
    """Places of the columns of each part; -1 stands for the number of the row."""
    whole = list(range(len(least)))
    if sum(least) + BESIDES * len(whole) + EDGE <= width:
        yield whole
        return
    key = 0 if told_apart else -1
    begin, key_width = [key], (least[0] if told_apart else digits)
    part, taken = list(begin), key_width + BESIDES + EDGE
    for at in whole[1:] if told_apart else whole:
        needed = least[at] + BESIDES
        if len(part) > 1 and taken + needed > width:
            yield part
            part, taken = list(begin), key_width + BESIDES + EDGE
        part.append(at)
        taken += needed
    yield part


def _shared_out(low: list[int], high: list[int], room: int) -> list[int]:
    """Widths from the least to the widest of each column; the one of most lines gets room first."""
    widths = list(low)
    for _ in range(max(0, room - sum(low))):
        wanting = [at for at in range(len(low)) if widths[at] < high[at]]
        if not wanting:
            break
        widths[max(wanting, key=lambda at: high[at] / widths[at])] += 1
    return widths
