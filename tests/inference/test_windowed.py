"""Predicting by windows equals predicting in full, whatever was changed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from creme.adapters.split import SplitModel, size, windows
from creme.errors import ConfigError, ModelError
from creme.genome import Locus
from creme.inference import feature_memory
from creme.inference.device import Device
from creme.inference.feature_memory import CLOSE, NEARER, WORTH, FeatureMemory, Remembered
from creme.inference.windowed import Windowed
from creme.model import Selection, Track, TrackTable
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Edit, Mutant, Sequence
from creme.store import Store
from creme.suite.higher_order import HigherOrder
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency
from creme.testing.checks import ConformanceError
from creme.testing.split import check_split

RNG = np.random.default_rng(3)
KERNELS = [RNG.normal(size=(5, 4, 6)), RNG.normal(size=(3, 6, 6)), RNG.normal(size=(3, 6, 6))]


def convolved(x, kernel):
    """A convolution padded with zeros, (B, l, c) and (k, c, d) to (B, l, d), and a tanh."""
    half = len(kernel) // 2
    padded = np.pad(x, ((0, 0), (half, half), (0, 0)))
    parts = [padded[:, k : k + x.shape[1]] @ kernel[k] for k in range(len(kernel))]
    return np.tanh(np.sum(parts, axis=0))


def pooled(x):
    return x.reshape(len(x), -1, 2, x.shape[-1]).max(2)


class Split(SplitModel):
    """Convolutions and pooling by two, kept at strides 2 and 4; then a mixture of all positions."""

    name: ClassVar[str] = "split"
    version: ClassVar[str] = "1"
    n_value: ClassVar[float] = 0.0

    length: int = 3000
    reach: int = Field(8, description="2 at stride 1, 1 at stride 2, 1 at stride 4: 2 + 2 + 4")
    uneven: bool = Field(False, description="a trunk that looks at the length of its window")
    coarsest: int = 4

    @property
    def input_length(self):
        return self.length

    @property
    def bin_size(self):
        return 100

    @property
    def n_bins(self):
        return 10

    @cached_property
    def tracks(self):
        return TrackTable((Track("one"), Track("two"), Track("three")))

    @property
    def strides(self):
        return (2, self.coarsest)

    @property
    def radius(self):
        return self.reach

    def encode(self, onehot):
        fine = convolved(pooled(convolved(onehot.astype(float), KERNELS[0])), KERNELS[1])
        self._encoded.append(onehot.shape[:2])
        if self.uneven:
            fine = fine * onehot.shape[1] / self.length
        return fine, convolved(pooled(fine), KERNELS[2])

    @cached_property
    def _encoded(self):
        return []

    @cached_property
    def _mixture(self):
        random = np.random.default_rng(0)
        return random.normal(size=(self.length // 2, 6)), random.normal(
            size=(self.length // 4, 6, 10, 3)
        )

    def decode(self, features, selection):
        fine, coarse = features
        fine_weights, coarse_weights = self._mixture
        mixed = np.einsum("blc,lcnt->bnt", coarse, coarse_weights) / np.sqrt(self.length)
        mixed += 0.1 * np.einsum("blc,lc->b", fine, fine_weights)[:, None, None]
        return selection.take(np.exp(0.3 * mixed).astype(np.float32))

    def predict(self, onehot):
        everything = Selection(tuple(range(10)), (0, 1, 2))
        return self.decode(self.encode(onehot), everything)

    def identity(self) -> dict[str, Any]:
        return {"reach": self.reach, "uneven": self.uneven}


SELECTION = Selection((4, 5), (0, 2))


def sequence(seed=0, length=3000, alphabet=4):
    return Sequence(np.random.default_rng(seed).integers(0, alphabet, length).astype(np.uint8))


def full(model, sequences):
    onehot = np.stack([one.sequence.onehot(model.n_value) for one in sequences])
    return model.predict_selected(onehot, SELECTION)


@pytest.mark.parametrize("stride", [1, 2, 4, 128])
@pytest.mark.parametrize("radius", [0, 1, 7, 8, 259])
def test_windows_against_a_plain_loop(stride, radius):
    random = np.random.default_rng(stride * 1000 + radius)
    n = 40
    length = n * stride
    for _ in range(30):
        changed = np.unique(random.integers(0, length, random.integers(0, 6)))
        reached = {
            i
            for i in range(n)
            for p in changed
            if i * stride - radius <= p < (i + 1) * stride + radius
        }
        found = windows(changed, length, stride, radius)
        kept = {i for w in found for i in range(w.first, w.last)}
        assert reached <= kept
        assert not changed.size or (kept - reached == set()) or len(found) < changed.size
        for w in found:
            assert 0 <= w.start <= w.first < w.last <= w.end <= n
            assert w.start == 0 or (w.first - w.start) * stride >= radius
            assert w.end == n or (w.end - w.last) * stride >= radius
        assert all(a.end < b.start for a, b in pairwise(found))
        assert size(found) <= n


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_windowed_predictions_equal_full_ones(data):
    model = Split()
    windowed = Windowed(model, SELECTION)
    base = sequence(alphabet=data.draw(st.sampled_from([4, 5])))
    batches = []
    for _ in range(data.draw(st.integers(1, 3))):
        batch = [base] if data.draw(st.booleans()) else []
        for _ in range(data.draw(st.integers(1, 4))):
            edits = [
                Edit(start, sequence(start, length)[: min(length, 3000 - start)])
                for start, length in data.draw(
                    st.lists(
                        st.tuples(st.integers(0, 2999), st.integers(1, 900)), min_size=0, max_size=4
                    )
                )
            ]
            batch.append(Mutant(base, edits))
        batches.append(batch)
    for batch in batches:
        np.testing.assert_allclose(windowed.predict(batch), full(model, batch), rtol=1e-5)


@pytest.mark.parametrize("radius", [0, 50, 700])
@pytest.mark.parametrize("stride", [1, 128])
@pytest.mark.parametrize("close", [1.0, CLOSE])
def test_the_cheapest_known_sequence_is_found(stride, radius, close, monkeypatch):
    """As by comparing with all of them, base by base; those that wait only if nearer by half."""
    monkeypatch.setattr(feature_memory, "CLOSE", close)
    random = np.random.default_rng(stride)
    length, n = 6144, 6144 // stride
    some = [sequence(seed, length).sequence for seed in range(4)]
    known = FeatureMemory(length, stride, radius)
    counts = {"ready": 0, "waiting": 0, "none": 0}
    for _ in range(60):
        one = some[random.integers(len(some))]
        for _ in range(random.integers(0, 4)):
            start, size_ = random.integers(0, length), random.integers(1, length // 8)
            inserted = some[random.integers(len(some))][start : start + size_]
            one = Mutant(one, [Edit(int(start), inserted)]).sequence
        codes = one.codes
        sizes = {False: WORTH * n, True: WORTH * n}
        for each in known:
            changed = np.flatnonzero(each.coded.codes != codes)
            waits = each.features is None
            sizes[waits] = min(sizes[waits], size(windows(changed, length, stride, radius)))
        coded = known.coded(one)
        base, parts = known.nearest(coded)
        # Where the nearest one is as good as another by 5 %, either is.
        bound = NEARER * sizes[False] if sizes[False] < WORTH * n else WORTH * n
        if base is None:
            assert min(sizes.values()) == WORTH * n
            counts["none"] += 1
        else:
            changed = np.flatnonzero(base.coded.codes != codes)
            assert parts == windows(changed, length, stride, radius)
            waits = base.features is None
            assert size(parts) * close <= sizes[waits]
            assert not waits or size(parts) * close < bound
            assert waits or sizes[True] >= bound
            counts["waiting" if waits else "ready"] += 1
        known.add(Remembered(coded, True, 0, () if random.integers(2) else None))
        some.append(one)
    assert min(counts.values()) > 0


@pytest.mark.parametrize("start", [0, 1, 3, 1500, 2990, 2999])
def test_a_single_base_anywhere(start):
    model = Split()
    windowed = Windowed(model, SELECTION)
    base = sequence()
    changed = Mutant(base, [Edit(start, np.array([(int(base.codes[start]) + 1) % 4]))])
    windowed.predict([base])
    before = windowed.computed
    got = windowed.predict([changed])
    np.testing.assert_allclose(got, full(model, [changed]), rtol=1e-5)
    assert (got != full(model, [base])).any()
    # The features in reach (5 of 4 bp at most) and a radius on either side.
    assert windowed.computed - before <= 4 * (6 + 2 * 2)


def test_the_trunk_is_checked_once():
    """Also where sequence after sequence is so far from the others that none is windowed."""
    model = Split()
    windowed = Windowed(model, SELECTION)
    for seed in range(4):
        windowed.predict([sequence(seed)])
    assert sum(length == 3000 for _, length in model._encoded) == 4
    assert len(model._encoded) == 4 + 2


def test_what_was_seen_is_not_computed_again():
    windowed = Windowed(Split(), SELECTION)
    base = sequence()
    first = windowed.predict([base, base])
    assert windowed.computed == 3000
    np.testing.assert_array_equal(windowed.predict([base]), first[:1])
    assert windowed.computed == 3000


def test_tests_of_one_locus_are_mostly_windows(tmp_path):
    """Equal to the full evaluation, for a fraction of the trunk."""
    loci = [Locus.from_sequence(sequence(seed), f"locus{seed}") for seed in range(2)]
    tests = [
        Necessity(tile=100, replicates=3),
        Sufficiency(tile=100, replicates=3),
        HigherOrder(tile=100, replicates=2, rounds=4),
    ]
    results, devices = {}, {}
    for exact in ("windowed", "full"):
        model = Split(exact=exact)
        with Store(tmp_path / exact) as store:
            report = measure(prepare(tests, model, loci, tracks=[0, 2], bins=[4, 5]), store)
        assert not report.failures
        results[exact] = report.datasets
        devices[exact] = sum(rows * length for rows, length in model._encoded)
    for name, dataset in results["full"].items():
        for variable in dataset:
            if dataset[variable].dtype.kind != "f":
                assert dataset[variable].equals(results["windowed"][name][variable])
                continue
            np.testing.assert_allclose(
                results["windowed"][name][variable], dataset[variable], rtol=1e-3, atol=1e-5
            )
    assert devices["windowed"] < 0.25 * devices["full"]


def replicates(base, start, bases, number):
    """Mutants of one tile; its ends change too, so that their windows are equal."""
    tile = base.sequence.codes[start : start + bases]
    return [
        Mutant(base, [Edit(start, ((tile + RNG.integers(1, 4, bases)) % 4).astype(np.uint8))])
        for _ in range(number)
    ]


def waves(windowed, monkeypatch):
    """The sizes of the waves that are run from now on."""
    sizes, run = [], windowed._run

    def counted(wave):
        sizes.append(len(wave))
        return run(wave)

    monkeypatch.setattr(windowed, "_run", counted)
    return sizes


@pytest.mark.parametrize("bases", [40, 900])
def test_replicates_of_a_tile_are_one_wave(bases, monkeypatch):
    model = Split()
    base, other = sequence(), sequence(1)
    windowed = Windowed(model, SELECTION)
    windowed.predict([base])
    sizes = waves(windowed, monkeypatch)
    batch = replicates(base, 1000, bases, 8)
    np.testing.assert_allclose(windowed.predict(batch), full(model, batch), rtol=1e-5)
    assert sizes == [8]
    # A wild type that is new is waited for once, by all, whatever their order.
    sizes.clear()
    batch = [other, *replicates(other, 500, bases, 3), base, *replicates(other, 500, bases, 3)]
    np.testing.assert_allclose(windowed.predict(batch), full(model, batch), rtol=1e-5)
    assert sizes == [2, 6]


def test_what_is_nearer_by_half_is_waited_for(monkeypatch):
    """A sequence with three edits of a known one, and one with a fourth, in a batch."""
    base = sequence()
    (three,) = replicates(replicates(replicates(base, 300, 99, 1)[0], 900, 99, 1)[0], 1500, 99, 1)
    model = Split()
    windowed = Windowed(model, SELECTION)
    windowed.predict([base])
    sizes = waves(windowed, monkeypatch)
    batch = [three, *replicates(three, 2500, 99, 1)]
    np.testing.assert_allclose(windowed.predict(batch), full(model, batch), rtol=1e-5)
    assert sizes == [1, 1]


def test_windows_are_not_widened_where_rows_are_computed_one_by_one(monkeypatch):
    base = sequence()
    batch = [
        Mutant(base, [edit])
        for bases in (10, 10, 500, 450, 900)
        for edit in replicates(base, 1000 + bases, bases, 1)[0].edits
    ]
    found = {}
    for gpu in (False, True):
        monkeypatch.setattr(Split, "free_memory", lambda self, gpu=gpu: 2**30 if gpu else None)
        model = Split()
        windowed = Windowed(model, SELECTION)
        windowed.predict([base])
        model._encoded.clear()
        np.testing.assert_allclose(windowed.predict(batch), full(model, batch), rtol=1e-5)
        # Others are the windows' check, and `full`.
        found[gpu] = [shape for shape in model._encoded if shape[1] < 3000]
        assert windowed.computed - 3000 == sum(rows * bp for rows, bp in found[gpu])
    needed = [
        4 * size(windows(np.flatnonzero(one.sequence.codes != base.codes), 3000, 4, 8))
        for one in batch
    ]
    assert sorted(bp for rows, bp in found[False] for _ in range(rows)) == sorted(needed)
    # Those of 500 and 450 bp go together, the one of 900 bp and the two of 10 bp do not.
    assert [rows for rows, _ in found[True]] == [1, 2, 2]


def test_mutants_share_windows():
    """Those of a greedy search's round, whose own start was not remembered."""
    model = Split()
    base = sequence()
    (start,) = replicates(base, 300, 400, 1)
    batch = [one for k in range(5) for one in replicates(start, 1000 + 200 * k, 100, 1)]
    windowed = Windowed(model, SELECTION)
    windowed.predict([base])
    before = windowed.computed
    np.testing.assert_allclose(windowed.predict(batch[:3]), full(model, batch[:3]), rtol=1e-5)
    window = 4 * (2 * 2 * 2)
    # The start's tile once, and each one's own; later it is known.
    assert windowed.computed - before <= 400 + window + 3 * (100 + window) + 4 * 8
    before = windowed.computed
    for one in batch[3:]:
        np.testing.assert_allclose(windowed.predict([one]), full(model, [one]), rtol=1e-5)
    assert windowed.computed - before <= 2 * (100 + window) + 4 * 4


def test_the_number_of_known_sequences_is_limited(monkeypatch):
    """And the wild types of some loci outlast the mutants of one."""
    monkeypatch.setattr(feature_memory, "MOST", 12)
    model = Split()
    windowed = Windowed(model, SELECTION)
    wild_types = [sequence(seed) for seed in range(5)]
    windowed.predict(wild_types)
    for start in range(0, 2700, 90):
        some = replicates(wild_types[0], start, 300, 2)
        np.testing.assert_allclose(windowed.predict(some), full(model, some), rtol=1e-5)
        assert len(windowed._remembered) <= 12
    assert len(windowed._remembered) == 12
    before = windowed.computed
    windowed.predict(wild_types)
    assert windowed.computed == before
    # New ones go at the expense of the oldest.
    windowed.predict([sequence(seed) for seed in range(10, 30)])
    assert len(windowed._remembered) == 12
    windowed.predict(wild_types[1:2])
    assert windowed.computed == before + 21 * 3000


def test_nothing_is_remembered_where_windows_cannot_pay():
    """With 1,200 bp of reach even an edit at an end has a window of 0.8 of 3,000 bp."""
    base = sequence()
    batch = [base, *replicates(base, 0, 1, 2)]
    for reach, remembered in ((1180, True), (1200, False)):
        model = Split(reach=reach)
        windowed = Windowed(model, SELECTION)
        np.testing.assert_allclose(windowed.predict(batch), full(model, batch), rtol=1e-5)
        assert (len(windowed._remembered) > 0) == remembered
        assert (windowed.computed < 3 * 3000) == remembered


@pytest.mark.parametrize("gpu", [None, 2**30])
@pytest.mark.parametrize("reach", [8, 100, 500, 800, 1150, 1400, 4000])
def test_the_kit_accepts_any_radius(reach, gpu, monkeypatch):
    monkeypatch.setattr(Split, "free_memory", lambda self: gpu)
    check_split(lambda: Split(reach=reach))


def test_the_kit_finds_windows_that_are_not_used(monkeypatch):
    monkeypatch.setattr(FeatureMemory, "nearest", lambda self, coded: (None, ()))
    with pytest.raises(ConformanceError, match="bp went through the trunk"):
        check_split(Split)


def test_memory_is_bounded():
    # Features, bases, and the digests of their blocks.
    one = 8 * 6 * (1500 + 750) + 3000 + 8 * 256
    windowed = Windowed(Split(), SELECTION, memory=3 * one + 1)
    sequences = [sequence(seed) for seed in range(6)]
    windowed.predict(sequences)
    assert len(windowed._remembered) == 3
    assert windowed._remembered.bytes <= windowed.memory
    # Those used last are the ones that stay; the least that stays is one.
    before = windowed.computed
    windowed.predict(sequences[3:])
    assert windowed.computed == before
    windowed.memory = 0
    windowed.predict([sequence(9)])
    assert len(windowed._remembered) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reach": 7}, "reaches further than its radius of 7 bp"),
        ({"reach": 0}, "reaches further"),
        ({"coarsest": 8}, "positions for"),
        ({"uneven": True}, "predicted by windows, a sequence differs from its full"),
    ],
)
def test_a_wrong_description_is_refused(wrong, message):
    model = Split(**wrong)
    base = sequence()
    device = Device(model, SELECTION)
    with pytest.raises(ModelError, match=message):
        device.predict([base, Mutant(base, [Edit(1000, sequence(5, 100))])])
    if "coarsest" not in wrong:
        plain = Device(Split(**wrong, exact="full"), SELECTION)
        assert plain.predict([base]).shape == (1, 2, 2)


def test_a_failed_forward_pass_leaves_nothing_behind():
    model = Split()
    windowed = Windowed(model, SELECTION)
    base = sequence()
    windowed.predict([base])
    model.__dict__["_mixture"] = ("broken",)
    with pytest.raises(ValueError, match="unpack"):
        windowed.predict([sequence(4), sequence(5)])
    del model.__dict__["_mixture"]
    assert len(windowed._remembered) == 1
    again = windowed.predict([sequence(4)])
    np.testing.assert_allclose(again, full(model, [sequence(4)]), rtol=1e-5)


@pytest.mark.parametrize("gpu", [None, 2**30])
def test_known_features_are_left_as_they_were(gpu, monkeypatch):
    """Also by a sequence that fails half way: some are written over for a moment."""
    monkeypatch.setattr(Split, "free_memory", lambda self: gpu)
    model = Split()
    windowed = Windowed(model, SELECTION)
    base = sequence()
    windowed.predict([base])
    (known,) = windowed._remembered
    assert known.features is not None
    before = [array.copy() for array in known.features]
    patch = sequence(5, 40)
    batch = [Mutant(base, [Edit(0, patch), Edit(at, patch)]) for at in (700, 2960)]
    np.testing.assert_allclose(windowed.predict(batch), full(model, batch), rtol=1e-5)
    decode = Split.decode

    def failing(self, features, selection):
        decode(self, features, selection)
        raise RuntimeError("broken off")

    monkeypatch.setattr(Split, "decode", failing)
    with pytest.raises(RuntimeError, match="broken off"):
        windowed.predict(batch)
    assert list(windowed._remembered) == [known]
    for array, own in zip(known.features, before, strict=True):
        np.testing.assert_array_equal(array, own)


class Shown(Split):
    """What it gives is a view of its features, or an array that is used again."""

    again: bool = False

    def encode(self, onehot):
        return tuple(each.astype(np.float32) for each in super().encode(onehot))

    @cached_property
    def _room(self):
        return np.empty((8, 10, 2), dtype=np.float32)

    def decode(self, features, selection):
        bins = slice(selection.bins[0], selection.bins[-1] + 1)
        values = features[1][:, bins, : len(selection.tracks)]
        if not self.again:
            return values
        room = self._room[: len(values), : values.shape[1], : values.shape[2]]
        room[:] = values
        return room

    def predict(self, onehot):
        return self.decode(self.encode(onehot), Selection(tuple(range(10)), (0, 1, 2)))

    def predict_selected(self, onehot, selection):
        return self.decode(self.encode(onehot), selection)


@pytest.mark.parametrize("gpu", [None, 2**30])
@pytest.mark.parametrize("again", [False, True])
def test_what_decode_gives_may_be_written_over(again, gpu, monkeypatch):
    monkeypatch.setattr(Split, "free_memory", lambda self: gpu)
    model = Shown(again=again)
    windowed = Windowed(model, SELECTION)
    base, other = sequence(), sequence(7)
    mutants = [Mutant(base, [Edit(at, sequence(at, 30))]) for at in (2500, 2, 17, 21)]
    # Of the last batch one starts from another one of it.
    last = [other, Mutant(other, [Edit(18, sequence(3, 30))])]
    for batch in ([base], mutants[:1], mutants[1:], mutants[::-1], last):
        expected = full(model, batch).copy()
        np.testing.assert_allclose(windowed.predict(batch), expected, rtol=1e-5)


@pytest.mark.parametrize("gpu", [None, 2**30])
def test_a_wrong_decode_is_found_though_its_array_is_used_again(gpu, monkeypatch):
    class Wrong(Shown):
        def predict_selected(self, onehot, selection):
            values = super().predict_selected(onehot, selection)
            values *= 1.5
            return values

    monkeypatch.setattr(Split, "free_memory", lambda self: gpu)
    base = sequence()
    windowed = Windowed(Wrong(again=True), SELECTION)
    windowed.predict([base])
    with pytest.raises(ModelError, match="differs from its full forward pass"):
        windowed.predict([Mutant(base, [Edit(18, sequence(3, 30))])])


def test_what_a_batch_changes_of_a_trunk_is_seen_as_well():
    """The first sequence alone begins from nothing that the batch has computed."""

    class Rounding(Split):
        def encode(self, onehot):
            return tuple(each * (1 + 1e-4 * len(each)) for each in super().encode(onehot))

    random = np.random.default_rng(0)
    asked = [Sequence(random.integers(0, 4, 3000).astype(np.uint8)) for _ in range(4)]
    device = Device(Rounding(), Selection((4, 5), (0, 2)), 4)
    device.predict(asked)
    assert device.differences[4] > 1e-5
    plain = Device(Split(), Selection((4, 5), (0, 2)), 4)
    plain.predict(asked)
    assert plain.differences[4] < 1e-6


def test_the_two_ways_have_different_fingerprints():
    assert Split().fingerprint != Split(exact="full").fingerprint


def test_what_is_remembered_of_a_batch_is_its_own():
    """Not a part of the batch's features, which would keep all of them in memory."""
    windowed = Windowed(Split(), SELECTION)
    windowed.predict([sequence(seed) for seed in range(4)])
    for known in windowed._remembered:
        for array in known.features or ():
            assert (array if array.base is None else array.base).nbytes == array.nbytes


class BesideBases(Split):
    """The same, with a number beside the sequence."""

    name: ClassVar[str] = "split-beside"

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("half_life",)

    def predict_with_inputs(self, onehot, inputs, selection):
        return selection.take(self.predict(onehot) * inputs[:, :1, None])


def test_windows_are_of_bases_alone():
    with pytest.raises(ConfigError, match="takes half_life beside the sequence, and windows are"):
        BesideBases()
    model, chosen = BesideBases(exact="full"), Selection((3,), (0,))
    sequence = Sequence(RNG.integers(0, 4, 3000).astype(np.uint8)).with_inputs([2.0])
    mutant = Mutant(sequence, [Edit(100, np.zeros(50, np.uint8))])
    values = Device(model, chosen).predict([sequence, mutant])
    bare = Device(Split(), chosen).predict([sequence.with_inputs(()), mutant.sequence])
    np.testing.assert_allclose(values, 2 * bare, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 8])
def test_backgrounds_that_take_turns_need_not_all_be_remembered(batch, tmp_path, monkeypatch):
    """Ten of them, of which three have room: by age each would be gone when it is needed again."""
    model = Split(length=4000)
    locus = Locus.from_sequence(sequence(4, 4000), "locus")
    plan = replace(prepare([Sufficiency(tile=200)], model, [locus]), batch_size=batch)
    made: list[Windowed] = []
    begin = Windowed.__init__

    def scarce(self, model, selection, memory=0):
        # Features at strides 2 and 4 of six channels, and the bases.
        begin(self, model, selection, 4 * (6 * 8 * 3000 + 4000))
        made.append(self)

    monkeypatch.setattr(Windowed, "__init__", scarce)
    with Store(tmp_path / "store") as store:
        report = measure(plan, store)
    assert not report.failures
    through = sum(each.computed for each in made) / 4000 / report.progress.predicted
    assert through < {1: 0.25, 8: 0.8}[batch]
