"""The model plugin ``seqnn``: networks of the Borzoi family."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from creme import Selection, TrackTable
from creme.adapters import SplitTorchModel, digest, track_table
from pydantic import Field, field_validator

from creme_seqnn.locality import Split, split
from creme_seqnn.params import Architecture, Head, read_architecture, without_training

if TYPE_CHECKING:
    from torch import Tensor

    from creme_seqnn.network import Network


class SeqNN(SplitTorchModel):
    """A network of the Borzoi family: ``params.json`` and Keras weights, run in PyTorch.

    A locus sequence runs 5' to 3' along its gene, so of a pair of stranded tracks the plus one is
    to be read for genes of either strand. To lay a minus-strand gene's profile along the genome,
    reverse its bins and exchange the tracks of each pair (``tracks[i].pair``).

    On the CPU sequences are predicted one at a time, which costs nothing there and makes a
    prediction independent of its batch to the last bit.

    Parameters
    ----------
    params : Path
        The network's description, baskerville's ``params.json``.
    weights : Path
        Its weights as saved by Keras 2 (``.h5``): the trunk with this head or with all heads.
    targets : Path, optional
        The table of the head's tracks, ``targets.txt``. Without it tracks are called ``track0``,
        ``track1`` and so on.
    head : str
        The head to predict with: ``human`` is what the description calls ``head_human``.
    device : str
        ``cpu``, ``cuda``, ``cuda:N``, or ``auto``: the first GPU if there is one.

    Raises
    ------
    ConfigError
        If a file is missing, or the description is malformed or asks for what is not supported.
    ModelError
        At the first prediction, if the weights are damaged or do not fit the description.
    """

    name: ClassVar[str] = "seqnn"
    version: ClassVar[str] = "1"
    # As the family is trained: an N is no base at all.
    n_value: ClassVar[float] = 0.0

    params: Path = Field(description="the network's description, params.json")
    weights: Path = Field(description="Keras weights, .h5")
    targets: Path | None = Field(None, description="table of the head's tracks, targets.txt")
    head: str = Field("human", description="which head of the network to predict with")

    @field_validator("params", "weights", "targets")
    @classmethod
    def _existing(cls, path: Path | None) -> Path | None:
        if path is None:
            return None
        # Absolute, because a worker may have another working directory.
        path = path.expanduser().absolute()
        if not path.is_file():
            raise ValueError(f"there is no file {str(path)!r}")
        return path

    def model_post_init(self, context: Any) -> None:
        """Check the description and the table of tracks; the weights wait."""
        super().model_post_init(context)
        _ = self.tracks

    @cached_property
    def architecture(self) -> Architecture:
        """The description, read and checked."""
        return read_architecture(self.params)

    @property
    def _head(self) -> Head:
        return self.architecture.head(self.head)

    @property
    def input_length(self) -> int:
        """Length of the input, bp."""
        return self.architecture.input_length

    @property
    def bin_size(self) -> int:
        """Length of an output bin, bp."""
        return self._head.bin_size

    @property
    def n_bins(self) -> int:
        """Number of output bins."""
        return self._head.n_bins

    @property
    def output_start(self) -> int:
        """Input position of the first base of bin 0."""
        return self._head.output_start

    @cached_property
    def tracks(self) -> TrackTable:
        """The head's tracks."""
        return track_table(self.targets, self._head.n_tracks)

    def identity(self) -> dict[str, Any]:
        """Digests of weights and of what they need of the description; head and precision."""
        described = json.loads(self.params.read_text(encoding="utf-8"))["model"]
        text = json.dumps(without_training(described), sort_keys=True)
        return {
            "weights": digest(self.weights),
            "params": hashlib.sha256(text.encode()).hexdigest(),
            "head": self.head,
            "precision": self.precision,
        }

    def load(self) -> Network:
        """The network; see `creme.adapters.loaded.LoadedModel.load`."""
        from creme_seqnn.network import build_network
        from creme_seqnn.weights import WeightFile

        with WeightFile(self.weights) as weights:
            return self.into_place(build_network(self.architecture, self.head, weights))

    def outputs(self, network: Network, batch: Tensor, selection: Selection | None) -> Tensor:
        """The head's output; the layers that see one bin each skip those not selected."""
        return network(batch) if selection is None else network(batch, *_indices(batch, selection))

    @cached_property
    def _split(self) -> Split:
        return split([*self.architecture.trunk, *self._head.steps])

    @property
    def strides(self) -> tuple[int, ...]:
        """Of the skip branches that are saved before the first attention, and of its input."""
        return self._split.strides

    @property
    def radius(self) -> int:
        """The reach of the convolutions before the first attention, bp."""
        return self._split.radius

    def trunk(self, network: Network, batch: Tensor) -> tuple[Tensor, ...]:
        """The layers before the first attention."""
        return network.encode(batch)

    def rest(self, network: Network, features: tuple[Tensor, ...], selection: Selection) -> Tensor:
        """The layers from the first attention on, for the chosen bins and tracks."""
        return network.decode(features, *_indices(features[0], selection))


def _indices(like: Tensor, selection: Selection) -> tuple[Tensor, Tensor]:
    """Bins and tracks as tensors on the same device."""
    import torch

    return (
        torch.tensor(selection.bins, device=like.device),
        torch.tensor(selection.tracks, device=like.device),
    )
