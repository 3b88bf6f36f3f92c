"""Models whose network is loaded when it is first needed, and stays in its process."""

from __future__ import annotations

import contextlib
import sys
import threading
from abc import abstractmethod
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from creme.errors import ModelError
from creme.fingerprint import NotInFingerprint
from creme.model import Model
from creme.parameters import pickled


class LoadedModel(Model):
    """A model that loads a network at its first prediction.

    The network belongs to a process and a device: a pickle holds the parameters alone, and a worker
    loads its own. A subclass implements `load`, and predicts with `network`.
    """

    frameworks: ClassVar[tuple[str, ...]] = ()
    """Modules whose versions are kept with the results; `load` imports them."""

    device: NotInFingerprint[str] = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N"
    )

    _network: Any = PrivateAttr(default=None)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @abstractmethod
    def load(self) -> Any:
        """Load the network onto its device.

        Raises
        ------
        ModelError
            If the framework is missing, or the weights are damaged or not as described.
        """

    @property
    def network(self) -> Any:
        """The network, loaded once.

        Raises
        ------
        ModelError
            As `load`; also if its files have changed since the model was fingerprinted.
        """
        with self._lock:
            if self._network is None:
                network = self.load()
                self.check_unchanged()
                self._network = network
            return self._network

    def place(self, gpus: int, framework: str) -> str:
        """The device to use: ``cpu`` or ``cuda:N``.

        Parameters
        ----------
        gpus : int
            How many the framework finds.
        framework : str
            Its name, for the error.

        Raises
        ------
        ModelError
            If the requested GPU is not there.
        """
        if self.device == "cpu" or (self.device == "auto" and not gpus):
            return "cpu"
        number = int(self.device.partition(":")[2] or 0)
        if number >= gpus:
            raise ModelError(
                f"model {self.name}: there is no device {self.device!r}; {framework} finds {gpus} "
                f"CUDA devices"
            )
        return f"cuda:{number}"

    def check_shape(self, onehot: NDArray[Any]) -> None:
        """Raise `ModelError` where a batch is none of the model's inputs."""
        check_input(self, onehot)

    def environment(self) -> dict[str, Any]:
        """The device and the frameworks' versions, once the network is loaded."""
        if self._network is None:
            return {}
        versions = {name: _version(name) for name in self.frameworks}
        return {"device": self.device_used(), **versions}

    def device_used(self) -> str:
        """The device that the loaded network is on; the setting, where that is not known."""
        return self.device

    def __reduce__(self) -> tuple[Any, ...]:
        return pickled(self)


def _version(module: str) -> str:
    """An imported module's version; empty where it has none."""
    # One module may come in several distributions: tensorflow in tensorflow-cpu.
    number = getattr(sys.modules.get(module), "__version__", None)
    if number is None:
        with contextlib.suppress(PackageNotFoundError):
            number = version(module)
    return str(number or "")


def check_input(model: Model, onehot: NDArray[Any]) -> None:
    """Raise `ModelError` unless a batch is one-hot, or codes if the model takes them.

    Parameters
    ----------
    model : Model
    onehot : array of float32, (B, input_length, 4), or of uint8, (B, input_length)
    """
    if model.takes_codes and onehot.dtype == np.uint8:
        if onehot.shape[1:] == (model.input_length,):
            return
        shape = f"(B, {model.input_length}) of codes"
    elif onehot.ndim == 3 and onehot.shape[1:] == (model.input_length, 4):
        return
    else:
        shape = f"(B, {model.input_length}, 4)"
    raise ModelError(
        f"model {model.name}: the input has shape {onehot.shape}, and {shape} is needed"
    )
