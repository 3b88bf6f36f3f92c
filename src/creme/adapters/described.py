"""Models of any network that comes with a description of its input and output."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence as SequenceOf
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from creme.adapters.loaded import LoadedModel
from creme.errors import ConfigError, ModelError
from creme.files.small import parse_toml, read_text, reason
from creme.model import Track, TrackTable
from creme.parameters import Parameters


class Description(Parameters):
    """The grid of a network: what it takes and gives.

    A network's output may have the axes of `output_layout` after the batch, or fewer where there
    is one bin or one track: (B,), (B, bins) or (B, tracks).
    """

    input_length: int = Field(ge=1, description="length of the input, bp")
    input_layout: Literal["L4", "4L"] = Field(
        "L4", description="axes of the input after the batch: positions, bases or the reverse"
    )
    n_value: float = Field(0.25, description="value of all four channels of an N")
    bin_size: int | None = Field(
        None, ge=1, description="length of a bin, bp; the whole input as one unless given"
    )
    n_bins: int = Field(1, ge=1, description="number of bins")
    output_start: int | None = Field(
        None, ge=0, description="input position of bin 0's first base; centred unless given"
    )
    output_layout: Literal["bins,tracks", "tracks,bins"] = Field(
        "bins,tracks", description="axes of the output after the batch"
    )
    tss: int | None = Field(
        None, ge=0, description="input position of the TSS base; the middle unless given"
    )
    receptive_field: int | None = Field(
        None, ge=0, description="bp on either side of a bin's own that it depends on, where known"
    )
    tracks: list[str | Track] = Field(
        ["output"], min_length=1, description="names of the tracks, or tables of name, strand, ..."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        span = self.n_bins * self.bin
        if self.start < 0 or self.start + span > self.input_length:
            raise ValueError(
                f"{self.n_bins} bins of {self.bin} bp from {self.start} on do not fit into the "
                f"input of {self.input_length} bp"
            )
        if self.tss is not None and self.tss >= self.input_length:
            raise ValueError(f"tss = {self.tss} is no position of {self.input_length} bp")
        table = self.table()
        wrong = table.mispaired()
        if wrong is not None:
            raise ValueError(
                f"track {table[wrong].name}: pair = {table[wrong].pair} is not the index of the "
                f"same track of the other strand, '+' or '-', which has this one as its own"
            )
        return self

    def table(self) -> TrackTable:
        """The tracks; a bare name does not say of which strand its track is."""
        return TrackTable(
            tuple(Track(track) if isinstance(track, str) else track for track in self.tracks),
            strands_known=not any(isinstance(track, str) for track in self.tracks),
        )

    @property
    def bin(self) -> int:
        """Length of a bin, bp."""
        return self.bin_size or self.input_length // self.n_bins

    @property
    def start(self) -> int:
        """Input position of bin 0's first base."""
        if self.output_start is not None:
            return self.output_start
        return (self.input_length - self.n_bins * self.bin) // 2

    @classmethod
    def read(cls, path: Path) -> Self:
        """A description from a TOML file.

        Raises
        ------
        ConfigError
            If the file is missing or malformed, or a value is not allowed.
        """
        try:
            table = parse_toml(read_text(path), f"the description {path}")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the description {path} cannot be read: {reason(error)}") from None
        try:
            return cls(**table)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None


class DescribedModel(LoadedModel):
    """A model whose grid stands in a `Description`.

    A subclass gives `described`, `load` and `forward`; layouts are seen to here.
    """

    @property
    @abstractmethod
    def described(self) -> Description:
        """The network's description."""

    @abstractmethod
    def forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's own output of a batch in its own layout.

        Parameters
        ----------
        batch : array of float32, (B, L, 4) or (B, 4, L)
            Or, where the model takes codes, these: (B, L) uint8.
        """

    @property
    def n_value(self) -> float:  # type: ignore[override]
        """The value of all four channels of an N."""
        return self.described.n_value

    @property
    def input_length(self) -> int:
        """Length of the input, bp."""
        return self.described.input_length

    @property
    def bin_size(self) -> int:
        """Length of an output bin, bp."""
        return self.described.bin

    @property
    def n_bins(self) -> int:
        """Number of output bins."""
        return self.described.n_bins

    @property
    def output_start(self) -> int:
        """Input position of the first base of bin 0."""
        return self.described.start

    @property
    def tss(self) -> int:
        """Input position at which a locus's TSS base is put."""
        return self.input_length // 2 if self.described.tss is None else self.described.tss

    @property
    def receptive_field(self) -> int | None:
        """How far beyond its own bases a bin sees, as the description says."""
        return self.described.receptive_field

    @cached_property
    def tracks(self) -> TrackTable:
        """The output tracks."""
        return self.described.table()

    def layouts(self) -> dict[str, Any]:
        """The axes of input and output, which change numbers beyond the grid: for `identity`."""
        return {"input": self.described.input_layout, "output": self.described.output_layout}

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict all bins and tracks; see `creme.model.Model.predict`.

        Raises
        ------
        ModelError
            If the input has another shape, or the network returns one that is not described.
        """
        self.check_shape(onehot)
        shape = (len(onehot), self.n_bins, len(self.tracks))
        if not len(onehot):
            return np.empty(shape, dtype=np.float32)
        turned = self.described.input_layout == "4L" and onehot.ndim == 3
        batch = onehot.transpose(0, 2, 1) if turned else onehot
        output = np.asarray(self.forward(np.ascontiguousarray(batch)), dtype=np.float32)
        swapped = self.described.output_layout == "tracks,bins"
        axes = (shape[0], shape[2], shape[1]) if swapped else shape
        if output.shape != axes:
            # Axes of length 1 may be missing, others not.
            described = [size for size in axes[1:] if size > 1]
            returned = [size for size in output.shape[1:] if size > 1]
            if returned != described or output.shape[:1] != axes[:1]:
                raise ModelError(
                    f"model {self.name} returned an array of shape {output.shape}, and its "
                    f"description says {axes} ({self.described.output_layout})"
                )
            output = output.reshape(axes)
        return np.ascontiguousarray(output.transpose(0, 2, 1)) if swapped else output


class FileModel(DescribedModel):
    """A network in a file, with its description in a TOML file beside it.

    Raises
    ------
    ConfigError
        If a file is missing, or the description is malformed.
    """

    file: Path = Field(description="file of the whole network")
    description: Path | None = Field(
        None, description="TOML that describes it; of the network's name beside it unless given"
    )

    @model_validator(mode="after")
    def _there(self) -> Self:
        if not self.file.is_file():
            raise ValueError(f"there is no file {str(self.file)!r}")
        if not self._beside.is_file():
            raise ValueError(
                f"there is no description {str(self._beside)!r}: write one that says "
                f"input_length, bin_size, n_bins and tracks"
            )
        _ = self.described
        return self

    def check_output(self, name: str | None, outputs: SequenceOf[str]) -> None:
        """Raise `ModelError` where the network has no output of a name."""
        if name is not None and name not in outputs:
            raise ModelError(f"{self.file} has no output {name!r}: it has {', '.join(outputs)}")

    @property
    def _beside(self) -> Path:
        return self.description or self.file.with_suffix(".toml")

    @cached_property
    def described(self) -> Description:
        """The network's description, read from its file."""
        return Description.read(self._beside)
