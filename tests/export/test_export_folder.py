"""Tables and the notebook of an export, and that it stands whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import exported
import mini_study as mini
from creme.errors import ConfigError, ResultsError
from creme.export import export, tables
from creme.export.tables import rows_of
from creme.results.directory import Results
from creme.results.tidy import tidy
from creme.study import StudyResults, run_study
from in_process import caller

STATISTICS = ("context_dependence", "necessity", "enough", "fine_tile", "bases")


@pytest.fixture(scope="module")
def experiment_results(tmp_path_factory):
    fasta, _ = exported.genome(tmp_path_factory.mktemp("genome"))
    return exported.experiment(tmp_path_factory.mktemp("experiment"), exported.loci(fasta))


@pytest.fixture(scope="module")
def finished_study(tmp_path_factory):
    return exported.study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def creme(monkeypatch, capsys):
    return caller(monkeypatch, capsys)


def read(path):
    text = ("locus", "gene", "track", "category", "cre_class", "strand", "contig", "transcript")
    kinds = dict.fromkeys((*text, "outlier_backgrounds"), str)
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=kinds)


def test_every_replicate_stands_in_the_tables(experiment_results, tmp_path, monkeypatch):
    results = Results(experiment_results)
    export(experiment_results, tmp_path / "whole", ["tables"])
    monkeypatch.setattr(tables, "_ROWS_AT_ONCE", 50)
    export(experiment_results, tmp_path / "parts", ["tables"])
    for label in STATISTICS:
        for name in (label, f"{label}.replicates"):
            files = [tmp_path / where / "tables" / f"{name}.csv" for where in ("whole", "parts")]
            if name == "bases.replicates":
                assert not files[0].exists()
                continue
            assert files[0].read_bytes() == files[1].read_bytes()
    dataset = results.load("necessity")
    table = read(tmp_path / "parts" / "tables" / "necessity.replicates.csv")
    # Tiles past a contig's end are not measured.
    there = int(dataset["shuffled"].notnull().sum())
    assert len(table) == there < dataset["shuffled"].size
    assert set(table["gene"]) == set(dataset["gene"].values.tolist())  # odd names come back
    for row in table.sample(50, random_state=1).itertuples():
        one = dataset.sel(locus=row.locus, tile=row.tile, replicate=row.replicate, track=row.track)
        assert row.shuffled == pytest.approx(one["shuffled"].item(), rel=1e-6)
        np.testing.assert_equal(row.effect_replicates, one["effect_replicates"].item())
        assert (row.genomic_start, row.strand) == (one["genomic_start"], one["strand"])


def test_rows_are_those_of_tidy_without_the_fill(finished_study):
    study = StudyResults(finished_study)
    raw = {"necessity": "shuffled", "distance": "moved", "multiplicity": "placed"}
    for stage in (*raw, "fine_tile"):
        dataset = study.dataset(stage)
        for replicates in (False, True):
            got = pd.concat(rows_of(dataset, replicates=replicates), ignore_index=True)
            want = tidy(dataset, replicates=replicates)
            there = want["tile_start"].notna()
            if replicates:
                there &= want[raw.get(stage, "whole")].notna()
            want = want[there].reset_index(drop=True)
            assert len(want)
            pd.testing.assert_frame_equal(got, want, check_dtype=False)


def test_replicates_that_were_not_measured_are_no_rows(experiment_results):
    dataset = Results(experiment_results).load("enough")
    last = xr.DataArray(np.arange(dataset.sizes["tile"]) % 2 == 0, dims="tile")
    measured = last | (dataset["replicate"] == 0)
    some = dataset.assign(
        {name: dataset[name].where(measured) for name in ("mutant", "effect_replicates")}
    )
    got = pd.concat(rows_of(some, replicates=True))
    there = dataset["mutant"].notnull() & measured
    assert len(got) == int(there.sum()) < int(dataset["mutant"].notnull().sum())
    # An effect without a value is one that was measured, where the wild type is 0.
    undefined = dataset.assign(effect_replicates=dataset["effect_replicates"] * np.nan)
    all_measured = int(dataset["mutant"].notnull().sum())
    assert len(pd.concat(rows_of(undefined, replicates=True))) == all_measured


def test_a_studys_tables_and_its_replicates(finished_study, tmp_path):
    study = StudyResults(finished_study)
    files = export(study.path, tmp_path / "csv", ["tables"])
    export(study.path, tmp_path / "parquet", ["tables"], "parquet")
    assert {f"tables/{name}.csv" for name in (*study.folder.tables(), "loci")} <= set(files)
    assert "tables/multiplicity.replicates.csv" in files
    loci = pd.read_csv(study.path / "loci.tsv", sep="\t", keep_default_na=False, dtype=str)
    exported = pd.read_csv(tmp_path / "csv/tables/loci.csv", keep_default_na=False, dtype=str)
    assert (
        exported["gene"].tolist()
        == loci["gene"].tolist()
        == list(study.table("categories")["gene"])
    )
    for file in files:
        one = read(tmp_path / "csv" / file)
        other = pd.read_parquet(tmp_path / "parquet" / file.replace(".csv", ".parquet"))
        assert list(one) == list(other)
        assert len(one) == len(other)
        kinds = {c: np.float32 if other[c].dtype == np.float32 else float for c in other}
        for column in one:
            if one[column].dtype.kind in "fi":
                np.testing.assert_array_equal(
                    # A float32 is written with as many digits as tell it from others.
                    one[column].to_numpy(float).astype(kinds[column]),
                    other[column].to_numpy(float).astype(kinds[column]),
                    err_msg=file,
                )
    replicates = read(tmp_path / "csv" / "tables" / "sufficiency.replicates.csv")
    mean = replicates.groupby(["locus", "tile_start", "track"])["effect_replicates"].mean()
    known = study.table("sufficiency").set_index(["locus", "tile_start", "track"])["effect"]
    np.testing.assert_allclose(mean, known.reindex(mean.index), atol=1e-12)


def run_cells(notebook, figures=True):
    """The cells' code in a process of its own, where the notebook stands."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = ["\n".join(c["source"].split("\n")) for c in cells if c["cell_type"] == "code"]
    plain = "\n".join(code).replace("%matplotlib inline\n", "")
    shows = sum(text.rstrip().endswith("ax.figure") for text in code)
    done = subprocess.run(
        [sys.executable, "-c", plain + ("\nassert ax.figure.axes" if figures else "")],
        cwd=notebook.parent,
        env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return shows, code


def test_the_notebook_runs_where_it_stands(
    finished_study, experiment_results, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    export(finished_study, "of study", ["notebook"])
    shows, code = run_cells(tmp_path / "of study" / "notebook.ipynb")
    assert shows == 2
    assert any("results.dataset('higher_order')" in text for text in code)
    assert str(finished_study) not in "".join(code)  # relative
    # The results directory has two tracks, and genes with odd names.
    export(experiment_results, tmp_path / "of_results", ["notebook"])
    shows, code = run_cells(tmp_path / "of_results" / "notebook.ipynb")
    assert shows == 2
    assert any("results.dataset('bases')" in text for text in code)


FORMER = {
    "a study": """
import pandas as pd

from creme import report
from creme.study import Study

study = Study({study!r})
track = study.state()['track']
pd.DataFrame(study.stages()).T
study.table('funnel')
necessity_results = study.dataset('necessity')
one = necessity_results.isel(locus=0).sel(track=track)
one['effect_replicates'].dropna('tile', how='all').to_pandas()
locus = necessity_results['locus'].values[0]
ax = report.tile_map(necessity=necessity_results, locus=locus, track=track)
""",
    "an experiment": """
from creme import report
from creme.runner.combine import tidy
from creme.runner.results import Results

results = Results.existing({experiment!r})
results.labels()
bases_results = results.load('bases')
tidy(bases_results).head(20)
context_dependence_results = results.load('context_dependence')
ax = report.context_histogram(context_dependence_results, track='synthetic:alpha')
""",
}


@pytest.mark.parametrize("of", FORMER)
def test_notebooks_of_the_former_version_run_and_warn(of, finished_study, experiment_results):
    paths = {"study": str(finished_study), "experiment": str(experiment_results)}
    done = subprocess.run(
        [sys.executable, "-c", FORMER[of].format(**paths) + "\nassert ax.figure.axes"],
        env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "CremeWarning" in done.stderr
    assert ("creme.open_results" if of == "a study" else "creme.results") in done.stderr


def test_the_notebook_is_a_notebook(finished_study, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    export(finished_study, tmp_path / "out", ["notebook"])
    read = nbformat.read(tmp_path / "out" / "notebook.ipynb", as_version=4)
    nbformat.validate(read)
    assert len(read.cells) > 10


def test_of_a_study_that_is_not_finished(tmp_path):
    mini.write(tmp_path, genes=3)
    file = mini.study(tmp_path)
    with pytest.raises(ResultsError, match="neither the folder of a study nor a results directory"):
        export(tmp_path / "mini.study", tmp_path / "out")
    run_study(file, stages=["loci"])
    with pytest.raises(ResultsError, match="has nothing for tracks: its results are of loci"):
        export(tmp_path / "mini.study", tmp_path / "out", ["tracks"])
    assert not (tmp_path / "out").exists()
    run_study(file, stages=["context_dependence"])
    files = export(tmp_path / "mini.study", tmp_path / "out")
    assert "tracks/context_dependence.bed" in files
    assert "tables/context_dependence.replicates.csv" in files
    assert not [file for file in files if "necessity" in file]
    run_cells(tmp_path / "out" / "notebook.ipynb")


def test_a_stage_with_nothing_to_do_is_left_out(tmp_path):
    mini.write(tmp_path, ["A", "B"])
    limits = "[categories]\nsilencing = -9.0\nenhancing = 9.0\n\n[common]"
    study = run_study(mini.study(tmp_path, ("[common]", limits)))
    assert study.stages["multiplicity"]["note"]
    files = export(study.path, tmp_path / "out", kind="parquet")
    assert "tables/multiplicity.parquet" in files
    assert len(pd.read_parquet(tmp_path / "out" / "tables" / "multiplicity.parquet")) == 0
    assert not [name for name in files if "multiplicity.replicates" in name]
    run_cells(tmp_path / "out" / "notebook.ipynb")


def test_replaced_as_a_whole_or_left_as_it_was(experiment_results, tmp_path, monkeypatch):
    out = tmp_path / "out"
    export(experiment_results, out, ["notebook", "tracks"])
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def fails(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("creme.export.folder.write_tables", fails)
        with pytest.raises(OSError, match="No space left"):
            export(experiment_results, out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    files = export(experiment_results, out, ["tables"])
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*.*")) == sorted(
        [*files, "export.json"]
    )
    assert json.loads((out / "export.json").read_text())["files"] == files
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


KILLED = """
import sys, time
import creme.export.folder as folder
write = folder.write_tables
def slow(*arguments):
    write(*arguments)
    print("written", flush=True)
    time.sleep(600)
folder.write_tables = slow
folder.export(*sys.argv[1:])
"""


def test_killed_before_its_end_there_is_none(experiment_results, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(experiment_results), str(tmp_path / "out")],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(0.05)
    assert not (tmp_path / "out").exists()
    export(experiment_results, tmp_path / "out", ["notebook"])
    assert (tmp_path / "out" / "export.json").is_file()


def test_what_is_no_export_is_left_alone(experiment_results, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("mine")
    for to in (tmp_path / "mine", tmp_path / "mine" / "thesis.tex", experiment_results):
        with pytest.raises(ConfigError, match="exists and is no export"):
            export(experiment_results, to)
    with pytest.raises(ConfigError, match=r"there is no folder .*nowhere"):
        export(experiment_results, tmp_path / "nowhere" / "out")
    with pytest.raises(ConfigError, match="nothing is called 'track': choose of tracks, tables"):
        export(experiment_results, tmp_path / "out", ["track"])
    with pytest.raises(ConfigError, match="tables as 'xlsx'"):
        export(experiment_results, tmp_path / "out", kind="xlsx")  # type: ignore[arg-type]
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert export(experiment_results, tmp_path / "empty", ["notebook"]) == ["notebook.ipynb"]


def test_labels_that_give_one_file_twice(experiment_results, tmp_path):
    results = Results(tmp_path / "twice.results")
    results.claim("text", tmp_path, {"tests": {}})
    dataset = Results(experiment_results).load("necessity").isel(track=[0]).drop_encoding()
    for label in ("necessity", "necessity.2"):
        results.save(label, dataset)
    with pytest.raises(ConfigError, match=r"both be written to tracks/necessity.2.bedgraph"):
        export(results.path, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["twice.results"]


def test_the_command(creme, experiment_results, tmp_path):
    said = creme("export", experiment_results, "--to", tmp_path / "out", "--only", "tracks")
    assert f"files to {tmp_path / 'out'}" in said
    assert "tracks/necessity.synthetic_alpha.bed" in said
    assert not (tmp_path / "out" / "tables").exists()
    said = creme("export", tmp_path, "--to", tmp_path / "out", status=2)
    assert "neither the folder of a study nor a results directory" in said
