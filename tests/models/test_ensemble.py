"""Ensembles of replicates, over strands and over shifts."""

from __future__ import annotations

import pickle
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from creme.adapters.split import SplitModel
from creme.errors import ConfigError, ModelError
from creme.inference.device import Device
from creme.model import Model, Selection, Track, TrackTable
from creme.models.ensemble import Ensemble, SplitEnsemble, ensemble, replicates
from creme.models.python_file import PythonModel
from creme.models.synthetic import SyntheticModel
from creme.runner.experiment import build_model
from creme.sequence import Edit, Mutant, Sequence
from creme.testing import model_checks
from creme.testing.models import check_fingerprints, sequences
from creme.testing.split import check_split


class Stranded(Model):
    """Weights of each base near a bin; a pair of stranded tracks, and one of both strands."""

    name: ClassVar[str] = "stranded"
    version: ClassVar[str] = "1"
    start: int = 80
    paired: bool = True

    @property
    def input_length(self) -> int:
        return 640

    @property
    def bin_size(self) -> int:
        return 40

    @property
    def n_bins(self) -> int:
        return 12

    @property
    def output_start(self) -> int:
        return self.start

    @property
    def receptive_field(self) -> int:
        return 0

    @property
    def tracks(self) -> TrackTable:
        pair = (1, 0) if self.paired else (None, None)
        plus, minus = Track("p", strand="+", pair=pair[0]), Track("m", strand="-", pair=pair[1])
        return TrackTable((plus, minus, Track("both")))

    def identity(self) -> dict[str, Any]:
        return {"start": self.start}

    @cached_property
    def _weights(self) -> np.ndarray:
        return np.random.default_rng(0).normal(size=(3, 40, 4))

    def predict(self, onehot):
        if onehot.shape[1:] != (640, 4):
            raise ModelError("640 bp are needed")
        bins = onehot[:, self.start : self.start + 480].reshape(-1, 12, 40, 4).astype(np.float64)
        return np.tanh(np.einsum("nbik,tik->nbt", bins, self._weights)).astype(np.float32)


class Local(SplitModel):
    """A trunk of convolutions kept at strides 4 and 8, not the same from both sides; a mixture."""

    name: ClassVar[str] = "local"
    version: ClassVar[str] = "1"
    n_value: ClassVar[float] = 0.0
    seed: int = 0
    reach: int = 10
    paired: bool = True

    @property
    def input_length(self) -> int:
        return 1600

    @property
    def bin_size(self) -> int:
        return 100

    @property
    def n_bins(self) -> int:
        return 12

    @property
    def tracks(self) -> TrackTable:
        return Stranded(paired=self.paired).tracks

    @property
    def strides(self) -> tuple[int, ...]:
        return (4, 8)

    @property
    def radius(self) -> int:
        return self.reach

    def identity(self) -> dict[str, Any]:
        return {"seed": self.seed}

    @cached_property
    def _weights(self) -> list[np.ndarray]:
        random = np.random.default_rng(self.seed)
        shapes = (5, 4, 6), (5, 6, 6), (400, 6, 12, 3), (200, 6, 12, 3)
        return [random.normal(size=shape) for shape in shapes]

    def encode(self, onehot):
        first, second, *_ = self._weights
        fine = _pooled(_convolved(onehot.astype(float), first), 4)
        return fine, _pooled(_convolved(fine, second), 2)

    def decode(self, features, selection):
        mixed = sum(
            np.einsum("blc,lcnt->bnt", part, weights)
            for part, weights in zip(features, self._weights[2:], strict=True)
        )
        return selection.take(np.exp(mixed / 40).astype(np.float32))

    def predict(self, onehot):
        if onehot.shape[1:] != (1600, 4):
            raise ModelError("1600 bp are needed")
        return self.decode(self.encode(onehot), Selection(tuple(range(12)), (0, 1, 2)))


def _pooled(x, by):
    return x.reshape(len(x), x.shape[1] // by, by, x.shape[2]).max(2)


def _convolved(x, kernel):
    padded = np.pad(x, ((0, 0), (2, 2), (0, 0)))
    return np.tanh(sum(padded[:, k : k + x.shape[1]] @ kernel[k] for k in range(5)))


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_replicates_conform(check):
    models = [Local(seed=1), Local(seed=2)]
    check(lambda: ensemble(models, reverse_complement=True, shifts=(0, 2)))


@pytest.mark.parametrize("check", model_checks(), ids=str)
@pytest.mark.parametrize("shifts", [(0,), (-3, 0, 3)])
def test_conforms(check, shifts):
    check(lambda: Ensemble(of=Stranded(), reverse_complement=True, shifts=shifts))


def test_the_mean_over_strands_is_that_of_both_strands():
    model, onehot = Stranded(), sequences(Stranded(), 2)
    both = Ensemble(of=model, reverse_complement=True)
    turned = onehot[:, ::-1, ::-1].copy()
    forward, backward = model.predict(onehot), model.predict(turned)
    got = both.predict(onehot)
    for bin_ in range(12):
        for track, other in ((0, 1), (1, 0), (2, 2)):
            expected = (forward[:, bin_, track] + backward[:, 11 - bin_, other]) / 2
            np.testing.assert_allclose(got[:, bin_, track], expected, rtol=1e-5, atol=1e-7)
    # The other strand's prediction is the same, seen from the other side.
    np.testing.assert_allclose(
        both.predict(turned), got[:, ::-1][:, :, [1, 0, 2]], rtol=1e-6, atol=1e-7
    )


def test_the_mean_over_shifts():
    model, onehot = Stranded(), sequences(Stranded(), 1)
    got = Ensemble(of=model, shifts=(2, 0, -1)).predict(onehot)
    fill = np.full((1, 2, 4), 0.25, np.float32)
    right = np.concatenate([fill, onehot[:, :-2]], axis=1)
    left = np.concatenate([onehot[:, 1:], fill[:, :1]], axis=1)
    expected = np.mean([model.predict(x) for x in (left, onehot, right)], axis=0)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)


def test_one_variant_is_the_model():
    onehot = sequences(Stranded(), 1)
    np.testing.assert_array_equal(
        Ensemble(of=Stranded()).predict(onehot), Stranded().predict(onehot)
    )


def test_the_mean_over_replicates():
    models = [Local(seed=seed) for seed in range(3)]
    onehot = sequences(models[0], 2)
    expected = np.mean([model.predict(onehot) for model in models], axis=0)
    np.testing.assert_allclose(ensemble(models).predict(onehot), expected, rtol=1e-6)
    both = ensemble(models, reverse_complement=True)
    strands = [Ensemble(of=model, reverse_complement=True).predict(onehot) for model in models]
    np.testing.assert_allclose(both.predict(onehot), np.mean(strands, axis=0), rtol=1e-6)


def test_only_what_is_selected_is_asked_for():
    asked = []

    class Noting(Stranded):
        def predict_selected(self, onehot, selection):
            asked.append((selection.bins, selection.tracks))
            return super().predict_selected(onehot, selection)

    both = Ensemble(of=Noting(), reverse_complement=True)
    onehot, chosen = sequences(both, 2), Selection((1, 2, 5), (1, 2))
    np.testing.assert_array_equal(
        both.predict_selected(onehot, chosen), chosen.take(both.predict(onehot))
    )
    # The minus track of the other strand is the plus track of this one.
    assert asked == [((1, 2, 5), (1, 2)), ((6, 9, 10), (0, 2))]


@pytest.mark.parametrize("strands", [False, True])
@pytest.mark.parametrize("shifts", [(0,), (3,), (-7, 0, 2)])
@pytest.mark.parametrize("seeds", [(0,), (1, 2)])
def test_windows_give_the_numbers_of_full_forward_passes(seeds, shifts, strands):
    def make() -> SplitModel:
        models = [Local(seed=seed) for seed in seeds]
        made = ensemble(models, reverse_complement=strands, shifts=shifts)
        assert isinstance(made, SplitModel)
        return made

    check_split(make, tolerance=1e-6)


def test_the_runner_evaluates_each_replicate_by_windows(monkeypatch):
    encoded = []
    encode = Local.encode

    def noting(self, onehot):
        encoded.append((self.seed, onehot.shape[1]))
        return encode(self, onehot)

    monkeypatch.setattr(Local, "encode", noting)
    model, chosen = ensemble([Local(seed=1), Local(seed=2)]), Selection((5, 6), (0, 1))
    base = Sequence(np.random.default_rng(0).integers(0, 4, 1600).astype(np.uint8))
    mutant = Mutant(base, [Edit(800, Sequence.from_string("ACGTACGT"))])
    got = Device(model, chosen).predict([base, mutant])
    onehot = np.stack([one.sequence.onehot(0.0) for one in (base, mutant)])
    np.testing.assert_allclose(got, chosen.take(model.predict(onehot)), rtol=1e-6)
    windowed = [(seed, size) for seed, size in encoded if size < 200]
    assert {seed for seed, _ in windowed} == {1, 2}
    # A replicate that is not to be evaluated by windows keeps the others from it.
    plain = ensemble([Local(seed=1), Local(seed=2, exact="full")])
    assert not isinstance(plain, SplitEnsemble)
    np.testing.assert_array_equal(plain.predict(onehot), model.predict(onehot))


def test_the_order_of_replicates_makes_no_difference():
    one, other = Local(seed=1), Local(seed=2)
    first, second = ensemble([one, other]), ensemble([other, one])
    assert first.fingerprint == second.fingerprint
    onehot = sequences(one, 1)
    np.testing.assert_array_equal(first.predict(onehot), second.predict(onehot))
    check_fingerprints(
        one,
        other,
        first,
        ensemble([one, other, Local(seed=3)]),
        ensemble([one]),
        ensemble([one, Local(seed=2, exact="full")]),
    )


def test_replicates_have_the_same_bins_and_tracks():
    with pytest.raises(ConfigError, match="input_length is 640 of one and 1600 of another"):
        ensemble([Stranded(), Local()])
    with pytest.raises(ConfigError, match="not the same tracks"):
        ensemble([Local(), Local(seed=1, paired=False)])
    with pytest.raises(ConfigError, match="output_start is 80 of one and 40 of another"):
        ensemble([Stranded(), Stranded(start=40)])
    with pytest.raises(ConfigError, match="of"):
        ensemble([])
    with pytest.raises(ConfigError, match="unknown key 'exact'"):
        ensemble([Local()], exact="full")


def test_parameters_of_replicates():
    table = {"plugin": "x", "device": "cpu"}
    assert replicates(table, {}) == [table]
    assert replicates(table, {"weights": ["a", "b"], "params": [1, 2]}) == [
        {**table, "weights": "a", "params": 1},
        {**table, "weights": "b", "params": 2},
    ]
    for varied, said in (
        (["a", "b"], "give a table"),
        ({"weights": "a"}, "give a list"),
        ({"weights": []}, "give a list"),
        ({"device": ["cpu", "cuda"]}, r"given in \[model\] already"),
        ({"weights": ["a", "b"], "params": [1]}, "differ in length"),
        ({"weights": ["a", "a"]}, "each is given once"),
    ):
        with pytest.raises(ConfigError, match=said):
            replicates(table, varied)


def test_fingerprints():
    check_fingerprints(
        Stranded(),
        Ensemble(of=Stranded(), reverse_complement=True),
        Ensemble(of=Stranded(), shifts=(0, 1)),
        Ensemble(of=Stranded(), shifts=(0, 2)),
    )
    one, other = (Ensemble(of=Stranded(), shifts=s) for s in ((0, 1), (1, 0)))
    assert one.fingerprint == other.fingerprint


Strand = Literal["+", "-", "."]


class Named(Stranded):
    """With another table of the same tracks."""

    strands: tuple[Strand, Strand, Strand] = ("+", "-", ".")
    pairs: tuple[int | None, int | None, int | None] = (1, 0, None)
    known: bool = True
    position: int = 320

    @property
    def tss(self) -> int:
        return self.position

    @property
    def tracks(self) -> TrackTable:
        named = zip("pmb", self.strands, self.pairs, strict=True)
        made = tuple(Track(name, strand=strand, pair=pair) for name, strand, pair in named)
        return TrackTable(made, strands_known=self.known)


def test_tables_that_exchange_other_tracks_have_other_fingerprints():
    alone = Named(strands=("+", "-", "."))
    unstranded = Named(strands=(".", ".", "."), pairs=(None, None, None))
    assert alone.fingerprint == unstranded.fingerprint
    both = [Ensemble(of=model, reverse_complement=True) for model in (alone, unstranded)]
    onehot = sequences(alone, 1)
    assert not np.array_equal(both[0].predict(onehot), both[1].predict(onehot))
    assert both[0].fingerprint != both[1].fingerprint
    shifted = [Ensemble(of=model, shifts=(0, 1)) for model in (alone, unstranded)]
    assert shifted[0].fingerprint == shifted[1].fingerprint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"known": False}, "is not known: give 'targets'"),
        ({"position": 10}, "the TSS in the middle of the input; model stranded has it at 10"),
        ({"pairs": (0, 1, None)}, "track p has pair 0: a pair is the index of the same track"),
        ({"pairs": (1, 2, None)}, "track p has pair 1"),
        ({"pairs": (1, 7, None)}, "track p has pair 1"),
        ({"pairs": (7, 0, None)}, "track p has pair 7"),
        ({"strands": ("+", "+", ".")}, "track p has pair 1"),
    ],
)
def test_tables_that_would_mix_strands_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        Ensemble(of=Named(**changes), reverse_complement=True)
    assert Ensemble(of=Named(**changes), shifts=(0, 1)).tracks == Named(**changes).tracks


def test_a_pickle_is_fingerprinted_anew():
    model = Ensemble(of=Stranded(), shifts=(0, 1))
    model.__dict__["fingerprint"] = "of weights that have changed since"
    again = pickle.loads(pickle.dumps(model))
    assert again.fingerprint == Ensemble(of=Stranded(), shifts=(0, 1)).fingerprint
    split = ensemble([Local(seed=seed) for seed in range(2)], reverse_complement=True)
    assert type(pickle.loads(pickle.dumps(split))) is SplitEnsemble


def test_the_models_say_what_want_of_memory_is():
    class Service(Stranded):
        def is_out_of_memory(self, error):
            return False

    exhausted = RuntimeError("RESOURCE_EXHAUSTED: quota")
    assert Ensemble(of=Stranded()).is_out_of_memory(exhausted)
    assert not Ensemble(of=Service()).is_out_of_memory(exhausted)


def test_what_cannot_be_turned_is_said():
    with pytest.raises(ConfigError, match=r"cover \[40, 520\) of 640 bp"):
        Ensemble(of=Stranded(start=40), reverse_complement=True)
    with pytest.raises(ConfigError, match=r"track p of strand \+ has no pair"):
        Ensemble(of=Stranded(paired=False), reverse_complement=True)
    with pytest.raises(ConfigError, match="each is given once"):
        Ensemble(of=Stranded(), shifts=(1, 1))
    with pytest.raises(ConfigError, match="leave nothing"):
        Ensemble(of=Stranded(), shifts=(640,))


def test_an_experiment_file_asks_for_it(tmp_path):
    table = {"plugin": "synthetic", "length": 24_576}
    model, selection = build_model({**table, "ensemble": {"shifts": [0, 5]}}, tmp_path)
    assert isinstance(model, Ensemble)
    assert [type(member) for member in model.of] == [SyntheticModel]
    assert selection.bins == (model.tss_bin(),)
    assert model.configuration()["of"][0]["length"] == 24_576
    with pytest.raises(ConfigError, match=r"\[model\]:? ensemble: .*unknown key 'shift'"):
        build_model({**table, "ensemble": {"shift": [0, 5]}}, tmp_path)
    with pytest.raises(ConfigError, match="no pair"):
        build_model({**table, "ensemble": {"reverse_complement": True}}, tmp_path)


def test_an_experiment_file_names_replicates(tmp_path):
    table = {"plugin": "synthetic", "ensemble": {"replicates": {"length": [24_576, 24_576]}}}
    with pytest.raises(ConfigError, match=r"\[model\]: replicates: .*each is given once"):
        build_model(table, tmp_path)
    table["ensemble"] = {"replicates": {"half": [1.0, 2.0]}, "shifts": [0, 5]}
    model, _ = build_model({**table, "length": 24_576}, tmp_path)
    assert isinstance(model, Ensemble)
    assert [member.configuration()["half"] for member in model.of] == [1.0, 2.0]
    assert model.shifts == (0, 5)
    with pytest.raises(ConfigError, match=r"\[model\]: ensemble = 3: give a table"):
        build_model({"plugin": "synthetic", "ensemble": 3}, tmp_path)


def test_a_described_track_is_of_no_strand_until_it_is_declared(tmp_path):
    """A donor of the forward strand, averaged with nothing of the other, is halved."""
    (tmp_path / "donor.py").write_text(
        "def build():\n"
        "    return lambda x: (x[:, 50, 2] * x[:, 51, 3])[:, None, None]  # GT in the middle\n"
    )

    def donor(*tracks):
        grid = {"input_length": 102, "bin_size": 2, "tracks": list(tracks)}
        return PythonModel(object=tmp_path / "donor.py:build", grid=grid)

    named = donor("donor")
    with pytest.raises(ConfigError, match=r"which tracks of model python are of one strand"):
        Ensemble(of=named, reverse_complement=True)
    Ensemble(of=named, shifts=(0, 1))
    with pytest.raises(ConfigError, match=r"track donor of strand [+] has no pair"):
        Ensemble(of=donor({"name": "donor", "strand": "+"}), reverse_complement=True)
    both = donor({"name": "donor", "strand": "."})
    assert both.fingerprint == named.fingerprint
    onehot = Sequence.from_string("A" * 50 + "GT" + "A" * 50).onehot()[None]
    assert named.predict(onehot).item() == 1
    assert Ensemble(of=both, reverse_complement=True).predict(onehot).item() == 0.5
