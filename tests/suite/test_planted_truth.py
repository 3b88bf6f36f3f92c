"""The suite finds what was planted in the synthetic model's sequences, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from creme.analysis.additive import additive_comparison
from creme.analysis.distances import folded
from creme.analysis.saturation import saturation
from creme.errors import SequenceError
from creme.genome import Locus
from creme.models.grammar import BASAL, CEILING, FLOOR, INSTANCE, response
from creme.models.synthetic import SyntheticModel
from creme.models.synthetic_genome import element_end, plant
from creme.runner.run import measure, prepare
from creme.store import Store
from creme.suite.distance import Distance
from creme.suite.fine_tile import FineTile
from creme.suite.higher_order import HigherOrder
from creme.suite.multiplicity import Multiplicity
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency
from creme.tiling import Tiling

LENGTH, TSS = 196_608, 98_304
TILES = tuple(Tiling.around(LENGTH, TSS, 5000))
UPSTREAM, DOWNSTREAM = TILES[17], TILES[20]
"""10 kb from the TSS on either side, to the tile's centre."""
FAR = (TILES[2], TILES[35])


def planted(promoter, *elements, name="planted"):
    """A locus with elements as (kind, tile, offset in the tile, instances)."""
    places = [(kind, tile.start + offset, n) for kind, tile, offset, n in elements]
    return Locus.from_sequence(plant(promoter, places, length=LENGTH, name=name), name)


def run(test, locus, model, folder):
    with Store(folder / "store") as store:
        report = measure(prepare([test], model, [locus], tracks="alpha"), store)
    assert not report.failures
    return report.datasets[test.name].isel(locus=0, track=0)


def intervals(*tiles):
    return [(tile.start, tile.end) for tile in tiles]


def activity(model, promoter, distances):
    """What the model's formula gives for enhancer instances at these distances."""
    drive = INSTANCE * np.exp(-np.abs(np.asarray(distances, float)) / model.decay).sum()
    return FLOOR + response(promoter, drive, 0.0, model.half, model.hill)


def instances(start, n):
    return [start + 40 * k - TSS for k in range(n)]


@pytest.mark.parametrize(
    ("interaction", "promoter", "n"),
    [
        # Little basal activity and a steep response: one of the pair alone does next to nothing.
        ("cooperative", "weak_promoter", 2),
        # Either of the pair saturates the promoter.
        ("redundant", "weak_promoter", 14),
        # A promoter that is half active by itself, where the response is nearly straight.
        ("additive", "medium_promoter", 1),
    ],
)
def test_planted_pairs_interact_as_planted(interaction, promoter, n, tmp_path):
    model = SyntheticModel(hill=6)
    pair = (("enhancer", UPSTREAM, 2000, n), ("enhancer", DOWNSTREAM, 2000, n))
    locus = planted(promoter, *pair)
    test = HigherOrder(
        tiles=intervals(UPSTREAM, DOWNSTREAM, *FAR), rounds=2, replicates=4, searches=["enhancers"]
    )
    got = run(test, locus, model, tmp_path).isel(search=0)
    # The formula: neither, one, or the other of the pair.
    away = [instances(tile.start + offset, n) for _, tile, offset, n in pair]
    both = activity(model, promoter, away[0] + away[1])
    assert sorted(got.selected_start.values) == [UPSTREAM.start, DOWNSTREAM.start]
    np.testing.assert_allclose(got.wild_type, both, rtol=1e-5)
    first = [activity(model, promoter, left) / both for left in (away[1], away[0])]
    np.testing.assert_allclose(got.tile_fold_change[0, 1:3], first, rtol=1e-5)
    np.testing.assert_allclose(got.fold_change[1], activity(model, promoter, []) / both, rtol=1e-5)
    dataset = got.expand_dims(["locus", "search", "track"])
    assert additive_comparison(dataset).interaction.item() == interaction


def test_planted_silencers_interact_as_planted(tmp_path):
    model = SyntheticModel(hill=6)
    for n, interaction in ((1, "cooperative"), (12, "redundant")):
        pair = (("silencer", UPSTREAM, 2000, n), ("silencer", DOWNSTREAM, 2000, n))
        locus = planted("medium_promoter", *pair, name=interaction)
        test = HigherOrder(
            tiles=intervals(UPSTREAM, DOWNSTREAM, *FAR),
            rounds=2,
            replicates=4,
            searches=["silencers"],
        )
        got = run(test, locus, model, tmp_path / interaction)
        assert sorted(got.selected_start.values[0]) == [UPSTREAM.start, DOWNSTREAM.start]
        observed = additive_comparison(got.expand_dims(["locus", "track"]))
        more = float(observed.difference.item())
        assert (more > 0) == (interaction == "redundant"), (interaction, more)


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


def test_elements_do_not_cover_one_another():
    with pytest.raises(SequenceError, match="cover one another"):
        plant("weak_promoter", [("enhancer", 100, 2), ("enhancer", 105, 1)], length=2000)
    with pytest.raises(SequenceError, match="cover one another or the promoter"):
        plant("weak_promoter", [("enhancer", 1005, 1)], length=2000)
