"""The model plugin ``keras``: networks saved by Keras 3 (``.keras``) or before (``.h5``)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar, Literal

import numpy as np
from creme.adapters import FileModel, arithmetic, digest
from creme.errors import ModelError
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from creme_keras.compiled import Call, function_of

_UNKNOWN = re.compile(r"(?i)could not locate|unknown \w+: ")
"""How Keras says that a file names a class which it does not know."""

_PYTHON = (
    ". A network with layers of its own is built by a function in a Python file, which defines "
    'them and loads the weights: plugin = "python", object = "FILE.py:FUNCTION"'
)


class KerasModel(FileModel):
    """A network in a Keras file, run by Keras 3 on PyTorch, TensorFlow or JAX.

    A TOML file beside it, ``NAME.toml`` unless given, says what the network takes and gives; see
    `creme.adapters.description.Description`. Inputs beside the sequence get constant values.

    Files with layers that hold Python code (Lambda) are refused, as Keras does unless told
    otherwise: they would run it.

    Raises
    ------
    ConfigError
        If a file is missing, or the description is malformed.
    ModelError
        At the first prediction, if Keras or its backend is missing, or the network is not as
        described.
    """

    name: ClassVar[str] = "keras"
    version: ClassVar[str] = "1"
    frameworks: ClassVar[tuple[str, ...]] = ("keras",)

    sequence_input: str | None = Field(
        None, description="name of the input that takes the sequence; needed if there are several"
    )
    constants: dict[str, list[float]] = Field({}, description="values of the other inputs, by name")
    output: str | None = Field(
        None, description="name of the output to read; needed if several are left by the heads"
    )
    backend: Literal["torch", "tensorflow", "jax"] = Field(
        "torch", description="what Keras computes with"
    )

    _call: Call | None = PrivateAttr(default=None)

    def identity(self) -> dict[str, Any]:
        """Digest of the file, what its inputs get, the layouts, and the backend."""
        return {
            "network": digest(self.file),
            "sequence_input": self.sequence_input,
            "constants": self.constants,
            "layouts": self.layouts(),
            "backend": self.backend,
            **({} if self.output is None else {"output": self.output}),
        }

    def forward(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The network's outputs, as it predicts (without dropout)."""
        network = self.network
        inputs = [
            batch if values is None else np.broadcast_to(values, (len(batch), *values.shape))
            for values in self._fed(network)
        ]
        with self._placed(), self._inference():
            assert self._call is not None  # made with the network
            return dict(zip(self._read(network), self._call(inputs), strict=True))

    def _read(self, network: Any) -> dict[str, str]:
        """The names of the outputs to read, by head."""
        return self.outputs_read(self.output, self._output_names(network))

    def _fed(self, network: Any) -> list[NDArray[np.float32] | None]:
        """The value of each input: None for the sequence, and the constants for the others."""
        sequence = self._sequence_name(network)
        return [
            None
            if place.name == sequence
            else np.asarray(self.constants[place.name], dtype=np.float32)
            for place in network.inputs
        ]

    def _placed(self) -> Any:
        import keras

        number = self.device.partition(":")[2] or "0"
        # Not "cpu:0", which Keras on PyTorch takes for another device than "cpu" when it loads.
        on = {"auto": None, "cpu": "cpu"}.get(self.device, f"gpu:{number}")
        return keras.device(on) if on else nullcontext()

    @contextmanager
    def _inference(self) -> Iterator[None]:
        if self.backend != "torch":
            yield
            return
        import torch

        with torch.no_grad(), arithmetic():
            yield

    def load(self) -> Any:
        """The network, without its training configuration."""
        keras = self._keras()
        try:
            with self._placed():
                network = keras.models.load_model(self.file, compile=False)
        except Exception as error:
            advice = _PYTHON if _UNKNOWN.search(str(error)) else ""
            raise ModelError(f"{self.file} cannot be loaded: {error}{advice}") from None
        self._check(network)
        length = (self.input_length, 4)
        sequence = length if self.described.input_layout == "L4" else length[::-1]
        shapes = [sequence if fed is None else fed.shape for fed in self._fed(network)]
        names = self._output_names(network)
        outputs = [names.index(name) for name in self._read(network).values()]
        self._call = function_of(network, outputs, shapes)
        return network

    def device_used(self) -> str:
        """Where the weights are, as the backend calls it."""
        weights = self.network.weights
        return str(weights[0].value.device) if weights else self.device

    def _keras(self) -> Any:
        if "keras" not in sys.modules:
            os.environ["KERAS_BACKEND"] = self.backend
        try:
            import keras
        except ImportError as error:
            raise ModelError(
                f"model keras needs Keras 3 and its backend: pip install keras {self.backend} "
                f"({error})"
            ) from None
        if keras.backend.backend() != self.backend:
            raise ModelError(
                f"model keras: Keras is already running on {keras.backend.backend()} in this "
                f"process, and backend = {self.backend!r} was asked for"
            )
        return keras

    def _sequence_name(self, network: Any) -> str:
        names = [place.name for place in network.inputs]
        return self.sequence_input if self.sequence_input is not None else names[0]

    @staticmethod
    def _output_names(network: Any) -> list[str]:
        # A Sequential network names no outputs: it has the one of its last layer.
        return list(getattr(network, "output_names", None) or [network.layers[-1].name])

    def _check(self, network: Any) -> None:
        """Whether inputs and output are those that the parameters and the description speak of."""
        outputs = self._output_names(network)
        if self.output is None and len(outputs) > 1 and not self.heads:
            raise ModelError(
                f"{self.file} has the outputs {', '.join(outputs)}: say with output which one to "
                f"read"
            )
        self._read(network)
        names = [place.name for place in network.inputs]
        if self.sequence_input is None and len(names) > 1:
            raise ModelError(
                f"{self.file} has the inputs {', '.join(names)}: say with sequence_input which "
                f"one takes the sequence, and give the others' values as constants"
            )
        sequence = self._sequence_name(network)
        if sequence not in names:
            raise ModelError(f"{self.file} has no input {sequence!r}: it has {', '.join(names)}")
        others = set(names) - {sequence}
        if others != set(self.constants):
            raise ModelError(
                f"{self.file}: constants are needed for {sorted(others) or 'no input'}, and "
                f"given for {sorted(self.constants) or 'none'}"
            )
        length = self.input_length
        expected = (length, 4) if self.described.input_layout == "L4" else (4, length)
        for place in network.inputs:
            values = np.shape(self.constants.get(place.name, []))
            wanted = expected if place.name == sequence else values
            if len(place.shape) != len(wanted) + 1 or any(
                size not in (None, expected_size)
                for size, expected_size in zip(place.shape[1:], wanted, strict=True)
            ):
                raise ModelError(
                    f"{self.file}: input {place.name} has the shape {tuple(place.shape[1:])}, "
                    f"and {tuple(wanted)} is given"
                )
