"""A part of a page that a program writes: between two comments, with its digest in the first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any


def _block(name: str) -> re.Pattern[str]:
    return re.compile(rf"<!-- {name} (\w+) -->\n(.*?)\n<!-- end of {name} -->", re.DOTALL)


def block(page: str, name: str) -> tuple[str, str]:
    """The text in a page, and the digest that is beside it."""
    match = _block(name).search(page)
    assert match, f"the page has no place for {name}"
    return match[2], match[1]


def digest(text: str) -> str:
    """Shows that a text is as it was written."""
    return sha256(text.encode()).hexdigest()[:12]


def with_block(page: str, name: str, text: str) -> str:
    """A page with another text."""
    assert _block(name).search(page), f"the page has no place for {name}"
    new = f"<!-- {name} {digest(text)} -->\n{text}\n<!-- end of {name} -->"
    return _block(name).sub(lambda _: new, page)


def recorded_table(
    head: str, names: Mapping[str, str], row: Callable[[str, Any], str], folder: Path
) -> str:
    """A table in Markdown: a row of each name, from what was recorded of it, or None."""
    lines = [head, "|" + "---|" * (head.count("|") - 1)]
    for key, name in names.items():
        file = folder / f"{key}.json"
        lines.append(row(name, json.loads(file.read_text()) if file.exists() else None))
    return "\n".join(lines)
