"""Small text files of users: settings, states and descriptions, read whole within bounds."""

from __future__ import annotations

import errno
import json
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from creme.errors import ConfigError

LARGEST = 64 << 20
"""Bytes of the largest file that is read whole; a list of 10^5 loci takes 3 MB."""

DEEPEST = 64
"""The most tables and lists that may stand in one another."""

# Python's parser takes time that grows with the square of the parts of a key.
_LONG_KEY = re.compile(
    r"""(?<![\w."'-])(?:(?:"[^"\n]*+"|'[^'\n]*+'|[\w-]++)[ \t]*+\.[ \t]*+)"""
    rf"{{{DEEPEST}}}"
)


def read_text(path: Path) -> str:
    """The text of a file, UTF-8; a byte order mark, as some editors write, is no part of it.

    Raises
    ------
    OSError
        If it is missing, cannot be read, is a pipe or a device, or is larger than `LARGEST`.
    UnicodeDecodeError
        If it is not UTF-8.
    """
    require_file(path)
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(
            errno.EFBIG, f"it is larger than the {LARGEST >> 20} MiB that such a file may have"
        )
    return content.decode("utf-8-sig")


def require_file(path: Path) -> None:
    """Refuse a pipe or a device, before it is opened: that would wait for whoever writes into it.

    Raises
    ------
    OSError
        If it is one, or missing.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device: write it to a file first")


def parse_toml(text: str, title: str) -> dict[str, Any]:
    """The table of a TOML text.

    Parameters
    ----------
    text : str
    title : str
        Names the file in errors.

    Raises
    ------
    ConfigError
        If it is not TOML, or nested deeper than `DEEPEST`.
    """
    if _LONG_KEY.search(text):
        raise ConfigError(f"{title} has a key of more than {DEEPEST} parts")
    try:
        table = tomllib.loads(text)
    except (RecursionError, ValueError) as error:  # TOMLDecodeError; a number of 5,000 digits
        raise ConfigError(f"{title} is not valid TOML: {_shortly(error)}") from None
    _refuse_deep(table, title)
    return table


def parse_json(text: str, title: str) -> Any:
    """The value of a JSON text.

    Raises
    ------
    ConfigError
        If it is not JSON, or nested deeper than `DEEPEST`.
    """
    try:
        value = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise ConfigError(f"{title} is not valid JSON: {_shortly(error)}") from None
    _refuse_deep(value, title)
    return value


_TWICE = re.compile(r"Cannot declare \((.+)\) twice \(at line (\d+)")
"""Of tomllib."""


def _shortly(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return f"more than {DEEPEST} tables and lists stand in one another"
    text = str(error)
    if twice := _TWICE.match(text):
        name = ".".join(re.findall(r"'([^']*)'", twice[1]))
        return (
            f"table [{name}] stands twice, the second time in line {twice[2]}; each table of a "
            f"list begins with [[{name}]]"
        )
    return text if len(text) <= 200 else f"{text[:197]}..."


def _refuse_deep(value: Any, title: str) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            part
            for each in level
            if isinstance(each, Mapping | list)
            for part in (each.values() if isinstance(each, Mapping) else each)
        ]
        if not level:
            return
    raise ConfigError(f"{title}: more than {DEEPEST} tables and lists stand in one another")


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, for a sentence that names it."""
    if isinstance(error, UnicodeDecodeError):
        byte = error.object[error.start]
        return f"it is not UTF-8 text: byte 0x{byte:02x} at offset {error.start}"
    return error.strerror or str(error)
