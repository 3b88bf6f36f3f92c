"""Effects within noise are grey in tracks of genome browsers and in a terminal."""

from __future__ import annotations

import numpy as np
import pytest

import gapped
from creme.analysis.evidence import evidence
from creme.cli.strongest import strongest
from creme.export.features import cre_class_features, features
from creme.export.tracks import COLOURS, named
from in_process import caller

GREY = "140,140,140"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return gapped.gapped_study(tmp_path_factory)


def noisy(study, test):
    """A test's Dataset with noise between replicates, and one tile with an effect far beyond it."""
    dataset = study.dataset(test).drop_vars(["shuffled", "mutant"], errors="ignore")
    noise = np.random.default_rng(1).normal(0, 0.2, dataset["effect_replicates"].shape)
    there = dataset["effect_replicates"].notnull()
    dataset["effect_replicates"] = dataset["effect_replicates"] * 0 + noise
    dataset["effect_replicates"][2, 3] = 4.0 + 0.1 * dataset["effect_replicates"][2, 3]
    assert (dataset["effect_replicates"].notnull() == there).all()
    dataset["effect"] = dataset["effect_replicates"].mean("replicate")
    return dataset


@pytest.mark.parametrize("test", ["necessity", "sufficiency"])
def test_colours_of_tracks(study, test):
    dataset, shown = noisy(study, test), study.presentation(test)
    q = evidence(dataset)["q"]
    classes = cre_class_features(noisy(study, "sufficiency"), study.limits[1])
    placed = features(dataset, classes)
    assert placed is not None
    rows = named(placed, shown)
    by_place = {
        (locus, int(start)): float(q.values[row, k, 0])
        for row, locus in enumerate(dataset["locus"].values)
        for k, start in enumerate(dataset["genomic_start"].values[row])
    }
    grey, coloured = 0, 0
    for row in rows.to_dict("records"):
        if by_place[row["locus"], row["tile_from"]] > 0.05:
            assert row["colour"] == GREY
            grey += 1
        else:
            group = row["group"] if test == "sufficiency" else "activating"
            assert row["colour"] == COLOURS[group] != GREY
            coloured += 1
    assert grey > 40
    assert coloured >= 1


def test_rows_of_the_command_have_their_q(study, monkeypatch, capsys):
    dataset = noisy(study, "necessity")
    columns, rows = strongest(dataset, study.presentation("necessity"), 100)
    q = np.sort(evidence(dataset)["q"].values[np.isfinite(dataset["effect"].values)])
    assert columns[-1] == "q"
    assert len(rows) == 56
    np.testing.assert_allclose(np.sort([row[-1] for row in rows]), q)
    # Without tiles too; and not for tests whose measure is another.
    columns, _ = strongest(
        study.dataset("context_dependence"), study.presentation("context_dependence"), 3
    )
    assert columns[-1] == "q"
    assert "q" not in strongest(study.dataset("distance"), study.presentation("distance"), 3)[0]
    creme = caller(monkeypatch, capsys)
    assert "Grey: within noise (q above 0.05)" in creme(
        "results", study.path, "--test", "necessity"
    )
