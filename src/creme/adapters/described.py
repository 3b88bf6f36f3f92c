"""Models of any network that comes with a description of its input and output."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from creme.adapters.description import Description
from creme.adapters.loaded import LoadedModel
from creme.errors import ModelError
from creme.model import OutputHead, Selection, TrackTable

Outputs = NDArray[np.float32] | SequenceOf[NDArray[np.float32]] | Mapping[str, NDArray[np.float32]]
"""The output of a network, or those of its heads: in their order, or by name."""


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
        the names of `output_names`, where that one is ``""``.

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
        """Axes and names of outputs, which change numbers beyond the grid: for `identity`."""
        its = self.described.heads
        heads = {name: each.output_layout for name, each in its.items()}
        outputs = {name: each.output for name, each in its.items() if each.output is not None}
        return {
            "input": self.described.input_layout,
            "output": self.described.output_layout,
            **({"heads": heads} if heads else {}),
            **({"outputs": outputs} if outputs else {}),
        }

    def output_names(self) -> dict[str, str]:
        """The network's name for the output of each head: the head's own unless it is described."""
        return {name: each.output or name for name, each in self.described.heads.items()}

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
        if not (self.heads or isinstance(outputs, Mapping)):
            return {"": outputs}
        names = {"": "", **self.output_names()}
        if isinstance(outputs, Mapping):
            missing = [output for output in names.values() if output not in outputs]
            if missing:
                raise ModelError(
                    f"model {self.name} returned no output {missing[0]!r}, and its description has "
                    f"one: it returned {', '.join(map(repr, outputs))}"
                )
            return {head: outputs[output] for head, output in names.items()}
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

    def outputs_read(self, own: str | None, outputs: SequenceOf[str]) -> dict[str, str]:
        """The names of the outputs to read: by `output_names`, and that of the own grid by ``""``.

        Parameters
        ----------
        own : str, optional
            The output of the model's own grid. Unless given, it is the one that no head has; of a
            network without heads its first one.
        outputs : sequence of str
            Those that the network has.

        Raises
        ------
        ModelError
            If the network has no output of a name, or it is not clear which one is the own grid's.
        """
        heads = self.output_names()
        for name in (own, *heads.values()):
            if name is not None and name not in outputs:
                head = next((head for head, its in heads.items() if its == name), None)
                of = f", which head {head!r} reads" if head else ""
                raise ModelError(
                    f"{self.file} has no output {name!r}{of}: it has {', '.join(outputs)}"
                )
        if own is None:
            left = [name for name in outputs if name not in heads.values()]
            if heads and len(left) != 1:
                raise ModelError(
                    f"{self.file} has the outputs {', '.join(outputs)}, and its heads read "
                    f"{', '.join(heads.values())}: say with output which one is of its own grid"
                )
            own = left[0]
        return {"": own, **{name: name for name in heads.values()}}

    @property
    def _beside(self) -> Path:
        return self.description or self.file.with_suffix(".toml")

    @cached_property
    def described(self) -> Description:
        """The network's description, read from its file."""
        return Description.read(self._beside)
