"""Distance histograms and curves, and saturation with copies."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr

from creme.analysis import saturation as saturation_module
from creme.analysis.distances import distance_curve, distance_histogram, folded
from creme.analysis.normalise import effect_by_control, effect_by_wild_type, fold_change
from creme.analysis.saturation import saturation
from creme.errors import ConfigError


def sufficiency(effects, distance):
    return xr.Dataset(
        {"effect": (("locus", "tile", "track"), np.array(effects, float)[..., None])},
        {
            "locus": list("ab"[: len(effects)]),
            "track": ["one"],
            "distance": ("tile", distance),
        },
    )


def test_histogram_counts_cres_by_distance():
    results = sufficiency(
        [[0.6, 0.1, -0.4, 0.35], [0.31, np.nan, -0.2, -0.9]], [-10000, -5000, 5000, 10000]
    )
    got = distance_histogram(results, resamples=50).isel(track=0)
    assert got.distance.values.tolist() == [5000, 10000]
    assert got["count"].sel(kind="enhancer").values.tolist() == [0, 3]
    assert got["count"].sel(kind="silencer").values.tolist() == [1, 1]
    np.testing.assert_allclose(got["mean"].sel(kind="enhancer"), [0, 1.5])
    assert got.n.values.tolist() == [[2, 2], [2, 2]]
    signed = distance_histogram(results, signed=True, resamples=50).isel(track=0)
    assert signed.distance.values.tolist() == [-10000, -5000, 5000, 10000]
    assert signed["count"].sel(kind="enhancer").values.tolist() == [2, 0, 0, 1]
    strict = distance_histogram(results, weak=0.5, resamples=50).isel(track=0)
    assert strict["count"].sum().item() == 2
    with pytest.raises(ConfigError, match="bin_width = 0"):
        distance_histogram(results, bin_width=0)


def moved(changes, distance):
    return xr.Dataset(
        {"fold_change": (("locus", "tile", "position", "track"), np.array(changes, float))},
        {
            "locus": list("ab"[: len(changes)]),
            "track": ["one"],
            "position_distance": ("position", distance),
            "distance": ("tile", [7000] * len(changes[0])),
        },
    )


def test_both_sides_are_averaged():
    results = moved([[[[1], [2], [4], [9]]]], [-10000, -5000, 5000, 15000])
    got = folded(results)
    assert got.distance.values.tolist() == [5000, 10000, 15000]
    np.testing.assert_array_equal(got.squeeze(), [3, 1, 9])


def test_the_curve_is_a_mean_over_loci():
    results = moved([[[[2], [2]], [[4], [4]]], [[[7], [7]], [[np.nan], [np.nan]]]], [-5000, 5000])
    got = distance_curve(results, resamples=50).squeeze()
    np.testing.assert_allclose(got["mean"], 5)
    np.testing.assert_allclose(got.se, 2)
    assert got.n == 2


def copies(curve, spread=0.0, replicates=4, start=0.5):
    """A multiplicity Dataset whose fold change follows a curve of the number of copies."""
    random = np.random.default_rng(2)
    n = np.arange(1, 9)
    y = np.array([curve(k) for k in n])[:, None] + spread * random.normal(size=(8, replicates))
    return xr.Dataset(
        {
            "fold_change_replicates": (
                ("locus", "tile", "search", "copy", "replicate", "track"),
                y[None, None, None, :, :, None],
            ),
            "tss_control": (("locus", "replicate", "track"), np.full((1, replicates, 1), start)),
            "control": (("locus", "tile", "replicate", "track"), np.ones((1, 1, replicates, 1))),
        },
        {
            "copies": ("copy", n),
            "start": ("locus", [7]),
            "search": ["enhancers"],
            "locus": ["a"],
            "track": ["one"],
        },
    )


def test_a_saturating_curve_is_recovered():
    def curve(n):
        return 0.5 + 5.5 * n / (n + 2.0)

    exact = saturation(copies(curve), resamples=20).squeeze()
    np.testing.assert_allclose([exact.plateau, exact.half, exact.baseline], [6, 2, 0.5], rtol=1e-5)
    assert exact.saturates
    assert exact.rmse < 1e-6
    noisy = saturation(copies(curve, 0.05), resamples=200).squeeze()
    assert noisy.plateau_low < 6 < noisy.plateau_high
    assert noisy.half_low < 2 < noisy.half_high
    assert 0 < noisy.plateau_se < 0.5
    assert noisy.identical(saturation(copies(curve, 0.05), resamples=200).squeeze())


def test_each_draw_of_replicates_is_fitted_once(monkeypatch):
    """Two replicates have four draws, and the interval is that of a fit for each resample."""
    results = copies(lambda n: 0.5 + 5.5 * n / (n + 2.0), 0.05, replicates=2)
    fits = []

    def fit(*arguments):
        fits.append(one_fit(*arguments))
        return fits[-1]

    one_fit = saturation_module._fit
    monkeypatch.setattr(saturation_module, "_fit", fit)
    fitted = saturation(results, resamples=50, seed=3).squeeze()
    assert len(fits) == 1 + 4
    n = results.copies.values.astype(float)
    y = results.fold_change_replicates.squeeze().transpose("copy", "replicate").values.astype(float)
    y0 = (results.tss_control / results.control).squeeze().values.astype(float)
    draws = np.random.default_rng(3)
    chosen = [draws.integers(0, 2, 2) for _ in range(50)]
    slow = [one_fit(n, y[:, k].mean(axis=1), float(y0[k].mean())) for k in chosen]
    spread = [np.array(column).std(ddof=1) for column in zip(*slow, strict=True)]
    assert [fitted.plateau_se, fitted.half_se] == spread


def test_silencers_saturate_downwards():
    got = saturation(copies(lambda n: 0.5 - 0.4 * n / (n + 1)), resamples=20).squeeze()
    np.testing.assert_allclose([got.plateau, got.half], [0.1, 1], rtol=1e-4)


def test_no_plateau_is_made_up():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        straight = saturation(copies(lambda n: 0.5 + n), resamples=20).squeeze()
        flat = saturation(copies(lambda n: 0.5), resamples=20).squeeze()
        single = saturation(
            copies(lambda n: 0.5 + n / (n + 1), replicates=1), resamples=20
        ).squeeze()
    for got in (straight, flat):
        assert np.isnan(got.plateau)
        assert np.isnan(got.half)
        assert not got.saturates
        assert got.baseline == 0.5
    np.testing.assert_allclose(single.half, 1, rtol=1e-4)
    assert not single.saturates
    few = copies(lambda n: 0.5 + n / (n + 1)).isel(copy=slice(2))
    assert np.isnan(saturation(few).plateau).all()


def test_normalised_by_wild_type_or_control():
    results = xr.Dataset(
        {
            "wild_type": ("track", np.array([4, 0], np.float32)),
            "mutant": (("replicate", "track"), np.array([[3, 1], [1, 1]], np.float32)),
            "control": (("replicate", "track"), np.array([[1, 2], [2, 0]], np.float32)),
        }
    )
    np.testing.assert_array_equal(
        effect_by_wild_type(results, "mutant").transpose("replicate", "track"),
        [[0.25, np.nan], [0.75, np.nan]],
    )
    np.testing.assert_array_equal(
        effect_by_wild_type(results, "mutant", "control").isel(track=0), [0.5, -0.25]
    )
    np.testing.assert_array_equal(
        fold_change(results, "mutant", "control"), [[3, 0.5], [0.5, np.nan]]
    )
    np.testing.assert_array_equal(effect_by_control(results, "mutant"), [[2, -0.5], [-0.5, np.nan]])
    with pytest.raises(ConfigError, match="no 'shuffled': they have wild_type"):
        fold_change(results, "shuffled")
