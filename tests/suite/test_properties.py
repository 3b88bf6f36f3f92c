"""What must hold of the whole suite, whatever is drawn."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creme import registry
from creme.genome import Locus
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.necessity import Necessity
from toy import MODEL, toy_loci

LOCI = toy_loci(3)
TILES = [(100, 300), (700, 900), (2000, 2200)]
SUITE: dict[str, dict[str, Any]] = {
    "context_dependence": {},
    "context_swap": {},
    "necessity": {"tiles": TILES},
    "sufficiency": {"tiles": TILES},
    "distance": {"tiles": TILES[:2], "positions": [0, 300, 1500]},
    "higher_order": {"tiles": TILES},
    "multiplicity": {"tiles": TILES[:1], "positions": [0, 300, 1500], "copies": 2},
    "fine_tile": {"tiles": TILES[:1], "windows": [50], "shares": [0.8], "removed": [2]},
    "saturation_mutagenesis": {"regions": [(1190, 1194)]},
    "motif_embedding": {"motifs": ["TGACTCA"], "positions": [10, 1500]},
}
if "set_sufficiency" in registry.plugins("test"):  # not yet in an older installation
    SUITE["set_sufficiency"] = {"sets": [TILES[1], TILES[0]]}
if "interactions" in registry.plugins("test"):
    SUITE["interactions"] = {"tiles": TILES}
if "compatibility" in registry.plugins("test"):  # nor this one
    SUITE["compatibility"] = {"tiles": TILES[:1]}
if "design" in registry.plugins("test"):
    SUITE["design"] = {
        "length": 50, "distance": -400, "rounds": 1, "candidates": 3, "choose": 2,
        "finalists": 2, "designs": 1,
    }  # fmt: skip
if "design_check" in registry.plugins("test"):
    SUITE["design_check"] = {
        "designs": ["ACGTTGCA" * 8],
        "distance": -400,
        "others": 0,
        "copies": 2,
        "part": 32,
    }
BY_NAME = st.sampled_from(sorted(SUITE))
OF_ONE_LOCUS = st.sampled_from(sorted(set(SUITE) - {"compatibility", "design_check"}))
"""Those whose units are loci; a carrier of compatibility has elements of all."""
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def create(name, **changes):
    common = {} if name == "saturation_mutagenesis" else {"tile": 200, "replicates": 2}
    return registry.create("test", {"name": name, "seed": 1, **common, **SUITE[name], **changes})


def measured(test, loci, batch_size=None) -> xr.Dataset:
    plan = replace(prepare([test], MODEL, loci), batch_size=batch_size)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        report = measure(plan, store)
    assert not report.failures
    return report.datasets[test.name].drop_attrs()


@cache
def alone(name) -> xr.Dataset:
    """What the other runs are compared with."""
    return measured(create(name), LOCI)


def test_every_test_of_the_suite_is_here():
    own = {
        name
        for name, plugin in registry.plugins("test").items()
        if plugin.target.startswith("creme.suite.")
    }
    assert own == set(SUITE)


@few
@given(BY_NAME, st.permutations(range(3)), st.integers(1, 40))
def test_the_order_of_loci_and_the_batch_size_do_not_matter(name, order, batch_size):
    got = measured(create(name), [LOCI[k] for k in order], batch_size)
    for locus in alone(name).locus.values:
        assert got.sel(locus=locus).identical(alone(name).sel(locus=locus))


@few
@given(
    st.sampled_from(["necessity", "sufficiency", "distance", "higher_order"]),
    st.permutations(range(3)),
)
def test_the_order_of_tiles_does_not_matter(name, order):
    tiles = SUITE[name]["tiles"]
    shuffled = [tiles[k] for k in order if k < len(tiles)]
    assert measured(create(name, tiles=shuffled), LOCI).identical(alone(name))


@few
@given(OF_ONE_LOCUS, st.sets(st.integers(0, 2), min_size=1, max_size=2))
def test_adding_a_locus_changes_no_other_locus_numbers(name, chosen):
    fewer = measured(create(name), [LOCI[k] for k in sorted(chosen)])
    for locus in fewer.locus.values:
        here, there = fewer.sel(locus=locus), alone(name).sel(locus=locus)
        for variable in here.data_vars:
            # What is as long as the longest locus's search is filled with NaN after its end.
            cut = there[variable].sel({dim: here[dim] for dim in here[variable].dims})
            np.testing.assert_array_equal(here[variable], cut, err_msg=f"{name} {variable}")


@few
@given(BY_NAME, st.integers(0, 3))
def test_another_seed_draws_other_bases(name, seed):
    got = measured(create(name, seed=seed), LOCI)
    same = got.identical(alone(name))
    assert same == (seed == 1 or name == "saturation_mutagenesis")


@few
@given(st.integers(0, 3), st.integers(0, 10), st.integers(1, 4))
def test_the_necessity_of_a_tile_of_one_letter_is_refused(letter, tile, replicates):
    codes = LOCI[0].sequence.codes.copy()
    tiling = create("necessity", tiles=None).tiling(LOCI[0])
    chosen = list(tiling)[tile % len(tiling)]
    codes[chosen.start : chosen.end] = letter
    locus = Locus.from_sequence(Sequence(codes), "repeat")
    test = Necessity(tile=200, replicates=replicates)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        report = measure(prepare([test], MODEL, [locus, LOCI[1]]), store)
    ((_, unit, why),) = report.failures
    assert unit == "repeat"
    assert why.startswith(f"tile [{chosen.start}, {chosen.end}) (")
    assert "has no other arrangement" in why
    assert (report.datasets["necessity"].effect_replicates != 0).any()


@few
@given(st.permutations(range(3)), st.integers(1, 3))
def test_a_swap_with_itself_is_nothing(order, replicates):
    got = measured(create("context_swap", replicates=replicates), [LOCI[k] for k in order])
    own = got.source.values == got.target.values
    assert (got.effect.values[own] == 0).all()
    assert (got.dinuc_effect_replicates.values[own] == 0).all()
    assert (got.effect.values[~own] != 0).all()


@pytest.mark.parametrize(
    "name", sorted(set(SUITE) - {"higher_order", "multiplicity", "fine_tile", "design"})
)
def test_a_test_asks_for_as_many_as_it_says(name):
    test = create(name)
    plan = prepare([test], MODEL, LOCI)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        report = measure(plan, store)
    assert report.progress.asked == plan.size()


def test_the_wild_type_is_the_same_in_all_tests():
    for name in set(SUITE) - {"context_swap", "compatibility", "design_check"}:
        np.testing.assert_array_equal(alone(name).wild_type, alone("necessity").wild_type)
