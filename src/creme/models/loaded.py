"""Models whose network is loaded when it is first needed, and stays in its process."""

from __future__ import annotations

import threading
from abc import abstractmethod
from importlib.metadata import version
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from creme.errors import ModelError
from creme.model import Model


class LoadedModel(Model):
    """A model that loads a network at its first prediction.

    The network belongs to a process and a device: a pickle holds the parameters alone, and a worker
    loads its own. A subclass implements `load`, and predicts with `network`.
    """

    frameworks: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions are kept with the results."""

    device: str = Field(
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
        """The network, loaded once."""
        with self._lock:
            if self._network is None:
                self._network = self.load()
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
            If the GPU that was asked for is not there.
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

    def environment(self) -> dict[str, Any]:
        """The device and the frameworks' versions, once the network is loaded."""
        if self._network is None:
            return {}
        return {"device": self.device, **{name: version(name) for name in self.frameworks}}

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), {name: getattr(self, name) for name in type(self).model_fields})


def _again(cls: type[LoadedModel], fields: dict[str, Any]) -> LoadedModel:
    return cls(**fields)
