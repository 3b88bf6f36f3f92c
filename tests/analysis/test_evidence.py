"""Evidence: false positives are as frequent as they are said to be, and effects are found."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from creme.analysis.evidence import Prior, evidence, fit_prior
from creme.errors import ConfigError

TILES = 38


def dataset(replicates: np.ndarray) -> xr.Dataset:
    """A Dataset of (locus, tile, replicate, track) effects."""
    return xr.Dataset({"effect_replicates": (("locus", "tile", "replicate", "track"), replicates)})


def inert(random: np.random.Generator, loci: int, r: int, spread: np.ndarray) -> np.ndarray:
    """Effects of tiles whose native bases are one more draw from their own shuffles."""
    native = random.normal(size=(loci, TILES, 1, 1)) * spread
    return native - random.normal(size=(loci, TILES, r, 1)) * spread


@pytest.mark.parametrize("replicates", [2, 3, 5, 10, 30])
@pytest.mark.parametrize("spreads", ["equal", "unequal"])
def test_inert_tiles_are_called_as_often_as_the_level_says(replicates, spreads):
    random = np.random.default_rng(replicates)
    loci = 1500
    spread = np.ones((loci, TILES, 1, 1))
    if spreads == "unequal":
        spread = np.sqrt(6 / random.chisquare(6, spread.shape))
    values = inert(random, loci, replicates, spread)
    tested = evidence(dataset(values))
    rate = float((tested["p"] < 0.05).mean())
    assert 0.045 < rate < (0.06 if replicates == 2 else 0.054)
    # The t that takes the native bases for a mean over many does not hold its level.
    plain = stats.ttest_1samp(values[..., 0], 0, axis=2).pvalue
    assert (plain < 0.05).mean() > (0.15 if replicates > 2 else 0.08)
    assert int((tested["q"] < 0.05).sum()) <= 3


def test_effects_are_found_among_inert_tiles():
    random = np.random.default_rng(1)
    values = inert(random, 50, 10, np.ones((50, TILES, 1, 1)))
    values[:, :3] += 8
    tested = evidence(dataset(values))
    called = tested["q"].values[..., 0] < 0.05
    assert called[:, :3].mean() > 0.99
    # Of what is called, about one in twenty is not one at most.
    assert called[:, 3:].sum() / called.sum() < 0.06


def test_values_are_those_of_the_formula():
    random = np.random.default_rng(2)
    values = inert(random, 20, 4, np.ones((20, TILES, 1, 1)))
    tested = evidence(dataset(values))
    d0, v0 = float(tested["prior_df"][0]), float(tested["prior_variance"][0])
    one = values[3, 5, :, 0]
    variance = v0 if np.isinf(d0) else (d0 * v0 + 3 * one.var(ddof=1)) / (d0 + 3)
    t = one.mean() / np.sqrt(variance * (1 + 1 / 4))
    assert float(tested["t"][3, 5, 0]) == pytest.approx(t)
    reference = stats.norm if np.isinf(d0) else stats.t(d0 + 3)
    assert float(tested["p"][3, 5, 0]) == pytest.approx(2 * reference.sf(abs(t)), rel=1e-4)
    p = tested["p"].values.ravel()
    assert tested["q"].values.ravel() == pytest.approx(stats.false_discovery_control(p))
    assert tested["t"].dims == ("locus", "tile", "track")


def test_tracks_have_priors_of_their_own():
    random = np.random.default_rng(3)
    small, large = (inert(random, 200, 5, np.full((200, TILES, 1, 1), s)) for s in (1.0, 10.0))
    tested = evidence(dataset(np.concatenate([small, large], axis=3)))
    assert tested["prior_variance"].values == pytest.approx([1, 100], rel=0.05)
    assert ((tested["p"] < 0.05).mean(("locus", "tile")) < 0.055).all()


def test_what_was_not_measured_has_no_p():
    random = np.random.default_rng(4)
    values = inert(random, 30, 4, np.ones((30, TILES, 1, 1)))
    values[0, 0] = np.nan  # not measured
    values[0, 1, 1:] = np.nan  # a single replicate
    values[0, 2, 3:] = np.nan  # stopped early
    tested = evidence(dataset(values))
    assert np.isnan(tested["p"].values[0, :2, 0]).all()
    assert np.isfinite(tested["p"].values[0, 2:, 0]).all()
    single = evidence(dataset(values[:, :, :1]))
    assert single["p"].isnull().all()
    assert single["q"].isnull().all()


def test_a_test_without_replicates_is_refused():
    with pytest.raises(ConfigError, match="'dose' has no effect_replicates"):
        evidence(xr.Dataset(attrs={"test": "dose"}))


@pytest.mark.parametrize(("df", "prior"), [(2, 5.0), (9, 3.0), (4, 40.0)])
def test_a_prior_is_recovered(df, prior):
    random = np.random.default_rng(5)
    n = 200_000
    true = 2.5 * prior / random.chisquare(prior, n)
    fitted = fit_prior(true * random.chisquare(df, n) / df, df)
    assert fitted.df == pytest.approx(prior, rel=0.1)
    assert fitted.variance == pytest.approx(2.5, rel=0.02)


def test_constant_replicates_are_no_error():
    assert fit_prior(np.zeros(10), 4) == Prior(0.0, 0.0)
    tested = evidence(dataset(np.zeros((2, 3, 4, 1))))
    assert tested["p"].isnull().all()


def measured(test: str, random: np.random.Generator, loci: int = 400, r: int = 5) -> xr.Dataset:
    """A test's results where no tile does anything: activities are log-normal, of any level."""
    dims = ("locus", "tile", "replicate", "track")
    level = np.exp(random.normal(0, 2, (loci, 1, 1, 1)))
    native, drawn = (np.exp(random.normal(0, 0.8, (loci, TILES, k, 1))) for k in (1, r))
    background = np.exp(random.normal(0, 0.8, (loci, 1, r, 1)))
    if test == "necessity":
        raw = {"wild_type": level, "shuffled": level / native * drawn}
        effect = (raw["wild_type"] - raw["shuffled"]) / raw["wild_type"]
    else:
        raw = {
            "wild_type": level,
            "mutant": level * background * native,
            "control": level * background * drawn,
        }
        effect = (raw["mutant"] - raw["control"]) / level
    variables: dict[str, Any] = {name: (dims, values) for name, values in raw.items()}
    variables["wild_type"] = (("locus", "track"), raw["wild_type"][:, 0, 0])
    return xr.Dataset(
        {**variables, "effect_replicates": (dims, effect)},
        {"locus": [f"l{k}" for k in range(loci)], "track": ["one"]},
        attrs={"test": test},
    )


@pytest.mark.parametrize("test", ["necessity", "sufficiency"])
def test_logarithms_of_positive_activities_hold_the_level_and_shares_do_not(test):
    dataset = measured(test, np.random.default_rng(6))
    tested = evidence(dataset)
    assert tested["log"].values.tolist() == [True]
    assert 0.04 < float((tested["p"] < 0.05).mean()) < 0.06
    shares = evidence(dataset, scale="measure")
    assert shares["log"].values.tolist() == [False]
    # Shares are skewed and spread unequally, so that the prior is too wide: effects are missed.
    assert float((shares["p"] < 0.05).mean()) < 0.03


def test_logarithms_are_those_of_the_activities():
    random = np.random.default_rng(7)
    dataset = measured("sufficiency", random, loci=20)
    # As where the tiles of a locus share their backgrounds.
    dataset["control"] = dataset["control"].isel(tile=0)
    differences = xr.DataArray(np.log(dataset["mutant"]) - np.log(dataset["control"]))
    differences = differences.transpose("locus", "tile", "replicate", "track")
    alike = evidence(xr.Dataset({"effect_replicates": differences}))
    xr.testing.assert_allclose(evidence(dataset)[["t", "p", "q"]], alike[["t", "p", "q"]])
    context = xr.Dataset(
        {
            "wild_type": (("locus", "track"), random.uniform(1, 2, (9, 1))),
            "mutant": (("locus", "replicate", "track"), random.uniform(1, 2, (9, 4, 1))),
        },
        {"track": ["one"]},
        {"test": "context_dependence"},
    )
    effects = (context["wild_type"] - context["mutant"]) / context["wild_type"]
    context["effect_replicates"] = effects.transpose("locus", "replicate", "track")
    tested = evidence(context)
    assert tested["t"].dims == ("locus", "track")
    logs = np.log(context["wild_type"]) - np.log(context["mutant"])
    expected = evidence(xr.Dataset({"effect_replicates": logs}))["t"].transpose("locus", "track")
    np.testing.assert_allclose(tested["t"], expected)


def test_activities_at_or_below_0_have_no_logarithm():
    random = np.random.default_rng(8)
    dataset = measured("necessity", random, loci=20)
    two = xr.concat([dataset, dataset.assign_coords(track=["two"])], "track").transpose(
        ..., "replicate", "track"
    )
    two["shuffled"].values[3, 4, 1, 1] = 0
    tested = evidence(two)
    assert tested["log"].values.tolist() == [True, False]
    scales: tuple[Literal["log", "measure"], ...] = ("log", "measure")
    for track, scale in enumerate(scales):
        one = evidence(two.isel(track=[track]), scale=scale)
        np.testing.assert_allclose(tested["t"][..., track], one["t"][..., 0])
    with pytest.raises(ConfigError, match="some activities are not above 0"):
        evidence(two, scale="log")
    with pytest.raises(ConfigError, match="of test 'distance' no two activities"):
        evidence(two.assign_attrs(test="distance"), scale="log")
    assert not evidence(two.assign_attrs(test="distance"))["log"].any()
