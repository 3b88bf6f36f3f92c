"""Checks of a model."""

from __future__ import annotations

import gc
import json
import pickle
import weakref
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from creme.errors import ModelError
from creme.model import Model, Selection
from creme.sequence import Sequence
from creme.testing.checks import Check, ensure, run_all
from creme.testing.codes import codes
from creme.testing.heads import check_heads
from creme.testing.inputs import check_inputs
from creme.testing.position import position
from creme.testing.settings import TOLERANCE, check_settings
from creme.testing.state import deterministic as check_deterministic

Make = Callable[[], Model]


def sequences(model: Model, n: int, seed: int = 0) -> np.ndarray:
    """One-hot batch of random sequences with a stretch of N, (n, input_length, 4) float32."""
    codes = np.random.default_rng(seed).integers(0, 4, (n, model.input_length), dtype=np.uint8)
    codes[:, : model.input_length // 50] = 4
    return np.stack([Sequence(row).onehot(model.n_value) for row in codes])


def batch_difference(model: Model, n: int = 3) -> float:
    """Largest difference between a batch of `n` and one by one, as a share of the largest value.

    A resumed run may differ by as much.
    """
    onehot = sequences(model, n)
    together = model.predict(onehot).copy()
    alone = np.concatenate([model.predict(onehot[k : k + 1]).copy() for k in range(n)])
    return _apart(together, alone)


def _apart(values: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Largest difference as a share of the largest value; NaN is looked for before."""
    finite = np.isfinite(values).all() and np.isfinite(expected).all()
    ensure(bool(finite), "predictions cannot be compared: predict returned NaN or infinity")
    return float(np.abs(values - expected).max() / max(np.abs(expected).max(), 1e-30))


def grid(make: Make) -> None:
    """The output grid lies inside the input, and the TSS inside the output."""
    model = make()
    for name in ("input_length", "bin_size", "n_bins"):
        value = getattr(model, name)
        ensure(isinstance(value, int) and value > 0, f"{name} = {value!r} is no positive int")
    end = model.output_start + model.n_bins * model.bin_size
    ensure(
        model.output_start >= 0 and end <= model.input_length,
        f"the output [{model.output_start}, {end}) leaves the input of {model.input_length} bp",
    )
    ensure(0 <= model.tss < model.input_length, f"tss = {model.tss} lies outside the input")
    model.tss_bin()


def tracks(make: Make) -> None:
    """Track names differ, and the pair of a track is that of the other strand."""
    table = make().tracks
    names = [track.name for track in table]
    ensure(len(names) > 0, "there are no tracks")
    ensure(len(set(names)) == len(names), "two tracks have the same name")
    wrong = table.mispaired()
    first = table[wrong or 0]
    ensure(
        wrong is None,
        f"track {first.name} has pair {first.pair}: a pair is the index of the same track of the "
        f"other strand, '+' or '-', which has this one as its own",
    )


def shape_and_dtype(make: Make) -> None:
    """A batch of two gives (2, n_bins, tracks) finite float32."""
    model = make()
    values = model.predict(sequences(model, 2))
    expected = (2, model.n_bins, len(model.tracks))
    kind = type(values).__name__
    ensure(isinstance(values, np.ndarray), f"predict returned {kind}, not an array")
    ensure(bool(np.isfinite(values).all()), "predict returned NaN or infinity")
    ensure(values.shape == expected, f"predict returned shape {values.shape}, not {expected}")
    ensure(values.dtype == np.float32, f"predict returned {values.dtype}, not float32")


_MORE = 300
"""Random sequences that are tried where the first ones have the same prediction."""


def depends_on_input(make: Make) -> None:
    """The output depends on the input: not all sequences have the same prediction."""
    model = make()
    random = np.random.default_rng(4)
    mixtures = [(0.25, 0.25, 0.25, 0.25)] * 3 + [(0.1, 0.4, 0.4, 0.1), (0.4, 0.1, 0.1, 0.4)]
    rows = [random.choice(4, model.input_length, p=each).astype(np.uint8) for each in mixtures]
    first, *others = [_predict(model, row) for row in rows]
    ensure(bool(np.isfinite([first, *others]).all()), "predict returned NaN or infinity")
    scale = np.maximum(np.abs(first).max(axis=0), np.float32(1e-30))
    # What looks for rare motifs may find none in a few sequences.
    further = (random.integers(0, 4, model.input_length).astype(np.uint8) for _ in range(_MORE))
    ensure(
        any(_differs(other, first, scale) for other in others)
        or any(_differs(_predict(model, row), first, scale) for row in further),
        f"{len(rows) + _MORE} random sequences, two of them rich and poor in GC, have the same "
        f"prediction up to rounding: it is constant, the input or the weights do not reach it",
    )


_CONSTANT = 1e-6
"""Of each track's largest value: what is not more than rounding of a constant."""


def _differs(
    values: NDArray[np.float32], first: NDArray[np.float32], scale: NDArray[np.float32]
) -> bool:
    return bool((np.abs(values - first) > _CONSTANT * scale).any())


_PHASES = 7
"""One base in so many is replaced at once, from each of as many first ones."""


def n_rows(make: Make) -> None:
    """Any part of the input may be N, also all of it, and an N is not read as a letter."""
    model = make()
    length = model.input_length
    codes = np.random.default_rng(3).integers(0, 4, length).astype(np.uint8)
    cases = {"nothing but N": np.full(length, 4, np.uint8)}
    for name, part in (
        ("N in its first half", slice(0, length // 2)),
        ("N in its second half", slice(length // 2, length)),
        ("one N", slice(length // 2, length // 2 + 1)),
    ):
        cases[name] = codes.copy()
        cases[name][part] = 4
    for name, case in cases.items():
        values = _predict(model, case)
        ensure(bool(np.isfinite(values).all()), f"an input with {name} gave NaN or infinity")
    suspects = set("ACGT")
    for first in range(_PHASES):
        scattered = []
        for code in range(5):
            case = codes.copy()
            case[first::_PHASES] = code
            scattered.append(_predict(model, case))
        letters = scattered[:4]
        if any(np.array_equal(a, b) for k, a in enumerate(letters) for b in letters[:k]):
            return  # letters that make no difference to a model make none for N
        # A model of few, sharp motifs may have none of them with N, and with a letter, by chance.
        same = zip("ACGT", letters, strict=True)
        suspects &= {letter for letter, values in same if np.array_equal(values, scattered[4])}
        if not suspects:
            return
    ensure(
        False,
        f"N is read as {min(suspects)}: its row holds n_value = {model.n_value} in all four "
        f"channels",
    )


def _predict(model: Model, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    return model.predict(Sequence(codes).onehot(model.n_value)[None]).copy()


def input_not_modified(make: Make) -> None:
    """The input is left as it is, and may be read-only."""
    model = make()
    onehot = sequences(model, 1)
    before = onehot.copy()
    model.predict(onehot)
    ensure(np.array_equal(onehot, before), "predict changed its input")
    onehot.flags.writeable = False
    model.predict(onehot)


def input_not_kept(make: Make) -> None:
    """The input's memory is the caller's: it may be overwritten or freed after a prediction."""
    model = make()
    first, second = sequences(model, 1, seed=1), sequences(model, 1, seed=2)
    # The runner's batches are a buffer that is written anew for each.
    buffer = first.copy()
    values = model.predict(buffer)
    kept = values.copy()
    buffer[:] = second
    ensure(np.array_equal(values, kept), "a prediction changed when its input was overwritten")
    ensure(
        _apart(model.predict(buffer).copy(), model.predict(second)) <= TOLERANCE,
        "a new sequence in the same memory gave another prediction than in memory of its own",
    )
    ensure(
        _apart(model.predict(first), kept) <= TOLERANCE,
        "a sequence gave another prediction after other ones",
    )
    gone = weakref.ref(buffer)
    del buffer
    gc.collect()
    ensure(gone() is None, "the model keeps its input after the prediction")


def input_views(make: Make) -> None:
    """The input may be a view, in another order of memory; the numbers are the same."""
    model = make()
    onehot = sequences(model, 2)
    expected = model.predict(onehot).copy()
    wide = np.zeros((2, model.input_length, 8), np.float32)
    wide[:, :, :4] = onehot
    views = {
        "with its positions next to each other in memory": onehot.transpose(0, 2, 1)
        .copy()
        .transpose(0, 2, 1),
        "cut from a larger array": wide[:, :, :4],
        "of every second row": np.repeat(onehot, 2, axis=0)[::2],
    }
    for name, view in views.items():
        values = model.predict(view)
        ensure(values.shape == expected.shape, f"an input {name} gave the shape {values.shape}")
        away = _apart(values, expected)
        ensure(away <= TOLERANCE, f"an input {name} gave predictions that are {away:.1e} away")


def output_not_reused(make: Make) -> None:
    """Returned values do not change with the next prediction."""
    model = make()
    first = model.predict(sequences(model, 1, seed=1))
    kept = first.copy()
    ensure(bool(np.isfinite(kept).all()), "predict returned NaN or infinity")
    model.predict(sequences(model, 1, seed=2))
    ensure(np.array_equal(first, kept), "a prediction changed when the next one was made")


def deterministic(make: Make) -> None:
    """The same input gives the same numbers, bit for bit, also from a model made anew."""
    model = make()
    check_deterministic(make, sequences(model, 1), sequences(model, 1, seed=5))


def heads(make: Make) -> None:
    """Each head of a model that has several has the output that its grid says, in one pass."""
    check_heads(make, sequences(make(), 2))


def inputs(make: Make) -> None:
    """Each number beside the sequence changes predictions, is its own sequence's, and is needed."""
    check_inputs(make)


def batch_size(make: Make) -> None:
    """A sequence's prediction does not depend on its batch, up to rounding."""
    model = make()
    difference = batch_difference(model)
    ensure(
        difference <= TOLERANCE,
        f"predictions in a batch differ from those one by one by {difference:.1e} of the largest "
        f"value; {TOLERANCE:.0e} is allowed",
    )


def batch_of_one(make: Make) -> None:
    """One sequence gives (1, n_bins, tracks)."""
    model = make()
    values = model.predict(sequences(model, 1))
    expected = (1, model.n_bins, len(model.tracks))
    ensure(values.shape == expected, f"a batch of one gave shape {values.shape}, not {expected}")


def empty_batch(make: Make) -> None:
    """No sequences give no predictions."""
    model = make()
    values = model.predict(np.empty((0, model.input_length, 4), np.float32))
    expected = (0, model.n_bins, len(model.tracks))
    ensure(values.shape == expected, f"an empty batch gave shape {values.shape}, not {expected}")


def selection(make: Make) -> None:
    """`predict_selected` equals the chosen part of `predict`."""
    model = make()
    onehot = sequences(model, 1)
    whole = model.predict(onehot).copy()
    bins = sorted({0, model.tss_bin(), model.n_bins - 1})
    last = len(model.tracks) - 1
    for chosen in (
        Selection(tuple(bins), tuple(sorted({0, last}))),
        Selection((bins[0],), (last,)),
    ):
        values = model.predict_selected(onehot, chosen)
        expected = chosen.take(whole)
        ensure(
            values.shape == expected.shape,
            f"predict_selected returned shape {values.shape}, not {expected.shape}",
        )
        for part in (values, whole):
            ensure(bool(np.isfinite(part).all()), "predict_selected returned NaN or infinity")
        away = float(np.abs(values - expected).max() / max(np.abs(whole).max(), 1e-30))
        ensure(away <= TOLERANCE, f"predict_selected differs from predict by {away:.1e}")


def wrong_length(make: Make) -> None:
    """An input of another length raises a ModelError that names both lengths."""
    model = make()
    wrong = np.zeros((1, model.input_length + 1, 4), np.float32)
    try:
        model.predict(wrong)
    except ModelError as error:
        ensure(
            str(model.input_length) in str(error),
            f"the error does not name the length {model.input_length}: {error}",
        )
        return
    ensure(False, "an input of another length was predicted")


def pickles(make: Make) -> None:
    """A model that has predicted can be sent to a worker."""
    model = make()
    onehot = sequences(model, 1)
    before = model.predict(onehot).copy()
    again = pickle.loads(pickle.dumps(model))
    ensure(again.fingerprint == model.fingerprint, "the fingerprint changes by pickling")
    away = _apart(again.predict(onehot), before)
    ensure(away <= TOLERANCE, f"predictions change by {away:.1e} by pickling")


def fingerprint(make: Make) -> None:
    """The fingerprint is the same each time, and the identity is plain JSON."""
    one, other = make(), make()
    ensure(one.fingerprint == other.fingerprint, "two equal models have different fingerprints")
    text = json.dumps(one.identity(), sort_keys=True)
    ensure(json.loads(text) == one.identity(), "identity() is changed by being written as JSON")


def settings(make: Make) -> str:
    """A setting that changes predictions changes the fingerprint."""
    return check_settings(make, sequences(make(), 1))


def written_with_results(make: Make) -> None:
    """Parameters and environment can be written as JSON, as they are with results."""
    model = make()
    json.dumps(model.configuration())
    model.predict(sequences(model, 1))
    json.dumps(model.environment())


_CHECKS = (
    *(grid, tracks, shape_and_dtype, deterministic, depends_on_input, position, n_rows),
    *(heads, inputs, input_not_modified, input_not_kept, input_views, output_not_reused),
    *(batch_size, batch_of_one, empty_batch, selection, wrong_length, codes),
    *(pickles, fingerprint, settings, written_with_results),
)


def model_checks() -> list[Check]:
    """All checks of a model; each takes a function that makes the model anew."""
    return [Check(function) for function in _CHECKS]


def check_model(make: Make) -> None:
    """Run all checks of a model; see `model_checks`.

    Raises
    ------
    ConformanceError
        If any failed; it names them all.
    """
    run_all(model_checks(), make)


def check_fingerprints(*variants: Model) -> None:
    """Models that differ in a setting that changes predictions have different fingerprints.

    Raises
    ------
    ConformanceError
        If two have the same one.
    """
    seen: dict[str, Model] = {}
    for model in variants:
        twin = seen.setdefault(model.fingerprint, model)
        ensure(twin is model, f"{twin!r} and {model!r} have the same fingerprint")
