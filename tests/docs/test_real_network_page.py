"""The tutorial on a real network, where its files are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from page_code import run

DATA = Path(os.environ.get("CREME_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def test_the_page_on_a_real_network_runs(tmp_path, monkeypatch, capsys):
    if not (DATA / "models" / "seqnn_mini" / "model.h5").exists():
        pytest.skip(f"the network's files are not in {DATA}; set CREME_TEST_DATA")
    pytest.importorskip("creme_seqnn", reason="the plugin creme-seqnn is not installed")
    (tmp_path / "data").symlink_to(DATA)
    run("tutorials/real_network.md", tmp_path, monkeypatch, capsys)
