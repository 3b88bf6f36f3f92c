"""Planted classes are found, nothing is found where there are none, and saturation is no class."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from planted_pairs import ELEMENT, LENGTH, TILE, loci_of

import creme
from creme.analysis.compatibility import compatibility, deviations_of, intact, pair_table
from creme.analysis.compatibility_classes import compatibility_classes
from creme.analysis.compatibility_parts import parts_of_pairs
from creme.analysis.compatibility_shares import variance_shares
from creme.demo.rules import Grammar
from creme.errors import ConfigError
from creme.models.oracle import OracleModel
from creme.suite.compatibility import Compatibility

SATURATING = """
name = "saturating"
cell_types = ["alpha"]
[binding]
mismatches = 1
[factors.enhancer]
motifs = ["TGACTCAGCAGTTC"]
effect = "additive"
weight = 1.0
reach = 30000
[promoters.early]
motifs = ["GCTATAAGGCACCG"]
basal = 0.3
ceiling = 20.0
[promoters.late]
motifs = ["CTTCCGGTCATGAC"]
basal = 0.5
half = 6.0
hill = 1.0
[promoters.between]
motifs = ["ACGCGCCATTGGCA"]
basal = 0.6
half = 2.0
hill = 1.5
ceiling = 60.0
"""


def measured(name: str, kinds) -> xr.Dataset:
    grammar = Grammar.read(name)
    test = Compatibility(tile=TILE, tiles=[ELEMENT], seed=3, distances=[-700])
    model = OracleModel(length=LENGTH, grammar=name)
    return creme.measure(test, model, loci_of(grammar, kinds), tracks="alpha")


CLASSES, FACTORS = ("tissue", "common", "house"), ("AXO", "BIR", "CUL")


@pytest.fixture(scope="module")
def classes() -> xr.Dataset:
    kinds = [(CLASSES[k % 3], FACTORS[k // 4], 2 + k % 4) for k in range(12)]
    return measured("cis", kinds)


def factor_of(enhancer: str) -> str:
    digits = "".join(letter for letter in enhancer.split(":")[0] if letter.isdigit())
    return "null" if "shuffled" in enhancer else FACTORS[int(digits) // 4]


def test_planted_classes_are_recovered(classes):
    """`tissue` promoters answer BIR (1.5) and not CUL (0.1); `house` ones the other way round."""
    got = compatibility_classes(classes).isel(distance=0, track=0)
    assert got.axis_p < 1e-3
    of = {"tissue": 2, "common": 1, "house": 1}
    for name, kind in zip(got.promoter.values, got.promoter_class.values, strict=True):
        assert kind == of[str(name).rstrip("0123456789")], name
    found: dict[str, list[int]] = {kind: [] for kind in (*FACTORS, "null")}
    for name, kind in zip(got.enhancer.values, got.enhancer_class.values, strict=True):
        found[factor_of(str(name))].append(int(kind))
    assert set(found["AXO"]) == set(found["null"]) == {0}  # all promoters answer AXO
    assert set(found["CUL"]) <= {0, 1}
    assert set(found["BIR"]) <= {0, 2}
    assert sum(kind > 0 for kind in found["CUL"] + found["BIR"]) >= 5


def test_a_class_that_strong_responders_make_of_all_others_is_split(classes):
    """`common` and `house` promoters prefer CUL more than `tissue` ones do, by unlike shares."""
    got = compatibility_classes(classes).isel(distance=0, track=0)
    kinds = [str(name).rstrip("0123456789") for name in got.promoter.values]
    parts = dict(zip(kinds, got.promoter_subclass.values.tolist(), strict=True))
    assert len(set(zip(kinds, got.promoter_subclass.values.tolist(), strict=True))) == 3
    assert {parts["common"], parts["house"]} == {1, 2}
    assert parts["tissue"] == 0
    assert float(got.split_p.sel({"class": 1})) < 1e-3
    assert not float(got.split_p.sel({"class": 2})) < 0.05
    inner = got.enhancer_subclass.sel({"class": 1})
    of: dict[str, set[int]] = {factor_of(str(n)): set() for n in got.enhancer.values}
    for name, part in zip(got.enhancer.values, inner.values.tolist(), strict=True):
        of[factor_of(str(name))].add(part)
    assert of["CUL"] <= {0, parts["house"]}
    assert of["BIR"] <= {0, parts["common"]}
    assert of["AXO"] == of["null"] == {0}
    assert parts["house"] in of["CUL"]
    assert parts["common"] in of["BIR"]
    assert not got.enhancer_subclass.sel({"class": 2}).values.any()


def test_pairs_that_are_called_are_planted_ones(classes):
    got = compatibility(classes).isel(distance=0, track=0)
    called = got.compatible.values
    assert (called != 0).any()
    for row, column in np.argwhere(called):
        pair = (
            str(got.promoter.values[row]).rstrip("0123456789"),
            factor_of(str(got.enhancer.values[column])),
        )
        assert pair in {
            ("tissue", "BIR"): 1, ("tissue", "CUL"): -1, ("house", "CUL"): 1, ("house", "BIR"): -1,
            ("common", "CUL"): 1, ("common", "BIR"): -1,
        }  # fmt: skip
    assert got.null_calls == 0
    table = pair_table(compatibility(classes))
    assert len(table) == 12 * 12
    assert set(table.compatible[: int((called != 0).sum())]) <= {1, -1}
    assert "shuffled" not in "".join(table.enhancer)


@pytest.mark.parametrize("name", ["simple", "saturating"])
def test_saturation_is_no_compatibility(name, tmp_path):
    grammar = name
    if name == "saturating":
        grammar = str(tmp_path / "saturating.toml")
        (tmp_path / "saturating.toml").write_text(SATURATING)
    promoters = list(Grammar.read(grammar).promoters)
    dataset = measured(grammar, [(promoters[k % 3], "enhancer", 1 + k % 5) for k in range(9)])
    got = compatibility(dataset)
    assert not got.compatible.any()
    found = compatibility_classes(dataset)
    assert not found.promoter_class.any()
    assert not found.enhancer_class.any()
    assert not found.promoter_subclass.any()
    # Without strength and responsiveness much would be left.
    logs = np.log2(dataset.mutant.values[:, 0, :, :, 0].astype(float))
    mean = logs.mean(axis=0)
    centred = mean - mean.mean(0) - mean.mean(1, keepdims=True) + mean.mean()
    assert np.abs(centred).max() > np.log2(1.25)


def made(random, deviation, *, noise=0.05, carriers=6, slopes=None, **coords):
    """A Dataset of log activities that are all that the analysis takes them for."""
    promoters, enhancers = deviation.shape
    null = np.arange(enhancers) >= enhancers - 5
    strength = np.where(null, 0.0, random.uniform(0, 3, enhancers))
    slopes = np.ones(promoters) if slopes is None else slopes
    base = random.normal(2, 1, promoters)
    logs = (
        random.normal(0, 0.5, carriers)[:, None, None]
        + base[:, None]
        + slopes[:, None] * strength
        + deviation
        + random.normal(0, noise, (carriers, promoters, enhancers))
    )
    names = [f"p{k}" for k in range(promoters)]
    return (
        xr.Dataset(
            {
                "mutant": (
                    ("locus", "distance", "promoter", "enhancer", "track"),
                    2.0 ** logs[:, None, :, :, None],
                ),
                "control": (
                    ("locus", "promoter", "track"),
                    np.repeat(2.0 ** base[None, :, None], carriers, axis=0),
                ),
            },
            {
                "locus": [f"c{k}" for k in range(carriers)], "track": ["t"], "distance": [-500],
                "promoter": names, "promoter_locus": ("promoter", names),
                "enhancer": [f"e{k}" for k in range(enhancers)], "null": ("enhancer", null),
                **coords,
            },
        ),
        logs,
        strength,
    )  # fmt: skip


def test_deviations_and_responsiveness_are_measured_to_their_error():
    random = np.random.default_rng(8)
    slopes = np.array([0.4, 0.7, 1.0, 1.0, 1.2, 1.7])
    planted = np.zeros((6, 25))
    planted[2, 3], planted[4, 8] = 0.9, -0.9
    dataset, _, strength = made(random, planted, slopes=slopes)
    got = compatibility(dataset, pseudo_count=0.0).isel(distance=0, track=0)
    np.testing.assert_allclose(got.responsiveness, slopes / slopes.mean(), atol=0.1)
    assert np.corrcoef(got.strength[:20], strength[:20])[0, 1] > 0.99
    assert abs(float(got.strength[20:].mean())) < 1e-9
    called = np.argwhere(got.compatible.values).tolist()
    assert called == [[2, 3], [4, 8]]
    # The pair is a part of what it is centred with.
    assert got.deviation[2, 3] == pytest.approx(0.9 * (5 / 6) * (24 / 25), abs=0.12)
    assert got.deviation_half[2, 3] == pytest.approx(float(got.deviation[2, 3]), abs=1e-9)
    np.testing.assert_allclose(got.deviation.mean("promoter"), 0, atol=1e-9)
    np.testing.assert_allclose(got.deviation.mean("enhancer"), 0, atol=1e-9)


def test_the_intervals_of_responsiveness_hold():
    slopes = np.array([0.5, 0.8, 1.0, 1.1, 1.6])
    inside = 0
    for seed in range(10):
        random = np.random.default_rng(seed)
        dataset, *_ = made(random, np.zeros((5, 25)), noise=0.2, slopes=slopes)
        got = compatibility(dataset, pseudo_count=0.0).isel(distance=0, track=0)
        low, high = got.responsiveness_low.values, got.responsiveness_high.values
        inside += int(((low < slopes) & (slopes < high)).sum())
        np.testing.assert_allclose(got.responsiveness, slopes, atol=0.15)
    assert 43 <= inside <= 50


def test_noise_alone_is_called_nowhere():
    calls = classes_found = 0
    for seed in range(8):
        random = np.random.default_rng(seed)
        dataset, _, _ = made(random, np.zeros((6, 20)), noise=0.3, slopes=random.uniform(0.5, 2, 6))
        calls += int((compatibility(dataset).compatible != 0).sum())
        classes_found += int(compatibility_classes(dataset).promoter_class.any())
    assert calls == 0
    assert classes_found == 0


def test_an_effect_below_the_least_fold_is_not_called_however_certain():
    random = np.random.default_rng(1)
    planted = np.zeros((6, 20))
    planted[1, 2] = 0.3  # a fold of 1.23
    dataset, _, _ = made(random, planted, noise=0.001)
    got = compatibility(dataset, pseudo_count=0.0).isel(distance=0, track=0)
    assert got.deviation[1, 2] / got.deviation_se[1, 2] > 50
    assert not got.compatible.any()
    assert compatibility(dataset, pseudo_count=0.0, minimum=1.1).compatible.sum() == 1


def test_a_call_has_to_bear_other_pseudo_counts():
    """A deviation of activities near 0 alone goes when more is added to them."""
    random = np.random.default_rng(2)
    planted = np.zeros((6, 20))
    planted[1] -= 12  # a promoter that is all but silent
    planted[1, 2] += 1.0
    dataset, _, _ = made(random, planted, noise=0.01)
    pseudo = float(dataset.mutant.sel(promoter="p1").max())
    got = compatibility(dataset, pseudo_count=pseudo).isel(distance=0, track=0)
    assert abs(got.deviation_half[1, 2]) > abs(got.deviation_double[1, 2]) > 0
    assert (
        compatibility(dataset, pseudo_count=0.0).compatible.sel(promoter="p1", enhancer="e2") == 1
    )
    assert got.compatible[1, 2] == 0


def test_pairs_at_a_ceiling_are_masked_and_the_others_are_as_without_it():
    random = np.random.default_rng(3)
    dataset, logs, _ = made(random, np.zeros((6, 25)), noise=0.02)
    ceiling = np.quantile(2.0**logs, 0.6)
    capped = dataset.assign(mutant=dataset.mutant.clip(max=ceiling))
    got = compatibility(capped).isel(distance=0, track=0)
    at = (2.0**logs).clip(max=ceiling).mean(axis=0) >= 0.98 * ceiling
    np.testing.assert_array_equal(got.masked, at)
    assert got.deviation.where(got.masked).isnull().all()
    assert not got.compatible.any()
    unmasked = compatibility(capped, ceiling=np.inf, floor=-np.inf).isel(distance=0, track=0)
    assert not unmasked.masked.any()
    least, most = (float(np.abs(one.deviation).max()) for one in (got, unmasked))
    assert least < 0.3 < most


def test_the_line_is_the_one_of_the_others_strength():
    """One carrier and promoter against a plain computation."""
    random = np.random.default_rng(4)
    _, logs, _ = made(random, random.normal(0, 0.3, (4, 9)))
    got, slopes, _ = deviations_of(logs)
    left = np.empty((4, 9))
    for p in range(4):
        others = [q for q in range(4) if q != p]
        x = logs[1:, others].mean(axis=(0, 1))
        slope, base = np.polyfit(x, logs[0, p], 1)
        assert slopes[0, p] == pytest.approx(slope)
        left[p] = logs[0, p] - base - slope * x
    left -= left.mean(axis=0)
    left -= left.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(got[0], left, atol=1e-9)


def test_shares_are_those_of_random_effects():
    random = np.random.default_rng(6)
    sizes = {"carrier": 0.5, "promoter": 1.0, "enhancer": 0.8, "interaction": 0.4, "rest": 0.3}
    c, p, e = 40, 25, 25
    logs = (
        random.normal(0, sizes["carrier"], c)[:, None, None]
        + random.normal(0, sizes["promoter"], p)[:, None]
        + random.normal(0, sizes["enhancer"], e)
        + random.normal(0, sizes["interaction"], (p, e))
        + random.normal(0, sizes["rest"], (c, p, e))
    )
    dataset, *_ = made(random, np.zeros((p, e)), carriers=c)
    dataset["mutant"] = dataset.mutant.copy(data=2.0 ** logs[:, None, :, :, None])
    dataset["null"] = ("enhancer", np.zeros(e, bool))
    got = variance_shares(dataset.set_coords("null"), pseudo_count=0.0).isel(distance=0, track=0)
    total = sum(size**2 for size in sizes.values())
    expected = [sizes[str(part)] ** 2 / total for part in got.part.values]
    np.testing.assert_allclose(got.share, expected, atol=0.1)
    assert float(got.share.sum()) == pytest.approx(1)
    assert (got.share_low <= got.share).all()
    assert (got.share <= got.share_high).all()
    # The carrier's own level is not foretold, and rest cannot be.
    there = total - sizes["carrier"] ** 2
    assert got.r2.sel(model="pairs") == pytest.approx(1 - sizes["rest"] ** 2 / there, abs=0.05)
    missed = sizes["rest"] ** 2 + sizes["interaction"] ** 2
    assert got.r2.sel(model="multiplicative") == pytest.approx(1 - missed / there, abs=0.08)
    assert got.r2.sel(model="rank_one") >= got.r2.sel(model="multiplicative") - 0.01


def test_what_cannot_be_analysed():
    random = np.random.default_rng(0)
    dataset, *_ = made(random, np.zeros((4, 9)))
    with pytest.raises(ConfigError, match="has no null: it is none of test"):
        compatibility(dataset.drop_vars("null"))
    with pytest.raises(ConfigError, match="one carrier says nothing"):
        variance_shares(dataset.isel(locus=[0]))
    with pytest.raises(ConfigError, match="2 promoters"):
        compatibility(dataset.isel(promoter=[0, 1]))
    with pytest.raises(ConfigError, match=r"minimum = 0\.9"):
        compatibility(dataset, minimum=0.9)
    ablated = dataset.assign_coords(promoter_locus=("promoter", ["p0", "p1", "p2", "p2"]))
    assert intact(ablated) == ["p0", "p1", "p2"]
    assert compatibility(ablated).promoter.values.tolist() == ["p0", "p1", "p2"]


def test_a_single_promoter_that_stands_out_is_no_class():
    random = np.random.default_rng(12)
    planted = np.zeros((6, 20))
    planted[1, :7], planted[1, 7:15] = 1.2, -1.2
    dataset, *_ = made(random, planted, noise=0.02)
    got = compatibility_classes(dataset, pseudo_count=0.0).isel(distance=0, track=0)
    assert got.axis_p < 0.01
    assert float(np.abs(got.promoter_place.sel(promoter="p1"))) > 1
    assert not got.promoter_class.any()
    planted[3] = planted[1]
    dataset, *_ = made(random, planted, noise=0.02)
    assert not compatibility_classes(dataset, pseudo_count=0.0).promoter_subclass.any()
    got = compatibility_classes(dataset, pseudo_count=0.0).isel(distance=0, track=0)
    assert got.promoter_class.sel(promoter=["p1", "p3"]).values.tolist() in ([1, 1], [2, 2])
    sides = got.enhancer_class.values
    assert len(set(sides[:7].tolist()) - {0}) == len(set(sides[7:15].tolist()) - {0}) == 1
    assert set(sides[:7].tolist()) - {0} != set(sides[7:15].tolist()) - {0}
    assert not sides[15:].any()


def test_the_part_of_a_promoter_that_an_enhancer_needs_is_found():
    """`p2 without` responds half as much as `p2`, and is as active alone."""
    random = np.random.default_rng(3)
    dataset, logs, strength = made(random, np.zeros((4, 9)), slopes=np.array([1, 1, 1, 0.5]))
    names = ["p0", "p1", "p2", "p2 without [-50, -20)"]
    dataset = dataset.assign_coords(
        promoter=names, promoter_locus=("promoter", ["p0", "p1", "p2", "p2"])
    )
    effect = logs[:, None, :, :, None] - np.log2(dataset.control.values)[:, None, :, None]
    dataset["effect"] = (dataset.mutant.dims, effect)
    got = parts_of_pairs(dataset)
    assert set(got.promoter) == {"p2"}
    assert set(got.part) == {"[-50, -20)"}
    np.testing.assert_allclose(got.change, -0.5 * strength, atol=0.15)
    np.testing.assert_allclose(got.effect_ablated - got.effect, got.change)
    inside = (got.change_low <= -0.5 * strength) & (-0.5 * strength <= got.change_high)
    assert inside.sum() >= 7
    alone = np.log2(dataset.control.values[0, 3, 0] / dataset.control.values[0, 2, 0])
    np.testing.assert_allclose(got.promoter_change, alone)
    with pytest.raises(ConfigError, match="no promoter has an ablated part"):
        parts_of_pairs(dataset.isel(promoter=slice(3)))
