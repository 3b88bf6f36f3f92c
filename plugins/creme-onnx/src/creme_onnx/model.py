"""The model plugin ``onnx``: any network that was exported to an ONNX file."""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from creme.adapters import FileModel, digest
from creme.errors import ModelError
from numpy.typing import NDArray
from pydantic import Field


class OnnxModel(FileModel):
    """A network in an ONNX file, run by ONNX Runtime on the CPU or a CUDA GPU.

    A TOML file beside it, ``NAME.toml`` for ``NAME.onnx`` unless given, says what the network takes
    and gives; see `creme.adapters.description.Description`. Weights that the exporter has put into
    files of their own (such as ``NAME.onnx.data``) belong to the fingerprint as well.

    Raises
    ------
    ConfigError
        If a file is missing, or the description is malformed.
    ModelError
        At the first prediction, if ONNX Runtime is missing, or the network is not as described.
    """

    name: ClassVar[str] = "onnx"
    version: ClassVar[str] = "1"
    frameworks: ClassVar[tuple[str, ...]] = ("onnxruntime",)

    output: str | None = Field(
        None,
        description="name of the output to read; the first, or the one that no head has, unless "
        "given",
    )

    def identity(self) -> dict[str, Any]:
        """Digests of the file and of its external data, the output, and the layouts."""
        data = sorted(external_data(self.file))
        return {
            "network": digest(self.file),
            "data": {name: digest(self.file.parent / name) for name in data},
            "output": self.output,
            "layouts": self.layouts(),
        }

    def forward(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The network's outputs, one sequence at a time if it was exported with a batch of one."""
        session = self.network
        place = session.get_inputs()[0]
        read = self.outputs_read(self.output, [each.name for each in session.get_outputs()])
        size = place.shape[0] if isinstance(place.shape[0], int) else len(batch)
        parts = []
        for start in range(0, len(batch), size):
            part = batch[start : start + size]
            short = size - len(part)
            if short:  # the last part of a batch, of a network with a fixed batch size
                part = np.concatenate([part, np.repeat(part[-1:], short, axis=0)])
            several = session.run(list(read.values()), {place.name: part})
            parts.append([np.asarray(values)[: size - short] for values in several])
        return dict(zip(read, map(np.concatenate, zip(*parts, strict=True)), strict=True))

    def device_used(self) -> str:
        """The device of the first provider that ONNX Runtime has accepted."""
        options = self.network.get_provider_options().get("CUDAExecutionProvider")
        return "cpu" if options is None else f"cuda:{options.get('device_id', 0)}"

    def load(self) -> Any:
        """A session of ONNX Runtime."""
        try:
            import onnxruntime
        except ImportError:
            raise ModelError(
                "model onnx needs ONNX Runtime: pip install onnxruntime, or onnxruntime-gpu"
            ) from None
        options = onnxruntime.SessionOptions()
        options.use_deterministic_compute = True
        try:
            session = onnxruntime.InferenceSession(
                str(self.file), options, providers=self._providers(onnxruntime)
            )
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(f"{self.file} cannot be loaded: {error}") from None
        self._check(session)
        return session

    def _providers(self, onnxruntime: Any) -> list[Any]:
        # ONNX Runtime does not count GPUs: it fails when it is given one that is not there.
        there = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        device = self.place(1024 if there else 0, "ONNX Runtime")
        if device == "cpu":
            return ["CPUExecutionProvider"]
        number = device.partition(":")[2]
        # TF32 would leave 10 bits of precision.
        cuda = {"device_id": number, "use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}
        return [("CUDAExecutionProvider", cuda), "CPUExecutionProvider"]

    def _check(self, session: Any) -> None:
        """Whether the network's input and outputs are what the description says."""
        inputs, outputs = session.get_inputs(), [out.name for out in session.get_outputs()]
        if len(inputs) != 1:
            names = ", ".join(place.name for place in inputs)
            raise ModelError(f"{self.file} has {len(inputs)} inputs ({names}), and one is used")
        length = self.input_length
        expected = [length, 4] if self.described.input_layout == "L4" else [4, length]
        shape = list(inputs[0].shape)
        fits = len(shape) == 3 and all(
            not isinstance(size, int) or size == wanted
            for size, wanted in zip(shape[1:], expected, strict=True)
        )
        if not fits or inputs[0].type != "tensor(float)":
            raise ModelError(
                f"{self.file} takes {inputs[0].type} of shape {shape}, and its description "
                f"says tensor(float) of [batch, {expected[0]}, {expected[1]}]"
            )
        self.outputs_read(self.output, outputs)


# In Protocol Buffers' encoding, an entry of the key "location": the field's number and type, the
# length and the text of the key, then those of its value, whose length takes one byte or two.
_LOCATION = re.compile(rb"\x0a\x08location\x12([\x80-\xff]?[\x01-\x7f])", re.DOTALL)


def external_data(file: Path) -> set[str]:
    """Names of the files, relative to an ONNX file, in which it says that its weights are.

    Found by the bytes that begin each such entry, so that neither the weights have to be read into
    memory nor the onnx package to be there. What looks like one and names no file is none.
    """
    names: set[str] = set()
    if not file.stat().st_size:
        return names
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for match in _LOCATION.finditer(data):
            length = sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(match[1]))
            try:
                name = data[match.end() : match.end() + length].decode()
            except UnicodeDecodeError:
                continue
            if "\0" not in name and (file.parent / name).is_file():
                names.add(name)
    return names
