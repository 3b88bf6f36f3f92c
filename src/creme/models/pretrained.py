"""Published PyTorch networks: a folder of weights, or a name on the Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from creme.errors import ConfigError, ModelError
from creme.model import Track, TrackTable
from creme.models.targets import read_targets
from creme.models.torch_model import TorchModel
from creme.weights import digest

_FILES = ("config.json", "*.safetensors", "pytorch_model*.bin")


class PretrainedModel(TorchModel):
    """A network that was saved as ``config.json`` and weights.

    A subclass gives the grid, `load` and `outputs`.
    """

    weights: Path | str = Field(
        description="folder with config.json and weights, or a name on the Hugging Face hub that "
        "was downloaded before"
    )
    length: int = Field(description="length of the input, bp")
    targets: Path | None = Field(None, description="published table of the head's tracks")

    @cached_property
    def folder(self) -> Path:
        """Where the weights are.

        Raises
        ------
        ModelError
            If they are not there, or not whole; it says where they were looked for.
        """
        folder = Path(self.weights).expanduser()
        if not folder.is_dir():
            folder = self._downloaded()
        if not (folder / "config.json").is_file() or len(self._files(folder)) < 2:
            raise ModelError(
                f"model {self.name}: {folder} is not a network's folder: it needs config.json and "
                f"model.safetensors (or pytorch_model.bin)"
            )
        return folder

    def _downloaded(self) -> Path:
        """The folder of a name on the hub, from the local cache alone."""
        missing = (
            f"model {self.name}: there is no folder {str(self.weights)!r}, and no network of this "
            f"name in the Hugging Face cache; on a machine with network: huggingface-cli download "
            f"{self.weights}"
        )
        try:
            from huggingface_hub import snapshot_download  # type: ignore[import-not-found]
            from huggingface_hub.errors import (  # type: ignore[import-not-found]
                HFValidationError,
                LocalEntryNotFoundError,
            )
        except ImportError:
            raise ModelError(f"{missing} (huggingface_hub is not installed)") from None
        try:
            return Path(snapshot_download(str(self.weights), local_files_only=True))
        except (LocalEntryNotFoundError, HFValidationError):
            raise ModelError(missing) from None

    def identity(self) -> dict[str, Any]:
        """Digests of the configuration and the weights, and the precision."""
        files = {path.name: digest(path) for path in self._files(self.folder)}
        text = repr(sorted(files.items()))
        return {"weights": hashlib.sha256(text.encode()).hexdigest(), "precision": self.precision}

    @staticmethod
    def _files(folder: Path) -> list[Path]:
        """The files that a network is made of; of two sets of weights, safetensors are used."""
        found = [sorted(folder.glob(pattern)) for pattern in _FILES]
        return [*found[0], *(found[1] or found[2])]

    @property
    def input_length(self) -> int:
        """Length of the input, bp."""
        return self.length

    @cached_property
    def config(self) -> dict[str, Any]:
        """The network's ``config.json``.

        Raises
        ------
        ModelError
            If it is not there, or no JSON.
        """
        file = self.folder / "config.json"
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{file} cannot be read: {error}") from None

    def fitting(self, n_bins: int, bin_size: int) -> int:
        """`n_bins`, if as many bins fit into the input."""
        if n_bins * bin_size > self.length:
            raise ConfigError(
                f"length = {self.length}: the {n_bins} bins of {bin_size} bp of the network in "
                f"{self.folder} do not fit into it"
            )
        return n_bins

    def table(self, n_tracks: int) -> TrackTable:
        """The given table of tracks, or ``track0``, ``track1`` and so on."""
        if self.targets is None:
            return TrackTable(tuple(Track(f"track{index}") for index in range(n_tracks)))
        return read_targets(self.targets, n_tracks)
