"""The oracle: a grammar of *cis*-regulation, evaluated exactly."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from creme.adapters.loaded import check_input
from creme.model import Model, Track, TrackTable

if TYPE_CHECKING:
    from creme.demo.oracle import Oracle
    from creme.demo.rules import Grammar

_BIN = 128
_CROP = 8


class OracleModel(Model):
    """The activity function of a grammar, whose truth is known; it has learned nothing.

    A grammar names factors with their motifs, and how they act on promoters of several classes in
    several cell types: see `creme.demo.rules`. Bins of 128 bp cover the input but for an eighth at
    either end; a track of coverage for each cell type, and one of accessibility. All arithmetic is
    in float64 and one sequence at a time, so a prediction does not depend on its batch.
    """

    name: ClassVar[str] = "oracle"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 8
    takes_codes: ClassVar[bool] = True

    length: int = Field(32_768, ge=2048, description="input length, bp; a multiple of 1,024")
    grammar: str = Field("cis", description="cis, simple, or the path of a .toml file")

    @model_validator(mode="after")
    def _whole_bins(self) -> Self:
        if self.length % (_BIN * _CROP):
            raise ValueError(f"length = {self.length} is not a multiple of {_BIN * _CROP}")
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
        """Bins over the central three quarters of the input."""
        return self.length // _BIN // _CROP * (_CROP - 2)

    @cached_property
    def rules(self) -> Grammar:
        """The grammar."""
        from creme.demo.rules import Grammar

        return Grammar.read(self.grammar)

    @cached_property
    def oracle(self) -> Oracle:
        """Its evaluation."""
        # numba takes half a second to import: only who predicts pays.
        from creme.demo.oracle import Oracle

        return Oracle(self.rules)

    @property
    def tracks(self) -> TrackTable:
        """One of coverage for each cell type, and the accessibility."""
        name = self.rules.name
        tracks = [
            Track(f"{name}:{cell}", f"coverage: {cell}", "coverage", cell)
            for cell in self.rules.cell_types
        ]
        tracks.append(Track(f"{name}:open", "accessibility", "accessibility", "all"))
        return TrackTable(tuple(tracks))

    def identity(self) -> dict[str, Any]:
        """The length, and the rules themselves: not the name of the file that they stand in."""
        return {"length": self.length, "grammar": self.rules.configuration()}

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict all bins and tracks; see `creme.model.Model.predict`.

        Raises
        ------
        ModelError
            If the input has another shape than (B, length, 4), or of codes (B, length).
        """
        from creme.demo.grammar import codes_of

        check_input(self, onehot)
        out = np.empty((len(onehot), self.n_bins, len(self.tracks)), dtype=np.float32)
        for row, sequence in zip(out, onehot, strict=True):
            sites = self.oracle.sites(sequence if sequence.ndim == 1 else codes_of(sequence))
            row[:] = self.oracle.coverage(sites, _BIN, self.output_start, self.n_bins)
        return out
