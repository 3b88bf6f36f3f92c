"""The table of `docs/models.md` is measured: `make test-examples` writes it."""

from __future__ import annotations

import json
from pathlib import Path

from examples_table import NAME, PACKAGES, table
from page_block import block, digest

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
ROW = {"package": "p 1.2", "network": "two layers", "own": 0.25, "ours": 0.25}


def test_the_page_has_a_row_of_each_package():
    text, recorded = block(PAGE.read_text(), NAME)
    packages = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines()[2:]]
    names = [name.partition(" ")[0] for name in packages]
    assert names == list(PACKAGES.values()), "run make test-examples, which writes the table anew"
    assert recorded == digest(text), "the table was edited by hand: make test-examples writes it"


def test_a_table_is_written(tmp_path):
    numbers = {"difference": 3.2e-7, "own_seconds": 0.01, "our_seconds": 0.012, "kit": "22 of 22"}
    for name in PACKAGES:
        (tmp_path / f"{name}.json").write_text(json.dumps({**ROW, **numbers}))
    text = table(tmp_path)
    row = "| gReLU 1.2 | two layers | 0.25 | 0.25 | 3e-07 | 0.01 | 0.012 | 22 of 22 |"
    assert row in text.splitlines()
    (tmp_path / "bpnet.json").unlink()
    assert table(tmp_path).splitlines()[2] == "| bpnet-lite | not measured | | | | | | |"
