"""The power that is planned for is the power that simulated experiments have."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from creme.analysis.evidence import evidence
from creme.analysis.power import Noise, benchmark_noise, noise_of, power, replicates_for
from creme.errors import ConfigError

NOISE = Noise(df=6.0, sd=0.05, log=True, control=1.0, called=0.2)


def simulated(effect: float, replicates: int, noise: Noise, *, acting: int, tiles: int = 4000):
    """A necessity Dataset: the first tiles lose a share of the activity, the others nothing."""
    random = np.random.default_rng(3)
    sd = noise.sd * np.sqrt(noise.df / random.chisquare(noise.df, tiles))
    loss = np.where(np.arange(tiles) < acting, math.log1p(-effect), 0.0)
    native = random.normal(size=tiles) * sd
    shuffled = np.exp(loss[:, None] + random.normal(size=(tiles, replicates)) * sd[:, None])
    wild_type = np.exp(native)
    return xr.Dataset(
        {
            "wild_type": (("tile", "track"), wild_type[:, None]),
            "shuffled": (("tile", "replicate", "track"), shuffled[..., None]),
            "effect_replicates": (
                ("tile", "replicate", "track"),
                1 - shuffled[..., None] / wild_type[:, None, None],
            ),
        },
        attrs={"test": "necessity"},
    )


@pytest.mark.parametrize(("effect", "replicates"), [(0.2, 3), (0.2, 10), (0.3, 5)])
def test_the_power_of_simulated_experiments(effect, replicates):
    dataset = simulated(effect, replicates, NOISE, acting=1200)
    called = (evidence(dataset)["q"] < 0.05).isel(track=0).values
    observed = called[:1200].mean()
    # The benchmark's own share of calls, which the procedure's line depends on.
    noise = Noise(NOISE.df, NOISE.sd, True, 1.0, float(called.mean()))
    assert power(effect, replicates, noise) == pytest.approx(observed, abs=0.04)


def test_noise_is_taken_back_from_a_dataset():
    noise = noise_of(simulated(0.3, 10, NOISE, acting=400))
    assert noise.sd == pytest.approx(NOISE.sd, rel=0.1)
    assert noise.df == pytest.approx(NOISE.df, rel=0.3)
    assert noise.log
    assert noise.control == 1.0
    assert 0.03 < noise.called < 0.12


def test_fewest_replicates():
    needed = replicates_for(0.25, NOISE)
    assert needed is not None
    assert power(0.25, needed, NOISE) >= 0.8
    assert needed == 2 or power(0.25, needed - 1, NOISE) < 0.8
    # The native bases are one draw, whatever the number of shuffles.
    assert replicates_for(0.05, NOISE) is None
    assert power(0.05, 100, NOISE) < 0.4


def test_a_silencer_and_a_weak_control():
    weak = Noise(math.inf, 0.05, True, 0.1, 0.2)
    assert power(-0.3, 5, NOISE) == pytest.approx(power(1 - 1 / 1.3, 5, NOISE), abs=1e-9)
    # Beside a weak promoter the same addition is a large change.
    assert power(0.03, 5, weak) > power(0.03, 5, Noise(math.inf, 0.05, True, 1.0, 0.2))
    assert power(0.03, 5, Noise(math.inf, 0.05, False, 0.1, 0.2)) < power(0.03, 5, weak)


@pytest.mark.parametrize(
    ("effect", "replicates", "noise", "words"),
    [
        (0.2, 1, NOISE, "two or more"),
        (1.0, 3, NOISE, "leaves no activity"),
        (-0.5, 3, Noise(3.0, 0.1, True, 0.4, 0.1), "above -0.4"),
    ],
)
def test_refused(effect, replicates, noise, words):
    with pytest.raises(ConfigError, match=words):
        power(effect, replicates, noise)


def test_noise_of_another_test():
    with pytest.raises(ConfigError, match="no noise is known of test 'distance'"):
        noise_of(xr.Dataset(attrs={"test": "distance"}))


def test_the_benchmarks_table():
    noise, words = benchmark_noise("necessity", 1100)
    assert words.endswith("tiles of 1,000 bp")
    assert noise.sd > 0
    assert power(0.3, 10, noise) > 0.8
    for test in ("context_dependence", "sufficiency"):
        assert benchmark_noise(test, 5000)[0].called > 0
