"""Keras weights in an HDF5 file, handed out layer by layer in the order of their creation.

Keras numbers the layers of one kind as they are created (``conv1d``, ``conv1d_1``, ...), whatever
else it built before, so a file's third convolution is the network's third one. Both of Keras 2's
layouts are read: whole models (``model.save``) and weights alone (``model.save_weights``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np
from creme.errors import ModelError, listing

Shapes = Mapping[str, tuple[int, ...]]

_DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError)
"""Errors that h5py raises for bytes that are none of HDF5; it has none of its own."""


class WeightFile:
    """The weights in one HDF5 file; a context manager.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    ModelError
        Where the file is missing, is not HDF5, is damaged, or holds no weights.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise ModelError(f"There is no weights file {str(path)!r}.")
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise ModelError(
                f"The weights file {str(path)!r} is not HDF5 or is cut short ({error})."
            ) from None
        try:
            self._layers = self._find_layers()
        except _DAMAGE as error:
            self._file.close()
            raise ModelError(f"The weights file {str(path)!r} is damaged ({error}).") from None
        if not self._layers:
            self._file.close()
            raise ModelError(f"The weights file {str(path)!r} holds no weights.")

    def __enter__(self) -> WeightFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def _find_layers(self) -> dict[str, dict[str, dict[str, h5py.Dataset]]]:
        """Kind to layer name to variable name to dataset, layers in the order of creation."""
        root = self._file.get("model_weights", self._file)
        if not isinstance(root, h5py.Group):
            raise ValueError("'model_weights' is no group")
        layers: dict[str, dict[str, h5py.Dataset]] = {}

        def visit(path: str | bytes, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(path, bytes):  # h5py leaves a name as it is that is no text
                raise ValueError(f"a name is not UTF-8 text: {path!r}")
            if not isinstance(item, h5py.Dataset):
                return
            layer, *parts = path.split("/")
            # The layer's name stands once or twice before that of the variable.
            while len(parts) > 1 and parts[0] == layer:
                parts = parts[1:]
            layers.setdefault(layer, {})["/".join(parts).removesuffix(":0")] = item

        root.visititems(visit)
        kinds: dict[str, dict[str, dict[str, h5py.Dataset]]] = {}
        for layer in sorted(layers, key=_kind_and_number):
            kinds.setdefault(_kind_and_number(layer)[0], {})[layer] = layers[layer]
        # Older versions of Keras have a class of its own for statistics synchronised over devices.
        if "batch_normalization" not in kinds and "sync_batch_normalization" in kinds:
            kinds["batch_normalization"] = kinds.pop("sync_batch_normalization")
        return kinds

    def take(self, kind: str, shapes: Shapes) -> dict[str, np.ndarray]:
        """The next layer of a kind.

        Parameters
        ----------
        kind : str
            Keras' name for the kind of layer, such as ``conv1d``.
        shapes : mapping of str to tuple of int
            The variables that the layer must have, exactly, and their shapes.

        Returns
        -------
        dict of str to ndarray
            The variables, float64.

        Raises
        ------
        ModelError
            Where there is no such layer left, or its variables are others than expected.
        """
        remaining = self._layers.get(kind)
        if not remaining:
            raise ModelError(
                f"{self.path} lacks weights: the network has one more layer of the kind {kind!r}"
                f" than the file (the next has {_describe(shapes)}). Does params.json belong to it?"
            )
        layer = next(iter(remaining))
        datasets = remaining.pop(layer)
        try:
            have = {name: dataset.shape for name, dataset in datasets.items()}
            if have != dict(shapes):
                raise ModelError(
                    f"{self.path}: the layer {layer!r} has {_describe(have)} where the network"
                    f" expects {_describe(shapes)}. Do the parameters and the head belong to it?"
                )
            odd = [name for name, dataset in datasets.items() if dataset.dtype.kind not in "biuf"]
            if odd:
                raise ModelError(
                    f"{self.path}: {listing(odd)} of the layer {layer!r} has no numbers in it."
                )
            return {name: dataset[()].astype(np.float64) for name, dataset in datasets.items()}
        except _DAMAGE as error:
            raise ModelError(
                f"{self.path} is damaged: the weights of layer {layer!r} cannot be read ({error})."
            ) from None

    def remaining(self, kind: str) -> int:
        """The number of layers of a kind that have not been taken."""
        return len(self._layers.get(kind, ()))

    def finish(self) -> None:
        """Raise :class:`ModelError` where the file holds layers that nobody took."""
        left = [layer for layers in self._layers.values() for layer in layers]
        if left:
            raise ModelError(
                f"{self.path} holds weights that the network has no place for: {listing(left)}."
                " Do the parameters belong to it?"
            )


def _kind_and_number(layer: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.+?)(?:_(\d+))?", layer)
    assert match is not None
    return match[1], int(match[2] or 0)


def _describe(shapes: Shapes) -> str:
    return listing(f"{name} {'x'.join(map(str, shapes[name]))}" for name in sorted(shapes))
