"""The mean of several models' predictions, over strands and small shifts of the input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny, field_validator, model_validator

from creme.adapters.split import Features, SplitModel
from creme.errors import ConfigError
from creme.model import Model, OutputHead, Selection, TrackTable
from creme.models.variants import Variant, check_both_strands
from creme.parameters import pickled


class Ensemble(Model):
    """The mean of predictions: of several models, over both strands, over shifts.

    Several models are replicates of one another: the same input, bins and tracks, other weights.
    Each one's prediction is whole before the mean is taken, with whatever it undoes of its training
    (such as Borzoi's squashing). All stay on the device together.

    For the reverse complement the bins are turned around, and the tracks of a strand exchanged with
    their pairs, so that all predictions lie on the same bases. Shifts move the input by a few bp,
    with N where bases would have to come in; the output is not moved back, so they are meant to be
    shorter than a bin. Each prediction costs as many forward passes as there are variants.

    `ensemble` makes one that is evaluated by windows where its models are.
    """

    name: ClassVar[str] = "ensemble"
    version: ClassVar[str] = "1"

    of: tuple[SerializeAsAny[Model], ...] = Field(min_length=1, description="the models, or one")
    reverse_complement: bool = Field(False, description="predict both strands")
    shifts: tuple[int, ...] = Field((0,), min_length=1, description="of the input, bp")

    @field_validator("of", mode="before")
    @classmethod
    def _several(cls, of: Any) -> Any:
        return (of,) if isinstance(of, Model) else of

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len(set(self.shifts)) < len(self.shifts):
            raise ValueError(f"shifts = {list(self.shifts)}: each is given once")
        if max(map(abs, self.shifts)) >= self.input_length:
            raise ValueError(f"shifts = {list(self.shifts)} leave nothing of the input")
        for other in self.of[1:]:
            self._alike(other)
        if not self.reverse_complement:
            return self
        for head in ("", *self.heads):
            check_both_strands(self._first.grid_of(head))
        return self

    def _alike(self, other: Model) -> None:
        """Raise an error unless a model's numbers lie where the first one's do."""
        for what in ("input_length", "output_start", "bin_size", "n_bins", "tss", "n_value"):
            mine, its = getattr(self._first, what), getattr(other, what)
            if mine != its:
                raise ValueError(f"the models differ: {what} is {mine} of one and {its} of another")
        if other.tracks != self._first.tracks:
            raise ValueError("the models differ: they have not the same tracks")
        if other.heads != self._first.heads or other.inputs != self._first.inputs:
            raise ValueError("the models differ: they have not the same heads and inputs")

    @property
    def members(self) -> tuple[Model, ...]:
        """Each of several models by itself, over the same strands and shifts; empty for one.

        In the order of their fingerprints, in which their mean is taken.
        """
        if len(self.of) < 2:
            return ()
        ordered = sorted(self.of, key=lambda model: model.fingerprint)
        if self.shifts == (0,) and not self.reverse_complement:
            return tuple(ordered)
        variants = {"reverse_complement": self.reverse_complement, "shifts": self.shifts}
        return tuple(ensemble([model], **variants) for model in ordered)

    @property
    def _first(self) -> Model:
        return self.of[0]

    @property
    def _variants(self) -> Iterator[Variant]:
        for member in self.of:
            for shift in sorted(self.shifts):
                yield Variant(member, shift, False)
                if self.reverse_complement:
                    yield Variant(member, shift, True)

    def environment(self) -> dict[str, Any]:
        """The models'."""
        return self._first.environment()

    @property
    def n_value(self) -> float:  # type: ignore[override]
        """The models'."""
        return self._first.n_value

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether one of the models takes it for that."""
        return any(model.is_out_of_memory(error) for model in self.of)

    def free_memory(self) -> int | None:
        """That of the GPU that holds the first network."""
        return self._first.free_memory()

    @property
    def batch_size(self) -> int:  # type: ignore[override]
        """The models'."""
        return self._first.batch_size

    @property
    def takes_codes(self) -> bool:  # type: ignore[override]
        """Whether all models do."""
        return all(model.takes_codes for model in self.of)

    @property
    def input_length(self) -> int:
        """The models'."""
        return self._first.input_length

    @property
    def bin_size(self) -> int:
        """The models'."""
        return self._first.bin_size

    @property
    def n_bins(self) -> int:
        """The models'."""
        return self._first.n_bins

    @property
    def output_start(self) -> int:
        """The models'."""
        return self._first.output_start

    @property
    def tss(self) -> int:
        """The models'."""
        return self._first.tss

    @property
    def receptive_field(self) -> int | None:
        """The models'; not known where the input is moved, since a bin then sees further."""
        fields = {model.receptive_field for model in self.of}
        return fields.pop() if self.shifts == (0,) and len(fields) == 1 else None

    @property
    def tracks(self) -> TrackTable:
        """The models'."""
        return self._first.tracks

    @property
    def inputs(self) -> tuple[str, ...]:
        """The models'."""
        return self._first.inputs

    def predict_with_inputs(
        self, onehot: NDArray[np.float32], inputs: NDArray[np.float32], selection: Selection
    ) -> NDArray[np.float32]:
        """The mean over all variants, each with the same numbers beside the sequences."""
        return _mean(
            variant.output(
                variant.member.predict_with_inputs(
                    variant.input(onehot), inputs, variant.needed(selection)
                ),
                selection,
            )
            for variant in self._in_order()
        )

    @property
    def heads(self) -> dict[str, OutputHead]:
        """The models'."""
        return self._first.heads

    def identity(self) -> dict[str, Any]:
        """The models' fingerprints, in whatever order they are given, and the variants."""
        tables = [self.tracks, *(head.tracks for head in self.heads.values())]
        pairs = [track.pair for table in tables for track in table]
        exchanged = self.reverse_complement and any(pair is not None for pair in pairs)
        return {
            "of": sorted(model.fingerprint for model in self.of),
            "reverse_complement": self.reverse_complement,
            "shifts": sorted(self.shifts),
            **({"pairs": pairs} if exchanged else {}),
        }

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mean over all variants, in float64; see `creme.model.Model.predict`."""
        everything = self.everything.of_head("")
        return _mean(
            variant.output(variant.member.predict(variant.input(onehot)), everything)
            for variant in self._in_order()
        )

    def predict_heads(self, onehot: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The means of all heads; see `creme.model.Model.predict_heads`."""
        everything = self.everything
        values = self.predict_selected(onehot, everything)
        return {head: everything.values(values, head) for head in ("", *self.heads)}

    def predict_selected(
        self, onehot: NDArray[np.float32], selection: Selection
    ) -> NDArray[np.float32]:
        """The mean over all variants, each for the selection alone."""
        return _mean(
            variant.output(
                variant.member.predict_selected(variant.input(onehot), variant.needed(selection)),
                selection,
            )
            for variant in self._in_order()
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # As the models' own: what was computed of weights that may have changed stays behind.
        return pickled(self)

    def _in_order(self) -> list[Variant]:
        """The variants in an order that does not depend on that of the models.

        Sums round, and equal fingerprints are to mean equal numbers.
        """
        if len(self.of) == 1:
            return list(self._variants)
        return sorted(self._variants, key=lambda variant: variant.member.fingerprint)


class SplitEnsemble(Ensemble, SplitModel):
    """An ensemble of models whose first part is local, and which has a local first part itself.

    Its trunk is all trunks side by side, one for each variant, and `decode` takes them apart again.
    """

    takes_codes = Ensemble.takes_codes

    @property
    def _members(self) -> tuple[SplitModel, ...]:
        return self.of  # type: ignore[return-value]

    @property
    def strides(self) -> tuple[int, ...]:
        """The models', once for each variant."""
        return tuple(self._members[0].strides) * len(self._in_order())

    @property
    def radius(self) -> int:
        """The models', and as far as the input is moved."""
        return max(model.radius for model in self._members) + max(map(abs, self.shifts))

    def encode(self, onehot: NDArray[np.float32]) -> Features:
        """The trunks of all variants, each turned as the input lies; see `SplitModel.encode`."""
        features: list[Any] = []
        for variant, member in self._split_variants():
            outputs = member.encode(variant.input(onehot))
            features += [_turned(each) for each in outputs] if variant.turned else outputs
        return tuple(features)

    def decode(self, features: Features, selection: Selection) -> NDArray[np.float32]:
        """The mean of what follows the trunks."""
        parts = []
        each = len(self._members[0].strides)
        for place, (variant, member) in enumerate(self._split_variants()):
            own = features[place * each : (place + 1) * each]
            if variant.turned:
                own = tuple(_turned(one) for one in own)
            parts.append(variant.output(member.decode(own, variant.needed(selection)), selection))
        return _mean(parts)

    def concatenate(self, arrays: list[Any], axis: int) -> Any:
        """As the models do."""
        return self._members[0].concatenate(arrays, axis)

    def overwrite(self, array: Any, start: int, values: Any) -> None:
        """As the members' own."""
        self._members[0].overwrite(array, start, values)

    def _split_variants(self) -> Iterator[tuple[Variant, SplitModel]]:
        for variant in self._in_order():
            assert isinstance(variant.member, SplitModel)
            yield variant, variant.member


def ensemble(models: Iterable[Model], **variants: Any) -> Ensemble:
    """An ensemble of one or several models, by windows where all of them are.

    Parameters
    ----------
    models : iterable of Model
    **variants
        Fields of `Ensemble`.

    Raises
    ------
    ConfigError
        If the models differ in more than their weights, or a variant is not possible.
    """
    for name in ("of", "exact"):
        if name in variants:
            raise ConfigError(f"ensemble: unknown key {name!r}")
    of = tuple(models)
    first = of[0] if of else None
    windowed = isinstance(first, SplitModel) and all(
        isinstance(model, SplitModel)
        and model.exact == "windowed"
        and model.strides == first.strides
        for model in of
    )
    return (SplitEnsemble if windowed else Ensemble)(of=of, **variants)


def replicates(table: dict[str, Any], varied: Any) -> list[dict[str, Any]]:
    """The parameters of each replicate: a table in which some parameters take several values.

    Parameters
    ----------
    table : dict
        Parameters that all share.
    varied : dict of str to list
        The values of the others, one for each replicate.

    Raises
    ------
    ConfigError
        If a value is no list, lists differ in length or are empty, a parameter stands in both, or
        two replicates are the same.
    """
    if not isinstance(varied, dict):
        raise ConfigError(f"replicates = {varied!r}: give a table, as weights = [..., ...]")
    for name, values in varied.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"replicates: {name} = {values!r}: give a list, one for each")
        if name in table:
            raise ConfigError(f"replicates: {name} is given in [model] already: give it once")
    lengths = {name: len(values) for name, values in varied.items()}
    if len(set(lengths.values())) > 1:
        raise ConfigError(f"replicates: the lists differ in length: {lengths}")
    rows = list(zip(*varied.values(), strict=True)) if varied else [()]
    if any(row in rows[:place] for place, row in enumerate(rows)):
        raise ConfigError(f"replicates: {varied}: each is given once")
    return [{**table, **dict(zip(varied, row, strict=True))} for row in rows]


def _turned(array: Any) -> Any:
    """An array (B, positions, channels) with its positions turned around."""
    # PyTorch has no negative strides.
    return array.flip(1) if hasattr(array, "flip") else array[:, ::-1]


def _mean(parts: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean of arrays, summed in float64 one after the other."""
    total: NDArray[np.float64] | None = None
    number = 0
    for part in parts:
        total = part.astype(np.float64) if total is None else total + part
        number += 1
    assert total is not None
    return (total / number).astype(np.float32)
