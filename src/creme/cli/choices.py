"""The user's choices about the output, and the document of ``--json``.

Nothing heavy is imported here: every command comes by.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Choices:
    """Options that every command has.

    Attributes
    ----------
    json, quiet, verbose, debug : bool
    command : str
        The command that runs, such as ``creme cache info``.
    tables : dict of str to list of dict
        By the name of a table, its rows: values by column.
    values : dict
        Single values, such as the file that was written.
    error : str, optional
        The sentence that the command ended with.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    command: str = "creme"
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    def document(self, status: int) -> str:
        """The one JSON object that a command prints.

        Parameters
        ----------
        status : int
            The exit status.
        """
        from importlib.metadata import version

        whole: dict[str, Any] = {
            "creme": version("creme-toolkit"),
            "command": self.command,
            "status": status,
            "values": self.values,
            "tables": self.tables,
        }
        if self.error is not None:
            whole["error"] = self.error
        return json.dumps(plain(whole), indent=1, ensure_ascii=False, allow_nan=False)


chosen = Choices()
"""Those of this process."""


def add_table(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Put a table into the document; keys are the columns in small letters with underscores."""
    keys = [key_of(column) for column in columns]
    chosen.tables[name] = [dict(zip(keys, row, strict=True)) for row in rows]


def add_values(**values: Any) -> None:
    """Put single values into the document."""
    chosen.values.update(values)


def key_of(column: str) -> str:
    """A column's heading as a key: ``to predict`` is ``to_predict``."""
    return re.sub(r"[^0-9a-z]+", "_", column.lower()).strip("_") or "name"


def plain(value: Any) -> Any:
    """A value as JSON has it: NaN and infinity are null, numpy's numbers numbers."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if hasattr(value, "tolist") and not isinstance(value, str | bytes):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    return str(value.as_posix()) if isinstance(value, Path) else str(value)
