"""The model: a matrix of weights that is laid along the sequence."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from creme import Model, Track, TrackTable
from creme.errors import ModelError
from numpy.typing import NDArray
from pydantic import Field, field_validator


class MotifScan(Model):
    """How well a motif fits into each bin, on either strand.

    The score of a position is the sum of the motif's weights over the bases around it; a bin's
    value is the logarithm of the mean of their exponentials.
    """

    # The name in experiment files. Raise the version when the same weights give other numbers:
    # predictions in users' stores are then made anew.
    name: ClassVar[str] = "motif_scan"
    version: ClassVar[str] = "1"
    # The value of all four channels of an N, and how many sequences are predicted at once.
    n_value: ClassVar[float] = 0.25
    batch_size: ClassVar[int] = 16

    # Parameters: the keys of [model] in an experiment file. They are checked when the model is
    # made; a path is taken from the folder of the file. All belong to the fingerprint that
    # predictions are kept under, files with their digest. One that changes no prediction is
    # declared so: `threads: NotInFingerprint[int] = 1`, with creme.adapters.NotInFingerprint.
    weights: Path = Field(description="text file of numbers: a row a position, columns A C G T")
    length: int = Field(2048, ge=256, multiple_of=128, description="input length, bp")

    @field_validator("weights")
    @classmethod
    def _there(cls, path: Path) -> Path:
        if not path.is_file():
            raise ValueError(f"there is no file {str(path)!r}")
        return path.absolute()  # a worker may have another working directory

    # The grid: the bases that each bin is predicted for. Bins cover the middle of the input unless
    # `output_start` says otherwise; a locus's TSS is put on the middle unless `tss` does.

    @property
    def input_length(self) -> int:
        """Length of the input, bp."""
        return self.length

    @property
    def bin_size(self) -> int:
        """64 bp."""
        return 64

    @property
    def n_bins(self) -> int:
        """Bins over the central half of the input."""
        return self.length // 128

    @property
    def receptive_field(self) -> int:
        """Half of the motif: leave it out where a bin may see everything, as behind attention."""
        return len(self.motif) // 2

    @property
    def tracks(self) -> TrackTable:
        """One for each strand; a pair knows of each other."""
        return TrackTable(
            (Track("motif+", strand="+", pair=1), Track("motif-", strand="-", pair=0))
        )

    @cached_property
    def motif(self) -> NDArray[np.float64]:
        """The weights, (positions, 4), read when they are first needed.

        So are frameworks imported: describing a model is to be quick.
        """
        try:
            motif = np.loadtxt(self.weights, ndmin=2)
        except ValueError as error:
            raise ModelError(f"{self.weights} is no table of numbers: {error}") from None
        # Other weights must not predict under the fingerprint of those that were there before.
        self.check_unchanged()
        if motif.shape[1] != 4 or len(motif) % 2 == 0:
            raise ModelError(
                f"{self.weights} has {motif.shape[0]} rows of {motif.shape[1]} numbers: an odd "
                f"number of rows of 4 is needed"
            )
        return motif

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict (B, length, 4) to (B, n_bins, 2); the input is not to be changed or kept."""
        if onehot.ndim != 3 or onehot.shape[1:] != (self.length, 4):
            raise ModelError(
                f"model {self.name}: the input has shape {onehot.shape}, and (B, {self.length}, 4) "
                f"is needed"
            )
        width = len(self.motif)
        end = self.output_start + self.n_bins * self.bin_size
        part = slice(self.output_start - width // 2, end + width // 2)
        windows = np.lib.stride_tricks.sliding_window_view(onehot[:, part], width, axis=1)
        out = np.empty((len(onehot), self.n_bins, 2), np.float32)
        # The other strand's motif is the reverse complement: A C G T turned around is T G C A.
        for track, motif in enumerate((self.motif, self.motif[::-1, ::-1])):
            scores = np.einsum("blcw,wc->bl", windows, motif)
            bins = np.exp(scores).reshape(len(onehot), self.n_bins, self.bin_size)
            out[:, :, track] = np.log(bins.mean(axis=2))
        return out
