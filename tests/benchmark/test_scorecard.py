"""A scorecard of a model whose truth is a table, and of the oracle."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from creme.benchmark.guess import (
    average_precision,
    curve_guess,
    distance_guess,
    guessed_calls,
    saturation_guess,
)
from creme.benchmark.scorecard import scorecard_page, table_scorecard, tile_scores
from creme.benchmark.subject import held_out_loci
from creme.benchmark.truth_table import TruthTable
from creme.demo.loci import write_loci
from creme.demo.rules import grammar
from creme.errors import ConfigError
from creme.genome import Locus
from creme.models.oracle import OracleModel
from creme.sequence import Sequence
from in_process import streams_of

CIS = grammar("cis")
LENGTH = 8192
LOCI = held_out_loci(CIS, 4, LENGTH, 0)


def elements() -> pd.DataFrame:
    """The planted elements of the loci by their necessity, as a lab would write them."""
    rows = []
    for locus in LOCI:
        for one in locus.elements:
            effect = float(one.effect[0])
            if one.planted:
                kind = "decoy" if effect == 0 else "enhancer" if effect > 0 else "silencer"
                rows.append((locus.gene, one.start, one.end, kind, abs(effect)))
    return pd.DataFrame(rows, columns=["locus", "start", "end", "kind", "strength"])


def test_average_precision_by_hand():
    positive = np.array([True, False, True, False])
    assert average_precision(positive, np.array([4.0, 3, 2, 1])) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(positive, np.ones(4)) == pytest.approx(0.5)
    assert np.isnan(average_precision(np.zeros(2, bool), np.ones(2)))


def test_a_guess_is_the_mean_of_the_other_loci():
    frame = pd.DataFrame(
        {
            "locus": ["a", "b", "c", "a", "b"],
            "distance": [-100, 100, 100, 900, -900],
            "truth": [0.3, 0.1, np.nan, 0.0, 0.2],
            "effect": 9.0,
            "q": 0.0,
        }
    )
    guess = distance_guess(frame)
    assert guess["effect"].tolist() == pytest.approx([0.1, 0.3, 0.2, 0.2, 0.0])
    assert guess["q"].isna().all()


def test_a_guess_calls_as_many_tiles_as_the_model():
    frame = pd.DataFrame(
        {
            "locus": ["a", "b", "a", "b", "a"],
            "distance": [100, 100, 900, 900, 5000],
            "truth": [0.3, 0.1, 0.0, 0.2, 0.1],
            "effect": 9.0,
            "q": [0.01, 0.02, 0.5, 0.5, 0.5],
        }
    )
    # Guessed: 0.1, 0.3, 0.2, 0.0, and nothing where no other locus is.
    calls = guessed_calls(frame)
    assert (calls["q"] < 0.05).tolist() == [False, True, True, False, False]
    assert np.isnan(calls["q"][4])


def test_guesses_of_curves_are_those_of_the_other_loci():
    curves = pd.DataFrame(
        {
            "locus": ["a", "b", "c", "a"],
            "distance": [100.0, 100.0, 100.0, 700.0],
            "measured": 9.0,
            "true": [1.0, 2.0, 6.0, 5.0],
        }
    )
    guess = curve_guess(curves)
    assert guess["measured"].tolist() == pytest.approx([4.0, 3.5, 1.5])
    assert guess["true"].tolist() == [1.0, 2.0, 6.0]
    fits = pd.DataFrame(
        {
            "locus": ["a", "b", "c"],
            "half": 9.0,
            "true half": [1.0, 3.0, np.nan],
            "plateau": 9.0,
            "true plateau": [2.0, 4.0, 6.0],
        }
    )
    guess = saturation_guess(fits)
    assert guess["half"].tolist() == [3.0, 1.0, 2.0]
    assert guess["plateau"].tolist() == [5.0, 4.0, 3.0]


def test_every_score_has_a_ceiling_and_a_floor(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("creme.benchmark.detections.RESAMPLES", 20)
    creme = streams_of(monkeypatch, capsys)
    creme(
        "benchmark", "truth", "oracle", "--set", f"length={LENGTH}", "--loci", 3,
        "--replicates", 2, "--to", tmp_path / "card", "-q",
    )  # fmt: skip
    card = pd.read_csv(tmp_path / "card" / "scorecard.csv").set_index(["question", "score"])
    defined = card[card["value"].notna()]
    assert defined["oracle"].equals(defined["value"].rename("oracle"))
    # A slope of tiles that no other locus has has no guess; all questions have one.
    assert set(defined[defined["guess"].notna()].index.get_level_values(0)) == {
        "necessity", "sufficiency", "distance decay", "saturation", "additivity",
    }  # fmt: skip
    assert 0 <= card["guess"]["additivity", "right"] <= 1
    page = (tmp_path / "card" / "scorecard.html").read_text()
    assert "floor: a guess" in page
    assert "ceiling: the oracle" in page
    assert page.count("<svg") > len(defined)


def test_scores_of_tiles_by_hand():
    frame = pd.DataFrame(
        {
            "locus": ["a", "a", "b", "b"],
            "distance": [100, 3000, -100, 3000],
            "truth": [0.4, 0.0, 0.2, np.nan],
            "effect": [0.2, 0.05, 0.1, 7.0],
            "q": [0.01, 0.5, 0.2, 0.0],
        }
    )
    values = tile_scores(frame, 0).set_index("score")["value"]
    assert values["slope 0-2000 bp"] == pytest.approx(0.5)
    assert values["enhancers, average precision"] == 1
    assert values["enhancers found"] == 0.5
    assert values["calls that are right"] == 1
    assert values["noise floor"] == pytest.approx(0.05)


def test_effects_of_tiles_by_a_table():
    table = TruthTable(
        pd.DataFrame(
            {
                "locus": ["x", "x", "x", "y"],
                "contig": ["chr1"] * 4,
                "start": [1110, 1050, 1295, 0],
                "end": [1120, 1060, 1305, 9],
                "kind": ["enhancer", "silencer", "decoy", "enhancer"],
                "strength": [0.3, 0.2, 0.0, 0.5],
            }
        )
    )
    import xarray as xr

    dataset = xr.Dataset(
        coords={
            "tile_start": ("tile", [0, 100, 200, 300]),
            "tile_end": ("tile", [100, 200, 300, 400]),
        }
    )
    # The decoy lies across two tiles, whose truth is not known then.
    expected = {"+": [-0.2, 0.3, np.nan, np.nan], "-": [np.nan, np.nan, 0.3, -0.2]}
    for strand, effects in expected.items():
        codes = np.zeros(400, dtype=np.uint8)
        locus = Locus("x", "chr1", 1200, strand, 400, given=Sequence(codes))
        other = Locus("z", "chr1", 1200, strand, 400, given=Sequence(codes))
        measured = table.true_effects([locus, other], dataset, "necessity")
        np.testing.assert_allclose(measured[0], effects)
        assert np.isnan(measured[1]).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strength": None}, "lacks strength"),
        ({"kind": "promoter"}, "kind = promoter: give"),
        ({"strength": -0.1}, "0 or more"),
        ({"start": "x"}, "start has what is no number"),
        ({"start": 10**6}, "above its start"),
    ],
)
def test_tables_that_are_refused(changes, words):
    table = elements().assign(**changes).dropna(axis=1)
    with pytest.raises(ConfigError, match=words):
        TruthTable(table)


def test_a_table_whose_loci_are_others(tmp_path):
    file = tmp_path / "elements.csv"
    elements().assign(locus="elsewhere").to_csv(file, index=False)
    with pytest.raises(ConfigError, match="no element of the table lies in a locus"):
        TruthTable.read(file).in_loci([])
    with pytest.raises(ConfigError, match="cannot be read as a table"):
        TruthTable.read(tmp_path / "none.csv")


def test_the_commands(tmp_path, monkeypatch, capsys):
    """The oracle by a table of its elements is nearly as good as by its grammar."""
    creme = streams_of(monkeypatch, capsys)
    genome = write_loci(tmp_path, CIS, 4, LENGTH, 0, "held out")
    table = elements()
    # On the genome, and two of a locus as a set.
    by_gene = {locus.gene: locus for locus in genome.loci}
    spans = [
        by_gene[gene].genomic(start, end)
        for gene, start, end in zip(table["locus"], table["start"], table["end"], strict=True)
    ]
    table["contig"] = [by_gene[gene].contig for gene in table["locus"]]
    table["start"], table["end"] = zip(*spans, strict=True)
    table.to_csv(tmp_path / "elements.csv", index=False)
    (tmp_path / "file.toml").write_text(
        f'name = "x"\n[model]\nplugin = "oracle"\nlength = {LENGTH}\ntracks = ["cis:alpha"]\n'
        'bins = "tss"\n[loci]\nfasta = "genome.fa"\ngtf = "annotation.gtf"\n'
        '[[tests]]\nname = "necessity"\ntile = 1000\n'
    )
    options = ("--tile", 512, "--replicates", 3)
    creme("validate", "--help")
    out, _ = creme(
        "benchmark", "table", tmp_path / "elements.csv", tmp_path / "file.toml", *options,
        "--to", tmp_path / "card", "--json",
    )  # fmt: skip
    rows = {row["score"]: row for row in json.loads(out)["tables"]["scorecard"]}
    assert rows["enhancers, average precision"]["value"] > 0.9
    assert rows["enhancers, average precision"]["guess"] < 0.8
    assert rows["slope 0-2000 bp"]["value"] == pytest.approx(1, abs=0.15)
    page = (tmp_path / "card" / "scorecard.md").read_text()
    assert "guess (floor)" in page
    assert "oracle (ceiling)" not in page
    said = creme("benchmark", "truth", "oracle", "--set", "length", status=2)[1]
    assert "give KEY=VALUE" in said
    said = creme("benchmark", "truth", "oracle", "--share", 0.5, status=2)[1]
    assert "--share: only with --experiment" in said
    out, _ = creme(
        "benchmark", "truth", "oracle", "--set", f"length={LENGTH}", "--experiment", "sets",
        "--share", 0.01, "--to", tmp_path / "tables", "-q",
    )  # fmt: skip
    assert (tmp_path / "tables" / "sets.csv").read_text().count("oracle,sets,3") == 13


def test_pairs_of_a_table():
    """The classes of sets are those of the table, where they are found."""
    table = elements()
    spans = table.groupby("locus").head(2)
    table["set"] = (table["locus"] + " set").where(table.index.isin(spans.index))
    table["interaction"] = "additive"
    truth = TruthTable(table)
    loci = [Locus.from_sequence(Sequence(one.codes), one.gene) for one in LOCI]
    scores = table_scorecard(
        OracleModel(length=LENGTH), loci, truth, tracks="cis:alpha", tile=512, replicates=2
    )
    (row,) = scores[scores["question"] == "additivity"].to_dict("records")
    assert row["n"] >= 1
    assert 0 <= row["value"] <= 1
    # All sets of the table are additive, which is what a guess says of any.
    assert row["guess"] == 1
    assert "necessity" in set(scores["question"])
    assert "| additivity | right |" in scorecard_page(scores, "x", "y")
