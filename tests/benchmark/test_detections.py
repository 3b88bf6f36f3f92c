"""Scores of calls, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from creme.benchmark.detections import RESAMPLES, Strengths, calibration, scores

NAN = float("nan")
# locus, effect, q, truth
ROWS = [
    ("a", 0.30, 0.01, 0.25),  # an enhancer, found
    ("a", 0.20, 0.20, 0.22),  # an enhancer, missed
    ("a", -0.40, 0.01, -0.5),  # a silencer, found
    ("a", 0.00, 0.90, 0.0),  # nothing, right
    ("b", 0.02, 0.03, 0.0),  # nothing, called
    ("b", 0.05, 0.01, 0.04),  # a weak one: right to be called
    ("b", -0.05, 0.04, 0.03),  # the wrong sign
    ("b", NAN, NAN, 0.3),  # an enhancer that was not measured
    ("b", 0.00, 0.70, 0.02),  # a weak one, not called: no loss
]
EFFECTS = pd.DataFrame(ROWS, columns=["locus", "effect", "q", "truth"])


def test_counted_by_hand():
    table = scores(EFFECTS, Strengths(), seed=0)
    values = table["value"].to_dict()
    assert values["enhancer recall"] == pytest.approx(1 / 3)
    assert values["silencer recall"] == 1
    assert values["precision"] == pytest.approx(3 / 5)
    assert values["false call rate"] == pytest.approx(1 / 2)
    measured = EFFECTS.dropna()
    assert values["correlation"] == pytest.approx(
        np.corrcoef(measured["effect"], measured["truth"])[0, 1]
    )
    assert table["n"].to_dict() == {
        "enhancer recall": 3,
        "silencer recall": 1,
        "precision": 5,
        "false call rate": 2,
        "correlation": 8,
    }


def test_calls_have_a_least_effect():
    values = scores(EFFECTS, Strengths(), least=0.045, seed=0)["value"]
    assert values["precision"] == pytest.approx(3 / 4)
    assert values["false call rate"] == 0
    values = scores(EFFECTS, Strengths(), q=0.02, seed=0)["value"]
    assert values["precision"] == 1


def test_intervals_are_of_loci():
    table = scores(EFFECTS, Strengths(), seed=0)
    # Two loci: the recall is that of a alone (1/2), b alone (0/1), or both (1/3).
    assert table[["low", "high"]].to_dict("index")["enhancer recall"] == {"low": 0.0, "high": 0.5}
    again = scores(EFFECTS, Strengths(), seed=0)
    pd.testing.assert_frame_equal(table, again)
    assert RESAMPLES >= 1000
    # Drawn by loci, not by rows: with one locus there is no spread.
    alone = scores(EFFECTS[EFFECTS["locus"] == "a"], Strengths(), seed=0)
    assert alone[["low", "high"]].to_dict("index")["precision"] == {"low": 1.0, "high": 1.0}


def test_a_correlation_by_loci_is_numpys():
    random = np.random.default_rng(0)
    truth = random.normal(size=300)
    frame = pd.DataFrame(
        {
            "locus": np.repeat([f"l{k}" for k in range(10)], 30),
            "effect": truth + random.normal(size=300),
            "q": 1.0,
            "truth": truth,
        }
    )
    row = scores(frame, Strengths(), seed=0).loc["correlation"]
    assert row["value"] == pytest.approx(np.corrcoef(frame["effect"], frame["truth"])[0, 1])
    assert row["low"] < row["value"] < row["high"]
    assert row["high"] - row["low"] == pytest.approx(
        4 * (1 - row["value"] ** 2) / 300**0.5, rel=0.6
    )


def test_nothing_of_a_kind_is_nan():
    table = scores(EFFECTS[EFFECTS["truth"] == 0].assign(q=1.0), Strengths(), seed=0)
    values = table["value"].to_dict()
    assert np.isnan(values["enhancer recall"])
    assert np.isnan(values["precision"])
    assert values["false call rate"] == 0


def test_calibration_counts_false_calls():
    table = calibration(EFFECTS, Strengths())
    assert table["q"].tolist() == [0.01, 0.05, 0.1, 0.2]
    assert table["calls"].tolist() == [0, 5, 5, 5]
    assert table["false"].tolist() == [0, 1, 1, 1]
    assert np.isnan(table["share"][0])
    assert table["share"][1] == pytest.approx(1 / 5)
