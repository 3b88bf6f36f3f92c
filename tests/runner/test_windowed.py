"""Predicting by windows equals predicting in full, whatever was changed."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from creme.errors import ModelError
from creme.genome import Locus
from creme.model import Selection, Track, TrackTable
from creme.runner.device import Device
from creme.runner.run import measure, prepare
from creme.runner.windowed import Windowed
from creme.sequence import Edit, Mutant, Sequence
from creme.split import SplitModel, size, windows
from creme.store import Store
from creme.suite.higher_order import HigherOrder
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency

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


@pytest.mark.parametrize("stride", [1, 2, 3, 6, 128])
def test_the_cheapest_known_sequence_is_found(stride):
    """As by comparing with all of them, base by base."""
    random = np.random.default_rng(stride)
    length = 60 * stride
    model: Any = SimpleNamespace(
        n_value=0.0, strides=(stride,), radius=2 * stride, input_length=length
    )
    windowed = Windowed(model, SELECTION)
    known = [sequence(seed, length) for seed in range(5)]
    for _ in range(60):
        one = known[random.integers(len(known))]
        for _ in range(random.integers(1, 4)):
            start, size_ = random.integers(0, length), random.integers(1, length)
            inserted = known[random.integers(len(known))][start : start + size_]
            one = Mutant(one, [Edit(start, inserted)]).sequence
        codes = one.codes
        sizes = [0.8 * 60]
        for each in windowed._known.values():
            changed = np.flatnonzero(each.codes != codes)
            sizes.append(size(windows(changed, length, stride, model.radius)))
        planned = windowed._plan(codes)
        if planned.base is None:
            assert min(sizes) == 0.8 * 60
            known.append(one)
        else:
            assert size(planned.parts) == min(sizes)
            changed = np.flatnonzero(planned.base.codes != codes)
            assert planned.parts == windows(changed, length, stride, model.radius)


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


def test_memory_is_bounded():
    one = 8 * 6 * (1500 + 750)
    windowed = Windowed(Split(), SELECTION, memory=3 * one + 1)
    sequences = [sequence(seed) for seed in range(6)]
    windowed.predict(sequences)
    assert len(windowed._known) == 3
    assert sum(known.bytes for known in windowed._known.values()) <= 3 * one
    # Those used last are the ones that stay; the least that stays is one.
    before = windowed.computed
    windowed.predict(sequences[3:])
    assert windowed.computed == before
    windowed.memory = 0
    windowed.predict([sequence(9)])
    assert len(windowed._known) == 1


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
    assert len(windowed._known) == 1
    again = windowed.predict([sequence(4)])
    np.testing.assert_allclose(again, full(model, [sequence(4)]), rtol=1e-5)


def test_the_two_ways_have_different_fingerprints():
    assert Split().fingerprint != Split(exact="full").fingerprint
