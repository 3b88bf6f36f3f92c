"""The synthetic model: small, analytic, with known truth."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from creme.adapters.loaded import check_input
from creme.model import Model, Track, TrackTable

_BIN = 128
# How much each invented cell type feels enhancers and silencers.
_CELL_TYPES = {"alpha": (1.0, 1.0), "beta": (0.5, 1.5)}


class SyntheticModel(Model):
    """An analytic model of *cis*-regulation with invented motifs; it has learned nothing.

    A promoter motif makes transcription in its bin. Enhancer and silencer motifs anywhere in the
    input change it, less so with distance: each instance counts ``exp(-distance / decay)`` times
    0.25. The response is a Hill function, so that elements are cooperative where there is little
    input and redundant where there is much. See `creme.demo.grammar`.

    The grid is Enformer's: 128-bp bins over the central 7/12 of the input (896 bins of the central
    114,688 bp for the default 196,608 bp). All arithmetic is in float64 and one sequence at a
    time, so a prediction does not depend on its batch.
    """

    name: ClassVar[str] = "synthetic"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 8
    takes_codes: ClassVar[bool] = True

    length: int = Field(196_608, ge=1536, description="input length, bp; a multiple of 128")
    decay: float = Field(30_000.0, gt=0, description="distance of 1/e of an effect, bp")
    half: float = Field(1.0, gt=0, description="drive at which a promoter gives half its maximum")
    hill: float = Field(2.0, gt=0, description="steepness of the response")

    @model_validator(mode="after")
    def _whole_bins(self) -> Self:
        if self.length % _BIN:
            raise ValueError(f"length = {self.length} is not a multiple of {_BIN}")
        return self

    @property
    def input_length(self) -> int:
        """Length of the input, bp."""
        return self.length

    @property
    def bin_size(self) -> int:
        """128 bp."""
        return _BIN

    @property
    def n_bins(self) -> int:
        """Bins over the central 7/12 of the input, an even number."""
        return self.length * 7 // 12 // _BIN // 2 * 2

    @property
    def tracks(self) -> TrackTable:
        """One stranded track for each invented cell type."""
        return TrackTable(
            tuple(
                Track(f"synthetic:{cell}", f"synthetic: {cell}", "synthetic", cell, "+")
                for cell in _CELL_TYPES
            )
        )

    def identity(self) -> dict[str, Any]:
        """All parameters: they are all that there is."""
        return self.configuration()

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict all bins and both tracks; see `creme.model.Model.predict`.

        Raises
        ------
        ModelError
            If the input has another shape than (B, length, 4), or of codes (B, length).
        """
        check_input(self, onehot)
        out = np.empty((len(onehot), self.n_bins, len(_CELL_TYPES)), dtype=np.float32)
        for row, sequence in zip(out, onehot, strict=True):
            self._one(sequence, row)
        return out

    def _one(self, onehot: NDArray[Any], out: NDArray[np.float32]) -> None:
        # numba takes half a second to import: only who predicts pays.
        from creme.demo.grammar import (
            FLOOR,
            INSTANCE,
            KINDS,
            codes_of,
            find_motifs,
            response,
        )

        starts, kinds = find_motifs(onehot if onehot.ndim == 1 else codes_of(onehot))
        enhancers = starts[kinds == KINDS.index("enhancer")]
        silencers = starts[kinds == KINDS.index("silencer")]
        values = np.full(out.shape, FLOOR, dtype=np.float64)
        for start, kind in zip(starts, kinds, strict=True):
            name = KINDS[kind]
            place = (int(start) - self.output_start) // _BIN
            if "promoter" not in name or not 0 <= place < self.n_bins:
                continue
            plus = INSTANCE * np.exp(-np.abs(enhancers - start) / self.decay).sum()
            minus = INSTANCE * np.exp(-np.abs(silencers - start) / self.decay).sum()
            for track, (enhanced, silenced) in enumerate(_CELL_TYPES.values()):
                values[place, track] += response(
                    name, enhanced * plus, silenced * minus, self.half, self.hill
                )
        out[:] = values
