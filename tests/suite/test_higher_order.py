"""The higher-order test, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from creme.kernels.shuffle import dinucleotide_shuffles
from creme.seeds import derive
from creme.suite.higher_order import HigherOrder
from creme.suite.necessity import Necessity
from creme.suite.statistics import nearest
from toy import activity, run, toy_loci

TILES = [(0, 200), (300, 500), (800, 1000), (1500, 1700), (2200, 2400)]


def greedy(locus, track, lowest, rounds, replicates, seed):
    """One search, written as the paper has it."""
    codes = locus.sequence.codes.copy()
    left = dict(enumerate(TILES))
    trace = []
    for number in range(rounds):
        names = ("round", number) if number else ()
        seen = {}
        for index, (start, end) in left.items():
            for k in range(replicates):
                named = derive(seed, locus.key, "tile", start, end, *names, k)
                (bases,) = dinucleotide_shuffles(locus.sequence.codes[start:end], [named])
                mutant = codes.copy()
                mutant[start:end] = bases
                seen[index, k] = (activity(mutant)[track], mutant)
        means = {i: np.mean([seen[i, k][0] for k in range(replicates)]) for i in left}
        chosen = (min if lowest else max)(means, key=lambda i: means[i])
        kept = min(range(replicates), key=lambda k: abs(seen[chosen, k][0] - means[chosen]))
        start = activity(codes)[track]
        trace.append((chosen, kept, means[chosen], start, means))
        codes = seen[chosen, kept][1]
        del left[chosen]
    return trace


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    loci = toy_loci(2)
    test = HigherOrder(tile=200, tiles=TILES, replicates=3, seed=2, accept="all")
    return loci, *run(test, loci, tmp_path_factory.mktemp("higher"))


def test_each_search_and_track_is_the_papers_greedy_search(measured):
    loci, got, _ = measured
    paths = set()
    for locus in loci:
        for search, lowest in (("enhancers", True), ("silencers", False)):
            for track, name in enumerate(("one", "two")):
                one = got.sel(locus=locus.name, search=search, track=name)
                wild = activity(locus.sequence.codes)[track]
                expected = greedy(locus, track, lowest, 5, 3, 2)
                paths.add(tuple(chosen for chosen, *_ in expected))
                assert one.selected.values.tolist() == [chosen for chosen, *_ in expected]
                starts = [TILES[chosen][0] for chosen, *_ in expected]
                assert one.selected_start.values.tolist() == starts
                assert one.kept.values.tolist() == [kept for _, kept, *_ in expected]
                for number, (_, _, mean, start, means) in enumerate(expected):
                    here = one.isel(round=number)
                    np.testing.assert_allclose(here.fold_change, mean / wild, rtol=1e-5)
                    np.testing.assert_allclose(here.initial, start, rtol=1e-5)
                    for tile in range(5):
                        value = means[tile] / wild if tile in means else np.nan
                        np.testing.assert_allclose(here.tile_fold_change[tile], value, rtol=1e-5)
    assert len(paths) > 4, "the searches should go different ways"


def test_the_first_round_is_shared_by_all_searches(measured):
    _, got, progress = measured
    # At most, each locus: wild type, a first round, and four searches of the other rounds.
    assert progress.predicted <= 2 * (1 + 5 * 3 + 4 * (4 + 3 + 2 + 1) * 3)
    assert progress.repeated == 0, "no search asks for what another one asked for"
    first = got.shuffled.isel(round=0)
    np.testing.assert_array_equal(first.sel(search="enhancers"), first.sel(search="silencers"))


def test_the_first_round_is_the_necessity_test(measured, tmp_path):
    loci, got, _ = measured
    necessity, _ = run(Necessity(tile=200, tiles=TILES, replicates=3, seed=2), loci, tmp_path)
    np.testing.assert_array_equal(
        got.shuffled.isel(round=0, search=0).transpose(*necessity.shuffled.dims),
        necessity.shuffled,
    )


def test_later_rounds_draw_anew(measured):
    _, got, _ = measured
    # Were the shuffles those of the first round, fixing nothing but another tile would show.
    one = got.isel(locus=0, search=0, track=0)
    tile = int(one.selected[1])
    assert not np.allclose(one.shuffled[0, tile], one.shuffled[1, tile])


def test_a_chosen_tile_is_no_candidate_any_more(measured):
    _, got, _ = measured
    missing = np.isnan(got.shuffled).all("replicate").sum("tile")
    assert (missing == missing["round"]).all()


def test_the_kept_shuffle_is_what_the_next_round_starts_from(measured):
    _, got, _ = measured
    for locus in got.locus.values:
        one = got.sel(locus=locus)
        for search in range(2):
            for track in range(2):
                path = one.isel(search=search, track=track)
                for number in range(4):
                    here = path.isel(round=number)
                    kept = here.shuffled[int(here.selected), int(here.kept)]
                    assert kept == path.initial[number + 1]
                    mean = here.shuffled[int(here.selected)].mean()
                    away = np.abs(here.shuffled[int(here.selected)] - mean)
                    assert abs(kept - mean) == away.min()


def test_rounds_end_when_asked_or_when_no_tile_is_left(tmp_path):
    loci = toy_loci(1)
    some, progress = run(
        HigherOrder(
            tile=200, tiles=TILES, replicates=1, rounds=2, searches=["silencers"], accept="all"
        ),
        loci,
        tmp_path / "some",
    )
    assert some.sizes["round"] == 2
    assert some.search.values.tolist() == ["silencers"]
    assert progress.predicted <= 1 + 5 + 2 * 4
    full, _ = run(
        HigherOrder(tile=200, tiles=TILES, replicates=1, rounds=50, accept="all"),
        loci,
        tmp_path / "all",
    )
    assert full.sizes["round"] == 5
    np.testing.assert_array_equal(
        full.fold_change.sel(search="silencers").isel(round=slice(2)),
        some.fold_change.sel(search="silencers"),
    )
    assert sorted(full.selected.values[0, 0, :, 0].tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("shift", [-1e-6, 0.0, 1e-6])
def test_of_two_replicates_the_first_is_kept_whatever_the_last_digit(shift):
    activities = np.array([1.0, 3.0 * (1 + shift)], dtype=np.float32)
    assert nearest(activities, float(activities.mean(dtype=np.float64))) == 0
    assert nearest(np.array([0.0, 9.0, 4.0, 4.0], dtype=np.float32), 4.25) == 2
    assert nearest(np.array([1.0, 1.001, 0.5], dtype=np.float32), 1.001) == 1
