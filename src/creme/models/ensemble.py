"""One model's mean over strands and small shifts of the input."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny, model_validator

from creme.model import Model, TrackTable


class Ensemble(Model):
    """The mean of a model's predictions over both strands, over shifts, or over both.

    For the reverse complement the bins are turned around, and the tracks of a strand exchanged with
    their pairs, so that all predictions lie on the same bases. Shifts move the input by a few bp,
    with N where bases would have to come in; the output is not moved back, so they are meant to be
    shorter than a bin. Each prediction costs as many forward passes as there are variants.
    """

    name: ClassVar[str] = "ensemble"
    version: ClassVar[str] = "1"

    of: SerializeAsAny[Model] = Field(description="the model")
    reverse_complement: bool = Field(False, description="predict both strands")
    shifts: tuple[int, ...] = Field((0,), min_length=1, description="of the input, bp")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if len(set(self.shifts)) < len(self.shifts):
            raise ValueError(f"shifts = {list(self.shifts)}: each is given once")
        if max(map(abs, self.shifts)) >= self.of.input_length:
            raise ValueError(f"shifts = {list(self.shifts)} leave nothing of the input")
        if not self.reverse_complement:
            return self
        end = self.output_start + self.n_bins * self.bin_size
        if self.output_start != self.input_length - end:
            raise ValueError(
                f"reverse_complement needs bins that are centred on the input; those of model "
                f"{self.of.name} cover [{self.output_start}, {end}) of {self.input_length} bp"
            )
        for track in self.tracks:
            if track.strand != "." and track.pair is None:
                raise ValueError(
                    f"reverse_complement: track {track.name} of strand {track.strand} has no pair "
                    f"to be exchanged with"
                )
        return self

    def environment(self) -> dict[str, Any]:
        """The model's."""
        return self.of.environment()

    @property
    def n_value(self) -> float:  # type: ignore[override]
        """The model's."""
        return self.of.n_value

    @property
    def input_length(self) -> int:
        """The model's."""
        return self.of.input_length

    @property
    def bin_size(self) -> int:
        """The model's."""
        return self.of.bin_size

    @property
    def n_bins(self) -> int:
        """The model's."""
        return self.of.n_bins

    @property
    def output_start(self) -> int:
        """The model's."""
        return self.of.output_start

    @property
    def tss(self) -> int:
        """The model's."""
        return self.of.tss

    @property
    def tracks(self) -> TrackTable:
        """The model's."""
        return self.of.tracks

    def identity(self) -> dict[str, Any]:
        """The model's fingerprint, and the variants."""
        return {
            "of": self.of.fingerprint,
            "reverse_complement": self.reverse_complement,
            "shifts": sorted(self.shifts),
        }

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mean over all variants, in float64; see `creme.model.Model.predict`."""
        swapped = [
            index if track.pair is None else track.pair for index, track in enumerate(self.tracks)
        ]
        total: NDArray[np.float64] | None = None
        for shift in sorted(self.shifts):
            moved = self._shifted(onehot, shift)
            outputs = [self.of.predict(moved)]
            if self.reverse_complement:
                turned = np.ascontiguousarray(moved[:, ::-1, ::-1])
                outputs.append(self.of.predict(turned)[:, ::-1][:, :, swapped])
            for output in outputs:
                values = output.astype(np.float64)
                total = values if total is None else total + values
        assert total is not None
        variants = len(self.shifts) * (2 if self.reverse_complement else 1)
        return (total / variants).astype(np.float32)

    def _shifted(self, onehot: NDArray[np.float32], shift: int) -> NDArray[np.float32]:
        if shift == 0:
            return onehot
        moved = np.full_like(onehot, self.n_value)
        if shift > 0:
            moved[:, shift:] = onehot[:, :-shift]
        else:
            moved[:, :shift] = onehot[:, -shift:]
        return moved
