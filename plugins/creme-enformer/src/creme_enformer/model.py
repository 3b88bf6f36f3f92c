"""The model plugin ``enformer``: the network as published on TensorFlow Hub."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from creme import Selection, TrackTable
from creme.adapters import ENFORMER_TARGETS, Download, LoadedModel, digest, track_table
from creme.errors import ModelError
from numpy.typing import NDArray
from pydantic import Field

from creme_enformer.hub import HANDLE, find

_TRACKS = {"human": 5313, "mouse": 1643}
_TAKES = 393_216


class Enformer(LoadedModel):
    """Enformer in TensorFlow: 196,608 bp in, 896 bins of 128 bp out, 5,313 human tracks.

    The published network takes 393,216 bp, of which the outer half does not reach the output; it is
    given zeros there. On the CPU sequences are predicted one at a time, so that a prediction does
    not depend on its batch.

    Notes
    -----
    Section "Enformer": TSS activity is bin 448 of track 5,111 of the human head. Loading a
    SavedModel runs the graph that stands in it: use only those that you trust.
    """

    name: ClassVar[str] = "enformer"
    version: ClassVar[str] = "1"
    frameworks: ClassVar[tuple[str, ...]] = ("tensorflow",)
    downloads: ClassVar[dict[str, tuple[Download, ...]]] = {
        "weights": (
            Download(
                "enformer_1.tar.gz",
                f"{HANDLE}?tf-hub-format=compressed",
                "the SavedModel",
                unpack="enformer_1",
            ),
        ),
        "targets": ENFORMER_TARGETS,
    }

    weights: Path | str = Field(
        HANDLE,
        description="folder of the SavedModel, or a handle that tensorflow_hub or kagglehub has "
        "downloaded it by",
    )
    targets: Path | None = Field(None, description="published table of the head's tracks")
    head: str = Field("human", pattern="^(human|mouse)$", description="human or mouse")
    deterministic: bool = Field(
        True, description="make TensorFlow's kernels deterministic, in the whole process"
    )

    @property
    def input_length(self) -> int:
        """196,608 bp."""
        return 196_608

    @property
    def bin_size(self) -> int:
        """128 bp."""
        return 128

    @property
    def n_bins(self) -> int:
        """896; the TSS base is the first one of bin 448."""
        return 896

    @cached_property
    def tracks(self) -> TrackTable:
        """5,313 tracks (human) or 1,643 (mouse)."""
        return track_table(self.targets, _TRACKS[self.head], stranded=False)

    @cached_property
    def folder(self) -> Path:
        """Where the SavedModel is; a download that was cut short counts as none.

        Raises
        ------
        ModelError
            If it is not there; it says where it was looked for.
        """
        return find(str(self.weights))

    def identity(self) -> dict[str, Any]:
        """Digest of the SavedModel, the head, and what the outer half is filled with."""
        return {
            "weights": digest(self.folder),
            "head": self.head,
            "padding": "zeros",
            "deterministic": self.deterministic,
        }

    def load(self) -> Any:
        """The SavedModel and its device."""
        folder = self.folder
        if self.deterministic:
            os.environ["TF_DETERMINISTIC_OPS"] = "1"
        try:
            import tensorflow as tf
        except ImportError as error:
            raise ModelError(
                f"model enformer needs TensorFlow: pip install tensorflow ({error})"
            ) from None
        if self.deterministic:
            # The variable is read once; this is heard at any time.
            tf.config.experimental.enable_op_determinism()
        gpus = len(tf.config.list_physical_devices("GPU"))
        place = self.place(gpus, "TensorFlow").replace("cuda", "GPU")
        # On a GPU convolutions would otherwise run in TF32, with 10 bits of precision.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        try:
            with tf.device(place):
                # tensorflow_hub.load does the same with a folder, and drags Keras 2 along.
                loaded = tf.saved_model.load(str(folder))
            # All of it is kept: variables may belong to its root.
            return loaded, place
        except Exception as error:
            raise ModelError(f"the SavedModel in {folder} cannot be loaded: {error}") from None

    def environment(self) -> dict[str, Any]:
        """The device, TensorFlow's version, and whether kernels are deterministic."""
        environment = super().environment()
        if not environment:
            return {}
        import tensorflow as tf

        _, place = self.network
        device = "cpu"
        if place != "cpu":
            gpu = tf.config.list_physical_devices("GPU")[int(place.partition(":")[2])]
            device = tf.config.experimental.get_device_details(gpu).get("device_name", place)
        deterministic = os.environ.get("TF_DETERMINISTIC_OPS", "").lower() in ("1", "true")
        return {
            **environment,
            "device": device,
            "precision": "float32",
            "deterministic": deterministic or self.deterministic,
        }

    def predict(self, onehot: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict all bins and tracks; see `creme.model.Model.predict`."""
        return self._run(onehot, None)

    def predict_selected(
        self, onehot: NDArray[np.float32], selection: Selection
    ) -> NDArray[np.float32]:
        """Predict all, and bring only the chosen bins and tracks back from the device."""
        return self._run(onehot, selection)

    def _run(self, onehot: NDArray[np.float32], selection: Selection | None) -> NDArray[np.float32]:
        self.check_shape(onehot)
        shape = (self.n_bins, len(self.tracks)) if selection is None else selection.shape
        if not len(onehot):
            return np.empty((0, *shape), dtype=np.float32)
        network, place = self.network
        import tensorflow as tf

        size = 1 if place == "cpu" else len(onehot)
        side = (_TAKES - self.input_length) // 2
        parts = []
        with tf.device(place):
            for start in range(0, len(onehot), size):
                padded = np.pad(onehot[start : start + size], ((0, 0), (side, side), (0, 0)))
                output = network.model.predict_on_batch(tf.constant(padded))[self.head]
                if output.shape[1:] != (self.n_bins, len(self.tracks)):
                    raise ModelError(
                        f"the SavedModel in {self.folder} gives {tuple(output.shape[1:])} for the "
                        f"{self.head} head, and ({self.n_bins}, {len(self.tracks)}) are expected"
                    )
                if selection is not None:
                    output = tf.gather(output, selection.bins, axis=1)
                    output = tf.gather(output, selection.tracks, axis=2)
                parts.append(output.numpy())
        return np.ascontiguousarray(np.concatenate(parts), dtype=np.float32)
