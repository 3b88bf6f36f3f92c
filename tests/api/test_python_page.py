"""The page on Python: its code runs as it stands, and prints what the page says."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

import creme
from creme.errors import CremeWarning

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "python.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", flags=re.M | re.S)
"""A block of code, and what it prints."""


def blocks() -> list[tuple[str, str]]:
    """Code and what it prints, block by block."""
    return BLOCK.findall(PAGE)


def test_the_code_of_the_page_prints_what_the_page_says(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    warnings.filterwarnings("ignore", "test '.*: outliers among the backgrounds")
    names: dict[str, object] = {"__name__": "python_page"}
    for code, expected in blocks():
        file = re.match(r"# (\w+\.py)\n", code)
        if file:
            Path(file[1]).write_text(code)
            continue
        with warnings.catch_warnings():
            # The page says so: two of GENE1's ten backgrounds are off.
            warnings.filterwarnings("ignore", ".*outliers among the backgrounds: 2", CremeWarning)
            exec(compile(code, "python.md", "exec"), names)
        printed = capsys.readouterr()
        assert printed.out == expected, code
        assert not printed.err, code  # no progress bar in a pipe, and no warning
    made = {path.name for path in tmp_path.iterdir()}
    assert {"predictions", "first.results", "necessity.svg", "report.html", "export"} <= made


def test_a_test_of_ones_own_has_fifteen_lines_at_most():
    (code,) = [code for code, _ in blocks() if "class Sides" in code]
    body = code[code.index("class Sides") : code.index("sides = creme.measure")]
    assert len([line for line in body.splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("name", creme.__all__)
def test_every_public_name_is_on_the_page(name):
    table = PAGE.split("## The names in `creme`")[1]
    assert f"`{name}`" in table


def test_the_page_is_linked_from_the_page_of_the_tests():
    assert "(python.md)" in (DOCS / "suite.md").read_text(encoding="utf-8")
