"""Tiles without bases in tables, in tracks of genome browsers, and in a terminal."""

from __future__ import annotations

import pandas as pd
import pytest

import gapped
from creme.export import export
from in_process import caller


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return gapped.gapped_study(tmp_path_factory)


def lost(table):
    """Rows of the tiles that were not measured."""
    return sum(
        ((table["locus"] == locus) & table["distance"].isin(away)) for locus, away in
        gapped.LOST.items()
    ).astype(bool)  # fmt: skip


@pytest.mark.parametrize("test", ["necessity", "sufficiency"])
def test_a_table_says_why_they_have_no_value(study, test):
    table = study.table(test)
    missing = lost(table)
    assert missing.sum() == 4
    assert table.loc[missing, ["effect", "effect_se", "effect_std"]].isna().all(axis=None)
    assert (table.loc[missing, "share_of_bases"] < 0.5).all()
    assert table.loc[~missing, "effect"].notna().all()
    assert not (table.loc[~missing, "share_of_bases"] < 0.5).any()


def test_tests_that_have_them_all_have_no_such_column(study):
    assert "share_of_bases" not in study.table("context_dependence")
    assert "share_of_bases" not in study.table("fine_tile")
    assert not lost(study.table("cre_classes")).any()


def test_replicates_and_tracks_are_without_them(study, tmp_path):
    export(study.path, tmp_path / "out")
    replicates = pd.read_csv(tmp_path / "out" / "tables" / "necessity.replicates.csv")
    assert len(replicates) == 2 * 56
    assert not lost(replicates).any()
    for test in ("necessity", "sufficiency"):
        whole = study.table(test)
        there = whole[~lost(whole)]
        lines = (tmp_path / "out" / "tracks" / f"{test}.bedgraph").read_text().splitlines()[1:]
        assert {int(line.split("\t")[1]) for line in lines} == set(there["genomic_start"])
        assert len(lines) == len(there) == 56
        assert len((tmp_path / "out" / "tracks" / f"{test}.bed").read_text().splitlines()) == 57


def test_the_command_says_how_many(study, monkeypatch, capsys):
    creme = caller(monkeypatch, capsys)
    words = " ".join(creme("results", study.path, "--test", "necessity").split())
    assert "4 tiles of 2 loci not measured, for lack of bases (N" in words
    assert "lack of bases" not in creme("results", study.path, "--test", "context_dependence")
