"""Tables as text, which a spreadsheet shows and does not compute.

A program for spreadsheets takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula,
which may run commands: such text gets an apostrophe before it. Numbers and a strand alone are as
they are, and so is any name that begins with a letter or a digit.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Those of a Japanese keyboard count as well. An apostrophe more tells text that had one before.
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_STRANDS = ("+", "-")


def csv_text(frame: pd.DataFrame, separator: str = ",", *, header: bool = True) -> str:
    """A table as text with lines that end in a newline.

    Parameters
    ----------
    frame : DataFrame
    separator : str
    header : bool
        Whether the names of the columns come first.
    """
    safe = _mapped(frame, _written)
    # A carriage return ends a line for most readers, and csv does not quote it.
    returns = any("\r" in text for column in safe for text in _texts(safe[column]))
    return safe.to_csv(
        index=False,
        sep=separator,
        header=header,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL,
    )


def as_before(frame: pd.DataFrame) -> pd.DataFrame:
    """A table that was read from `csv_text`, with its texts as they were before."""
    return _mapped(frame, _read)


def _written(text: str) -> str:
    if not _FORMULA.match(text) or text in _STRANDS or _NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def _read(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _texts(column: pd.Series) -> list[str]:
    """The distinct texts of a column; none of one of numbers."""
    if column.dtype.kind in "biufcmM":
        return []
    return [value for value in column.unique() if isinstance(value, str)]


def _mapped(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    made = frame
    for name in frame.columns:
        others = {text: new for text in _texts(frame[name]) if (new := change(text)) != text}
        if others:
            made = made.copy(deep=False) if made is frame else made
            made[name] = [others.get(v, v) if isinstance(v, str) else v for v in frame[name]]
    return made
