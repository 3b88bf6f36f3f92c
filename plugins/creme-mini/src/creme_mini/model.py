"""The model plugin ``mini``."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from creme import Selection, Track, TrackTable
from creme.adapters import Features, SplitModel, digest
from creme.errors import ModelError
from creme.sequence import onehot_table
from numpy.typing import NDArray

if TYPE_CHECKING:
    from creme_mini.network import MiniNetwork

WEIGHTS = Path(__file__).parent / "weights.safetensors"
GRAMMAR = "cis"
CELL_TYPES = ("alpha", "beta", "gamma", "delta")
_BIN = 128


class MiniModel(SplitModel):
    """A network of 290,000 weights that learned the grammar `cis` from the oracle's coverage.

    32,768 bp in; 192 bins of 128 bp, the central three quarters, out. Its tracks are named as the
    oracle's, so that an experiment runs with either. All in NumPy, in float32, one sequence at a
    time: a prediction does not depend on its batch.
    """

    name: ClassVar[str] = "mini"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 8
    takes_codes: ClassVar[bool] = True

    @property
    def input_length(self) -> int:
        """32,768 bp."""
        return 32_768

    @property
    def bin_size(self) -> int:
        """128 bp."""
        return _BIN

    @property
    def n_bins(self) -> int:
        """192."""
        return 192

    @property
    def strides(self) -> tuple[int, ...]:
        """128 bp to a token."""
        return (_BIN,)

    @property
    def radius(self) -> int:
        """142 bp."""
        from creme_mini.network import RADIUS

        return RADIUS

    @cached_property
    def tracks(self) -> TrackTable:
        """One of coverage for each cell type, and the accessibility."""
        tracks = [
            Track(f"{GRAMMAR}:{cell}", f"coverage: {cell}", "coverage", cell) for cell in CELL_TYPES
        ]
        tracks.append(Track(f"{GRAMMAR}:open", "accessibility", "accessibility", "all"))
        return TrackTable(tuple(tracks))

    def identity(self) -> dict[str, Any]:
        """The digest of the weights."""
        return {"weights": digest(WEIGHTS)}

    def encode(self, onehot: NDArray[np.float32]) -> Features:
        """Tokens of windows; see `creme.adapters.SplitModel.encode`."""
        network = self._network()
        table = onehot_table(self.n_value)
        windows = [network.tokens(table[one] if one.ndim == 1 else one) for one in onehot]
        return (np.stack(windows),)

    def decode(self, features: Features, selection: Selection) -> NDArray[np.float32]:
        """Bins from tokens; see `creme.adapters.SplitModel.decode`."""
        network = self._network()
        first = self.output_start // _BIN
        rows = first + np.asarray(selection.bins)
        columns = np.asarray(selection.tracks)
        out = np.empty((len(features[0]), len(rows), len(columns)), dtype=np.float32)
        for values, tokens in zip(out, features[0], strict=True):
            values[:] = network.bins(tokens)[rows[:, None], columns]
        return out

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict all bins and tracks; see `creme.model.Model.predict`."""
        every = Selection(tuple(range(self.n_bins)), tuple(range(len(self.tracks))))
        return self.predict_selected(onehot, every)

    def predict_selected(
        self, onehot: NDArray[np.float32], selection: Selection
    ) -> NDArray[np.float32]:
        """Predict some bins and tracks; see `creme.model.Model.predict_selected`.

        Raises
        ------
        ModelError
            If the input has another shape than (B, 32768, 4), or of codes (B, 32768).
        """
        self._check(onehot)
        parts = [self.decode(self.encode(one[None]), selection) for one in onehot]
        empty = np.empty((0, len(selection.bins), len(selection.tracks)), dtype=np.float32)
        return np.concatenate([empty, *parts])

    def _check(self, onehot: NDArray[Any]) -> None:
        letters = onehot.ndim == 2 and onehot.dtype == np.uint8
        wanted = (self.input_length,) if letters else (self.input_length, 4)
        if onehot.shape[1:] != wanted:
            raise ModelError(
                f"model {self.name}: the input has shape {onehot.shape}, and "
                f"(B, {self.input_length}, 4), or (B, {self.input_length}) of codes, is needed"
            )

    def _network(self) -> MiniNetwork:
        from creme_mini.network import read

        return read(WEIGHTS)
