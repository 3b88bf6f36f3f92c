"""Readouts of exons and neighbours in experiment files and studies, in tables and reports."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import creme
import mini_study as mini
from creme.errors import ConfigError, CremeError
from creme.results.directory import Results
from creme.runner.experiment import Experiment
from creme.runner.plan import Plan
from creme.runner.run import measure
from creme.store import Store
from creme.study import StudyResults, run_study
from in_process import caller

pytestmark = pytest.mark.filterwarnings("ignore::creme.errors.CremeWarning")

READOUTS = """
[[readouts]]
name = "tss"
bins = "tss"

[[readouts]]
name = "around"
of = "neighbours"

[[readouts]]
name = "body"
of = "exons"

[[readouts]]
name = "specific"
bins = "tss"
minus = "tss"
minus_scale = "log_ratio"
"""
PLAIN = READOUTS[: READOUTS.index("[[readouts]]", 20)]
EXPERIMENT = f"""\
name = "around"
seed = 7
[model]
plugin = "synthetic"
length = {mini.LENGTH}
decay = {mini.DECAY}
tracks_file = "lists/tracks.txt"
bins = "all"
[loci]
fasta = "genome.fa"
gtf = "annotation.gtf"
genes = ["GENE1", "GENE2", "GENE3"]
{READOUTS}
[[tests]]
name = "context_dependence"
tile = {mini.TILE}
replicates = 2
[[tests]]
name = "necessity"
tile = {mini.TILE}
replicates = 2
[[tests]]
name = "sufficiency"
tile = {mini.TILE}
replicates = 2
"""


STAGES = ["loci", "context_dependence", "necessity", "sufficiency", "higher_order"]


def annotated(folder) -> list[mini.Gene]:
    """A genome with two more transcripts of one gene, one of another, and exons of all."""
    folder.mkdir(parents=True, exist_ok=True)
    genes = mini.write(folder)
    lines = [mini.transcript(gene) for gene in genes]
    lines += [mini.transcript(genes[0], 2, 1500), mini.transcript(genes[0], 3, -900)]
    lines += [mini.transcript(genes[1], 2, 400)]
    exons = [line.replace("\ttranscript\t", "\texon\t") for line in lines]
    (folder / "annotation.gtf").write_text("".join([*lines, *exons]))
    (folder / "lists").mkdir(exist_ok=True)
    (folder / "lists" / "tracks.txt").write_text("# cell types\n\nsynthetic:alpha\n")
    return genes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    annotated(folder)
    (folder / "around.toml").write_text(EXPERIMENT)
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return Experiment.from_file(folder / "around.toml").run(progress=False)


def test_a_plan_says_what_is_read(folder):
    shown = str(Experiment.from_file(folder / "around.toml").plan())
    assert "activities: tss:synthetic:alpha, around:synthetic:alpha, body:synthetic:alpha" in shown
    assert "readouts of neighbours: 1 to 3 TSSs a locus, its own among them, 6 in all" in shown


def test_an_experiment_has_a_dimension_of_neighbours(results):
    dataset = results.dataset("necessity")
    assert dataset["effect"].dims == ("locus", "tile", "neighbour", "track")
    gene1 = dataset.sel(locus="GENE1")
    assert gene1["neighbour_distance"].values.tolist() == [0, -900, 1500]
    assert gene1["neighbour_transcript"].values.tolist() == ["GENE1.1", "GENE1.3", "GENE1.2"]
    gene3 = dataset.sel(locus="GENE3")
    assert gene3["neighbour_gene"].values.tolist() == ["GENE3", "", ""]
    around = dataset["wild_type"].sel(track="around:synthetic:alpha").notnull().sum("neighbour")
    assert around.values.tolist() == [3, 2, 1]
    own = dataset["wild_type"].isel(neighbour=0)
    np.testing.assert_array_equal(
        own.sel(track="tss:synthetic:alpha"), own.sel(track="around:synthetic:alpha")
    )
    assert (own.sel(track="specific:synthetic:alpha") == 0).all()
    assert dataset["exons"].values.tolist() == [2, 1, 1]
    assert (dataset["exon_bp"] > 0).all()
    assert (dataset["exon_bp_outside"] == 0).all()


def test_a_second_run_predicts_nothing_and_is_the_same(folder, results):
    before = {label: results.dataset(label) for label in results.tests}
    again = Experiment.from_file(folder / "around.toml").run(progress=False)
    assert again.raw["counts"]["predicted"] == 0
    for label, dataset in before.items():
        assert again.dataset(label).equals(dataset)


def test_a_run_that_was_stopped_goes_on(folder, results, tmp_path):
    plan = Plan.of(Experiment.from_file(folder / "around.toml"))
    there = Results(tmp_path / "stopped.results")
    there.claim(EXPERIMENT, folder, plan.identity())
    stopped = []

    def start(scheduler):
        stopped.append(scheduler)

    def progressed(progress):
        if progress.predicted > 20:
            stopped[0].stop()

    with Store(tmp_path / "store") as store:
        first = measure(plan, store, results=there, on_progress=progressed, on_start=start)
        assert first.interrupted
        again = Plan.of(Experiment.from_file(folder / "around.toml"))
        there.claim(EXPERIMENT, folder, again.identity())
        second = measure(again, store, results=there)
    assert second.progress.stored > 0
    for label in results.tests:
        xr.testing.assert_equal(there.load(label), results.dataset(label))


def test_tables_reports_and_exports_bear_neighbours(folder, results, tmp_path, monkeypatch, capsys):
    command = caller(monkeypatch, capsys)
    shown = command("results", results.path, "--top", 3)
    assert "neighbour_gene" in shown or "neighbour" in shown
    table = tmp_path / "necessity.csv"
    command("results", results.path, "--test", "necessity", "--export", table)
    frame = pd.read_csv(table)
    tiles = frame["tile"].nunique()
    of_gene1 = frame[(frame["locus"] == "GENE1") & (frame["track"] == "around:synthetic:alpha")]
    assert len(of_gene1) == 3 * tiles
    assert set(frame[frame["locus"] == "GENE3"]["neighbour_gene"]) == {"GENE3"}
    written = results.export(tmp_path / "export")
    assert any(name.startswith("tracks/") or name.endswith(".bed") for name in written)
    notebook = (tmp_path / "export" / "notebook.ipynb").read_text()
    assert notebook.count(".isel(neighbour=0)") == 3
    page = results.report(tmp_path / "report.html")
    assert page.stat().st_size > 10_000
    assert results.loci["activity"].notna().all()
    assert set(results.categories) <= {"GENE1", "GENE2", "GENE3"}


def test_an_annotation_of_the_readout_beside_the_file(folder, tmp_path):
    genes = annotated(tmp_path)
    bed = "".join(
        f"{g.contig}\t{g.position}\t{g.position + 1}\t{g.name}\t0\t{g.strand}\n" for g in genes[:3]
    )
    (tmp_path / "tss.bed").write_text(bed)
    text = EXPERIMENT.replace('gtf = "annotation.gtf"', 'bed = "tss.bed"')
    with pytest.raises(CremeError, match=r"'body' at locus 'GENE1': .* no exons") as error:
        Experiment.from_text(text, tmp_path).plan()
    assert "give the readout a GTF" in str(error.value)
    text = text.replace('of = "exons"', 'of = "exons"\ngtf = "annotation.gtf"')
    plan = Plan.of(Experiment.from_text(text, tmp_path))
    assert plan.bound.of(plan.loci[0]).labels["exons"] == 2
    described = plan.identity()["readouts"][2]
    assert len(described["gtf"]) == 64  # the file may be moved
    (tmp_path / "lists" / "tracks.txt").write_text("# none\n")
    with pytest.raises(ConfigError, match="lists no track"):
        Plan.of(Experiment.from_text(text, tmp_path))
    with pytest.raises(ConfigError, match="cannot be read"):
        Plan.of(Experiment.from_text(text.replace("lists/", "no/"), tmp_path))


def test_a_list_of_tracks_of_a_readout(tmp_path):
    annotated(tmp_path)
    (tmp_path / "lists" / "tracks.txt").write_text("1\nsynthetic:al.*\n")
    text = EXPERIMENT.replace(READOUTS, '[[readouts]]\ntracks_file = "lists/tracks.txt"\n')
    plan = Plan.of(Experiment.from_text(text, tmp_path))
    assert plan.activities == ["synthetic:alpha", "synthetic:beta"]
    # A list is its content.
    assert plan.identity()["readouts"][0]["tracks"] == [1, "synthetic:al.*"]


def test_a_study_reads_them_in_its_stages(tmp_path):
    annotated(tmp_path)
    file = mini.study(
        tmp_path,
        ("[selection]", f'{READOUTS}\n[selection]\ntranscripts = "representative"'),
        ("seed = 7", 'seed = 7\ntrack = "tss:synthetic:alpha"'),
        ("rounds = 3", "rounds = 1"),
    )
    run_study(file, stages=STAGES)
    study = StudyResults(tmp_path / "mini.study")
    plain = mini.study(
        tmp_path,
        (
            "[selection]",
            f'{PLAIN}[selection]\ntranscripts = "representative"',
        ),
        ('name = "mini"', 'name = "plain"'),
        ("rounds = 3", "rounds = 1"),
    )
    run_study(plain, stages=STAGES)
    other = StudyResults(tmp_path / "plain.study")
    for label in other.tests:
        if label == "loci":
            continue
        one, alone = study.dataset(label), other.dataset(label)
        if "neighbour" in one.dims:
            one = one.isel(neighbour=0)
        one = one.sel(track="tss:synthetic:alpha")
        alone = alone.sel(track="tss:synthetic:alpha")
        for name in ("wild_type", "effect", "fold_change"):
            if name in alone and "round" not in alone[name].dims:
                np.testing.assert_array_equal(one[name].values, alone[name].values)
    assert study.categories == other.categories
    for name in ("categories", "cre_classes"):
        pd.testing.assert_frame_equal(study.table(name), other.table(name))
    necessity = study.table("necessity")
    assert necessity["neighbour"].max() == 2
    assert study.report(tmp_path / "report.html").stat().st_size > 10_000


def test_a_study_needs_an_activity_to_select_by(tmp_path):
    annotated(tmp_path)
    only = '[[readouts]]\nof = "exons"\n'
    file = mini.study(tmp_path, ("[selection]", f"{only}\n[selection]"))
    with pytest.raises(ConfigError, match="nor to select loci by"):
        creme.Study.from_file(file).plan()
    more = ("[selection]", f'{PLAIN}{only}gtf = "none.gtf"\n\n[selection]')
    track = ("seed = 7", 'seed = 7\ntrack = "tss:synthetic:alpha"')
    file = mini.study(tmp_path, more, track)
    with pytest.raises(CremeError, match=r"none\.gtf does not exist"):
        creme.Study.from_file(file).plan()
    more = ("[selection]", f"{PLAIN}{only}\n[selection]")
    bed = ('gtf = "annotation.gtf"', 'bed = "tss.bed"')
    (tmp_path / "tss.bed").write_text("mini1\t8192\t8193\tGENE1\t0\t+\n")
    file = mini.study(tmp_path, more, track, bed)
    with pytest.raises(ConfigError, match=r"needs a GTF, and .loci. has none"):
        creme.Study.from_file(file).plan()
