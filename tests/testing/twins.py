"""A sound model, perturbation and test, and twins of them with one defect each.

A twin is given as the check that has to find it and what else is wrong about it: nothing, unless a
defect cannot be had alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr

from creme.errors import ModelError
from creme.model import Model, NotInFingerprint, OutputHead, Track, TrackTable
from creme.perturbation import Perturbation
from creme.perturbations.dinucleotide_shuffle import DinucleotideShuffle
from creme.sequence import Edit, Mutant, Sequence, onehot_table
from creme.test import Test

NUMBERS = count()
BOUND: list[int] = []
"""Where the latest twin was bound, which none should know of another."""
SHUFFLE = DinucleotideShuffle()
EVERYTHING = "everything"


@dataclass(frozen=True)
class Twin:
    check: str
    defect: str
    also: frozenset[str] | str = field(default=frozenset())
    """Other checks that find it as well."""

    def __str__(self) -> str:
        return f"{self.check}-{self.defect}"


class Local(Model):
    """A convolution, a non-linear layer, and a mean over each bin: a bin sees 9 bp further."""

    name: ClassVar[str] = "local"
    version: ClassVar[str] = "1"
    n_value: ClassVar[float] = 0.25
    takes_codes: ClassVar[bool] = True

    defect: str = ""
    scale: float = 1.0
    reach: int | None = 9
    rows: NotInFingerprint[int] = 16
    rounded: NotInFingerprint[bool] = False

    @property
    def input_length(self) -> int:
        return 640

    @property
    def bin_size(self) -> int:
        return 60 if self.defect == "too large" else 40

    @property
    def n_bins(self) -> int:
        return 12

    @property
    def tss(self) -> int:
        return 10 if self.defect == "tss" else 320

    @property
    def receptive_field(self) -> int | None:
        return {"loose": 49, "tight": 5, "too large": None}.get(self.defect, self.reach)

    @property
    def tracks(self) -> TrackTable:
        name: str = "two"
        strand: Literal["+", "-"] = "-"
        match self.defect:
            case "names":
                name = "one"
            case "strands":
                strand = "+"
        second = Track(name, strand=strand, pair=0)
        first = Track("one", strand="+", pair=0 if self.defect == "pairs" else 1)
        return TrackTable((first, second))

    def identity(self) -> dict[str, Any]:
        settings = super().identity()
        match self.defect:
            case "tuple":
                return {**settings, "tuple": (1, 2)}
            case "number":
                return {**settings, "number": self._number}
            case "forgotten":
                return {name: value for name, value in settings.items() if name != "scale"}
        return settings

    @cached_property
    def _number(self) -> int:
        return next(NUMBERS)

    @cached_property
    def _weights(self) -> np.ndarray:
        seed = self._number if self.defect == "new weights" else 1
        return np.random.default_rng(seed).normal(size=(2, 19, 4))

    def environment(self) -> dict[str, Any]:
        return {"device": object()} if self.defect == "environment" else {}

    def predict(self, onehot):
        wanted = (640, 4)
        if onehot.dtype == np.uint8:
            onehot = self._decoded(onehot)
        if self.defect == "crops":
            onehot = onehot[:, :640]
        if onehot.ndim != 3 or onehot.shape[1:] != wanted:
            raise ModelError(f"the input has shape {onehot.shape}, not (B, 640, 4)")
        if self.defect == "empty" and not len(onehot):
            return np.empty((0,), np.float32)
        if self.defect == "identity" and onehot is _KEPT.get("input"):
            return _KEPT["output"]
        out = self._changed(self._local(self._seen(onehot)), onehot)
        if self.defect == "identity":
            _KEPT.update(input=onehot, output=out)
        if self.defect == "keeps":
            _ALL.append(onehot)
        return out

    def _decoded(self, codes: np.ndarray) -> np.ndarray:
        """One-hot of codes."""
        if self.defect == "codes as ACTG":
            codes = np.array([0, 1, 3, 2, 4], np.uint8)[codes]
        n_value = 0.0 if self.defect == "codes without N" else self.n_value
        return onehot_table(n_value).take(codes, axis=0)

    def _seen(self, onehot: np.ndarray) -> np.ndarray:
        """What of the input goes into the convolution."""
        match self.defect:
            case "reversed":
                return onehot[:, ::-1]
            case "reversed letters":
                return onehot[:, :, ::-1]
            case "shifted":
                return np.roll(onehot, 40, axis=1)
            case "reshaped":
                return onehot.reshape(-1, 4, 640).transpose(0, 2, 1)
            case "zero for N":
                return np.where(onehot == 1, onehot, 0)
            case "argmax":
                return np.eye(4)[onehot.argmax(axis=2)]
            case "modifies":
                onehot[:, 0] = 0
            case "writes":
                if not onehot.flags.writeable:
                    raise ValueError("assignment destination is read-only")
            case "contiguous":
                if not onehot.flags.c_contiguous:
                    raise ValueError("ndarray is not C-contiguous")
            case "as in memory":
                return onehot.ravel(order="K").reshape(onehot.shape)
        return onehot

    def _local(self, onehot: np.ndarray) -> np.ndarray:
        padded = np.pad(onehot.astype(np.float64), ((0, 0), (9, 9), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, 19, axis=1)
        hidden = np.tanh(np.einsum("nlbk,tkb->nlt", windows, self._weights) / 4)
        if self.defect == "leaks":
            hidden = hidden / (1e-3 + np.abs(hidden).max(axis=1, initial=0.5, keepdims=True))
        return hidden[:, 80:560].reshape(-1, 12, 40, 2).mean(axis=2)

    def _changed(self, values: np.ndarray, onehot: np.ndarray) -> np.ndarray:
        """What of the output is handed out."""
        out = (self.scale * (values + 1)).astype(np.float32)
        match self.defect:
            case "dtype":
                return out.astype(np.float64)
            case "marked":
                return np.round(out, 2) if self.rounded else out
            case "constant":
                out[:] = self.scale
            case "nan with":
                out[:] = np.nan if self.rounded else out
            case "nan":
                out[1:, 0, 0] = np.nan
            case "all N":
                out[(onehot == 0.25).all(axis=(1, 2))] = np.nan
            case "noise":
                out *= 1 + 1e-6 * np.random.default_rng().normal(size=out.shape).astype(np.float32)
            case "drifts":
                self.__dict__["seen"] = self.__dict__.get("seen", 0) + 1
                out *= np.float32(1 + 1e-6 * self.__dict__["seen"])
            case "barely":
                out[:] = self.scale * (1 + 1e-7 * out)
            case "row":
                out += 0.01 * np.arange(len(out), dtype=np.float32)[:, None, None]
            case "squeezed":
                return out.squeeze(axis=0) if len(out) == 1 else out
            case "buffer":
                buffer = _BUFFERS.setdefault(out.shape, np.empty_like(out))
                buffer[:] = out
                return buffer
        return out

    @property
    def heads(self) -> dict[str, OutputHead]:
        named = self.defect in ("no head", "shape of a head", "other numbers")
        return {"whole": OutputHead(640, 1, TrackTable((Track("sum"),)))} if named else {}

    def predict_heads(self, onehot):
        out = self.predict(onehot)
        match self.defect:
            case "no head":
                return {"": out}
            case "shape of a head":
                return {"": out, "whole": out[:, 0]}
            case "other numbers":
                return {"": 2 * out, "whole": out.sum(axis=(1, 2), keepdims=True)}
        return {"": out}

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("age", "dose") if self.defect in _BESIDE else ()

    def predict_with_inputs(self, onehot, inputs, selection):
        out = super().predict_selected(onehot, selection)
        match self.defect:
            case "ignores an input":
                inputs = inputs[:, :1]
            case "inputs of others":
                inputs = inputs[::-1]
            case "not taken for 0":
                inputs = inputs + 1
        return out + 0.1 * inputs.sum(axis=1)[:, None, None]

    def predict_selected(self, onehot, selection):
        out = super().predict_selected(onehot, selection)
        return out[:, ::-1] if self.defect == "selected" else out

    def __reduce__(self):
        if self.defect == "pickle":
            return Local, ()
        return super().__reduce__()


_BESIDE = ("inputs", "ignores an input", "inputs of others", "not taken for 0")
_BUFFERS: dict = {}
_KEPT: dict = {}
_ALL: list = []

MODELS = [
    Twin("grid", "too large"),
    Twin("grid", "tss", frozenset({"selection"})),
    Twin("tracks", "names"),
    Twin("tracks", "pairs"),
    Twin("tracks", "strands"),
    Twin("shape_and_dtype", "dtype"),
    Twin("shape_and_dtype", "nan", frozenset({"batch_size", "input_views"})),
    Twin("depends_on_input", "constant", frozenset({"position"})),
    Twin("depends_on_input", "barely", EVERYTHING),
    Twin("heads", "no head"),
    Twin("heads", "shape of a head"),
    Twin("heads", "other numbers"),
    Twin("inputs", "ignores an input"),
    Twin("inputs", "inputs of others"),
    Twin("inputs", "not taken for 0"),
    Twin("position", "reversed"),
    Twin("position", "shifted"),
    Twin("position", "reshaped"),
    Twin("position", "loose"),
    Twin("position", "tight"),
    Twin("position", "leaks"),
    Twin("n_rows", "argmax"),
    Twin("n_rows", "all N"),
    Twin("input_not_modified", "modifies"),
    Twin("input_not_modified", "writes"),
    Twin("input_not_kept", "identity"),
    Twin("input_not_kept", "keeps"),
    Twin("input_views", "contiguous"),
    Twin("input_views", "as in memory"),
    Twin("output_not_reused", "buffer"),
    Twin("deterministic", "noise", frozenset({"codes"})),
    Twin("deterministic", "drifts", frozenset({"codes", "position"})),
    Twin("deterministic", "new weights", frozenset({"settings"})),
    Twin("batch_size", "row"),
    Twin("batch_of_one", "squeezed", EVERYTHING),
    Twin("empty_batch", "empty"),
    Twin("selection", "selected"),
    Twin("wrong_length", "crops", frozenset({"codes"})),
    Twin("codes", "codes as ACTG"),
    Twin("codes", "codes without N"),
    Twin("pickles", "pickle"),
    Twin("fingerprint", "tuple"),
    Twin("fingerprint", "number", frozenset({"pickles"})),
    Twin("settings", "forgotten"),
    Twin("settings", "marked"),
    Twin("settings", "nan with"),
    Twin("written_with_results", "environment"),
]


def local(defect: str = "", **changes: Any) -> Callable[[], Local]:
    # Another scale than the default one: what a pickle forgets is seen.
    return lambda: Local(defect=defect, **{"scale": 2.0, **changes})


class Shuffle(Perturbation):
    """A shuffle."""

    name: ClassVar[str] = "twin"
    defect: str = ""
    more: Any = None

    @cached_property
    def _number(self) -> int:
        return next(NUMBERS)

    def bound(self, locus):
        BOUND[:] = [locus.position]
        match self.defect:
            case "other parameters":
                return Shuffle(more="other")
            case "shared":
                return self.model_copy()
        return self

    def __call__(self, sequence, *, seed=0):
        codes = sequence.codes
        match self.defect:
            case "shared":
                seed += sum(BOUND)
            case "sequence":
                return SHUFFLE(sequence, seed=seed).sequence
            case "base":
                return SHUFFLE(Sequence(codes[::-1].copy()), seed=seed)
            case "shorter":
                return Mutant(Sequence(codes[:-1]), [])
            case "unseeded":
                seed = int(np.random.default_rng().integers(2**30))
            case "salt":
                seed += self._number
            case "in place":
                codes.flags.writeable = True
                codes[:1] = 0
                codes.flags.writeable = False
            case "low bits":
                seed %= 2**64
            case "high bits":
                seed >>= 32
            case "counts":
                counts = np.bincount(codes, minlength=5)[:4]
                if len(codes) and not counts.sum():
                    raise ZeroDivisionError("division by zero")
            case "short":
                _ = codes[2:][0]
        return SHUFFLE(sequence, seed=seed)

    def many(self, sequence, seeds):
        if self.defect == "many":
            return [self(sequence, seed=0) for _ in seeds]
        return super().many(sequence, seeds)


PERTURBATIONS = [
    Twin("gives_a_mutant", "sequence"),
    Twin("gives_a_mutant", "base"),
    Twin("gives_a_mutant", "shorter", frozenset({"any_sequence", "other_lengths"})),
    Twin("pure", "unseeded", frozenset({"many_as_one_by_one"})),
    Twin("pure", "salt"),
    Twin("sequence_not_modified", "in place", EVERYTHING),
    Twin("whole_seed", "low bits"),
    Twin("whole_seed", "high bits"),
    Twin("any_sequence", "counts"),
    Twin("other_lengths", "short"),
    Twin("many_as_one_by_one", "many"),
    Twin("bound_to_a_locus", "other parameters"),
    Twin("bound_to_a_locus", "shared"),
    Twin("parameters", "set"),
]


def shuffle(defect: str = "") -> Callable[[], Shuffle]:
    more = {"a", "b"} if defect == "set" else None
    return lambda: Shuffle(defect=defect, more=more)


class Edited(Test):
    """The activity of a locus, and of a mutant of it."""

    name: ClassVar[str] = "twin"
    defect: str = ""
    at: int = 100
    more: Any = None
    first: ClassVar[list[str]] = []

    def units(self, loci):
        self.first[:] = [loci[0].name]
        return loci

    def size(self, unit):
        return 3 if self.defect == "size" else 2

    def run(self, unit):
        sequence, start = unit.sequence, self.at
        if self.defect == "noise":
            start = int(np.random.default_rng().integers(20_000))
        if self.defect == "first" and unit.name == self.first[0]:
            start = 50
        asked = [sequence, Mutant(sequence, [Edit(start, 3 - sequence.codes[start : start + 5])])]
        if self.defect == "more":
            codes = np.random.default_rng().integers(0, 4, 30)
            asked[0] = Mutant(sequence, [Edit(0, codes)])
        activity = yield asked
        if self.defect == "more":
            activity[0] = 0
        dims = ("which", "track")
        match self.defect:
            case "nothing":
                return xr.Dataset()
            case "no track":
                dims = ("which", "activity")
            case "unnamed":
                dims = ("dim_0", "track")
            case "two tracks":
                activity = activity[:, :2]
            case "second":
                activity = activity - activity[:, 1:2]
            case "slash":
                return xr.Dataset({"on/off": (dims, activity)})
            case "objects":
                objects = np.array([{"a": 1}, None], dtype=object)
                return xr.Dataset({"activity": (dims, activity), "kind": ("which", objects)})
        return xr.Dataset({"activity": (dims, activity)})

    def __reduce__(self):
        if self.defect == "pickle":
            return Edited, ()
        return super().__reduce__()


TESTS = [
    Twin("runs", "nothing"),
    Twin("runs", "no track", EVERYTHING),
    Twin("runs", "objects", EVERYTHING),
    Twin("any_number_of_tracks", "two tracks"),
    Twin("any_number_of_tracks", "second"),
    Twin("named_dimensions", "unnamed"),
    Twin("saved", "slash"),
    Twin(
        "deterministic",
        "noise",
        frozenset({"resumes_by_replay", "loci_do_not_matter_to_each_other"}),
    ),
    Twin("deterministic", "pickle"),
    Twin("resumes_by_replay", "more"),
    Twin("loci_do_not_matter_to_each_other", "first"),
    Twin("asks_as_many_as_it_says", "size"),
    Twin("parameters", "set"),
]


def edited(defect: str = "") -> Callable[[], Edited]:
    more = {"a", "b"} if defect == "set" else None
    return lambda: Edited(defect=defect, more=more, at=200)
