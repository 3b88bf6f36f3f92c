"""The model plugin ``seqnn``: networks of the Borzoi family."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from creme.errors import ModelError
from creme.model import Model, Selection, Track, TrackTable
from creme.models.targets import read_targets
from creme.weights import digest
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, field_validator

from creme_seqnn.params import Architecture, Head, read_architecture

if TYPE_CHECKING:
    import torch

    from creme_seqnn.network import Network


class _Loaded:
    """The network once loaded, and its device; pickles and copies start without it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.network: Network | None = None
        self.device: torch.device | None = None

    def __reduce__(self) -> tuple[type[_Loaded], tuple[()]]:
        return _Loaded, ()

    def __eq__(self, other: object) -> bool:
        # Two models are equal by their parameters, loaded or not.
        return isinstance(other, _Loaded)

    __hash__ = None  # type: ignore[assignment]


class SeqNN(Model):
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
        Which head to predict with: ``human`` is what the description calls ``head_human``.
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
    device: str = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N"
    )

    _loaded: _Loaded = PrivateAttr(default_factory=_Loaded)

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
        n_tracks = self._head.n_tracks
        if self.targets is None:
            return TrackTable(tuple(Track(f"track{index}") for index in range(n_tracks)))
        return read_targets(self.targets, n_tracks)

    @cached_property
    def weights_digest(self) -> str:
        """SHA-256 of the weights file."""
        return digest(self.weights)

    def identity(self) -> dict[str, Any]:
        """Digests of weights and description, the head, and the precision."""
        described = json.loads(self.params.read_text(encoding="utf-8"))["model"]
        text = json.dumps(described, sort_keys=True)
        return {
            "weights": self.weights_digest,
            "params": hashlib.sha256(text.encode()).hexdigest(),
            "head": self.head,
            "precision": "float32",
        }

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict all bins and tracks; see :meth:`creme.model.Model.predict`.

        Raises
        ------
        ModelError
            If the input has not the network's shape, or the network cannot be loaded.
        """
        return self._run(onehot, None)

    def predict_selected(
        self, onehot: NDArray[np.float32], selection: Selection
    ) -> NDArray[np.float32]:
        """Predict some bins and tracks; the layers that see one bin each skip the others.

        Raises
        ------
        ModelError
            If the input has not the network's shape, or the network cannot be loaded.
        """
        return self._run(onehot, selection)

    def _run(self, onehot: NDArray[np.float32], selection: Selection | None) -> NDArray[np.float32]:
        expected = (self.input_length, 4)
        if onehot.ndim != 3 or onehot.shape[1:] != expected:
            raise ModelError(
                f"model seqnn: the input has the shape {onehot.shape}; it must be"
                f" (sequences, {expected[0]}, {expected[1]})"
            )
        import torch

        network, device = self._load()
        on_cpu = device.type == "cpu"
        bins = tracks = None
        if selection is not None:
            bins = torch.tensor(selection.bins, device=device)
            tracks = torch.tensor(selection.tracks, device=device)
        # On a GPU convolutions would otherwise run in TF32, with 10 bits of precision.
        exact = (
            nullcontext()
            if on_cpu
            else torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=False
            )
        )
        size = 1 if on_cpu else max(1, len(onehot))
        parts = []
        with torch.inference_mode(), exact:
            for start in range(0, len(onehot), size):
                batch = torch.tensor(onehot[start : start + size], dtype=torch.float32)
                parts.append(network(batch.to(device), bins, tracks).cpu().numpy())
        shape = (self.n_bins, len(self.tracks)) if selection is None else selection.shape
        return np.concatenate(parts) if parts else np.empty((0, *shape), np.float32)

    def _load(self) -> tuple[Network, torch.device]:

        from creme_seqnn.network import build_network
        from creme_seqnn.weights import WeightFile

        loaded = self._loaded
        with loaded.lock:
            if loaded.network is None or loaded.device is None:
                # In a worker, the file may be another than the one that was fingerprinted.
                if digest(self.weights) != self.weights_digest:
                    raise ModelError(
                        f"model seqnn: the weights file {str(self.weights)!r} is not the one that"
                        " the model was set up with"
                    )
                device = self._device()
                with WeightFile(self.weights) as weights:
                    network = build_network(self.architecture, self.head, weights)
                loaded.network, loaded.device = network.to(device), device
            return loaded.network, loaded.device

    def _device(self) -> torch.device:
        import torch

        available = torch.cuda.is_available()
        if self.device == "auto":
            return torch.device("cuda:0" if available else "cpu")
        device = torch.device(self.device)
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise ModelError(
                f"model seqnn: there is no device {self.device!r}; PyTorch finds"
                f" {torch.cuda.device_count()} CUDA devices"
            )
        return device
