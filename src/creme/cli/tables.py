"""Tables that the commands write, and values as they show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creme.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd


def check_ending(path: Path) -> None:
    """Check that a table can be written there.

    Raises
    ------
    ConfigError
        If the ending is another than .csv and .tsv, or there is no such folder.
    """
    if path.suffix not in (".csv", ".tsv"):
        raise ConfigError(f"{path}: the ending says the format; give .csv or .tsv")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}: make it first")


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write a table in one step, by its ending."""
    from creme.files.durable import write_text
    from creme.results.csv_text import csv_text

    write_text(path, csv_text(frame, "," if path.suffix == ".csv" else "\t"))


def of_batches(differences: Mapping[int, float]) -> str:
    """How far predictions in batches are from those of sequences alone, by size of batch."""
    return ", ".join(f"{size}: {each:.1g}" for size, each in sorted(differences.items()))


def with_interval(value: float, low: float, high: float) -> str:
    """A value and its interval, such as ``0.500 (0.400 to 0.600)``; NaN in words."""
    if value != value:
        return "undefined"
    return f"{value:.3f}" + (f" ({low:.3f} to {high:.3f})" if low == low else " (no interval)")


def toml_value(value: Any) -> str:
    """A value on one line of TOML."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items() if v is not None)
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
