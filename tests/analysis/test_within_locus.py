"""Counts and means within loci: intervals that resample shared backgrounds together."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from creme.analysis.within_locus import tiles_of_loci

TILES, REPLICATES = 38, 10


def dataset(random, loci, *, shared=0.5, backgrounds_of="locus", level=0.3):
    """Effects with as much noise of the background, which all tiles share, as of their own."""
    common = random.normal(size=(loci, 1, REPLICATES, 1)) * np.sqrt(shared)
    own = random.normal(size=(loci, TILES, REPLICATES, 1)) * np.sqrt(1 - shared)
    replicates = level + 0.1 * (common + own)
    return xr.Dataset(
        {
            "effect_replicates": (("locus", "tile", "replicate", "track"), replicates),
            "effect": (("locus", "tile", "track"), replicates.mean(axis=2)),
        },
        {"locus": [f"l{k}" for k in range(loci)], "track": ["t"]},
        {"configuration": json.dumps({"backgrounds_of": backgrounds_of})},
    )


def test_values_are_those_of_all_replicates():
    data = dataset(np.random.default_rng(0), 3)
    data["effect"][2] = np.nan
    data["effect_replicates"][2] = np.nan
    data["effect"][1, 5:] = np.nan
    data["effect_replicates"][1, 5:] = np.nan
    table = tiles_of_loci(data, "t", weak=0.31, weak_silencer=0.2, resamples=50)
    assert table["locus"].tolist() == ["l0"] * 3 + ["l1"] * 3
    for name, part in table.groupby("locus"):
        effects = data["effect"].sel(locus=name, track="t").dropna("tile").values
        expected = [(effects > 0.31).sum(), (effects < -0.2).sum(), effects.mean()]
        np.testing.assert_allclose(part["value"], expected)
        assert (part["low"] <= part["value"]).all()
        assert (part["high"] >= part["value"]).all()
        assert set(part["tiles"]) == {len(effects)}
    one = tiles_of_loci(data.isel(replicate=[0]), "t")
    assert one["low"].isna().all()


@pytest.mark.parametrize("backgrounds_of", ["locus", "tile"])
def test_intervals_hold_as_often_as_shared_backgrounds_let_them(backgrounds_of):
    shared = 0.5 if backgrounds_of == "locus" else 0.0
    data = dataset(
        np.random.default_rng(1), 60, shared=shared, backgrounds_of=backgrounds_of, level=0.2
    )
    table = tiles_of_loci(data, "t", resamples=100)
    means = table[table["of"] == "mean_effect"]
    held = ((means["low"] < 0.2) & (means["high"] > 0.2)).mean()
    # Tile by tile, with the background's noise, it would be 0.35.
    assert held > 0.8
