"""`creme calibrate`: panels from an experiment file and from results, and runs that name one."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import in_process
from creme.analysis.panel import Panel
from creme.results.calibrated import DISTRIBUTIONS, keep_distributions
from creme.runner.calibrate import shuffled_loci
from creme.runner.experiment import Experiment
from creme.runner.plan import Plan
from creme.study.view import open_results
from creme.suite.necessity import Necessity

BELOW = ('bins = "tss"\n', 'bins = "tss"\ntracks = ["alpha"]\n')


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


def with_panel(file, panel):
    """The experiment file with a panel named."""
    file.write_text(file.read_text() + f'\n[calibration]\npanel = "{panel}"\n')
    return file


def test_a_panel_of_shuffled_contexts(experiment, tmp_path, creme):
    file = experiment(BELOW)
    plain = tmp_path / "small.results"
    creme("run", file)
    before = open_results(plain).table("necessity")
    shown = creme("calibrate", file, "--to", tmp_path / "panel.json", "--contexts", 2)
    panel = Panel.from_file(tmp_path / "panel.json")
    assert {one.test for one in panel.tests} == {"context_dependence", "necessity"}
    tiles = before["tile"].nunique()
    (necessity,) = (one for one in panel.tests if one.test == "necessity")
    (null,) = necessity.distributions.values()
    assert null.n == 3 * 2 * tiles
    assert f"necessity: {null.n} effects; the smallest p is {2 / (1 + null.n):.2g}" in shown
    track = before["track"].iloc[0]
    # Those of the panel's loci, and of the context dependence test on them.
    assert panel.floors[track]["n"] == 6 + 6 * 3
    assert f"floor of {track}: {panel.floor(track):.4g}" in shown

    # The panel's loci keep their TSS tile and the counts of dinucleotides, and nothing else.
    plan = Plan.of(Experiment.from_file(file))
    locus = plan.loci[0]
    first, second, *_ = shuffled_loci(plan.loci, list(plan.tests.values()), 7, 2)
    test = plan.tests["necessity"]
    assert isinstance(test, Necessity)
    tss = test.tss(locus)
    for one in (first, second):
        same = one.sequence.codes == locus.sequence.codes
        assert same[tss.start : tss.end].all()
        assert same[: tss.start].mean() < 0.5
    assert first.sequence.digest != second.sequence.digest

    # A run that names it predicts nothing, and says what it compares with.
    again = creme("run", with_panel(file, "panel.json"))
    assert " 0 predicted" in again
    table = open_results(plain).table("necessity")
    pd.testing.assert_frame_equal(table[before.columns.tolist()], before)
    for value, percentile, p in table[
        ["effect", "effect_panel_percentile", "effect_panel_p"]
    ].itertuples(index=False):
        assert p == null.p([value])[0]
        assert percentile == null.percentile([value])[0]
    printed = creme("results", plain, "--test", "necessity", "--verbose")
    assert "effect_percentile" in printed
    assert f"effect_panel_p: rank p among the {null.n} effects of the panel" in printed
    creme("results", plain, "--test", "necessity", "--export", tmp_path / "table.csv")
    assert "effect_panel_p" in pd.read_csv(tmp_path / "table.csv")
    # The copy is the results' own; without the key it goes.
    (tmp_path / "panel.json").unlink()
    kept = open_results(plain).panel
    assert kept is not None
    assert kept.described() == panel.described()
    file.write_text(file.read_text().partition("[calibration]")[0])
    creme("run", file)
    assert open_results(plain).panel is None


def test_the_distribution_is_kept_beside_results_and_serves_as_a_panel(experiment, tmp_path, creme):
    file = experiment(BELOW)
    creme("run", file)
    results = tmp_path / "small.results"
    kept = Panel.from_file(results / DISTRIBUTIONS)
    creme("calibrate", results, "--to", tmp_path / "own.json")
    own = Panel.from_file(tmp_path / "own.json")
    for one in (own, kept):
        assert one.source.endswith("effects of small")
    assert {**own.described(), "source": ""} == {**kept.described(), "source": ""}
    view = open_results(results)
    whole = view.dataset("necessity")["effect"].values
    calibrated = view.calibrated("necessity")
    assert calibrated["effect_percentile"].mean() == pytest.approx(50)
    lowest = np.unravel_index(whole.argmin(), whole.shape)
    assert calibrated["effect_percentile"].values[lowest] < 2
    shutil.copy(results / DISTRIBUTIONS, tmp_path / "kept.json")
    assert " 0 predicted" in creme("run", with_panel(file, "kept.json"))
    # Results of an earlier version do not say how activities were read.
    attrs = results / "necessity.zarr" / ".zattrs"
    described = json.loads(attrs.read_text())
    del described["readings"]
    attrs.write_text(json.dumps(described))
    (results / "necessity.checksums").unlink()
    shown = creme("calibrate", results, "--to", tmp_path / "old.json", status=2)
    assert "of an earlier version; run again" in shown
    keep_distributions(open_results(results))
    assert not (results / DISTRIBUTIONS).exists()
    assert " 0 predicted" in creme("run", file)
    assert (results / DISTRIBUTIONS).exists()


def test_a_panel_of_something_else_is_refused(experiment, tmp_path, creme):
    file = experiment(BELOW)
    creme("calibrate", file, "--to", tmp_path / "panel.json")
    other = with_panel(experiment(BELOW, ("length = 24576", "length = 26624")), "panel.json")
    assert "effects of another model are no measure" in creme("run", other, status=2)
    changed = experiment(BELOW)
    changed.write_text(changed.read_text().replace("replicates = 3", "replicates = 4"))
    assert "with other parameters (replicates differ)" in creme(
        "run", with_panel(changed, "panel.json"), status=2
    )
    assert "there is no panel" in creme("run", with_panel(experiment(BELOW), "none.json"), status=2)
    assert not (tmp_path / "small.results").exists()
    assert "ends in .json" in creme("calibrate", file, "--to", tmp_path / "panel.txt", status=2)
    described = json.loads((tmp_path / "panel.json").read_text())
    described["model"]["fingerprint"] = "0" * 64
    del described["checksum"]  # as whoever edits one does
    (tmp_path / "panel.json").write_text(json.dumps(described))
    assert "no measure of this one's" in creme(
        "run", with_panel(experiment(BELOW), "panel.json"), status=2
    )
    shutil.rmtree(tmp_path / "predictions")
