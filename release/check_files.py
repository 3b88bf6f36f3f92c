"""Check text files: how lines end, marks of conflicts, sizes, and TOML, JSON and YAML that parse.

python release/check_files.py FILE...
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml

LARGEST = 2**20
"""Bytes of a text file; data for tests lie in a folder of their own."""
_PARSE = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".yml": yaml.safe_load,
    ".yaml": yaml.safe_load,
    ".cff": yaml.safe_load,
}


def mistakes(path: Path) -> Iterator[str]:
    """A sentence for each mistake in a text file."""
    content = path.read_bytes()
    if len(content) > LARGEST:
        yield f"has {len(content)} bytes, more than {LARGEST}"
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        yield f"is no UTF-8: {error}"
        return
    if "\r" in text:
        yield "has carriage returns"
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        yield "does not end with one new line"
    for number, line in enumerate(text.split("\n"), start=1):
        if line != line.rstrip():
            yield f"line {number} ends with blanks"
        if re.match(r"(<{7}|>{7}|={7})( |$)", line):
            yield f"line {number} is the mark of a conflict"
    if path.suffix in _PARSE:
        try:
            _PARSE[path.suffix](text)
        except (ValueError, yaml.YAMLError) as error:
            yield f"cannot be parsed: {error}"


if __name__ == "__main__":
    wrong = [f"{name}: {mistake}" for name in sys.argv[1:] for mistake in mistakes(Path(name))]
    print("\n".join(wrong))
    raise SystemExit(bool(wrong))
