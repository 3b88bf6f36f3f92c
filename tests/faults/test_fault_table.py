"""The table of `docs/reliability.md` is the suite's own: `make test-faults` writes it."""

from __future__ import annotations

import json
from pathlib import Path

from fault_table import table
from faulty import CASES
from page_block import block, digest, with_block

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_the_page_has_the_rows_of_the_suite():
    text, recorded = block(PAGE.read_text(), "faults")
    faults = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines()[2:]]
    assert faults == list(CASES.values()), "run make test-faults, which writes the table anew"
    assert recorded == digest(text), "the table was edited by hand: make test-faults writes it"


def test_a_table_is_written(tmp_path):
    cost = {"tries": 4, "rows": 1200, "lost": 0, "wrong": 0, "twice": 1, "unexpected": []}
    cost["sentences"] = [["a | b " * 60, 3], ["c", 1]]
    (tmp_path / "kill-run.json").write_text(json.dumps(cost))
    text = table(tmp_path)
    (row,) = [line for line in text.splitlines() if line.startswith("| SIGKILL of `creme run`")]
    assert " | 4 | 1,200 | 0 | 0 | 1 | a \\| b " in row
    assert row.endswith(" ... (and 1 more) |")
    assert "| SIGKILL of `creme study` | 0 | | | | | not tried here |" in text
    old = "before\n<!-- faults x -->\nold\n<!-- end of faults -->\nafter\n"
    page = with_block(old, "faults", text)
    assert block(page, "faults") == (text, digest(text))
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
