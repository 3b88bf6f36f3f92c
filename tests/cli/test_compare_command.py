from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import any_tests
import crispri_tables
import exported
import in_process
import mini_study as mini
from creme.results.directory import Results
from creme.runner.experiment import parse
from creme.runner.run import run_experiment
from creme.study import open_results, run_study

EXPERIMENT = """\
name = "{name}"
seed = 7

[model]
plugin = "synthetic"
length = 65536
decay = {decay}
bins = "tss"

[loci]
fasta = "{fasta}"
bed = "{bed}"
{genes}
"""
TESTS = """
[[tests]]
name = "context_dependence"
replicates = 2

[[tests]]
name = "necessity"
replicates = 2

[[tests]]
name = "sufficiency"
replicates = 2

[[tests]]
name = "higher_order"
replicates = 2
rounds = 3
accept = "all"

[[tests]]
name = "saturation_mutagenesis"
regions = [[32760, 32770]]
"""


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


@pytest.fixture(scope="module")
def folder(genome, tmp_path_factory):
    """Results of two models, of fewer genes, and of another tile size."""
    folder = tmp_path_factory.mktemp("compare")
    for name, decay, genes, change in [
        ("a", 30_000.0, "", None),
        ("b", 10_000.0, "", None),
        ("few", 30_000.0, 'genes = ["GENE1", "GENE3"]', ("rounds = 3", "rounds = 2")),
        ("small", 30_000.0, 'genes = ["GENE1"]', ("necessity", 'necessity"\ntile = 2500#')),
    ]:
        text = EXPERIMENT.format(
            name=name, decay=decay, genes=genes, fasta=genome.fasta, bed=genome.bed
        )
        tests = TESTS if change is None else TESTS.replace(*change)
        report, _ = run_experiment(parse(text + tests, name, folder))
        assert not report.failures
    return folder


def test_an_experiment_agrees_with_itself(folder, creme):
    shown = creme("compare", folder / "a.results", folder / "a.results", "--resamples", 50)
    assert "the same experiment" in shown
    perfect = r"1\.000 \(1\.000 to 1\.000\)"
    for test, n in (("context_dependence", 3), ("necessity", 36), ("sufficiency", 36)):
        row = rf"{test} +│ synthetic:alpha +│ +3 │ +{n} │ {perfect} │ {perfect}"
        assert re.search(row, shown), test
    row = rf"higher_order │ enhancers │ synthetic:beta +│ +3 │ 3 +│ {perfect} │ +0\.\d+ │ +1\.000"
    assert re.search(row, shown)
    row = r"saturation_mutagenesis │ synthetic:alpha +│ +3 │ +90 "  # not the base that is there
    assert re.search(row, shown)
    assert "only in" not in shown


def test_two_models(folder, tmp_path, creme):
    shown = creme(
        *("compare", folder / "a.results", folder / "b.results"),
        *("--resamples", 100, "--export", tmp_path / "effects.csv"),
    )
    assert "A and B differ in model." in shown
    assert "context_dependence, synthetic:alpha: classes of A (down) and B (across)" in shown
    frame = pd.read_csv(tmp_path / "effects.csv")
    assert frame.groupby("test").size().to_dict() == {
        "context_dependence": 6,
        "necessity": 72,
        "sufficiency": 72,
        "saturation_mutagenesis": 180,
    }
    part = frame[(frame["test"] == "necessity") & (frame["track_a"] == "synthetic:alpha")]
    (row,) = re.findall(r"necessity +│ synthetic:alpha +│ +3 │ +36 │ (\S+) .*?│ (\S+)", shown)
    assert float(row[0]) == pytest.approx(part["a"].corr(part["b"]), abs=6e-4)
    assert float(row[1]) == pytest.approx(part["a"].corr(part["b"], "spearman"), abs=6e-4)
    # A shorter reach: the far enhancers are not what they were.
    assert float(row[0]) < 0.99
    again = creme(
        *("compare", folder / "a.results", folder / "b.results"),
        *("--resamples", 100, "--export", tmp_path / "effects.csv"),
    )
    assert again == shown


def test_what_one_of_both_lacks_is_said(folder, creme):
    shown = creme(
        *("compare", folder / "a.results", folder / "few.results", "--resamples", 20),
        *("--test", "necessity", "--test", "higher_order"),
    )
    assert "differ in loci, tests" in shown
    assert "necessity: 1 locus only in A: GENE2." in shown
    assert "higher_order: 1 locus only in A: GENE2." in shown
    assert re.search(r"necessity +│ synthetic:alpha +│ +2 │ +24 ", shown)
    # The shorter search decides.
    assert re.search(r"enhancers │ synthetic:alpha +│ +2 │ 2 ", shown)
    assert "context_dependence" not in shown


def test_a_test_with_nothing_in_common_hinders_no_other(folder, genome, tmp_path, creme):
    """A run of one locus has no swap but that into itself."""
    swap = '\n[[tests]]\nname = "context_swap"\nreplicates = 1\ngroups = { all = [%s] }\n'
    for name, genes in (("all", ["GENE1", "GENE2"]), ("one", ["GENE1"])):
        listed = ", ".join(f'"{gene}"' for gene in genes)
        text = EXPERIMENT.format(
            name=name, decay=1e4, genes=f"genes = [{listed}]", fasta=genome.fasta, bed=genome.bed
        )
        tests = '\n[[tests]]\nname = "context_dependence"\nreplicates = 2\n' + swap % listed
        report, _ = run_experiment(parse(text + tests, name, tmp_path))
        assert not report.failures
    args = ("compare", tmp_path / "all.results", tmp_path / "one.results", "--resamples", 20)
    shown = creme(*args)
    assert re.search(r"context_dependence │ synthetic:alpha +│ +1 │ +1 ", shown)
    assert "Not compared: context_swap (A and B have no locus" in shown
    shown = creme(*args, "--test", "context_swap", status=2)
    assert "no test in common that can be compared" in shown
    assert "only in A: GENE1 in GENE2, GENE2 in GENE1" in shown


def test_two_names_of_one_tss_are_paired(folder, genome, tmp_path, creme):
    """As of two annotations, one with symbols and one with Ensembl identifiers."""
    bed = tmp_path / "other.bed"
    bed.write_text(genome.bed.read_text().replace("GENE2", "ENSG02"))
    text = EXPERIMENT.format(name="ens", decay=30_000.0, genes="", fasta=genome.fasta, bed=bed)
    report, _ = run_experiment(parse(text + TESTS, "ens", tmp_path))
    assert not report.failures
    shown = creme(
        *("compare", folder / "a.results", tmp_path / "ens.results", "--resamples", 20),
        *("--export", tmp_path / "effects.csv"),
    )
    for test in ("context_dependence", "necessity", "sufficiency", "higher_order"):
        assert (
            f"{test}: 1 locus with another name in B, paired by contig, TSS and strand: "
            f"GENE2 (ENSG02)."
        ) in shown
    assert "only in" not in shown
    perfect = r"1\.000 \(1\.000 to 1\.000\)"
    assert re.search(rf"necessity +│ synthetic:alpha +│ +3 │ +36 │ {perfect} │ {perfect}", shown)
    assert re.search(rf"enhancers │ synthetic:alpha +│ +3 │ 3 +│ {perfect} ", shown)
    frame = pd.read_csv(tmp_path / "effects.csv")
    assert set(frame.loc[frame["locus"] == "GENE2", "locus_b"]) == {"ENSG02"}


def test_one_track_against_another(folder, creme):
    shown = creme(
        *("compare", folder / "a.results", folder / "a.results", "--resamples", 20),
        *("--track-a", "synthetic:alpha", "--track-b", "synthetic:beta", "--test", "necessity"),
    )
    assert "synthetic:alpha / synthetic:beta" in shown
    (value,) = re.findall(r"beta +│ +3 │ +36 │ (\S+)", shown)
    assert 0 < float(value) < 1


def test_mistakes_are_sentences(folder, tmp_path, creme):
    def said(*args):
        return creme("compare", folder / "a.results", *args, status=2)

    shown = said(folder / "small.results")
    assert "necessity: A has a tile of 5000 bp and B one of 2500 bp" in shown
    assert "nor a results directory" in said(tmp_path)
    assert "did you mean 'necessity'" in said(folder / "b.results", "--test", "necesity")
    assert "A has no track 'gamma'" in said(folder / "b.results", "--track-a", "gamma")
    assert "give .csv or .tsv" in said(folder / "b.results", "--export", tmp_path / "x.xls")
    assert "between 0 and 1" in said(folder / "b.results", "--persistence", 2)


def test_the_first_stage_of_a_study_is_compared_by_its_activities(tmp_path, creme):
    mini.write(tmp_path, genes=2)
    done = run_study(mini.study(tmp_path), stages=["loci"])
    path = done.path / "stages" / "loci"
    shown = creme("compare", path, path, "--resamples", 10)
    assert re.search(r"tss_activity, wild_type │ synthetic:alpha +│ +2 │ +2 │ 1.000", shown)
    table = crispri_tables.write(
        tmp_path / "t.tsv", [("mini1", 5, 9, "GENE1", -0.3, "TRUE", "TRUE", 1000)]
    )
    shown = creme("validate", "crispri", table, path, status=2)
    assert "has no results of the test 'necessity'" in shown


def test_any_measure_is_paired_by_its_coordinates(tmp_path, creme):
    fasta, _ = exported.genome(tmp_path)
    loci = exported.loci(fasta)[:3]
    a = any_tests.experiment(tmp_path, loci, "a")
    b = any_tests.experiment(tmp_path, loci[1:], "b", seed=6)
    # Positions in another order, and one of A's motifs alone: neither is paired by its place.
    motifs = Results(b).load("motifs")
    turned = motifs.isel(position=[1, 0], motif=[1]).assign_coords(position=[0, 1])
    changed = turned.assign(effect=turned["effect"] + 1).drop_encoding()
    Results(b).save("motifs", changed)
    shown = creme(
        *("compare", a, b, "--resamples", 20, "--export", tmp_path / "pairs.csv"),
    )
    assert "motifs: 1 locus only in A: " in shown
    assert "motifs: 4 values of the 2 common loci only in A." in shown
    assert re.search(r"sags, ratio +│ synthetic:beta +│ +2 │ +24 │ 1.000 \(1.000 ", shown)
    assert re.search(r"dose, activity +│ synthetic:beta +│ +2 │ +\d ", shown)
    assert re.search(r"bases +│ synthetic:alpha +│ +2 │ +36 ", shown)
    assert "Not compared" not in shown
    frame = pd.read_csv(tmp_path / "pairs.csv")
    assert set(frame["measure"]) == {"effect", "ratio", "activity"}
    own = Results(a).load("motifs").sel(track="synthetic:alpha", motif="GATAAG")
    part = frame[(frame["test"] == "motifs") & (frame["track_a"] == "synthetic:alpha")]
    assert len(part) == 4
    for row in part.to_dict("records"):
        at = own["position_distance"].values.tolist().index(row["position_distance"])
        value = own["effect"].sel(locus=row["locus"]).isel(position=at).item()
        np.testing.assert_allclose(row["a"], value, rtol=1e-5)
        other = changed.sel(track="synthetic:alpha", motif="GATAAG", locus=row["locus"])
        at = other["position_distance"].values.tolist().index(row["position_distance"])
        np.testing.assert_allclose(row["b"], other["effect"].isel(position=at).item(), rtol=1e-5)


def test_what_cannot_be_paired_is_left_out_with_the_reason(tmp_path, creme):
    fasta, _ = exported.genome(tmp_path)
    loci = exported.loci(fasta)[:2]
    a, b = (any_tests.experiment(tmp_path, loci, name) for name in "ab")
    results = Results(b)
    sags, dose, bases = (results.load(label) for label in ("sags", "dose", "bases"))
    results.save("sags", sags.isel({"try": 0}).drop_encoding())
    results.save("dose", dose.rename(activity="response").drop_encoding())
    results.save("bases", bases.drop_vars("contig").drop_encoding())
    shown = creme("compare", a, b, "--resamples", 5)
    left_out = shown[shown.index("Not compared: ") :].replace("\n", " ")
    assert "bases (the units of B are no loci)" in left_out
    assert "dose (A measures 'activity' and B 'response')" in left_out
    assert "sags ('ratio' is along filling, locus, spot, track, try in A and along" in left_out
    assert "motifs" not in left_out


def test_studies_are_compared_by_stages_and_with_experiments_by_tests(tmp_path, creme):
    mini.write(tmp_path, genes=3)
    stages = ["loci", "context_dependence", "necessity", "sufficiency"]
    one = run_study(mini.study(tmp_path), stages=stages).path
    changes = (("seed = 7", "seed = 8"), ('name = "mini"', 'name = "other"'))
    limits = ("[common]", "[classes]\nweak = 0.3\nstrong = 50.0\n\n[common]")
    file = mini.study(tmp_path, *changes, limits, name="other.toml")
    other = run_study(file, stages=stages).path
    shown = creme("compare", one, other, "--resamples", 20)
    assert "A and B differ in " in shown
    assert "loci: seed, necessity: parameters, sufficiency: classes" in shown
    assert "The study of A is stopped." in shown
    assert re.search(r"loci, wild_type +│ synthetic:alpha +│ +3 │ +3 │ 1.000", shown)
    assert re.search(r"necessity +│ synthetic:alpha +│ +3 │ +30 ", shown)
    # Each study's classes are those of its own thresholds.
    counts = [open_results(path).raw["classes"] for path in (one, other)]
    assert counts[0] != counts[1]
    (table,) = re.findall(r"(?s)sufficiency, synthetic:alpha: classes of A.*?└", shown)
    weak = sum(of.get("weak enhancer", 0) for of in counts[1].values())
    (row,) = re.findall(r"A \\ B(.*)", table)
    at = [name.strip() for name in row.split("┃")].index("weak enhancer")
    cells = [line.split("│")[1:-1] for line in table.splitlines() if line.startswith("│")]
    assert sum(int(line[at].strip()) for line in cells) == weak
    # A test of an experiment that is called otherwise goes with the stage of its name.
    text = f"""
name = "mine"
seed = 7
[model]
plugin = "synthetic"
length = {mini.LENGTH}
decay = {mini.DECAY}
tracks = ["alpha"]
[loci]
fasta = "genome.fa"
table = "mini.study/selected.tsv"
[[tests]]
name = "necessity"
label = "needed"
tile = {mini.TILE}
replicates = 2
"""
    report, results = run_experiment(parse(text, "mine", tmp_path))
    assert not report.failures
    shown = creme("compare", results.path, one, "--resamples", 20)
    assert "A is an experiment and B is a study." in shown
    perfect = r"1\.000 \(1\.000 to 1\.000\)"
    row = rf"needed / necessity +│ synthetic:alpha +│ +3 │ +30 │ {perfect}"
    assert re.search(row, shown)
    assert creme("compare", results.path, one, "--resamples", 20, "--test", "needed") == shown
    shown = creme("compare", results.path, one, "--test", "sufficiency", status=2)
    assert "has no results of a test 'sufficiency'" in shown


def test_effects_on_another_scale_have_no_classes(folder, genome, creme):
    """Thresholds are shares of the wild type's activity; differences were classed by them."""
    scaled = "\n".join(
        f'[[tests]]\nname = "{name}"\nreplicates = 2\neffect = "difference"\n'
        for name in ("context_dependence", "sufficiency")
    )
    text = EXPERIMENT.format(
        name="scaled", decay=30_000.0, genes="", fasta=genome.fasta, bed=genome.bed
    )
    run_experiment(parse(text + scaled, "scaled", folder))
    shown = creme("compare", folder / "a.results", folder / "scaled.results", "--resamples", 10)
    assert "sufficiency: no classes, whose thresholds are shares of the wild type's" in shown
    assert "the effects of A are 'relative' and those of B 'difference'" in shown
    assert "Cohen's kappa" not in shown
    assert "Pearson" in shown
