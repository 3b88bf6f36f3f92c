"""The suite finds what was planted in the synthetic model's sequences, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from creme.analysis.additive import additive_comparison
from creme.analysis.distances import folded
from creme.analysis.saturation import saturation
from creme.demo.genome import element_end, plant
from creme.demo.grammar import BASAL, CEILING, FLOOR, INSTANCE, MOTIFS, WIDTH, response
from creme.genome import Locus
from creme.models.synthetic import SyntheticModel
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Edit, Mutant, Sequence
from creme.store import Store
from creme.suite.context_dependence import ContextDependence
from creme.suite.context_swap import ContextSwap
from creme.suite.distance import Distance
from creme.suite.fine_tile import FineTile
from creme.suite.higher_order import HigherOrder
from creme.suite.motif_embedding import MotifEmbedding
from creme.suite.multiplicity import Multiplicity
from creme.suite.necessity import Necessity
from creme.suite.saturation_mutagenesis import SaturationMutagenesis
from creme.suite.sufficiency import Sufficiency
from creme.tiling import Tiling


@dataclass(frozen=True)
class Scale:
    """Lengths in bp, and the tiles whose centres lie two tiles from the TSS on either side."""

    length: int
    tile: int
    decay: float

    @property
    def tiles(self):
        return tuple(Tiling.around(self.length, self.length // 2, self.tile))

    @property
    def pair(self):
        middle = len(self.tiles) // 2
        return self.tiles[middle - 2], self.tiles[middle + 1]

    def model(self, **values):
        return SyntheticModel(**{"length": self.length, "decay": self.decay, **values})


PAPER, SMALL = Scale(196_608, 5000, 30_000.0), Scale(24_576, 1000, 6_000.0)
LENGTH, TSS, TILES = PAPER.length, PAPER.length // 2, PAPER.tiles
DOWNSTREAM = PAPER.pair[1]


def planted(promoter, *elements, name="planted", scale=PAPER):
    """A locus with elements as (kind, tile, offset in the tile, instances)."""
    places = [(kind, tile.start + offset, n) for kind, tile, offset, n in elements]
    return Locus.from_sequence(plant(promoter, places, length=scale.length, name=name), name)


def measured(test, loci, model, folder):
    with Store(folder / "store") as store:
        report = measure(prepare([test], model, loci, tracks="alpha"), store)
    assert not report.failures
    return report.datasets[test.name].isel(track=0)


def run(test, locus, model, folder):
    return measured(test, [locus], model, folder).isel(locus=0)


def intervals(*tiles):
    return [(tile.start, tile.end) for tile in tiles]


def activity(model, promoter, distances, silencers=()):
    """What the model's formula gives for instances at these distances: enhancers, silencers."""
    plus, minus = (
        INSTANCE * np.exp(-np.abs(np.asarray(away, float)) / model.decay).sum()
        for away in (distances, silencers)
    )
    return FLOOR + response(promoter, plus, minus, model.half, model.hill)


def instances(start, n, tss=TSS):
    return [start + 40 * k - tss for k in range(n)]


# One pair of elements each; the response alone makes the interaction. By the formula, after one and
# after both are gone, over WT, and the mean squared error (0.3 and more is no additive set):
# enhancers 0.53 and 0.05, 0.0000; 0.03 and 0.01, 0.45; 1.00 and 0.00, 0.50; 0.96 and 0.10, 0.33.
# silencers 1.28 and 1.53, 0.0004; 3.0 and 3.7, 0.9; 7.2 and 16, 3.2.
# Enhancers with the default exponent of 2 reach 0.2 at most as cooperative, however many there are.
@pytest.mark.parametrize("scale", [PAPER, SMALL], ids=["paper", "small"])
@pytest.mark.parametrize(
    ("kind", "interaction", "hill", "half"),
    [
        # Far below half of the maximum, a response without a threshold is a straight line.
        ("enhancer", "additive", 1, 100),
        # A steep response at low input: one of the pair alone does next to nothing.
        ("enhancer", "cooperative", 6, 4),
        # Either of the pair saturates the promoter, with a steep response and with the default one.
        ("enhancer", "redundant", 6, 0.3),
        ("enhancer", "redundant", 2, 0.3),
        # Where the Hill function's bend makes up for that of 1 / (1 + repression).
        ("silencer", "additive", 2, 1),
        # The promoter is saturated as soon as either is gone.
        ("silencer", "cooperative", 6, 1.5),
        # Either of the pair holds the promoter down.
        ("silencer", "redundant", 6, 2),
    ],
)
def test_planted_pairs_interact_as_planted(kind, interaction, hill, half, scale, tmp_path):
    model = scale.model(hill=hill, half=half)
    promoter = {"enhancer": "weak_promoter", "silencer": "strong_promoter"}[kind]
    offset, n = scale.tile * 2 // 5, 6
    locus = planted(promoter, *((kind, tile, offset, n) for tile in scale.pair), scale=scale)
    test = HigherOrder(tile=scale.tile, rounds=2, replicates=3, searches=[kind + "s"], accept="all")
    got = run(test, locus, model, tmp_path).isel(search=0)
    assert got.sizes["tile"] == len(scale.tiles)

    def truth(*tiles):
        away = [d for t in tiles for d in instances(t.start + offset, n, scale.length // 2)]
        return activity(model, promoter, *([away] if kind == "enhancer" else [[], away]))

    both = truth(*scale.pair)
    np.testing.assert_allclose(got.wild_type, both, rtol=1e-5)
    assert sorted(got.selected_start.values) == [tile.start for tile in scale.pair]
    alone = got.tile_fold_change[0].isel(tile=[scale.tiles.index(tile) for tile in scale.pair])
    np.testing.assert_allclose(alone, [truth(t) / both for t in scale.pair[::-1]], rtol=1e-4)
    np.testing.assert_allclose(got.fold_change[1], truth() / both, rtol=1e-4)
    found = additive_comparison(got.expand_dims(["locus", "search", "track"]))
    assert found.interaction.item() == interaction
    # An additive set is one whose effects are large and add up, not one without an effect.
    assert abs(1 - got.fold_change[1]) > 0.5
    assert interaction != "additive" or found.mse < 0.001


def test_the_distance_test_recovers_the_decay(tmp_path):
    model = SyntheticModel(decay=25_000)
    locus = planted("medium_promoter", ("enhancer", DOWNSTREAM, 2420, 4))
    got = run(Distance(tiles=intervals(DOWNSTREAM), replicates=5), locus, model, tmp_path)
    got = got.isel(tile=0)
    offset = 2420 + 60 - 2500  # of the instances' middle from the tile's
    expected = np.array(
        [
            activity(model, "medium_promoter", instances(start + 2420, 4))
            for start in got.position_start.values
        ]
    )
    # The median: a background may hold an element by chance.
    seen = got.moved.median("replicate").values
    np.testing.assert_allclose(seen, expected, rtol=1e-4)
    drive = np.sqrt((seen - FLOOR) / (CEILING - seen + FLOOR)) - BASAL["medium_promoter"]
    away = np.abs(got.position_distance.values + offset)
    slope, _ = np.polyfit(away, np.log(drive), 1)
    np.testing.assert_allclose(-1 / slope, model.decay, rtol=0.02)
    curve = folded(got.expand_dims(["locus", "tile", "track"])).squeeze()
    assert (curve.diff("distance") < 0).all()


def test_copies_saturate_as_planted(tmp_path):
    model = SyntheticModel()
    locus = planted("weak_promoter", ("enhancer", DOWNSTREAM, 2420, 4))
    test = Multiplicity(
        tiles=intervals(DOWNSTREAM), copies=12, replicates=4, searches=["enhancers"]
    )
    got = run(test, locus, model, tmp_path).isel(tile=0, search=0)
    starts = got.selected_start.values
    # The nearest positions are the best ones.
    distances = np.abs(starts + 2480 - TSS)
    assert (np.diff(distances) > 0).all()
    expected = [
        activity(
            model,
            "weak_promoter",
            np.concatenate([instances(start + 2420, 4) for start in starts[: k + 1]]),
        )
        for k in range(12)
    ]
    control = activity(model, "weak_promoter", instances(DOWNSTREAM.start + 2420, 4))
    seen = got.fold_change_replicates.median("replicate")
    np.testing.assert_allclose(seen, np.array(expected) / control, rtol=1e-4)
    fitted = saturation(got.expand_dims(["locus", "tile", "search", "track"]), resamples=50)
    assert fitted.saturates.item()
    # A Hill function of decaying inputs is not quite the hyperbola that is fitted.
    np.testing.assert_allclose(fitted.plateau.item(), CEILING / control, rtol=0.15)


def test_copies_without_decay_follow_the_hyperbola(tmp_path):
    """Where a response of exponent 1 and no decay make the fitted curve the model's own."""
    model = SMALL.model(hill=1, half=3, decay=1e12)
    tile, n = SMALL.pair[1], 4
    locus = planted("weak_promoter", ("enhancer", tile, 400, n), scale=SMALL)
    test = Multiplicity(
        tile=1000, tiles=intervals(tile), copies=8, replicates=3, searches=["enhancers"]
    )
    got = run(test, locus, model, tmp_path)
    fitted = saturation(got.expand_dims(["locus", "track"]), resamples=20)
    once = activity(model, "weak_promoter", [0] * n)
    none = activity(model, "weak_promoter", [])
    np.testing.assert_allclose(fitted.baseline.item(), none / once, rtol=1e-4)
    np.testing.assert_allclose(fitted.plateau.item(), (FLOOR + CEILING) / once, rtol=1e-3)
    half = (model.half + BASAL["weak_promoter"]) / (INSTANCE * n)
    np.testing.assert_allclose(fitted.half.item(), half, rtol=1e-3)
    assert fitted.saturates.item()


@pytest.mark.parametrize("offset", [500, 2713, 4905])
def test_sub_tiles_are_found_to_50_bp(offset, tmp_path):
    model = SyntheticModel()
    n = 1 if offset == 4905 else 3
    locus = planted("medium_promoter", ("enhancer", DOWNSTREAM, offset, n))
    test = FineTile(
        tiles=intervals(DOWNSTREAM), windows=[500, 50], shares=[0.9, 0.9], removed=[1, 3]
    )
    got = run(test.model_copy(update={"replicates": 3}), locus, model, tmp_path).isel(tile=0)
    start, end = DOWNSTREAM.start + offset, element_end(DOWNSTREAM.start + offset, n)
    low, high = got.sub_start.values, got.sub_end.values
    low, high = low[np.isfinite(low)], high[np.isfinite(high)]
    assert start - 50 < low.min() <= start
    assert end <= high.max() < end + 50
    assert got.final_score >= 0.9
    # Without any chance element in the backgrounds nothing else is kept.
    assert (high - low).sum() <= 50 * (2 + (end - start) // 50)


def test_nothing_is_found_where_nothing_is_planted(tmp_path):
    locus = planted("medium_promoter", ("enhancer", DOWNSTREAM, 2000, 5))
    other = [place for place, tile in enumerate(TILES) if tile != DOWNSTREAM]
    for test in (Necessity(), Sufficiency()):
        got = run(test, locus, SyntheticModel(), tmp_path / test.name)
        assert got.effect.isel(tile=TILES.index(DOWNSTREAM)) > 0.1
        quiet = got.isel(tile=other)
        # Within three standard errors: a shuffle may make an element by chance.
        assert (np.abs(quiet.effect) <= 3 * quiet.effect_se).all()
        assert (quiet.effect == 0).mean() > 0.8


def test_an_empty_tile_does_nothing_anywhere(tmp_path):
    """In the tests that move, copy, split and combine tiles, beside an element elsewhere."""
    empty = SMALL.tiles[3]
    locus = planted("medium_promoter", ("enhancer", SMALL.pair[1], 400, 5), scale=SMALL)
    chosen = {"tile": 1000, "tiles": intervals(empty), "replicates": 3}
    for test in (Distance(**chosen), Multiplicity(**chosen, copies=3)):
        got = run(test, locus, SMALL.model(), tmp_path / test.name)
        away = np.abs(got.fold_change - 1)
        assert (away <= 3 * got.fold_change_se).all()
        assert (away == 0).mean() > 0.8
    got = run(FineTile(**chosen), locus, SMALL.model(), tmp_path / "fine_tile").isel(tile=0)
    # No effect, so no share of it, and nothing to take away.
    assert np.isnan(got.final_score)
    assert got.sub_end - got.sub_start == 1000
    others = [tile for tile in SMALL.tiles if tile != SMALL.pair[1]][:4]
    higher = HigherOrder(**{**chosen, "tiles": intervals(*others)}, rounds=3, accept="all")
    got = run(higher, locus, SMALL.model(), tmp_path / "higher_order")
    assert (np.abs(got.fold_change - 1) <= 3 * got.fold_change_se).all()


def test_contexts_and_swaps_are_what_was_planted(tmp_path):
    model = SMALL.model()
    element = (SMALL.pair[1].start + 400, 6)
    contexts = {
        "enhancing": ("weak_promoter", [("enhancer", *element)]),
        "silencing": ("strong_promoter", [("silencer", *element)]),
    }
    loci = [
        Locus.from_sequence(plant(promoter, plan, length=SMALL.length, name=name), name)
        for name, (promoter, plan) in contexts.items()
    ]
    away = instances(*element, SMALL.length // 2)
    inputs = {"enhancing": (away, []), "silencing": ([], away)}

    def truth(source, target):
        return activity(model, contexts[source][0], *inputs[target])

    got = measured(ContextDependence(tile=1000), loci, model, tmp_path / "a")
    for name in contexts:
        wild, alone = truth(name, name), activity(model, contexts[name][0], [])
        effect = got.effect_replicates.sel(locus=name).median("replicate")
        np.testing.assert_allclose(effect, (wild - alone) / wild, rtol=1e-4)
        assert (effect > 0.5) == (name == "enhancing")
    got = measured(ContextSwap(tile=1000), loci, model, tmp_path / "b")
    for source in contexts:
        for target in contexts:
            one = got.sel(locus=f"{source} in {target}")
            wild = truth(source, source)
            change = (truth(source, target) - truth(target, target)) / wild
            np.testing.assert_allclose(one.effect, change, rtol=1e-4, atol=1e-6)
            bare = [activity(model, contexts[name][0], []) for name in (source, target)]
            np.testing.assert_allclose(
                one.dinuc_effect_replicates.median("replicate"),
                (bare[0] - bare[1]) / wild,
                rtol=1e-4,
                atol=1e-6,
            )


def test_every_base_that_matters_is_found(tmp_path):
    """One mismatch is tolerated: in a motif that has one, each other base is needed."""
    model = SMALL.model()
    start, mismatch = SMALL.pair[1].start + 400, 5
    base = MOTIFS["enhancer"][mismatch]
    other = "A" if base != "A" else "C"
    whole = plant("medium_promoter", [("enhancer", start, 1)], length=SMALL.length)
    weakened = Mutant(whole, [Edit(start + mismatch, Sequence.from_string(other))]).sequence
    region = [(start - 10, start + WIDTH + 10)]
    for name, sequence in (("whole", whole), ("weakened", weakened)):
        locus = Locus.from_sequence(sequence, name)
        got = run(SaturationMutagenesis(regions=region), locus, model, tmp_path / name)
        found = got.position_start.values[(np.abs(got.effect) > 0).any("base").values] - start
        needed = [] if name == "whole" else [k for k in range(WIDTH) if k != mismatch]
        assert found.tolist() == needed
    wild = activity(model, "medium_promoter", instances(start, 1, SMALL.length // 2))
    lost = (wild - activity(model, "medium_promoter", [])) / wild
    at = got.isel(position=got.position_start.values == start)
    np.testing.assert_allclose(at.importance, [lost], rtol=1e-4)


def test_embedded_motifs_do_what_they_do_at_their_distance(tmp_path):
    model = SMALL.model()
    locus, tss = planted("medium_promoter", scale=SMALL), SMALL.length // 2
    positions = [tss - 6000, tss - 1500, tss + 700, tss + 9000]
    motifs = [MOTIFS["enhancer"], MOTIFS["silencer"], "ACGTACGTACGTAC"]
    test = MotifEmbedding(tile=1000, motifs=motifs, positions=positions, replicates=5)
    got = run(test, locus, model, tmp_path)
    alone = activity(model, "medium_promoter", [])
    expected = [
        [activity(model, "medium_promoter", [p - tss]) for p in positions],
        [activity(model, "medium_promoter", [], [p - tss]) for p in positions],
        [alone] * len(positions),
    ]
    seen = got.effect_replicates.median("replicate")
    np.testing.assert_allclose(seen, np.array(expected) / alone - 1, rtol=1e-4, atol=1e-6)
