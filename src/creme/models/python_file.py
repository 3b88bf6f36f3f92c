"""A model in a Python file of the user's own; it need not be installed."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, model_validator

from creme.adapters.described import DescribedModel, Outputs
from creme.adapters.description import Description
from creme.adapters.torch_model import arithmetic, device_name, on_device, parameters_digest
from creme.errors import ModelError, PluginError
from creme.file_plugins import load_object
from creme.files.cache_folder import cache_folder
from creme.files.digests import digest
from creme.files.durable import write_text
from creme.files.trusted import check_trusted


class PythonModel(DescribedModel):
    """A function, a PyTorch module or a callable object from a file.

    ``object = "my_model.py:build"``: the file is run, and ``build`` called with the `arguments` and
    the `files`; what it returns takes batches, as the grid says, and gives arrays. A PyTorch module
    is put into evaluation mode, moved to `device`, and run without gradients; it takes and gives
    tensors.

    Running a file runs whatever stands in it: use only files that you trust.

    The fingerprint covers the file, the arguments, the description, and the files in `files`: name
    there the weights, and any other module, that the file reads. That of a PyTorch module covers
    its parameters and buffers as well, so that it is built for the fingerprint already, and one
    with other random weights is another model.
    """

    name: ClassVar[str] = "python"
    version: ClassVar[str] = "1"

    object: Path = Field(description="FILE.py:NAME of the function or class that builds the model")
    arguments: dict[str, Any] = Field({}, description="keyword arguments of what builds it")
    files: dict[str, Path] = Field(
        {}, description="further files it is built from; given to it as arguments of these names"
    )
    grid: Description = Field(description="the grid: input, bins and tracks")

    _built: Any = PrivateAttr(default=None)
    _parameters: str | None = PrivateAttr(default=None)
    _building: Any = PrivateAttr(default_factory=threading.Lock)

    @model_validator(mode="after")
    def _there(self) -> Self:
        if not self.builder.isidentifier():
            raise ValueError(f"object = {str(self.object)!r}: give FILE.py:NAME")
        for path in (self.file, *self.files.values()):
            if not path.exists():
                raise ValueError(f"there is no file {str(path)!r}")
        both = set(self.arguments) & set(self.files)
        if both:
            raise ValueError(f"arguments and files both have {sorted(both)}")
        # Here, since the model's own thread may be the one that runs it.
        check_trusted(self.file, self.file.read_bytes())
        return self

    @property
    def file(self) -> Path:
        """The Python file."""
        return self.object.with_name(self.object.name.rpartition(":")[0] or "?")

    @property
    def builder(self) -> str:
        """The name in it that is called."""
        return self.object.name.rpartition(":")[2]

    @property
    def described(self) -> Description:
        """The grid that was given."""
        return self.grid

    @property
    def takes_codes(self) -> bool:  # type: ignore[override]
        """Whether it is a PyTorch module, as far as that is known: those are built early."""
        return self._parameters is not None

    def identity(self) -> dict[str, Any]:
        """Digests of the file, of what it reads and of a PyTorch module's values; the object.

        Raises
        ------
        ModelError
            If the object cannot be built.
        """
        identity = {
            "file": digest(self.file),
            "object": self.builder,
            "arguments": self.arguments,
            "files": {name: digest(path) for name, path in sorted(self.files.items())},
            "layouts": self.layouts(),
        }
        note = self._note(identity)
        if self._built is None and note.exists():
            return identity
        self._build()
        if self._parameters is not None:
            note.unlink(missing_ok=True)
            return {**identity, "parameters": self._parameters}
        with suppress(OSError):  # a cache that cannot be written is no reason not to work
            note.parent.mkdir(parents=True, exist_ok=True)
            write_text(note, "{}")
        return identity

    def _note(self, identity: dict[str, Any]) -> Path:
        """Is there once these files have built something else than a PyTorch module.

        So that a run which finds all predictions in the store need not build it.
        """
        key = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode())
        return cache_folder() / "functions" / f"{key.hexdigest()[:32]}.json"

    def forward(self, batch: NDArray[np.float32]) -> Outputs:
        """The object's output for a batch; of a grid with heads a tuple, a list or a dict."""
        return self._called(batch)

    def forward_with_inputs(
        self, batch: NDArray[np.float32], inputs: NDArray[np.float32]
    ) -> Outputs:
        """The same of an object that takes numbers beside the sequence as a second argument."""
        return self._called(batch, inputs)

    def _called(self, batch: NDArray[np.float32], *beside: NDArray[np.float32]) -> Outputs:
        built, device = self.network
        if device is None:
            output = built(batch, *beside)
            return output if self.heads else np.asarray(output)
        import torch

        with torch.inference_mode(), arithmetic():
            # A copy, which the module may work on in place.
            rows = on_device(batch, self.n_value, device)
            if batch.dtype == np.uint8 and self.grid.input_layout == "4L":
                rows = rows.transpose(1, 2).contiguous()
            further = [torch.tensor(each, device=device) for each in beside]
            return _as_arrays(built(rows, *further))

    def device_used(self) -> str:
        """Where a PyTorch module is; a function may use what it likes."""
        device = self.network[1]
        return self.device if device is None else device_name(device)

    def environment(self) -> dict[str, Any]:
        """The device; of a PyTorch module also PyTorch's version."""
        environment = super().environment()
        if not environment or self.network[1] is None:
            return environment
        import torch

        return {**environment, "torch": str(torch.__version__), "precision": "float32"}

    def load(self) -> tuple[Any, str | None]:
        """The object that was built, and its device if it is a PyTorch module."""
        built = self._build()
        if not callable(built):
            raise ModelError(
                f"{self.file}: {self.builder} returned {type(built).__name__}, which cannot be "
                f"called with a batch"
            )
        if self._parameters is None:
            return built, None
        import torch

        device = self.place(torch.cuda.device_count(), "PyTorch")
        return built.to(device).eval(), device

    def _build(self) -> Any:
        """The object that the file builds, once; a module's values are those that it has then."""
        with self._building:
            if self._built is None:
                built = self._call_builder()
                # PyTorch is imported only by a file that uses it.
                torch = sys.modules.get("torch")
                if torch is not None and isinstance(built, torch.nn.Module):
                    self._parameters = parameters_digest(built)
                self._built = (built,)
            return self._built[0]

    def _call_builder(self) -> Any:
        build = self._builder()
        arguments = {**self.arguments, **self.files}
        try:
            return build(**arguments)
        except Exception as error:
            raise ModelError(
                f"{self.file}: {self.builder}({', '.join(arguments)}) failed: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _builder(self) -> Any:
        try:
            return load_object(self.file, self.builder)
        except PluginError as error:
            raise ModelError(str(error)) from error


def _as_arrays(output: Any) -> Any:
    """A module's tensors as arrays of float32: one, several in order, or several by name."""
    if isinstance(output, Mapping):
        return {name: _as_arrays(each) for name, each in output.items()}
    if isinstance(output, list | tuple):
        return [_as_arrays(each) for each in output]
    return output.float().cpu().numpy()
