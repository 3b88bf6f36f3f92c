"""The fine-tile search, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from creme.errors import ConfigError
from creme.genome import Locus
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.seeds import derive
from creme.sequence import Sequence
from creme.suite.fine_tile import FineTile, _runs, _windows
from creme.suite.sufficiency import Sufficiency
from toy import activity, run, toy_loci

TILES = [(100, 400), (1900, 2200)]


def plain(locus, tile, track, stages, share_of, replicates, seed):
    """The search by masks and loops: trace of (window, score, kept bases)."""
    start, end = tile
    wild = locus.sequence.codes
    backgrounds = []
    for k in range(replicates):
        (codes,) = dinucleotide_shuffles(wild, [derive(seed, locus.key, "background", k)])
        codes[1100:1300] = wild[1100:1300]
        backgrounds.append(codes)

    def measure(kept):
        values = []
        for codes in backgrounds:
            mutant = codes.copy()
            mutant[start:end] = np.where(kept, wild[start:end], codes[start:end])
            values.append(np.float32(activity(mutant)[track]))
        return np.mean(values, dtype=np.float64)

    everything = np.ones(end - start, bool)
    whole, control = measure(everything), measure(~everything)
    base = control if share_of == "effect" else 0.0

    def score(value):
        return (value - base) / (whole - base)

    def enough(value, share):
        if share_of == "activity" and whole < control:
            return score(value) <= share
        return score(value) >= share

    kept, trace = everything, [(end - start, 1.0, everything)]
    for window, share, many in stages:
        spans = [(s, min(s + window, b)) for a, b in _runs(kept) for s in range(a, b, window)]
        while spans:
            values = []
            for a, b in spans:
                fewer = kept.copy()
                fewer[a:b] = False
                values.append(measure(fewer))
            order = sorted(range(len(spans)), key=lambda i: -values[i] * np.sign(whole - control))
            count, accepted = many, None
            while accepted is None:
                fewer = kept.copy()
                for i in order[:count]:
                    fewer[slice(*spans[i])] = False
                if enough(measure(fewer), share):
                    accepted = fewer
                elif count == 1:
                    break
                else:
                    count = -(-count // 2)
            if accepted is None:
                break
            kept = accepted
            trace.append((window, score(measure(kept)), kept))
            spans = [span for span in spans if kept[slice(*span)].any()]
    return trace


@pytest.fixture(scope="module", params=["effect", "activity"])
def measured(request, tmp_path_factory):
    loci = toy_loci(2)
    shares = [0.8, 0.6] if request.param == "effect" else [0.99, 0.97]
    test = FineTile(
        tile=200,
        tiles=TILES,
        replicates=2,
        seed=3,
        windows=[60, 20],
        shares=shares,
        removed=[1, 3],
        share_of=request.param,
    )
    stages = list(zip([60, 20], shares, [1, 3], strict=True))
    folder = tmp_path_factory.mktemp("fine")
    return request.param, stages, loci, *run(test, loci, folder)


def test_each_search_is_the_plain_one(measured):
    share_of, stages, loci, got, _ = measured
    lengths = set()
    for locus in loci:
        for number, tile in enumerate(TILES):
            for track, name in enumerate(("one", "two")):
                one = got.sel(locus=locus.name, track=name).isel(tile=number)
                expected = plain(locus, tile, track, stages, share_of, 2, 3)
                lengths.add(len(expected))
                rounds = int(np.isfinite(one.score).sum())
                assert rounds == len(expected)
                windows, scores, masks = zip(*expected, strict=True)
                assert one.window.values[:rounds].tolist() == list(windows)
                np.testing.assert_allclose(one.score[:rounds], scores, rtol=1e-4)
                assert one.kept_bp.values[:rounds].tolist() == [m.sum() for m in masks]
                parts = [
                    (a, b)
                    for a, b in zip(one.sub_start.values, one.sub_end.values, strict=True)
                    if np.isfinite(a)
                ]
                assert parts == [(tile[0] + a, tile[0] + b) for a, b in _runs(masks[-1])]
    assert len(lengths) > 1


def last(values):
    """The last value along `round` that is there."""
    ends = values.notnull().sum("round") - 1
    return values.isel(round=ends)


def test_the_reported_state_met_its_share(measured):
    _, stages, _, got, _ = measured
    np.testing.assert_allclose(got.final_score, last(got.score), rtol=1e-12)
    for window, share, _ in stages:
        reached = got.score.where(got.window == window)
        rises = got.whole.mean("replicate") >= got.control.mean("replicate")
        if measured[0] == "effect":
            assert (reached >= share).where(reached.notnull(), True).all()
        else:
            assert (reached >= share).where(reached.notnull() & rises, True).all()
            assert (reached <= share).where(reached.notnull() & ~rises, True).all()


def test_parts_lie_in_their_tile_and_on_the_genome(measured):
    *_, got, _ = measured
    assert ((got.sub_start >= got.tile_start) | got.sub_start.isnull()).all()
    assert ((got.sub_end <= got.tile_end) | got.sub_end.isnull()).all()
    kept = (got.sub_end - got.sub_start).sum("sub_tile")
    np.testing.assert_array_equal(kept, last(got.kept_bp))
    np.testing.assert_array_equal(got.sub_genomic_start, got.sub_start)  # no genome: itself


def test_whole_and_control_are_the_sufficiency_tests(measured, tmp_path):
    _, _, loci, got, _ = measured
    test = Sufficiency(tile=200, tiles=TILES, replicates=2, seed=3)
    sufficiency, _ = run(test, loci, tmp_path)
    np.testing.assert_array_equal(got.whole, sufficiency.mutant)
    np.testing.assert_array_equal(got.control, sufficiency.control)


def test_windows_never_leave_what_is_kept():
    mask = np.array([0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0], bool)
    assert list(_windows(mask, 2, 2)) == [(1, 3), (3, 5), (5, 6), (8, 10)]
    assert list(_windows(mask, 4, 2)) == [(1, 5), (3, 6), (8, 10)]
    assert list(_windows(mask, 100, 50)) == [(1, 6), (8, 10)]
    assert list(_windows(np.zeros(5, bool), 2, 1)) == []


def test_overlapping_windows_share_an_end_and_are_both_tried(tmp_path):
    test = FineTile(
        tile=200, tiles=TILES[:1], replicates=1, windows=[60], shares=[1e-6], removed=[1], step=0.5
    )
    got, _ = run(test, toy_loci(1), tmp_path)
    # Each accepted round removes at least a step, until less than the share is left.
    kept = got.kept_bp.values[0, 0, :, 0]
    kept = kept[np.isfinite(kept)]
    assert (np.diff(kept) <= -30).all()


def test_a_tile_without_effect_is_left_as_it_is(tmp_path):
    loci = toy_loci(1)
    flat = loci[0].sequence.codes.copy()
    flat[:] = 0  # shuffles of one letter are itself
    locus = Locus.from_sequence(Sequence(flat), "flat")
    got, _ = run(FineTile(tile=200, tiles=TILES, replicates=1), [locus], tmp_path)
    assert got.final_score.isnull().all()
    assert got.sizes["round"] == 1
    assert got.sub_start.values[0, :, 0, 0].tolist() == [100, 1900]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"windows": [500]}, "1, 2 and 2 values"),
        ({"windows": [500, 0]}, "are positive"),
        ({"shares": [0.9, -0.1]}, "are positive"),
        ({"removed": [1, 0]}, "are positive"),
        ({"step": 0}, "step = 0 is not allowed"),
        ({"share_of": "rank"}, "share_of"),
    ],
)
def test_stages_are_checked(values, message):
    with pytest.raises(ConfigError, match=message):
        FineTile(**values)
