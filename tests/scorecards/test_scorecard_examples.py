"""The example files of scorecards are valid, and say what is missing where they cannot run."""

from __future__ import annotations

from pathlib import Path

import pytest

from creme.errors import ModelError, PluginError
from creme.genome import Annotation
from creme.models.synthetic import SyntheticModel
from creme.registry import plugins
from creme.runner.tables import build_model
from creme.scorecards.loci import place_loci
from creme.scorecards.panel_file import QUESTIONS, ScorecardPanel
from creme.scorecards.prepared import PreparedCard
from creme.scorecards.settings import PanelGenome, ScorecardSettings
from creme.scorecards.steps import PanelTiles

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WITHOUT_WEIGHTS = ["enformer", "borzoi"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("scorecard_*.toml")), ids=lambda p: p.stem)
def test_examples_are_valid(path):
    if path.stem.endswith("_panel"):
        assert ScorecardPanel.read(path).questions == QUESTIONS
        return
    file = ScorecardSettings.from_file(path)
    assert file.load_panel().questions == QUESTIONS
    assert f"creme scorecard examples/{path.name} --plan" in path.read_text()


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_without_weights_they_say_where_those_are(name):
    file = ScorecardSettings.from_file(EXAMPLES / f"scorecard_{name}.toml")
    if file.model["plugin"] in plugins("model"):
        with pytest.raises(ModelError, match="huggingface-cli download"):
            build_model(file.model, EXAMPLES)
    else:
        with pytest.raises(PluginError, match=str(file.model["plugin"])):
            build_model(file.model, EXAMPLES)


def test_alphagenome_is_ready_but_for_its_genome(tmp_path):
    file = ScorecardSettings.from_file(EXAMPLES / "scorecard_alphagenome.toml")
    if "alphagenome" not in plugins("model"):
        with pytest.raises(PluginError, match="alphagenome"):
            build_model(file.model, EXAMPLES)
        return
    model, _ = build_model(file.model, EXAMPLES)
    tiles = PanelTiles.of(file.load_panel(), model)
    assert (len(tiles.tiles), tiles.of_tiles) == (18, 18)


@pytest.mark.parametrize("length", [131_072, 196_608, 524_288])
def test_the_panel_of_hg38_fits_the_models_that_it_is_for(length):
    panel = ScorecardPanel.read("hg38-1")
    tiles = PanelTiles.of(panel, SyntheticModel(length=length))
    assert len(tiles.tiles) == tiles.of_tiles == 18
    assert len(tiles.places) == tiles.of_places == 8
    assert {abs(place.start + 2500 - length // 2) for place in tiles.places} == {
        *(5000, 10_000, 20_000, 40_000)
    }


def test_an_annotation_of_hg38_has_every_gene(data):
    annotation = Annotation.from_bed(data / "annotation" / "hg38_genes_tss500bp.bed.gz")
    genes = [locus.gene for locus in ScorecardPanel.read("hg38-1").loci]
    assert len(genes) == 64
    assert [gene for gene in genes if len(annotation.find(gene)) != 1] == []


def test_loci_of_chr20(data):
    panel = ScorecardPanel.read(EXAMPLES / "scorecard_chr20_panel.toml")
    genome = PanelGenome(
        fasta=data / "sequence" / "chr20_hg19_1Mb.fa.gz",
        bed=data / "annotation" / "chr20_hg19_1Mb.tss.bed",
    )
    placed = place_loci(panel, genome, SyntheticModel(length=131_072), Path())
    positions = {locus.name: (locus.position, locus.strand) for locus in placed.loci}
    assert positions["PSMF1"] == (99_235, "+")
    assert positions["FKBP1A"] == (373_816, "-")
    assert placed.left_out == ()
    rows = placed.described(panel.tile)
    assert len({row["core"] for row in rows}) == len(rows) == 8


def test_the_card_of_chr20_is_ready(data, tmp_path):
    if "seqnn" not in plugins("model"):
        pytest.skip("the plugin creme-seqnn is not installed")
    (tmp_path / "data").symlink_to(data.resolve())
    for name in ("scorecard_seqnn.toml", "scorecard_chr20_panel.toml"):
        (tmp_path / name).write_text((EXAMPLES / name).read_text())
    file = ScorecardSettings.from_file(tmp_path / "scorecard_seqnn.toml")
    prepared = PreparedCard.of(file, tmp_path / "card")
    assert prepared.without_strands == ""
    assert list(prepared.experiments) == ["effects", "strands"]
    plan = prepared.experiments["effects"].plan()
    assert plan.requested == 8 * ((1 + 4) + (1 + 18 * 4) + (1 + 4 + 18 * 4))
