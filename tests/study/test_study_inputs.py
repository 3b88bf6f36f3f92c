"""A study of a model that takes numbers beside the sequence: from the table into every stage."""

from __future__ import annotations

import numpy as np
import pytest

import mini_study as mini
from creme.errors import ConfigError, CremeError, GenomeError
from creme.models.synthetic import SyntheticModel
from creme.report.page.settings import settings
from creme.runner.experiment import parse
from creme.runner.plan import Plan
from creme.study import run_study
from creme.study.lineage import passed_on

LAST = "context_swap"
STAGES = ("context_dependence", "necessity", LAST)
GRID = SyntheticModel(length=mini.LENGTH)

NETWORK = f"""
from creme.models.synthetic import SyntheticModel
from creme.sequence import Sequence

MODEL = SyntheticModel(length={mini.LENGTH}, decay={mini.DECAY})


def build():
    def predict(onehot, inputs):
        raised = inputs[:, 0] + 2 * inputs[:, 1]
        codes = onehot.argmax(axis=2).astype("uint8")
        codes[onehot.max(axis=2) < 1] = 4
        return MODEL.predict(codes) + raised[:, None, None]

    return predict
"""

MODEL = f"""plugin = "python"
object = "network.py:build"
tracks = ["alpha"]
bins = "all"

[model.grid]
input_length = {mini.LENGTH}
bin_size = {GRID.bin_size}
n_bins = {GRID.n_bins}
tracks = ["alpha", "beta"]
inputs = ["half_life", "dose"]
"""
OLD = f"""plugin = "synthetic"
length = {mini.LENGTH}
decay = {mini.DECAY}
tracks = ["alpha"]
bins = "all"
"""
NUMBERS = {"GENE1": (3.0, 0.25), "GENE2": (-1.0, 2.0), "GENE3": (0.1, 7.5)}


def raised(gene: str) -> float:
    numbers = np.array(NUMBERS[gene], dtype=np.float32)
    return float(numbers[0] + 2 * numbers[1])


def table(folder, genes, *more: str, name: str = "half_life") -> None:
    rows = [f"gene\tcontig\ttss\tstrand\tdose\t{name}"]
    for gene in genes:
        half_life, dose = NUMBERS[gene.name]
        place = f"{gene.contig}\t{gene.position}\t{gene.strand}"
        rows.append(f"{gene.name}\t{place}\t{dose}\t{half_life}")
    (folder / "genes.tsv").write_text("\n".join([*rows, *more]) + "\n")


def file(folder, loci: str = 'table = "genes.tsv"'):
    return mini.study(folder, (OLD, MODEL), ('gtf = "annotation.gtf"', loci))


@pytest.fixture(scope="module")
def genes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "network.py").write_text(NETWORK)
    made = mini.write(folder, genes=3)
    table(folder, made)
    return folder, made


@pytest.fixture(scope="module")
def study(genes):
    return run_study(file(genes[0]), stages=["loci", *STAGES])


@pytest.fixture(scope="module")
def bare(genes):
    """Activities of the loci by the model without the numbers."""
    folder, _ = genes
    text = mini.STUDY.replace('gtf = "annotation.gtf"', 'table = "genes.tsv"')
    (folder / "bare.toml").write_text(text.replace('"mini"', '"bare"'))
    loci = run_study(folder / "bare.toml", stages=["loci"]).folder.loci()
    return dict(zip(loci["gene"], loci["activity"], strict=True))


def test_columns_travel_from_the_table(study, bare):
    loci, selected = study.folder.loci(), study.folder.selected()
    for frame in (loci, selected):
        columns = ["input:half_life", "input:dose"]
        numbers = dict(zip(frame["gene"], frame[columns].astype(float).to_numpy(), strict=True))
        assert {gene: tuple(row) for gene, row in numbers.items()} == NUMBERS
    for gene, activity in zip(loci["gene"], loci["activity"], strict=True):
        np.testing.assert_allclose(activity, bare[gene] + raised(gene), rtol=1e-5)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_predicts_with_them(study, bare, stage):
    dataset = study.folder.results(stage).load(stage)
    pairs = [("wild_type", "locus")]
    if stage == LAST:
        pairs = [("wild_type", "source"), ("unperturbed", "target")]
    for variable, names in pairs:
        loci = [str(each) for each in dataset[names].values]
        assert loci
        values = dataset[variable].values.reshape(len(loci), -1)[:, 0]
        for gene, activity in zip(loci, values, strict=True):
            np.testing.assert_allclose(activity, bare[gene] + raised(gene), rtol=1e-5)


def test_a_stage_of_it_is_an_experiment_with_its_own_table(study):
    folder = study.folder.results("necessity").path
    text = (folder / "experiment.toml").read_text()
    experiment = parse(text, folder=study.path.parent)
    own = {locus.name: locus.inputs for locus in Plan.of(experiment).loci}
    assert own == {gene: NUMBERS[gene] for gene in own}


def test_the_report_names_them(study):
    assert study.model["inputs"] == ["half_life", "dose"]
    page = str(settings(study))
    assert "inputs beside the sequence" in page
    assert "half_life" in page


def test_other_numbers_are_handed_on_to_later_stages(study, genes):
    folder, made = genes
    selected = study.folder.path / "selected.tsv"
    before, text = passed_on(study.folder.path, lambda name: True), selected.read_text()
    try:
        selected.write_text(text.replace("7.5", "7.25"))
        other = passed_on(study.folder.path, lambda name: True)
        assert other["loci"] != before["loci"]
    finally:
        selected.write_text(text)
    try:
        (folder / "genes.tsv").write_text((folder / "genes.tsv").read_text().replace("7.5", "7"))
        with pytest.raises(CremeError, match="it differs in loci: annotation"):
            run_study(file(folder), stages=["loci", *STAGES])
    finally:
        table(folder, made)


def test_mistakes_are_named(genes, tmp_path):
    folder, made = genes
    for name in ("network.py", "genome.fa", "annotation.gtf"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(ConfigError, match="takes half_life, dose beside the sequence: give a tab"):
        run_study(file(tmp_path, 'gtf = "annotation.gtf"'), stages=["loci"])
    table(tmp_path, made, name="life")
    with pytest.raises(CremeError, match="the header lacks 'half_life'"):
        run_study(file(tmp_path), stages=["loci"])
    first = made[0]
    row = f"OTHER\t{first.contig}\t{first.position}\t{first.strand}\t0.25\t4"
    table(tmp_path, made, row)
    with pytest.raises(GenomeError, match=r"2 rows of mini1:\d+:\+, with half_life 3.0, 4.0"):
        run_study(file(tmp_path), stages=["loci"])
