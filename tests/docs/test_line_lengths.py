"""The prose of the pages is wrapped, so that a diff shows the sentence that changed."""

from __future__ import annotations

import re

from test_links import DOCS, PAGES, ROOT

LONGEST = 110
MADE = "<!-- Made by docs/generate.py"
BY_PROGRAMS = {"benchmarks.md", "commands.md", "known_truth.md", "speed.md"}
"""Pages that programs write, or parts of whose sentences they do."""


def too_long(text: str) -> list[str]:
    """Lines of prose over the limit: code, tables, pictures and comments are no prose."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    lines = re.sub(r"<!--.*?-->", "", text, flags=re.S).splitlines()
    return [
        line for line in lines if len(line) > LONGEST and not line.startswith(("|", "    ", "!["))
    ]


def test_the_prose_of_the_pages_is_wrapped():
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in PAGES
        if path.suffix == ".md"
        and path.parent != ROOT
        and not (path.parent == DOCS and path.name in BY_PROGRAMS)
        and not (text := path.read_text(encoding="utf-8")).startswith(MADE)
        and (lines := too_long(text))
    }
    assert long == {}


def test_a_long_line_is_seen():
    line = "word " * 30
    assert too_long(f"{line}\n") == [line]
    assert too_long(f"| {line}\n```\n{line}\n```\n    {line}\n<!-- {line}-->short\n") == []
