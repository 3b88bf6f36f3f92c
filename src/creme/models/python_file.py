"""A model in a Python file of the user's own; it need not be installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from creme.adapters.described import DescribedModel, Description
from creme.adapters.torch_model import arithmetic
from creme.errors import ModelError, PluginError
from creme.file_plugins import load_object
from creme.files.digests import digest


class PythonModel(DescribedModel):
    """A function, a PyTorch module or a callable object from a file.

    ``object = "my_model.py:build"``: the file is run, and ``build`` called with the `arguments` and
    the `files`; what it returns takes batches, as the grid says, and gives arrays. A PyTorch module
    is put into evaluation mode, moved to `device`, and run without gradients; it takes and gives
    tensors.

    Running a file runs whatever stands in it: use only files that you trust.

    The fingerprint covers the file, the arguments, the description, and the files in `files`: name
    there the weights, and any other module, that the file reads.
    """

    name: ClassVar[str] = "python"
    version: ClassVar[str] = "1"

    object: Path = Field(description="FILE.py:NAME of the function or class that builds the model")
    arguments: dict[str, Any] = Field({}, description="keyword arguments of what builds it")
    files: dict[str, Path] = Field(
        {}, description="further files it is built from; given to it as arguments of these names"
    )
    grid: Description = Field(description="what the model takes and gives")

    @model_validator(mode="after")
    def _there(self) -> Self:
        if not self.builder.isidentifier():
            raise ValueError(f"object = {str(self.object)!r}: give FILE.py:NAME")
        for path in (self.file, *self.files.values()):
            if not path.exists():
                raise ValueError(f"there is no file {str(path)!r}")
        twice = set(self.arguments) & set(self.files)
        if twice:
            raise ValueError(f"arguments and files both have {sorted(twice)}")
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

    def identity(self) -> dict[str, Any]:
        """Digests of the file and of what it reads, the object and its arguments."""
        return {
            "file": digest(self.file),
            "object": self.builder,
            "arguments": self.arguments,
            "files": {name: digest(path) for name, path in sorted(self.files.items())},
            "layouts": self.layouts(),
        }

    def forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The object's answer to a batch."""
        built, device = self.network
        if device is None:
            return np.asarray(built(batch))
        import torch

        with torch.inference_mode(), arithmetic():
            # A copy, which the module may work on in place.
            return built(torch.tensor(batch, device=device)).float().cpu().numpy()

    def device_used(self) -> str:
        """Where a PyTorch module is; a function may use what it likes."""
        return self.network[1] or self.device

    def load(self) -> tuple[Any, str | None]:
        """What was built, and its device if it is a PyTorch module."""
        built = self._build()
        # PyTorch is imported only by a file that uses it.
        torch = sys.modules.get("torch")
        if torch is None or not isinstance(built, torch.nn.Module):
            return built, None
        device = self.place(torch.cuda.device_count(), "PyTorch")
        return built.to(device).eval(), device

    def _build(self) -> Any:
        maker = self._maker()
        given = {**self.arguments, **self.files}
        try:
            built = maker(**given)
        except Exception as error:
            raise ModelError(
                f"{self.file}: {self.builder}({', '.join(given)}) failed: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not callable(built):
            raise ModelError(
                f"{self.file}: {self.builder} returned {type(built).__name__}, which cannot be "
                f"called with a batch"
            )
        return built

    def _maker(self) -> Any:
        try:
            return load_object(self.file, self.builder)
        except PluginError as error:
            raise ModelError(str(error)) from error
