"""Exports of any test, by what its results say of themselves, and of unfinished ones."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from test_export_folder import run_cells
from test_export_tracks import graphs, read_bed

import any_tests
import exported
from creme.export import export
from creme.export.features import features, placed
from creme.results.directory import Results
from creme.results.presentation import presentation_of
from creme.study import open_results


@pytest.fixture(scope="module")
def loci(tmp_path_factory):
    fasta, _ = exported.genome(tmp_path_factory.mktemp("genome"))
    return exported.loci(fasta)[:2]


@pytest.fixture(scope="module")
def results(loci, tmp_path_factory):
    return any_tests.experiment(tmp_path_factory.mktemp("any"), loci)


@pytest.fixture(scope="module")
def out(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "out"
    export(results, folder)
    return folder


def test_a_foreign_measure_stands_at_its_intervals(results, out, loci):
    """By name along a text dimension, averaged over a numbered one; cut as tiles are."""
    dataset = Results(results).load("sags")
    for filling in ("A", "T"):
        for track, plain in (("synthetic:alpha", "alpha"), ("synthetic:beta", "beta")):
            stem = f"sags.{filling}.synthetic_{plain}"
            mean = dataset["ratio"].sel(filling=filling, track=track).mean("try")
            want = [
                (one.contig, start, end, mean.sel(locus=one.name, spot=k).item())
                for one in loci
                for k, (start, end) in enumerate(
                    zip(
                        dataset["genomic_start"].sel(locus=one.name).values.tolist(),
                        dataset["genomic_end"].sel(locus=one.name).values.tolist(),
                        strict=True,
                    )
                )
            ]
            got = graphs(out / "tracks", stem)
            assert [row[:3] for row in sorted(got)] == [row[:3] for row in sorted(want)]
            np.testing.assert_allclose(
                [row[3] for row in sorted(got)], [row[3] for row in sorted(want)], rtol=1e-6
            )
            rows = read_bed(out / "tracks" / f"{stem}.bed")
            scores = {(row[0], row[1]): row[4] for row in rows}
            sides = {row[3].rpartition(":")[2] for row in rows}
            assert sides <= {"above", "below", "neutral"}
            for contig, start, _, value in want:
                # From what it is where nothing happens, which is 1.
                assert scores[contig, start] == pytest.approx(1000 * abs(value - 1), abs=1)


def test_single_bases_have_a_bedgraph_of_their_importance(results, out):
    dataset = Results(results).load("bases")
    got = graphs(out / "tracks", "bases.synthetic_alpha")
    values = dataset["importance"].sel(track="synthetic:alpha").values
    assert len(got) == values.size == 12
    assert {end - start for _, start, end, _ in got} == {1}
    assert not list((out / "tracks").glob("bases*.bed"))


def test_tests_without_a_place_have_tables_alone(out):
    files = json.loads((out / "export.json").read_text())["files"]
    assert not [file for file in files if file.startswith(("tracks/motifs", "tracks/dose"))]
    assert {f"tables/{name}.csv" for name in ("bases", "motifs", "dose", "sags")} <= set(files)
    motifs = pd.read_csv(out / "tables" / "motifs.csv")
    assert len(motifs) == 2 * 2 * 2 * 2
    assert {"motif", "position_start", "position_distance", "effect_se"} <= set(motifs)
    dose = pd.read_csv(out / "tables" / "dose.csv")
    assert dose["activity"].notna().all()


def test_the_notebook_shows_each_test(out):
    code = "".join(
        cell["source"]
        for cell in json.loads((out / "notebook.ipynb").read_text())["cells"]
        if cell["cell_type"] == "code"
    )
    for label in ("bases", "motifs", "dose", "sags"):
        assert f"results.table('{label}').head(20)" in code
    run_cells(out / "notebook.ipynb", figures=False)


def test_more_names_than_files_are_averaged(results):
    dataset = Results(results).load("sags")
    shown = presentation_of(dataset, "sags")
    assert [place.part for place in placed(dataset, shown)] == ["A", "T"]
    many = dataset.isel(filling=[0] * 13).assign_coords(filling=[f"f{k}" for k in range(13)])
    (place,) = placed(many, shown)
    assert place.part == ""
    assert set(place.values.dims) == {"locus", "spot", "track"}


def test_a_measure_without_tracks_or_of_loci_alone(results):
    dataset = Results(results).load("sags")
    empty = pd.DataFrame(columns=["locus", "track", "tile_from", "tile_to", "cre_class"])
    flat = dataset.assign(ratio=dataset["ratio"].isel(track=0, filling=0).mean("try"))
    rows = features(flat, empty)
    assert rows is not None
    assert len(rows) == 6
    assert set(rows["track"]) == {""}
    whole = dataset.assign(ratio=dataset["ratio"].mean(["spot", "filling", "try"]))
    rows = features(whole, empty)
    assert rows is not None
    assert (rows["end"] - rows["start"] == 1).all()
    assert sorted(set(rows["start"])) == sorted(dataset["tss_position"].values.tolist())


def test_what_is_not_finished_is_exported_so_far(results, loci, tmp_path):
    """A run that was stopped: of one test some units are in the log, and no Dataset."""
    from creme.results.units import UnitLog

    path = tmp_path / "stopped.results"
    shutil.copytree(results, path)
    whole = Results(path).load("sags")
    shutil.rmtree(path / "sags.zarr")
    log = UnitLog(path, "sags")
    log.begin({**whole.attrs}, [str(name) for name in whole["track"].values])
    one = whole.isel(locus=0)
    unit = one.drop_vars([n for n in one.coords if n not in ("filling", *_OF_SPOTS)])
    log.append(0, unit, loci[0].name, loci[0].labels)
    log.close()
    Results(path).update({"state": "interrupted", "units": {"sags": {"finished": 1, "of": 2}}})
    view = open_results(path)
    assert view.tests == ("bases", "motifs", "dose", "sags")
    assert view.progress.tests["sags"].finished == 1
    assert view.progress.tests["sags"].of == 2
    assert view.dataset("sags").sizes["locus"] == 1
    assert view.presentation("sags").measure == "ratio"
    files = export(path, tmp_path / "out")
    assert "tables/sags.csv" in files
    got = graphs(tmp_path / "out" / "tracks", "sags.A.synthetic_alpha")
    assert len(got) == len(any_tests.SPOTS)


_OF_SPOTS = ("genomic_start", "genomic_end")
