"""Published PyTorch networks: a folder of weights, or a name on the Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from creme.adapters.targets import track_table
from creme.adapters.torch_model import TorchModel
from creme.errors import ConfigError, ModelError, listing
from creme.files.digests import digest
from creme.model import TrackTable

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


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
        if folder.is_dir():
            advice = ""
        else:
            folder, advice = self._downloaded()
        _, lacking = _parts(folder)
        if lacking:
            raise ModelError(
                f"model {self.name}: {folder} is not a network's folder: it lacks "
                f"{listing(lacking)}{advice}"
            )
        return folder

    def _downloaded(self) -> tuple[Path, str]:
        """The folder of a name on the hub, from the local cache alone; and how to complete it."""
        advice = (
            f"on a machine with network: creme models fetch {self.name}, or huggingface-cli "
            f"download {self.weights}"
        )
        missing = f"model {self.name}: there is no folder {str(self.weights)!r}, and no network of "
        try:
            from huggingface_hub import (  # type: ignore[import-not-found]
                constants,
                snapshot_download,
            )
            from huggingface_hub.errors import (  # type: ignore[import-not-found]
                HFValidationError,
                LocalEntryNotFoundError,
            )
        except ImportError:
            raise ModelError(
                f"{missing}this name can be looked for without huggingface_hub: pip install "
                f"huggingface_hub; {advice}"
            ) from None
        try:
            folder = Path(snapshot_download(str(self.weights), local_files_only=True))
        except (LocalEntryNotFoundError, HFValidationError):
            raise ModelError(
                f"{missing}this name in the Hugging Face cache {constants.HF_HUB_CACHE}; {advice}"
            ) from None
        return folder, f", as after a download that broke off; {advice}"

    def identity(self) -> dict[str, Any]:
        """Digests of the configuration and the weights, and the precision."""
        files = {name: digest(self.folder / name) for name in _parts(self.folder)[0]}
        text = repr(sorted(files.items()))
        return {"weights": hashlib.sha256(text.encode()).hexdigest(), "precision": self.precision}

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
        """`n_bins`, if as many bins lie in the middle of the input; all of them for -1.

        Raises
        ------
        ConfigError
            If they do not fit, or leave an odd number over: no crop is then the middle.
        """
        positions = self.length // bin_size
        if n_bins == -1:
            return positions
        if (positions - n_bins) % 2:
            raise ConfigError(
                f"length = {self.length}: the {n_bins} bins of {bin_size} bp of the network in "
                f"{self.folder} have no middle in its {positions} positions: an even number of "
                f"them has to be left over"
            )
        if n_bins * bin_size > self.length:
            raise ConfigError(
                f"length = {self.length}: the {n_bins} bins of {bin_size} bp of the network in "
                f"{self.folder} do not fit into it"
            )
        return n_bins

    def table(self, n_tracks: int, *, stranded: bool = True) -> TrackTable:
        """The given table of tracks, or ``track0``, ``track1`` and so on; see `track_table`."""
        return track_table(self.targets, n_tracks, stranded=stranded)


def _parts(folder: Path) -> tuple[list[str], list[str]]:
    """The files that a network is made of, and those of them that are not there.

    As transformers looks for them: safetensors first, whole or in parts that an index names.
    """
    for weights in _WEIGHTS:
        index = folder / f"{weights}.index.json"
        if (folder / weights).is_file():
            parts = [weights]
        elif index.is_file():
            try:
                named = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
                parts = [index.name, *sorted(set(named.values()))]
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                return [], [f"a readable {index.name}"]
        else:
            continue
        files = ["config.json", *parts]
        # In a cache these are links, which a download that broke off may leave without a file.
        return files, [name for name in files if not (folder / name).is_file()]
    config = [] if (folder / "config.json").is_file() else ["config.json"]
    return [], [*config, " or ".join(_WEIGHTS)]
