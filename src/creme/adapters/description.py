"""Descriptions of a network's input and output: grids as parameters, in a TOML file or a table."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from creme.errors import ConfigError
from creme.files.small import parse_toml, read_text, reason
from creme.model import OutputHead, Track, TrackTable
from creme.parameters import Parameters


class HeadDescription(Parameters):
    """The grid of a further output of a network, beside the first one."""

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
    output: str | None = Field(
        None, description="the network's name of this output; the head's own unless given"
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
    """The grid of a network: its input and its output.

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
        for head in configuration["heads"].values():
            if head["output"] is None:
                del head["output"]
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
