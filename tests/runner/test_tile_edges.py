"""Edges of local networks: on the TSSs around and on the accessibility of other tiles."""

from __future__ import annotations

import numpy as np
import pytest

import creme
from creme.analysis.network import edges, hubs, joined_pairs
from creme.demo.rules import grammar
from creme.errors import ConfigError
from creme.model import Readout
from creme.models.oracle import OracleModel
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.runner.tile_edges import tile_accessibility
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.necessity import Necessity

LENGTH, TILE, CONTIG = 8192, 512, 12_000
AXO, NEAR, FAR = 1_500, 1_800, 6_500
"""Where an enhancer stands in the locus sequence, and the TSSs of two further promoters."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A contig with three promoters and an enhancer, and its annotation: the middle one is ours."""
    rules = grammar("cis")
    folder = tmp_path_factory.mktemp("edges")
    codes = np.random.default_rng(7).integers(0, 4, CONTIG, dtype=np.uint8)
    start = 1_000

    def put(at, motif):
        codes[start + at : start + at + len(motif)] = Sequence.from_string(motif).codes

    common, tissue = (rules.promoters[name].motifs[0] for name in ("common", "tissue"))
    for at, motif in ((LENGTH // 2, common), (NEAR + 700, tissue), (FAR, common)):
        put(at, motif)
    for copy in range(5):
        put(AXO + 30 * copy, "TGACTCAGCAT")
    (folder / "genome.fa").write_text(f">c\n{Sequence(codes)}\n")
    rows = []
    for name, at in (("OWN", LENGTH // 2), ("NEAR", NEAR + 700), ("FAR", FAR)):
        place = f"c\tx\ttranscript\t{start + at + 1}\t{start + at + 300}\t.\t+\t."
        rows.append(f'{place}\tgene_id "{name}"; transcript_id "{name}.1"; gene_name "{name}";')
    (folder / "genes.gtf").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def measured(files):
    model = OracleModel(length=LENGTH)
    loci = creme.load_loci(model, fasta=files / "genome.fa", gtf=files / "genes.gtf", genes=["OWN"])
    test = Necessity(tile=TILE, replicates=4, seed=3)
    readouts = [Readout(name="around", of="neighbours", tracks="alpha")]
    plan = prepare([test], model, loci, bins="all", readouts=readouts)
    store = Store(files / "store")
    report = measure(plan, store)
    yield plan, store, test, report.datasets["necessity"]
    store.close()


def test_edges_go_to_every_tss_but_the_tiles_own(measured):
    *_, necessity = measured
    table = edges(necessity)
    enhancer = table[(table["source_start"] - 1000 <= AXO) & (table["source_end"] - 1000 > AXO)]
    assert set(enhancer["target_gene"]) == {"OWN", "NEAR", "FAR"}
    assert (enhancer["sign"] == "+").all()
    every = edges(necessity, all_pairs=True)
    inside = (every["source_start"] <= every["target_start"]) & (
        every["target_start"] < every["source_end"]
    )
    assert not inside.any()
    at = necessity["neighbour_gene"].values.ravel().tolist().index("FAR")
    of_far = every[every["target_gene"] == "FAR"]
    assert len(of_far) == necessity.sizes["tile"] - 1
    for row in of_far.to_dict("records"):
        tile = necessity["genomic_start"].values.tolist().index(row["source_start"])
        np.testing.assert_allclose(
            row["effect"], necessity["effect"].isel(locus=0, tile=tile, neighbour=at, track=0)
        )
        middle = (row["source_start"] + row["source_end"]) // 2
        assert row["distance"] == middle - row["target_start"]
    further = edges(necessity, all_pairs=True, apart=600)
    gaps = np.maximum(
        further["target_start"] - further["source_end"],
        further["source_start"] - further["target_end"],
    )
    assert gaps.min() >= 600
    assert len(further) < len(every)


def test_hubs_are_tiles_with_most_genes(measured):
    *_, necessity = measured
    first = hubs(edges(necessity)).iloc[0]
    assert first["genes"] == 3
    assert first["gene_names"] == "FAR NEAR OWN"
    assert first["source_start"] - 1000 <= AXO < first["source_end"] - 1000
    assert hubs(edges(necessity, minimum_activity=1e9)).empty


def test_accessibility_is_read_from_what_the_store_has(measured):
    plan, store, test, _ = measured
    (locus,) = plan.loci
    got = tile_accessibility(plan, store, test, [locus], "accessibility")
    model, tiles = plan.model, list(test.tiling(locus))
    column = len(model.tracks) - 1
    # A plain loop over the bins of one prediction.
    tile = tiles[3]
    mutant = next(iter(test.shuffles(locus.sequence, tile, locus, replicates=[2])))
    profile = model.predict(mutant.sequence.codes[None])[0][:, column]
    starts = got["target_start"].values.tolist()
    for target in tiles[5:8]:
        place = starts.index(locus.interval(target)[0])
        bins = [
            b
            for b in range(model.n_bins)
            if target.start <= model.output_start + b * 128 + 64 < target.end
        ]
        value = got["shuffled"].isel(locus=0, tile=3, replicate=2, target=place, track=0)
        np.testing.assert_allclose(value, profile[bins].mean(), rtol=1e-5)
    table = edges(got)
    # Opening is a matter of a tile's own sites in this grammar: no tile opens another one that is
    # not beside it.
    assert edges(got, apart=128).empty
    assert set(table["kind"]) <= {"accessibility"}


def test_what_is_not_stored_is_not_predicted(measured, tmp_path):
    plan, _, test, _ = measured
    with Store(tmp_path / "empty") as store:
        got = tile_accessibility(plan, store, test, plan.loci, "accessibility")
    assert np.isnan(got["effect"]).all()
    assert edges(got).empty


def test_edges_need_shares(measured):
    *_, necessity = measured
    with pytest.raises(ConfigError, match="log_ratio"):
        edges(necessity.assign_attrs(effect_scale="log_ratio"))
    bare = necessity.drop_vars("genomic_start")
    with pytest.raises(ConfigError, match="genomic_start"):
        edges(bare)


def test_an_insulator_is_the_source_of_its_edge():
    import pandas as pd

    row = {
        "locus": "A", "track": "t", "contig": "c", "kind": "insulating", "first_change": -0.5,
        "second_change": 1.0, "epistasis": -1.0, "epistasis_q": 0.01,
        "first_genomic_start": 10, "first_genomic_end": 20,
        "second_genomic_start": 30, "second_genomic_end": 40,
    }  # fmt: skip
    other = {**row, "kind": "redundant"}
    none = {**row, "kind": "additive"}
    table = joined_pairs(pd.DataFrame([row, other, none]))
    assert table["kind"].tolist() == ["insulating", "redundant"]
    assert table["source_start"].tolist() == [30, 10]
    assert table["target_end"].tolist() == [20, 40]
