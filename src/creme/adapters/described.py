"""Models of any network that comes with a description of its input and output."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
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
from creme.model import OutputHead, Selection, Track, TrackTable
from creme.parameters import Parameters

Outputs = NDArray[np.float32] | SequenceOf[NDArray[np.float32]] | Mapping[str, NDArray[np.float32]]
"""The output of a network, or those of its heads: in their order, or by name."""


class HeadDescription(Parameters):
    """The grid of a further output of a network: what it gives beside the first one."""

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
    pairs: int | None = Field(
        None,
        ge=0,
        description="for contact maps: values are of the pairs (i, j) of bins with j - i of so "
        "many or more, as numpy.triu_indices(n_bins, pairs) has them",
    )
    tracks: list[str | Track] = Field(
        ["output"], min_length=1, description="names of the tracks, or tables of name, strand, ..."
    )

    def head(self, input_length: int) -> OutputHead:
        """The head of a network that takes sequences of so many bp.

        Raises
        ------
        ValueError
            If it does not fit into them, or a pair is none.
        """
        bin_size = self.bin_size or input_length // self.n_bins
        start, span = self.output_start, self.n_bins * bin_size
        first = (input_length - span) // 2 if start is None else start
        _check_fit(self.n_bins, bin_size, first, input_length)
        return OutputHead(bin_size, self.n_bins, _table(self.tracks), start, self.pairs)


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
    inputs: list[str] = Field(
        [], description="numbers beside the sequence: columns of the table of loci"
    )
    heads: dict[str, HeadDescription] = Field(
        {}, description="further outputs of the network, by name, each with a grid of its own"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_fit(self.n_bins, self.bin, self.start, self.input_length)
        if self.tss is not None and self.tss >= self.input_length:
            raise ValueError(f"tss = {self.tss} is no position of {self.input_length} bp")
        self.table()
        for name, each in self.heads.items():
            if not name.isidentifier():
                raise ValueError(f"heads: {name!r} is no name of letters, digits and _")
            try:
                each.head(self.input_length)
            except ValueError as error:
                raise ValueError(f"heads.{name}: {error}") from None
        return self

    def configuration(self) -> dict[str, Any]:
        """The parameters; without heads and inputs where there are none."""
        configuration = super().configuration()
        for name in ("heads", "inputs"):
            if not configuration[name]:
                del configuration[name]
        return configuration

    def table(self) -> TrackTable:
        """The tracks; a bare name does not say of which strand its track is."""
        return _table(self.tracks)

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


def _check_fit(n_bins: int, bin_size: int, start: int, input_length: int) -> None:
    if start < 0 or start + n_bins * bin_size > input_length:
        raise ValueError(
            f"{n_bins} bins of {bin_size} bp from {start} on do not fit into the input of "
            f"{input_length} bp"
        )


def _table(tracks: SequenceOf[str | Track]) -> TrackTable:
    """Tracks; a bare name does not say of which strand its track is."""
    table = TrackTable(
        tuple(Track(track) if isinstance(track, str) else track for track in tracks),
        strands_known=not any(isinstance(track, str) for track in tracks),
    )
    wrong = table.mispaired()
    if wrong is not None:
        raise ValueError(
            f"track {table[wrong].name}: pair = {table[wrong].pair} is not the index of the "
            f"same track of the other strand, '+' or '-', which has this one as its own"
        )
    return table


class DescribedModel(LoadedModel):
    """A model whose grid stands in a `Description`.

    A subclass gives `described`, `load` and `forward`; layouts are seen to here.
    """

    @property
    @abstractmethod
    def described(self) -> Description:
        """The network's description."""

    @abstractmethod
    def forward(self, batch: NDArray[np.float32]) -> Outputs:
        """The network's own output of a batch in its own layout.

        Of a description with heads several: in its order, with the one without a name first, or by
        name, where that one is ``""``.

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

    @property
    def inputs(self) -> tuple[str, ...]:
        """The numbers beside the sequence that are described."""
        return tuple(self.described.inputs)

    def forward_with_inputs(
        self, batch: NDArray[np.float32], inputs: NDArray[np.float32]
    ) -> Outputs:
        """The network's own output of a batch with the numbers beside each sequence, (B, inputs).

        Raises
        ------
        ModelError
            If there is no way to give it any: a subclass that has one overrides this.
        """
        raise ModelError(f"model {self.name} takes no inputs beside the sequence")

    @cached_property
    def heads(self) -> dict[str, OutputHead]:
        """The further outputs that are described."""
        its = self.described.heads.items()
        return {name: each.head(self.input_length) for name, each in its}

    def layouts(self) -> dict[str, Any]:
        """The axes of input and output, which change numbers beyond the grid: for `identity`."""
        heads = {name: each.output_layout for name, each in self.described.heads.items()}
        own = {"input": self.described.input_layout, "output": self.described.output_layout}
        return {**own, "heads": heads} if heads else own

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict all bins and tracks; see `creme.model.Model.predict`.

        Raises
        ------
        ModelError
            If the input has another shape, or the network returns one that is not described.
        """
        return self.predict_heads(onehot)[""]

    def predict_heads(self, onehot: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Predict all bins and tracks of all heads; see `creme.model.Model.predict_heads`.

        Raises
        ------
        ModelError
            If the input has another shape, or the network returns one that is not described.
        """
        return self._predicted(onehot, np.zeros((len(onehot), len(self.inputs)), np.float32))

    def predict_with_inputs(
        self, onehot: NDArray[np.float32], inputs: NDArray[np.float32], selection: Selection
    ) -> NDArray[np.float32]:
        """Predict with numbers beside; see `creme.model.Model.predict_with_inputs`."""
        outputs = self._predicted(onehot, inputs)
        return selection.take(outputs if selection.heads else outputs[""])

    def _predicted(
        self, onehot: NDArray[np.float32], inputs: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float32]]:
        self.check_shape(onehot)
        n = len(onehot)
        shapes = {"": (n, self.n_bins, len(self.tracks))}
        layouts = {"": self.described.output_layout}
        for name, head in self.heads.items():
            shapes[name] = (n, head.size, len(head.tracks))
            layouts[name] = self.described.heads[name].output_layout
        if not n:
            return {name: np.empty(shape, dtype=np.float32) for name, shape in shapes.items()}
        turned = self.described.input_layout == "4L" and onehot.ndim == 3
        batch = onehot.transpose(0, 2, 1) if turned else onehot
        batch = np.ascontiguousarray(batch)
        forward = self.forward_with_inputs(batch, inputs) if self.inputs else self.forward(batch)
        outputs = self._by_head(forward)
        return {
            name: self._laid_out(outputs[name], shape, layouts[name], name)
            for name, shape in shapes.items()
        }

    def _by_head(self, outputs: Outputs) -> Mapping[str, Any]:
        """A network's outputs by head."""
        if not self.heads:
            return {"": outputs}
        names = ["", *self.heads]
        if isinstance(outputs, Mapping):
            missing = [name for name in names if name not in outputs]
            if missing:
                raise ModelError(
                    f"model {self.name} returned no output {missing[0]!r}, and its description has "
                    f"one: it returned {', '.join(map(repr, outputs))}"
                )
            return outputs
        several = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
        if len(several) != len(names):
            raise ModelError(
                f"model {self.name} returned {len(several)} outputs, and its description has "
                f"{len(names)}: its own grid and {', '.join(self.heads)}"
            )
        return dict(zip(names, several, strict=True))

    def _laid_out(
        self, output: Any, shape: tuple[int, int, int], layout: str, head: str
    ) -> NDArray[np.float32]:
        """An output of a head as (B, bins, tracks)."""
        values = np.asarray(output, dtype=np.float32)
        swapped = layout == "tracks,bins"
        axes = (shape[0], shape[2], shape[1]) if swapped else shape
        if values.shape != axes:
            # Axes of length 1 may be missing, others not.
            described = [size for size in axes[1:] if size > 1]
            returned = [size for size in values.shape[1:] if size > 1]
            if returned != described or values.shape[:1] != axes[:1]:
                of = f" for head {head!r}" if head else ""
                raise ModelError(
                    f"model {self.name} returned an array of shape {values.shape}{of}, and its "
                    f"description says {axes} ({layout})"
                )
            values = values.reshape(axes)
        return np.ascontiguousarray(values.transpose(0, 2, 1)) if swapped else values


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
