"""Models: what makes predictions."""

from __future__ import annotations

import hashlib
import json
import re
from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from creme.errors import ConfigError, ModelError, nearest
from creme.fingerprint import NotInFingerprint, settings_identity
from creme.grid import OutputGrid
from creme.heads import HeadGrid, OutputHead, PairGrid
from creme.parameters import Parameters
from creme.readout import BoundReadout, Readout
from creme.selection import Selection, whole
from creme.tracks import Track, TrackTable

if TYPE_CHECKING:
    from creme.files.fetch import Download


__all__ = [
    "BoundReadout",
    "Model",
    "NotInFingerprint",
    "OutputHead",
    "Readout",
    "Selection",
    "Track",
    "TrackTable",
]

_INPUT = {"predict", "predict_heads", "predict_selected", "predict_with_inputs", "encode"}
"""Methods that are given a batch."""

_OUT_OF_MEMORY = ("OutOfMemoryError", "ResourceExhaustedError")
# onnxruntime, JAX, CUDA's libraries and PyTorch on a CPU have no type of their own for it.
_NO_MEMORY = re.compile(
    r"out of memory|not enough memory|can't allocate memory|failed to allocate memory"
    r"|RESOURCE_EXHAUSTED|_ALLOC_FAILED",
    re.IGNORECASE,
)


class Model(Parameters, OutputGrid):
    """A sequence-based DNN, or anything that maps a sequence to binned tracks.

    A subclass declares its parameters as annotated fields, sets ``name`` and ``version``, describes
    its output grid, and implements `predict`. Heavy things (frameworks, weights) are imported and
    loaded at the first prediction, not in the constructor, so that describing a model is cheap and
    the object can be pickled to a worker.

    Attributes
    ----------
    name : str
        The name that it is registered by.
    version : str
        Of the architecture's code: raise it whenever the same weights give other numbers.
    n_value : float
        The value of all four channels of an N.
    batch_size : int
        Sequences predicted at once, or to begin with, unless the user says otherwise.
    takes_codes : bool
        Whether `predict`, `predict_selected` and an `encode` take codes as well as one-hot, and so
        a GPU is sent a byte a base. False in a class that overrides one of them and does not say.
    downloads : dict of str to tuple of `creme.files.fetch.Download`
        Published weights and tables by the name of a set, for ``creme models fetch``.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    n_value: ClassVar[float] = 0.25
    batch_size: ClassVar[int] = 1
    takes_codes: ClassVar[bool] = False
    downloads: ClassVar[dict[str, tuple[Download, ...]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # What was written for one-hot would read codes wrongly, and not always with an error.
        if "takes_codes" not in vars(cls) and not _INPUT.isdisjoint(vars(cls)):
            cls.takes_codes = False

    @property
    def receptive_field(self) -> int | None:
        """How far beyond its own bases a bin sees, bp on either side; None if that is not known.

        For convolutions the sum of ``dilation * (kernel - 1) / 2 * (stride of its input)``. It
        changes no prediction: `creme.testing` checks with it that positions are what they should
        be, so it is to be exact and not an upper limit. A bin that depends on everything, as behind
        attention, has none.
        """
        return None

    @property
    def heads(self) -> dict[str, OutputHead]:
        """Further outputs of the same forward pass, by name, each on a grid of its own.

        The model's own grid, which has no name, comes first: what is said of a model's bins and
        tracks is said of it. A model with heads implements `predict_heads`.
        """
        return {}

    def grid_of(self, head: str) -> OutputGrid:
        """The grid of a head; the model itself for an empty name.

        Raises
        ------
        ConfigError
            If there is no such head.
        """
        if not head:
            return self
        if head not in self.heads:
            there = f"it has {', '.join(self.heads)}" if self.heads else "it has none"
            raise ConfigError(
                f"model {self.name} has no head {head!r}{nearest(head, self.heads)}: {there}"
            )
        its = self.heads[head]
        return (HeadGrid if its.pairs is None else PairGrid)(self, head, its)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of numbers that the model takes beside the sequence, and that vary by locus.

        They are columns of the table of loci. A model with any implements `predict_with_inputs`,
        and its `predict` takes all of them for 0.
        """
        return ()

    @property
    def everything(self) -> Selection:
        """All bins and tracks, of all heads."""
        own = ("", self.n_bins, len(self.tracks))
        return whole([own, *((n, each.size, len(each.tracks)) for n, each in self.heads.items())])

    def identity(self) -> dict[str, Any]:
        """JSON values that tell this model's numbers from another's.

        All settings unless overridden, with files by their digest, and without those that are
        declared with `creme.fingerprint.NotInFingerprint`: device, sizes of batches, caches. Name,
        version, grid and `n_value` are added by `fingerprint`. A model that overrides it gives
        digests of the weights and every setting that changes the output (head, transform, padding,
        precision); paths and devices do not belong here.

        Raises
        ------
        ModelError
            If a file cannot be read, or a setting has no form in JSON.
        """
        return settings_identity(self)

    @abstractmethod
    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict whole outputs.

        Parameters
        ----------
        onehot : array of float32, shape (B, input_length, 4)
            Must not be modified. A row of N is `n_value` in all four channels. Where `takes_codes`
            is true it may be codes, uint8 of shape (B, input_length), A C G T N = 0 1 2 3 4: the
            model makes its one-hot of them, on its own device, and gives the same numbers.

        Returns
        -------
        array of float32, shape (B, n_bins, len(tracks))
        """

    def predict_heads(self, onehot: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Predict whole outputs of all heads in one forward pass.

        Returns
        -------
        dict of str to array of float32
            By name (B, bins, tracks) of each head, and under ``""`` what `predict` gives.
        """
        return {"": self.predict(onehot)}

    def predict_selected(
        self, onehot: NDArray[np.float32], selection: Selection
    ) -> NDArray[np.float32]:
        """Predict only some bins and tracks; override where the model can compute only these.

        Returns
        -------
        array of float32, shape (B, bins, tracks), as ``selection.shape`` has them
            Equal to ``selection.take(self.predict(onehot))``, or with further heads to that of
            `predict_heads`: one row a sequence.
        """
        if selection.heads:
            return selection.take(self.predict_heads(onehot))
        return selection.take(self.predict(onehot))

    def predict_with_inputs(
        self, onehot: NDArray[np.float32], inputs: NDArray[np.float32], selection: Selection
    ) -> NDArray[np.float32]:
        """Predict as `predict_selected` does, with the numbers beside each sequence.

        Parameters
        ----------
        onehot : array
            As of `predict`.
        inputs : array of float32, shape (B, len(self.inputs))
        selection : Selection
        """
        raise NotImplementedError(f"model {self.name} has inputs, and no predict_with_inputs")

    def environment(self) -> dict[str, Any]:
        """The device and the versions that this process predicts with.

        JSON values for people to read, kept with the results; empty before the first prediction.
        """
        return {}

    def free_memory(self) -> int | None:
        """Bytes that are free on the GPU that holds the loaded network; None if there is no GPU.

        Where it is known, the size of batches is found by trying unless the user gives it.
        """
        return None

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether a prediction failed for want of memory, so that a smaller batch may succeed.

        Knows Python's own error, those of PyTorch, TensorFlow, JAX and onnxruntime, and errors
        that were raised from them.
        """
        reason: BaseException | None = error
        while reason is not None:
            if isinstance(reason, MemoryError) or type(reason).__name__ in _OUT_OF_MEMORY:
                return True
            if isinstance(reason, Exception) and _NO_MEMORY.search(str(reason)):
                return True
            reason = reason.__cause__
        return False

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of all that changes a prediction."""
        text = json.dumps(self._fingerprinted(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def check_unchanged(self) -> None:
        """Say so if the files of a model are others than those of its fingerprint.

        To be called where weights have just been read: predictions are kept by the fingerprint.

        Raises
        ------
        ModelError
            If the fingerprint was asked for before, and is another one now.
        """
        before = self.__dict__.get("fingerprint")
        # Computed anew: what is cached is what was there before.
        if before is not None and vars(Model)["fingerprint"].func(self) != before:
            raise ModelError(
                f"model {self.name}: its weights have been changed since it was set up; start again"
            )

    def _fingerprinted(self) -> dict[str, Any]:
        described = {
            "model": self.name,
            "version": self.version,
            "n_value": self.n_value,
            "grid": [self.input_length, self.output_start, self.bin_size, self.n_bins],
            "identity": self.identity(),
        }
        if self.heads:
            described["heads"] = {
                name: [self.grid_of(name).output_start, each.bin_size, each.n_bins, each.pairs]
                for name, each in self.heads.items()
            }
        if self.inputs:
            described["inputs"] = list(self.inputs)
        return described

    def bind(self, readout: Readout, selection: Selection) -> BoundReadout:
        """A readout of chosen bins with its place in a selection, and labels for its activities.

        Raises
        ------
        ConfigError
            If the readout asks for a bin or a track that the selection does not keep, or is one of
            loci, which `creme.runner.locus_readouts` binds.
        """
        title = f"readout {readout.name!r}" if readout.name else "readout"
        if readout.by_locus or readout.minus is not None:
            raise ConfigError(f"{title}: it depends on the locus or on another readout")
        try:
            grid = self.grid_of(readout.head)
            bins, tracks = grid.bins_read(readout, selection), grid.tracks_read(readout, selection)
            return grid.bound(readout, selection, bins, tracks, readout.weights)
        except ConfigError as error:
            raise ConfigError(f"{title}: {error}") from None

    @property
    def members(self) -> tuple[Model, ...]:
        """The models whose mean this one is, if there are several; see `Ensemble`."""
        return ()
