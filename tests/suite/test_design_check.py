"""Checks of designs, against plain loops; and a grammar whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

import creme
from creme.errors import ConfigError
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import complement, encode
from creme.store import Store
from creme.suite.design import Design
from creme.suite.design_check import DesignCheck
from toy import LENGTH, MODEL, activity, run, toy_loci

LOCI = toy_loci(4)
RANDOM = np.random.default_rng(3)
TEXTS = ["".join("ACGT"[b] for b in RANDOM.integers(0, 4, 50)) for _ in range(3)]
TSS = LENGTH // 2


def create(**changes):
    designs = {"locus1": TEXTS[:2], "locus3": TEXTS[2:]}
    common = {"designs": designs, "tile": 200, "distance": -300, "seed": 3, "replicates": 2}
    return DesignCheck(**{**common, "others": 2, "part": 20, **changes})


@pytest.fixture(scope="module", params=["forward", "reverse"])
def measured(request, tmp_path_factory):
    return request.param, run(
        create(orientation=request.param), LOCI, tmp_path_factory.mktemp("checks")
    )


def test_every_check_is_the_two_sequences_that_it_says(measured):
    orientation, (got, progress) = measured
    test, by_name = create(orientation=orientation), {locus.name: locus for locus in LOCI}
    assert got.locus.values.tolist() == ["locus1_d1", "locus1_d2", "locus3_d1"]
    kinds = got.kind.values[0].tolist()
    # Mirrored, and twice on both sides; fourfold leaves the sequence.
    assert got["at"].values[0][np.array(kinds) == "moved"].tolist() == [-600, 300, 600]
    assert [kinds.count(k) for k in ("place", "moved", "copies", "swap", "part")] == [1, 3, 2, 2, 3]
    for row, text in enumerate(TEXTS):
        one = got.isel(locus=row)
        assert one.sequence.item() == (text if orientation == "forward" else turned(text))
        codes = encode(one.sequence.item())
        for check in one.check.values:
            here = one.sel(check=check)
            kind, at = str(here.kind.item()), int(here["at"])
            base = by_name[str(here.target.item())]
            contexts = test.controls(base, "design", "report", replicates=range(2))
            for k, context in enumerate(contexts):
                start = TSS + (at if kind == "moved" else -300) - 25
                plain, changed = context.codes.copy(), context.codes.copy()
                if kind == "copies":
                    for copy in range(at):
                        changed[start - 50 * copy : start - 50 * copy + 50] = codes
                else:
                    changed[start : start + 50] = codes
                if kind == "part":
                    plain = changed.copy()
                    unit = next(u for u in test.units(LOCI) if u.name == str(one.locus.item()))
                    part = next(p for p in test.parts(unit) if p.start == at)
                    changed[start : start + 50] = test._without(unit, part, k)
                    rest = np.ones(50, bool)
                    rest[part.start : part.end] = False
                    np.testing.assert_array_equal(changed[start : start + 50][rest], codes[rest])
                np.testing.assert_allclose(here.mutant[k], activity(changed), rtol=1e-5)
                np.testing.assert_allclose(here.control[k], activity(plain), rtol=1e-5)
                expected = np.log2(activity(changed) / activity(plain))
                np.testing.assert_allclose(here.effect_replicates[k], expected, atol=1e-5)
    assert progress.asked == prepare([test], MODEL, LOCI).size()


def turned(text):
    codes = complement(encode(text)[::-1])
    return "".join("ACGT"[code] for code in codes)


def test_the_design_at_its_place_is_what_the_design_test_has_reported(tmp_path):
    own = {"length": 50, "tile": 200, "distance": -300, "seed": 3}
    small = {"rounds": 1, "candidates": 4, "beam": 2, "replicates": 1, "choose": 1,
             "finalists": 2, "designs": 1}  # fmt: skip
    with Store(tmp_path / "store") as store:
        design = measure(prepare([Design(**own, **small)], MODEL, LOCI[1:2]), store)
        found = design.datasets["design"]
        texts = {"locus1": [str(found.sequence.values[0, 2])]}
        test = DesignCheck(designs=texts, tile=200, distance=-300, seed=3, replicates=4, others=0)
        after = measure(prepare([test], MODEL, LOCI[1:2]), store)
    got = after.datasets["design_check"].sel(check="place").isel(locus=0)
    np.testing.assert_array_equal(got.mutant, found.mutant.isel(locus=0, replicate=slice(4))[2])
    np.testing.assert_array_equal(got.control, found.control.isel(locus=0, replicate=slice(4)))
    assert after.progress.predicted == after.progress.asked - 8


def test_the_part_that_matters_is_found_and_copies_do_more():
    """One site of an enhancer, in the third part of the design."""
    from creme.demo.rules import grammar
    from creme.models.oracle import OracleModel
    from planted_interactions import planted

    locus = planted(grammar("cis"), "nothing", 1).locus
    random = np.random.default_rng(8)
    codes = random.integers(0, 4, 60, dtype=np.uint8)
    codes[24:35] = encode("TGACTCAGCAT")
    text = "".join("ACGT"[code] for code in codes)
    test = DesignCheck(designs={locus.name: [text]}, tile=400, distance=-300, part=12, seed=1,
                       replicates=4, copies=3)  # fmt: skip
    model = OracleModel(length=8192, grammar="cis")
    got = creme.measure(test, model, [locus], tracks="alpha").isel(locus=0, track=0)
    parts = got.effect.values[got.kind.values == "part"]
    assert parts.argmin() == 2
    assert parts[2] < -0.5
    assert np.abs(np.delete(parts, 2)).max() < 0.1
    copies = got.effect.sel(check=["place", "copies 2", "copies 3"]).values
    assert (np.diff(copies) > 0.2).all()
    moved = got.isel(check=got.kind.values == "moved")
    near, far = moved.effect.values[[0, -1]], np.abs(moved["at"].values[[0, -1]])
    assert far[0] == far[-1] == 2400
    assert (near < copies[0]).all()


def test_what_cannot_be_checked():
    def units(**changes):
        return list(create(**changes).units(LOCI))

    with pytest.raises(ConfigError, match="designs is needed"):
        units(designs={})
    with pytest.raises(ConfigError, match=r"designs names locus 'locus9'.*locus"):
        units(designs={"locus9": TEXTS[:1]})
    with pytest.raises(ConfigError, match="locus1 has 'ACGN': designs are of A, C, G and T"):
        create(designs={"locus1": ["ACGN"]})
    (unit, *_) = units()
    with pytest.raises(ConfigError, match="distances has -20"):
        create(distances=[-20]).moves(unit)
    with pytest.raises(ConfigError, match="distance = -20: a design of 50 bp"):
        list(create(distance=-20).checks(unit))
    assert create(distances=[-300, 500]).moves(unit) == [500]
    # Copies that would leave the sequence are left out.
    assert len(create(distance=-1140, copies=9)._copies(unit)) == 0
