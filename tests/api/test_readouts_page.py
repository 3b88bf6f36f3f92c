"""The page on readouts: its code prints what it says, its tables are valid, its keys are all."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from test_python_page import BLOCK

import creme

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "readouts.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_prints_what_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "readouts_page"}
    blocks = BLOCK.findall(PAGE)
    assert len(blocks) == 2
    for code, expected in blocks:
        exec(compile(code, "readouts.md", "exec"), names)
        printed = capsys.readouterr()
        # pandas pads a header with blanks, which no page keeps at the end of a line.
        lines = [line.rstrip() for line in printed.out.splitlines()]
        assert lines == [line.rstrip() for line in expected.splitlines()], code
        assert not printed.err, code


def test_the_tables_of_the_page_are_valid():
    tables = re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE, flags=re.M)
    tables = [table for table in tables if "[[readouts]]" in table]
    assert len(tables) == 6
    for table in tables:
        for readout in tomllib.loads(table.replace("\n    ", "\n"))["readouts"]:
            creme.Readout(**readout)


def test_every_key_is_on_the_page():
    table = PAGE[PAGE.index("| key |") :].partition("\n\n")[0]
    for field in creme.Readout.model_fields:
        assert f"`{field}`" in table, field
