"""Interactions as a stage of a study: its tables, its part of the report, its exported network."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mini_study as mini
from creme.export import export
from creme.export.network import COLUMNS, graph, interact
from creme.report.page import figures
from creme.report.page.networks import networks
from creme.report.page.results import PageResults
from creme.study import run_study

STAGES = ["loci", "context_dependence", "necessity", "interactions"]
SETTINGS = '\n[interactions]\nstrongest = 3\ncombine = "all"\n\n[network]\nminimum_log = 0.0\n'


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    mini.write(folder, genes=3)
    path = mini.study(folder)
    path.write_text(f"stages = {STAGES}\n".replace("'", '"') + path.read_text() + SETTINGS)
    return run_study(path, stages=STAGES)


def test_its_single_tiles_are_necessitys_and_cost_nothing(study):
    stages = study.folder.stages()
    dataset = study.dataset("interactions")
    necessity = study.dataset("necessity")
    np.testing.assert_array_equal(dataset["shuffled"], necessity["shuffled"])
    counts = stages["interactions"]
    per_locus = 4 * necessity.sizes["replicate"]  # three pairs, and all three
    assert counts["predicted"] <= per_locus * counts["units"]
    assert counts["asked"] > counts["predicted"]


def test_its_tables(study):
    pairs, edges = study.table("pairs"), study.table("edges")
    loci = study.dataset("interactions").sizes["locus"]
    assert len(pairs) == 3 * loci
    assert set(study.tables) >= {"pairs", "edges", "tile_edges", "shapley", "orders"}
    assert (edges["q"] <= 0.05).all()
    assert (edges["effect"].abs() >= 0.05).all()
    orders = study.table("orders")
    shares = orders.groupby(["locus", "scale"])["share"].sum()
    np.testing.assert_allclose(shares.dropna(), 1, rtol=1e-6)
    shapley = study.table("shapley")
    dataset = study.dataset("interactions").isel(track=0)
    for locus, part in shapley.groupby("locus"):
        one = dataset.sel(locus=locus)
        lost = one["wild_type"] - one["combined"].sel(combination=7).mean("replicate")
        np.testing.assert_allclose(part["value"].sum(), float(lost), rtol=1e-4, atol=1e-6)


def test_a_study_does_not_run_it_unless_it_is_named(study):
    from creme.study.config import parse

    head, text = study.path.parent.joinpath("study.toml").read_text().split("\n", 1)
    assert "interactions" in parse(f"{head}\n{text}", "it").stages.run
    assert "interactions" not in parse(text, "it").stages.run


def test_its_part_of_the_report(study):
    (arcs, pairs, subsets) = networks(PageResults(study))
    assert {figure.section for figure in (arcs, pairs, subsets)} == {"Local networks"}
    assert arcs.data is not None
    assert len(arcs.data) == len(study.table("edges"))
    assert f"Of all {len(study.table('pairs'))} pairs" in pairs.caption
    assert subsets.title == "All subsets of tiles"
    assert figures._FIGURES_OF["interactions"] is networks


ROWS = [
    ("A", "t", "tss", "c", 10, 20, 100, 101, "G1", "T1", "-", 0.5, 0.01, "+"),
    ("B", "t", "tss", "c", 30, 40, 100, 101, "G1", "T1", "-", -0.2, 0.01, "-"),
    ("A", "t", "accessibility", "c", 10, 20, 30, 40, "", "", ".", 0.3, 0.02, "+"),
    ("A", "t", "insulating", "c", 30, 40, 10, 20, "", "", ".", -1.5, 0.02, "-"),
]
NETWORK = pd.DataFrame(ROWS, columns=list(COLUMNS))


def test_a_gene_of_several_loci_is_one_node():
    made = graph(NETWORK)
    assert set(made) == {"c:11-20", "c:31-40", "T1"}
    assert made.nodes["T1"]["label"] == "G1"
    # The name is a place as browsers take it; the attributes are 0-based and half-open.
    assert (made.nodes["c:11-20"]["start"], made.nodes["c:11-20"]["end"]) == (10, 20)
    assert sorted(data["kind"] for *_, data in made.edges(data=True)) == [
        "accessibility", "insulating", "tss", "tss",
    ]  # fmt: skip
    assert made.edges["c:31-40", "T1", 0]["effect"] == -0.2


def test_interact_has_eighteen_columns_that_agree():
    head, *lines = interact(NETWORK, 'my "study"').splitlines()
    assert head.startswith("track type=interact name=\"my 'study'\"")
    assert len(lines) == len(NETWORK)
    for line in lines:
        fields = line.split("\t")
        assert len(fields) == 18
        low, high, score = int(fields[1]), int(fields[2]), int(fields[4])
        source = int(fields[9]), int(fields[10])
        target = int(fields[14]), int(fields[15])
        assert (low, high) == (min(source[0], target[0]), max(source[1], target[1]))
        assert 0 <= score <= 1000
        assert not any(" " in field for field in fields)


def test_the_exported_network_is_what_the_tables_say(study, tmp_path):
    import networkx

    edges = study.table("edges")
    export(study.path, tmp_path / "out", ["network", "tables"])
    folder = tmp_path / "out" / "network"
    if edges.empty:
        pytest.skip("no edge of the small study is more than noise")
    table = pd.read_csv(folder / "edges.csv")
    tss = table[table["kind"] == "tss"]
    assert len(tss) == len(edges)
    np.testing.assert_allclose(tss["effect"], edges["effect"], rtol=1e-6)
    read = networkx.read_graphml(folder / "network.graphml", force_multigraph=True)
    assert read.number_of_edges() == len(table)
    rows = (folder / "edges.bedpe").read_text().splitlines()
    assert len(rows) == len(table)
    assert all(len(row.split("\t")) == 14 for row in rows)
