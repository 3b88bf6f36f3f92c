"""A model in a Python file of the user's own; it need not be installed."""

from __future__ import annotations

import importlib.util
import sys
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, model_validator

from creme.errors import ConfigError, ModelError
from creme.models.described import DescribedModel, Description
from creme.weights import digest


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
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="for PyTorch")

    _built: Any = PrivateAttr(default=None)

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

    def __reduce__(self) -> tuple[Any, ...]:
        # What was built belongs to a process and a device.
        return _again, (type(self), {name: getattr(self, name) for name in type(self).model_fields})

    def forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The object's answer to a batch."""
        if self._built is None:
            self._built = self._build()
        if self._torch_device is None:
            return np.asarray(self._built(batch))
        import torch

        with torch.inference_mode():
            output = self._built(torch.from_numpy(batch).to(self._torch_device))
            return output.float().cpu().numpy()

    @cached_property
    def _torch_device(self) -> Any:
        """The device, if a PyTorch module was built; PyTorch is imported only by such a file."""
        torch = sys.modules.get("torch")
        if torch is None or not isinstance(self._built, torch.nn.Module):
            return None
        available = torch.cuda.is_available()
        device = self.device if self.device != "auto" else ("cuda:0" if available else "cpu")
        if device != "cpu" and not available:
            raise ModelError(f"model python: there is no device {device!r}; PyTorch finds no GPU")
        self._built.to(device).eval()
        return device

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
        spec = importlib.util.spec_from_file_location(f"creme_user_{self.file.stem}", self.file)
        if spec is None or spec.loader is None:
            raise ConfigError(f"{self.file} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise ModelError(
                f"{self.file} cannot be run: {type(error).__name__}: {error}"
            ) from error
        try:
            return getattr(module, self.builder)
        except AttributeError:
            known = [name for name in vars(module) if not name.startswith("_")]
            raise ConfigError(
                f"{self.file} has no {self.builder!r}: it has {', '.join(known) or 'nothing'}"
            ) from None


def _again(cls: type[PythonModel], fields: dict[str, Any]) -> PythonModel:
    return cls(**fields)
