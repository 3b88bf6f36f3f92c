"""The code of the pages runs as it stands, and prints what they show."""

from __future__ import annotations

from pathlib import Path

import pytest

from page_code import DOCS, assert_printed, blocks, run

PAGES = [
    "start/your_gene.md",
    "tutorials/write_a_test.md",
    "tutorials/add_a_model.md",
    "tutorials/use_a_cluster.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs(page, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    run(page, tmp_path, monkeypatch, capsys)
