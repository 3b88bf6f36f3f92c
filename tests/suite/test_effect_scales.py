"""Effects on other scales, wild types at or below 0, and a least activity."""

from __future__ import annotations

import json
import warnings
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr

import creme
import toy
from creme import registry
from creme.analysis.categories import context_categories, cre_classes
from creme.analysis.normalise import effect_by_wild_type, fold_change
from creme.errors import ConfigError, CremeWarning
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.seeds import derive
from creme.test import REMARKS

TILE, REPLICATES = 400, 3
LOCI = toy.toy_loci(3)
SCALES = ("relative", "difference", "log_ratio")
TESTS = ("necessity", "sufficiency", "context_dependence")


class Below(toy.Toy):
    """The toy's activities, in the first track less a number: some are below 0."""

    name: ClassVar[str] = "below"
    less: float = 0.0

    def predict(self, onehot):
        return super().predict(onehot) - np.array([self.less, 0], np.float32)


def create(name: str, **more: Any) -> creme.Test:
    few = {"tile": TILE, "replicates": REPLICATES, **more}
    return registry.create("test", {"name": name, **few})


def measured(test, model=toy.MODEL, loci=LOCI):
    """The Dataset, without warnings of remarks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CremeWarning)
        return creme.measure(test, model, loci)


@pytest.fixture(scope="module")
def wild_types():
    return np.array([toy.activity(locus.sequence.codes) for locus in LOCI])


@pytest.fixture(scope="module")
def below(wild_types):
    """A model, and the loci: the first one's first track is the only wild type below 0."""
    order = np.sort(wild_types[:, 0])
    middle = float(order[:2].mean())
    loci = [LOCI[k] for k in np.argsort(wild_types[:, 0])]
    return Below(less=middle), loci


def effect(scale: str, high: np.ndarray, low: np.ndarray, wild: np.ndarray) -> np.ndarray:
    match scale:
        case "relative":
            return (high - low) / wild
        case "difference":
            return high - low
        case _:
            return np.log2(high / low)


def expected(name: str, scale: str, locus, activity) -> np.ndarray:
    """(tile, replicate, track) or (replicate, track), sequence by sequence."""
    wild = locus.sequence.codes
    middle = slice(locus.tss - TILE // 2, locus.tss + TILE // 2)
    starts = [start for start in range(200, 2200, TILE) if start != middle.start]
    own = activity(wild)
    controls = []
    for k in range(REPLICATES):
        (codes,) = dinucleotide_shuffles(wild, [derive(0, locus.key, "background", k)])
        codes[middle] = wild[middle]
        controls.append(codes)
    if name == "context_dependence":
        return np.array([effect(scale, own, activity(codes), own) for codes in controls])
    rows = []
    for start in starts:
        end, row = start + TILE, []
        for k in range(REPLICATES):
            codes = controls[k].copy() if name == "sufficiency" else wild.copy()
            if name == "sufficiency":
                codes[start:end] = wild[start:end]
                row.append(effect(scale, activity(codes), activity(controls[k]), own))
            else:
                seed = derive(0, locus.key, "tile", start, end, k)
                (codes[start:end],) = dinucleotide_shuffles(wild[start:end], [seed])
                row.append(effect(scale, own, activity(codes), own))
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", TESTS)
def test_effects_are_those_of_plain_loops(name, scale):
    got = creme.measure(create(name, effect=scale), toy.MODEL, LOCI)
    for locus in LOCI:
        loops = expected(name, scale, locus, toy.activity)
        one = got.sel(locus=locus.name)
        np.testing.assert_allclose(one.effect_replicates, loops, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(one.effect, loops.mean(axis=-2), rtol=1e-4, atol=1e-5)
    assert got.attrs.get("effect_scale", "relative") == scale
    assert REMARKS not in got.attrs
    assert "below_minimum" not in got.variables


@pytest.mark.parametrize("name", TESTS)
def test_scales_have_one_sign(name):
    effects = [
        creme.measure(create(name, effect=scale), toy.MODEL, LOCI).effect_replicates
        for scale in SCALES
    ]
    signs = [np.sign(each.values) for each in effects]
    assert np.array_equal(signs[0], signs[1])
    assert np.array_equal(signs[0], signs[2])
    assert {-1.0, 1.0} <= set(signs[0].ravel().tolist())


def test_only_a_choice_stands_in_the_identity():
    for name in TESTS:
        usual = create(name).identity()
        assert not {"effect", "minimum_activity"} & set(usual)
        assert create(name, effect="relative").identity() == usual
        other = create(name, effect="difference", minimum_activity=0).identity()
        assert (other["effect"], other["minimum_activity"]) == ("difference", 0.0)
    with pytest.raises(ConfigError, match="effect = 'absolute' is not allowed"):
        create("necessity", effect="absolute")


@pytest.mark.parametrize("name", TESTS)
def test_a_wild_type_below_0_has_no_shares(name, below):
    model, loci = below
    with pytest.warns(CremeWarning, match="wild type is at or below 0") as seen:
        got = creme.measure(create(name), model, loci)
    assert len(seen) == 1
    (remark,) = json.loads(got.attrs[REMARKS])
    assert remark.startswith(
        f"locus {loci[0].name}: the activity of the wild type is at or below 0"
    )
    assert "transform" in remark
    assert "effect = 'difference'" in remark
    assert got.wild_type.values[0, 0] < 0 < got.wild_type.values.ravel()[1:].min()
    lost = got.effect.isel(locus=0, track=0)
    assert lost.isnull().all()
    assert not got.effect.isel(locus=slice(1, None)).isnull().any()
    assert not got.effect.isel(track=1).isnull().any()


def test_nothing_is_said_where_nothing_happens(below):
    model, loci = below
    usual = creme.measure(create("necessity"), toy.MODEL, loci)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CremeWarning)
        others = creme.measure(create("necessity"), model, loci[1:])
    assert REMARKS not in others.attrs
    assert set(others.variables) == set(usual.variables)


def test_a_wild_type_of_0_has_no_shares(wild_types):
    model = Below(less=float(np.float32(wild_types[0, 0])))
    got = measured(create("context_dependence"), model, LOCI[:1])
    assert got.wild_type.values[0, 0] == 0
    assert got.effect.isnull().values.tolist() == [[True, False]]


@pytest.mark.parametrize("name", TESTS)
def test_differences_are_defined_below_0(name, below):
    model, loci = below
    got = creme.measure(create(name, effect="difference"), model, loci)
    same = creme.measure(create(name, effect="difference"), toy.MODEL, loci)
    assert REMARKS not in got.attrs
    np.testing.assert_allclose(got.effect, same.effect, rtol=1e-4, atol=1e-6)


def test_log_ratios_below_0_are_not_defined(below):
    model, loci = below
    with pytest.warns(CremeWarning, match="no logarithm"):
        got = creme.measure(create("context_dependence", effect="log_ratio"), model, loci)
    undefined = (got.wild_type <= 0) | (got.mutant <= 0).any("replicate")
    assert np.array_equal(got.effect.isnull(), undefined)
    assert undefined.any()
    assert not undefined.all()


def test_fold_changes_of_controls_below_0_are_not_defined(wild_types):
    usual = creme.measure("distance", toy.MODEL, LOCI[:1], tile=TILE, replicates=3)
    middle = float(np.median(usual.control.isel(track=0)))
    with pytest.warns(CremeWarning, match="the activity of the control is at or below 0"):
        got = creme.measure("distance", Below(less=middle), LOCI[:1], tile=TILE, replicates=3)
    control = got.control.broadcast_like(got.fold_change_replicates)
    undefined = (control <= 0).transpose(*got.fold_change_replicates.dims)
    assert np.array_equal(got.fold_change_replicates.isnull(), undefined)
    assert undefined.any()
    assert not undefined.all()


def test_analyses_divide_by_nothing_below_0():
    usual = creme.measure(create("sufficiency"), toy.MODEL, LOCI)
    got = measured(create("sufficiency"), Below(less=float(np.median(usual.control[..., 0]))))
    again = effect_by_wild_type(got, "mutant", "control")
    assert np.array_equal(again.isnull(), got.effect_replicates.isnull())
    ratios = fold_change(got, "mutant", "control")
    negative = (got.control <= 0).broadcast_like(ratios).transpose(*ratios.dims)
    assert negative.any()
    assert np.array_equal(ratios.isnull(), negative)


def test_a_low_wild_type_is_flagged_and_has_no_class(wild_types):
    least = float(np.sort(wild_types[:, 0])[1])  # one of three below
    least -= 1e-3
    with pytest.warns(CremeWarning, match=r"below minimum_activity = .*: effects are flagged"):
        got = creme.measure(create("context_dependence", minimum_activity=least), toy.MODEL, LOCI)
    assert got.below_minimum.dims == ("locus", "track")
    assert np.array_equal(got.below_minimum, wild_types < least)
    assert got.below_minimum.values[:, 0].sum() == 1
    usual = creme.measure(create("context_dependence"), toy.MODEL, LOCI)
    assert np.array_equal(got.effect, usual.effect)
    categories = context_categories(got, enhancing=100.0, neutral=100.0, silencing=-100.0)
    assert np.array_equal(categories == "neutral", ~got.below_minimum)


def test_tiles_of_a_low_wild_type_have_no_class(wild_types):
    least = float(np.sort(wild_types[:, 0])[1]) - 1e-3
    got = measured(create("sufficiency", minimum_activity=least))
    classes = cre_classes(got, weak=0.0, strong=0.0)
    none = (classes == "").transpose("locus", "track", "tile")
    assert np.array_equal(none.all("tile"), got.below_minimum)
    assert np.array_equal(none.any("tile"), got.below_minimum)


@pytest.mark.parametrize("scale", SCALES[1:])
def test_effects_that_are_no_shares_have_no_class(scale):
    got = creme.measure(create("sufficiency", effect=scale), toy.MODEL, LOCI)
    assert (cre_classes(got, weak=0.0, strong=0.0) == "").all()


class Remarking(creme.Test):
    """Remarks on some loci."""

    name: ClassVar[str] = "remarking"

    def run(self, unit):
        (wild_type,) = yield [unit.sequence]
        dataset = xr.Dataset({"effect": ("track", wild_type)})
        if unit.name == "locus0":
            return dataset
        return creme.test.remarked(dataset, "{count} grains of salt", 2)


def test_remarks_of_any_test_are_counted_over_loci():
    loci = toy.toy_loci(7)
    with pytest.warns(CremeWarning, match="6 loci") as seen:
        got = creme.measure(Remarking, toy.MODEL, loci)
    assert len(seen) == 1
    said = "6 loci (locus1, locus2, locus3 and 3 more): 12 grains of salt"
    assert json.loads(got.attrs[REMARKS]) == [said]
    assert str(seen[0].message) == f"test 'remarking', {said}"
