"""Peaks of backgrounds elsewhere in the profile, from the store alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import in_process
from creme.errors import ConfigError
from creme.runner.background_peaks import background_peaks
from creme.runner.experiment import Experiment
from creme.runner.plan import Plan
from creme.runner.run import run_experiment
from creme.store import Store
from creme.suite.background import BackgroundTest

ALL_BINS = ('bins = "tss"', 'bins = "all"')


@pytest.fixture
def command(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


def test_they_are_those_of_the_models_profiles(experiment, command, tmp_path):
    file = experiment(ALL_BINS, ("replicates = 3", "replicates = 4"))
    made = Experiment.from_file(file)
    _, results = run_experiment(made)
    command("results", results.path, "--peaks", "--export", tmp_path / "peaks.csv")
    table = pd.read_csv(tmp_path / "peaks.csv")
    # The necessity test asks for none of them.
    assert set(table["test"]) == {"context_dependence"}
    assert len(table) == 3 * 4
    plan = Plan.of(made)
    test, model = plan.tests["context_dependence"], plan.model
    assert isinstance(test, BackgroundTest)
    for locus in plan.loci:
        rows = table[table["locus"] == locus.name].set_index("background")
        for number, control in enumerate(test.controls(locus)):
            onehot = control.onehot(model.n_value)[None]
            profile = model.predict(onehot)[0].mean(axis=1, dtype=np.float64)
            near: list[tuple[float, float]] = []
            far: list[tuple[float, float]] = []
            for index, value in enumerate(profile):
                centre = model.output_start + (index + 0.5) * model.bin_size - model.tss
                (near if abs(centre) <= 1000 else far).append((value, centre))
            row = rows.loc[number]
            assert row["at_tss"] == pytest.approx(max(near)[0], rel=1e-5)
            assert row["elsewhere"] == pytest.approx(max(far)[0], rel=1e-5)
            assert max(far)[0] == pytest.approx(
                next(value for value, centre in far if centre == row["distance"]), rel=1e-5
            )
    shown = command("results", results.path, "--peaks", "--top", 2)
    higher = int((table["ratio"] > 1).sum())
    assert f"{higher} of 12 backgrounds have a higher bin elsewhere" in shown


def test_kept_bins_at_the_tss_alone_are_not_enough(experiment):
    made = Experiment.from_file(experiment())
    run_experiment(made)
    with (
        Store(made.store_place) as store,
        pytest.raises(ConfigError, match=r"bins = 'all'"),
    ):
        background_peaks(Plan.of(made), store)
