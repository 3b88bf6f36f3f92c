"""Greedy sets put back into random context, against plain loops, and how many tiles are needed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from creme.analysis.set_sufficiency import greedy_sets, needed_by_class, tiles_needed
from creme.errors import ConfigError
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.store import Store
from creme.suite.higher_order import HigherOrder
from creme.suite.set_sufficiency import SetSufficiency
from creme.suite.sufficiency import Sufficiency
from creme.testing import check_test
from toy import MODEL, activity, run, toy_loci

LOCI = toy_loci(3)
SETS = {"locus0": [(1500, 1700), (0, 200), (2200, 2400)], "locus2": [(300, 500)]}
REPLICATES = 3


def create(sets=SETS, **changes):
    return SetSufficiency(
        **{"tile": 200, "replicates": REPLICATES, "seed": 2, **changes, "sets": sets}
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return run(create(), LOCI, tmp_path_factory.mktemp("sets"))


def test_tiles_are_put_back_one_after_another(measured):
    got, progress = measured
    assert got.locus.values.tolist() == list(SETS)
    assert got.tiles.values.tolist() == [0, 1, 2, 3]
    test = create()
    for locus in (LOCI[0], LOCI[2]):
        wild, tss = locus.sequence.codes, slice(1100, 1300)
        one = got.sel(locus=locus.name)
        for k, background in enumerate(test.backgrounds(locus)):
            mutant = background.codes.copy()
            mutant[tss] = wild[tss]
            np.testing.assert_allclose(one.control[k], activity(mutant), rtol=1e-5)
            for count, (start, end) in enumerate([(1100, 1300), *SETS[locus.name]]):
                mutant[start:end] = wild[start:end]
                here = one.sel(tiles=count)
                np.testing.assert_allclose(here.mutant[k], activity(mutant), rtol=1e-5)
                change = activity(mutant) / activity(wild)
                np.testing.assert_allclose(here.fold_change_replicates[k], change, rtol=1e-5)
                assert (here.tile_start, here.tile_end) == (start, end)
    np.testing.assert_allclose(got.fold_change, got.fold_change_replicates.mean("replicate"))
    short = got.sel(locus="locus2")
    assert np.isnan(short.fold_change[2:]).all()
    assert progress.predicted == progress.asked == 2 + (4 + 2) * REPLICATES
    assert progress.asked == prepare([create()], MODEL, LOCI).size()


def test_its_controls_and_its_first_tile_are_the_sufficiency_tests(tmp_path):
    sufficiency = Sufficiency(tile=200, replicates=REPLICATES, seed=2, tiles=SETS)
    with Store(tmp_path / "store") as store:
        before = measure(prepare([sufficiency], MODEL, LOCI), store)
        after = measure(prepare([create()], MODEL, LOCI), store)
    # Of locus0 the second and the third tile on top of others are new, of locus2 nothing is.
    assert after.progress.predicted == 2 * REPLICATES
    theirs, ours = before.datasets["sufficiency"], after.datasets["set_sufficiency"]
    np.testing.assert_array_equal(theirs.control, ours.control)
    np.testing.assert_array_equal(ours.mutant.sel(tiles=0), ours.control)
    with Store(tmp_path / "store") as store:
        again = measure(prepare([create()], MODEL, LOCI), store)
    assert again.progress.predicted == 0
    # The first run compared what it found in the store; the second one added nothing.
    ours.attrs.pop("compared_with_store")
    assert again.datasets["set_sufficiency"].identical(ours)


def test_a_list_is_for_all_loci(tmp_path):
    got, _ = run(create(SETS["locus2"]), LOCI, tmp_path)
    assert got.locus.values.tolist() == [locus.name for locus in LOCI]


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"locus9": [(0, 200)]}, "sets names locus 'locus9'.*did you mean"),
        ([(0, 200), (100, 300)], r"\[0, 200\) and \[100, 300\) overlap"),
        ([(1200, 1400)], "overlaps the TSS tile"),
        ([(2300, 2500)], "outside the sequence"),
    ],
)
def test_sets_are_checked_before_anything_is_predicted(sets, message):
    with pytest.raises(ConfigError, match=message):
        prepare([create(sets)], MODEL, LOCI).size()


def test_conformance():
    check_test(lambda: create([(2000, 3000), (20_000, 21_000)], tile=1000))


@pytest.mark.parametrize("accept", ["all", "tested"])
def test_sets_of_a_greedy_search(accept, tmp_path):
    test = HigherOrder(tile=200, replicates=3, seed=2, accept=accept, minimum_effect=0.01, rounds=3)
    searched, _ = run(test, LOCI, tmp_path)
    sets = greedy_sets(searched, track="one")
    for locus in LOCI:
        starts = searched.selected_start.sel(locus=locus.name, search="enhancers", track="one")
        expected = [(int(start), int(start) + 200) for start in starts if start >= 0]
        assert sets.get(locus.name, []) == expected
    assert sets, "some locus should have a set"
    if accept == "all":
        assert {len(one) for one in sets.values()} == {3}
    got, _ = run(create(sets), LOCI, tmp_path / "sets")
    assert got.sizes["tiles"] == 1 + max(map(len, sets.values()))
    with pytest.raises(ConfigError, match="track: there are one, two; choose one"):
        greedy_sets(searched)
    with pytest.raises(ConfigError, match="search = 'promoters'"):
        greedy_sets(searched, search="promoters", track="one")


def traces(values):
    data = np.array(values, float)[..., None]
    return xr.Dataset(
        {"fold_change": (("locus", "tiles", "track"), data)},
        {"locus": np.arange(len(data)), "tiles": np.arange(data.shape[1]), "track": ["one"]},
    )


def test_tiles_needed_by_class():
    got = tiles_needed(traces([[0.1, 0.8, 0.7], [0.9, 1, 1], [0.1, 0.5, 0.7], [0.1, 0.2, 0.9]]))
    np.testing.assert_array_equal(got.squeeze("track"), [1, 0, np.nan, 2])
    classes = xr.DataArray(np.array(["x", "x", "x", ""], object), dims="locus")
    (row,) = needed_by_class(got, classes).to_dict("records")
    assert (row["class"], row["loci"], row["median"], row["low"]) == ("x", 3, 1, 0)
    assert row["high"] == np.inf
    np.testing.assert_allclose(row["reached"], 2 / 3)
    with pytest.raises(ConfigError, match="share = 0"):
        tiles_needed(traces([[1.0]]), 0)


def test_the_published_table(data):
    """Of the authors: 200 loci of enhancing contexts in each cell line, up to 25 tiles."""
    frame = pd.read_csv(data / "published" / "sufficiency_of_greedy_tiles_min.csv.gz")
    frame = frame.rename(columns={"Unnamed: 0": "tiles", "Normalized TSS activity": "fold_change"})
    counts = []
    for _, part in frame.groupby("cell_line", sort=True):
        wide = part.pivot(index="seq_id", columns="tiles", values="fold_change")
        contexts = part.drop_duplicates("seq_id").set_index("seq_id")["context"][wide.index]
        results = traces(wide.to_numpy())
        assert (results.sizes["locus"], results.sizes["tiles"]) == (200, 26)
        classes = xr.DataArray(contexts.to_numpy(object), dims="locus")
        (row,) = needed_by_class(tiles_needed(results), classes).to_dict("records")
        assert row["class"] == "enhancing"
        counts.append((row["low"], row["median"], row["high"], row["reached"]))
        # By plain loops.
        plain = [
            next((n for n, v in enumerate(row) if v >= 0.8), np.inf) for row in wide.to_numpy()
        ]
        assert np.median(np.sort(plain)[[99, 99]]) == row["median"]
        assert np.mean(np.isfinite(plain)) == row["reached"]
    # GM12878, K562 and PC-3: quartiles of the tiles for 80 %, and loci that reach it in 25.
    assert counts == [(5, 8, 12, 0.93), (3, 6, 11, 0.89), (7, 11, 17, 0.9)]
