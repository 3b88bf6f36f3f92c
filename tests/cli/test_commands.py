from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import warnings

import pandas as pd
import pytest

import small
from command import CREME


def creme(*args: object, status: int = 0) -> str:
    done = subprocess.run([*CREME, *map(str, args)], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(genome, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.toml").write_text(small.text(genome))
    creme("run", folder / "small.toml")
    return folder


def test_a_profile_adds_up(genome, tmp_path):
    (tmp_path / "small.toml").write_text(small.text(genome))
    shown = creme("run", tmp_path / "small.toml", "--profile")
    parts = ("perturb", "hash", "look-up", "one-hot", "model", "wait", "write", "tests")
    assert all(re.search(rf"\b{part}\b", shown) for part in parts)
    state = json.loads((tmp_path / "small.results" / "run.json").read_text())
    assert set(state["seconds"]) == set(parts)
    assert state["seconds"]["model"] > 0
    # The driver waits only while the model works, and each part is within the run.
    said = re.search(r"saved\. ([\d.]+) s", shown)
    assert said is not None
    whole = float(said[1])
    assert state["seconds"]["wait"] <= 2 * state["seconds"]["model"] + 5.0
    assert sum(state["seconds"].values()) - state["seconds"]["model"] <= whole


def test_a_plan_says_what_a_run_will_ask_for_and_runs_nothing(finished, genome, tmp_path):
    file = tmp_path / "small.toml"
    file.write_text(small.text(genome))
    (new,) = re.findall(
        r"in all ([\d,]+) sequences: 0 stored in .*, ([\d,]+) to predict",
        creme("run", file, "--plan"),
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.toml"]
    again = creme("run", finished / "small.toml", "--plan")
    assert f"in all {new[0]} sequences: {new[1]} stored in" in again
    assert ", 0 to predict" in again
    # The run of before has measured how long one takes; of another model nobody knows.
    assert re.search(r"\d s a prediction, as in .*small\.results", again)
    assert re.search(r"│ necessity +│ +3 │ \d+ +│ +\d+ │ +\d+ │ 0 +│ 0 s ", again)
    assert "not known: --seconds-per-prediction says it" in creme("run", file, "--plan")
    hours = creme("run", file, "--plan", "--seconds-per-prediction", 60)
    assert re.search(r"to predict, \d\.\d h", hours)
    assert "only with --plan" in creme("run", file, "--seconds-per-prediction", 1, status=2)
    assert "--output" in creme("run", file, "--plan", "--profile", status=2)


def test_a_plan_says_the_chance_to_find_an_effect(finished):
    shown = creme("run", finished / "small.toml", "--plan", "--power", 0.3, "--json")
    document, _ = json.JSONDecoder().raw_decode(shown)
    rows = {row["test"]: row for row in document["tables"]["power"]}
    assert set(rows) == {"context_dependence", "necessity"}
    for row in rows.values():
        assert row["replicates"] == 3
        assert 0 < row["chance"] <= 1
        assert row["noise_from"]
    assert "only with --plan" in creme("run", finished / "small.toml", "--power", 0.3, status=2)


def test_results_status_and_cache(finished):
    results = finished / "small.results"
    shown = creme("results", results)
    assert re.search(r"│ GENE1 │ GENE1 +│[^│]*│ syn1:\d+ +│ [+-] ", shown)
    assert "GENE1" in shown
    assert "necessity: strongest first" in shown
    assert "finished" in creme("status", results)
    assert "synthetic" in creme("cache", "info", finished / "predictions")
    assert "synthetic" in creme("cache", "info", finished / "small.toml")


def test_export(finished, tmp_path):
    results = finished / "small.results"
    creme("results", results, "--test", "necessity", "--export", tmp_path / "n.csv")
    creme("results", results, "--test", "necessity", "--export", tmp_path / "n.parquet")
    frame = pd.read_csv(tmp_path / "n.csv")
    assert len(frame) == 3 * 22 * 2
    assert {"locus", "gene", "contig", "genomic_start", "distance", "effect"} <= set(frame)
    parquet = pd.read_parquet(tmp_path / "n.parquet")
    assert list(parquet) == list(frame)
    assert list(parquet["locus"]) == list(frame["locus"])
    assert abs(parquet["effect"] - frame["effect"]).max() < 1e-9
    creme("results", results, "--test", "necessity", "--replicates", "--export", tmp_path / "r.csv")
    replicates = pd.read_csv(tmp_path / "r.csv")
    assert len(replicates) == 3 * 22 * 2 * 3
    mean = replicates.groupby(["locus", "tile", "track"])["effect_replicates"].mean()
    both = frame.set_index(["locus", "tile", "track"])["effect"]
    assert (mean - both).abs().max() < 1e-6
    assert "--test" in creme("results", results, "--export", tmp_path / "x.csv", status=2)
    assert ".parquet" in creme(
        "results", results, "--test", "necessity", "--export", tmp_path / "x.xls", status=2
    )


def test_init_writes_a_file_that_parses(tmp_path):
    from creme.runner.experiment import Experiment, build_tests

    creme("init", tmp_path / "mine.toml")
    experiment = Experiment.from_file(tmp_path / "mine.toml")
    assert set(build_tests(experiment.tests, 7)) == {
        "context_dependence",
        "necessity",
        "sufficiency",
    }
    assert "exists" in creme("init", tmp_path / "mine.toml", status=2)


def test_plugins_are_listed_and_nothing_is_imported():
    shown = creme("plugins")
    assert re.search(r"necessity +creme-toolkit", shown)
    assert re.search(r"dose +creme-template 0\.1\.0\n    \w", shown)
    assert "example_broken" in shown
    code = (
        "import sys; from creme.registry import plugins; plugins('model'); plugins('test');"
        "print([m for m in ('torch', 'tensorflow', 'numba', 'creme_seqnn', 'creme.suite')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_test_and_a_model_from_outside(experiment):
    file = experiment(
        ('plugin = "synthetic"\nlength = 24576', 'plugin = "example_model"'),
        ('name = "context_dependence"\ntile = 1000\nreplicates = 3', 'name = "dose"\ncopies = 3'),
        ('name = "necessity"\ntile = 1000', 'name = "necessity"\ntile = 100'),
        ('bins = "tss"\n', 'bins = "all"\n'),
    )
    text = file.read_text().replace('name = "dose"', 'name = "dose"\nmotif = "ACGT"')
    file.write_text(text)
    # The motif would stand 3,000 bp from the TSS: outside this model's 1,024 bp.
    assert "does not fit into a sequence of 1024 bp" in creme("run", file, status=1)
    file.write_text(text.replace("[model]", "[model]\nlength = 8192").replace('"small"', '"big"'))
    creme("run", file)
    shown = creme("results", file.parent / "big.results", "--test", "dose")
    assert "copies" in shown
    assert "activity" in shown


def test_nan_is_reported_and_not_stored(experiment, genome):
    from creme.genome import Annotation, Genome, select_loci
    from creme.store import Store

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loci = select_loci(Genome(genome.fasta), Annotation.from_bed(genome.bed), None, 1024)
    poison = str(loci[1].sequence[:24])
    file = experiment(
        ('plugin = "synthetic"\nlength = 24576', f'plugin = "example_model"\npoison = "{poison}"'),
        ('name = "context_dependence"\ntile = 1000', 'name = "context_dependence"\ntile = 100'),
        ('name = "necessity"\ntile = 1000', 'name = "necessity"\ntile = 100'),
    )
    shown = creme("run", file, status=1)
    assert "test 'necessity' on locus 'GENE2'" in shown
    assert "NaN" in shown
    state = json.loads((file.parent / "small.results" / "run.json").read_text())
    assert {failure[1] for failure in state["failures"]} == {"GENE2"}
    with Store(file.parent / "predictions") as store:
        # Only what had the poison at its start was predicted and not stored.
        assert 0 < store.count() < state["counts"]["predicted"]
    kept = creme("results", file.parent / "small.results")
    assert "GENE1" in kept
    assert "GENE3" in kept


BAD = [
    (('name = "small"', 'name = "small"\nreplicate = 2'), "unknown key 'replicate'"),
    (('name = "small"', 'name = "small"\nsed = 2'), "did you mean 'seed'"),
    (("seed = 7", "seed = -1"), "seed = -1 is not allowed"),
    (("seed = 7", "seed = = 7"), "not valid TOML"),
    (("[loci]", "[model]\n[loci]"), "table [model] stands twice, the second time in line"),
    (("[model]", "[[model]]"), "is not allowed: input should be a table"),
    (('plugin = "synthetic"', 'plugin = "sinthetic"'), "did you mean 'synthetic'"),
    (('plugin = "synthetic"', 'plugin = "example_broken"'), "cannot be imported"),
    (("length = 24576", "lenght = 24576"), "did you mean 'length'"),
    (('bins = "tss"', 'bins = "tss"\ntracks = ["gamma"]'), "matches none of the model's 2 tracks"),
    (('bins = "tss"', 'bins = "900-901"'), "has bins 0 to"),
    (("[loci]", '[loci]\ngenes = ["GENE9"]'), "did you mean"),
    (('name = "necessity"\ntile = 1000', 'name = "necessity"\ntile = 0'), "tile = 0"),
    (
        ('name = "necessity"', 'name = "necessity"\ntiles = [[12000, 13000]]'),
        "overlaps the TSS tile",
    ),
    (
        ('name = "necessity"', 'name = "higher_order"\nrounds = 1\ntiles = [[12000, 13000]]'),
        "overlaps the TSS tile",
    ),
    (
        ('name = "necessity"', 'name = "fine_tile"\ntiles = [[12000, 13000]]'),
        "overlaps the TSS tile",
    ),
    (
        ('name = "necessity"', 'name = "necessity"\nperturbation = "dinuc_shufle"'),
        "no perturbation is called 'dinuc_shufle'",
    ),
    (('name = "necessity"', 'name = "necesity"'), "did you mean 'necessity'"),
    (('name = "necessity"', 'name = "context_dependence"'), "give one a 'label'"),
    (("replicates = 3\n\n", "replicats = 3\n\n"), "did you mean 'replicates'"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_mistakes_are_sentences(experiment, change, message):
    file = experiment(change)
    shown = creme("run", file, status=2)
    assert message in shown.replace("\n", " ")
    assert not (file.parent / "small.results").exists()


def test_missing_files(experiment, tmp_path):
    assert "creme init" in creme("run", tmp_path / "no.toml", status=2)
    assert "not a results directory" in creme("resume", tmp_path, status=2)
    assert "no store" in creme("cache", "info", tmp_path / "no", status=2)


def test_contig_that_the_genome_lacks(experiment, tmp_path):
    bed = tmp_path / "other.bed"
    bed.write_text("chr99\t10\t11\tFAR\t0\t+\n")
    file = experiment()
    file.write_text(re.sub(r'bed = ".*"', f'bed = "{bed}"', file.read_text()))
    assert "chr99" in creme("run", file, status=2)


def test_window_past_the_contig_is_padded_and_said(experiment, tmp_path):
    bed = tmp_path / "edge.bed"
    bed.write_text("syn1\t5000\t5001\tEDGE\t0\t+\n")
    file = experiment()
    file.write_text(re.sub(r'bed = ".*"', f'bed = "{bed}"', file.read_text()))
    shown = creme("run", file)
    assert "padded with N" in shown
    assert str(24_576 // 2 - 5000) in shown


def test_results_of_another_experiment_are_kept(finished, tmp_path, genome):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    (folder / "small.toml").write_text(small.text(genome).replace("seed = 7", "seed = 8"))
    before = (folder / "small.results" / "run.json").read_text()
    shown = creme("run", folder / "small.toml", status=2)
    assert "another experiment" in shown
    assert "seed" in shown
    assert (folder / "small.results" / "run.json").read_text() == before
    creme("run", folder / "small.toml", "--output", folder / "seed8")
    assert "finished" in creme("status", folder / "seed8")


def test_names_are_no_markup(finished, tmp_path):
    folder = tmp_path / "old [/red] [b]"
    shutil.copytree(finished, folder)
    for command in ("status", "results"):
        shown = creme(command, folder / "small.results").replace("\n", "")
        assert command == "results" or "old [/red] [b]" in shown
    table = folder / "x [b].csv"
    shown = creme("results", folder / "small.results", "--test", "necessity", "--export", table)
    assert "x [b].csv" in shown.replace("\n", "")


def test_results_of_another_genome_are_kept(finished, tmp_path, genome):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    fasta = folder / "other.fa"
    fasta.write_text(genome.fasta.read_text().replace("ACG", "AGC"))
    text = small.text(genome).replace(str(genome.fasta), str(fasta))
    assert str(fasta) in text
    (folder / "small.toml").write_text(text)
    shown = creme("run", folder / "small.toml", status=2)
    assert "another experiment (it differs in genome)" in shown.replace("\n", " ")


def test_import_is_quick_and_free_of_frameworks():
    code = (
        "import time; t = time.perf_counter(); import creme; t = time.perf_counter() - t;"
        "import sys; print(t, [m for m in ('torch', 'tensorflow', 'xarray', 'zarr') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, modules = done.stdout.split(maxsplit=1)
    assert float(seconds) < 0.5
    assert modules.strip() == "[]"


def test_plugins_say_what_they_lack(tmp_path):
    """A distribution whose requirement is not installed; nothing is imported to find out."""
    info = tmp_path / "half_there-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: half-there\nVersion: 1.0\nRequires-Dist: numpy>=1\n"
        "Requires-Dist: no-such-framework>=2.1\nRequires-Dist: not-that; extra == 'gpu'\n"
    )
    (info / "entry_points.txt").write_text("[creme.models]\nhalf = half_there:Half\n")
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [*CREME, "plugins", "--verbose"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"},
    )
    (line,) = [line for line in done.stdout.splitlines() if "half_there:Half" in line]
    assert line.endswith("needs: pip install no-such-framework")
    assert "synthetic_genome" not in done.stdout
    (own,) = [line for line in done.stdout.splitlines() if "creme.models.synthetic:" in line]
    assert "needs" not in own
