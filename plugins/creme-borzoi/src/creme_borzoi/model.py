"""The model plugin ``borzoi``: Borzoi and Flashzoi through borzoi-pytorch."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Self

from creme import Selection, TrackTable
from creme.adapters import Download, PretrainedModel, SplitTorchModel
from creme.errors import ConfigError, ModelError
from pydantic import Field, model_validator

from creme_borzoi.squash import Squash

_TRACKS = {"human": 7611, "mouse": 2608}
_TABLES = (
    "https://raw.githubusercontent.com/calico/borzoi/5c9358222b5026abb733ed5fb84f3f6c77239b37"
    "/examples"
)
_NETWORKS = [f"{kind}-replicate-{number}" for kind in ("borzoi", "flashzoi") for number in range(4)]


def _weights(name: str) -> tuple[Download, ...]:
    """The files of a network on the Hugging Face hub."""
    hub = f"https://huggingface.co/johahi/{name}/resolve/main"
    return (
        Download("config.json", f"{hub}/config.json", "description of the network"),
        Download("model.safetensors", f"{hub}/model.safetensors", "weights"),
    )


class Borzoi(SplitTorchModel, PretrainedModel):
    """Borzoi in PyTorch: 524,288 bp in, 6,144 bins of 32 bp out, 7,611 human tracks.

    The published networks predict squashed coverage; `unsquash` undoes that, for each track as the
    table of tracks says, and belongs to the fingerprint. Flashzoi needs a GPU and flash-attn. The
    replicates of a network are models of their own; `creme.models.ensemble` takes their mean.
    """

    name: ClassVar[str] = "borzoi"
    version: ClassVar[str] = "1"
    frameworks: ClassVar[tuple[str, ...]] = ("torch", "borzoi_pytorch")
    downloads: ClassVar[dict[str, tuple[Download, ...]]] = {
        **{name: _weights(name) for name in _NETWORKS},
        "targets": (
            Download(
                "targets_human.txt",
                f"{_TABLES}/targets_human.txt",
                "7,611 human tracks",
                "cb0c1d4baf514f44de458364b2ae0b85f722a80b72cbe66c56bd700faa481785",
            ),
            Download(
                "targets_mouse.txt",
                f"{_TABLES}/targets_mouse.txt",
                "2,608 mouse tracks",
                "b751060f82aa4ffe3cf818b49f9f066c37822cb86b88f8d736fc9a640ff5f854",
            ),
        ),
    }
    # As the family is trained: an N is no base at all.
    n_value: ClassVar[float] = 0.0

    length: int = Field(
        524_288,
        ge=4096,
        multiple_of=128,
        description="length of the input, bp",
    )
    head: str = Field("human", pattern="^(human|mouse)$", description="human or mouse")
    unsquash: bool = Field(
        False, description="undo the squashing of the coverage; needs the table of tracks"
    )

    @model_validator(mode="after")
    def _table_for_unsquash(self) -> Self:
        if self.unsquash and self.targets is None:
            raise ValueError(
                "unsquash needs targets: the published table says how each track was squashed"
            )
        return self

    @property
    def bin_size(self) -> int:
        """32 bp."""
        return 32

    @property
    def n_bins(self) -> int:
        """6,144, as published."""
        centre = self.config.get("return_center_bins_only", True)
        return self.fitting(self.config.get("bins_to_return", 6144) if centre else 16_352, 32)

    @cached_property
    def tracks(self) -> TrackTable:
        """The head's tracks: 7,611 (human) or 2,608 (mouse)."""
        there = {"human": True, "mouse": False}
        heads = [h for h, usual in there.items() if self.config.get(f"enable_{h}_head", usual)]
        if self.head not in heads:
            raise ConfigError(f"head = {self.head!r}: the network has {', '.join(heads) or 'none'}")
        return self.table(_TRACKS[self.head])

    def identity(self) -> dict[str, Any]:
        """Digests of the weights, the head, and the transform."""
        unsquash = self._squash.identity() if self._squash is not None else False
        return {**super().identity(), "head": self.head, "unsquash": unsquash}

    @cached_property
    def _squash(self) -> Squash | None:
        if not self.unsquash or self.targets is None:
            return None
        return Squash.read(self.targets, _TRACKS[self.head])

    def load(self) -> Any:
        """The network."""
        try:
            from borzoi_pytorch import Borzoi as Network
        except ImportError as error:
            raise ModelError(
                f"model borzoi needs borzoi-pytorch: pip install borzoi-pytorch ({error})"
            ) from None
        try:
            network = Network.from_pretrained(self.folder, local_files_only=True)
        except Exception as error:
            raise ModelError(f"the network in {self.folder} cannot be loaded: {error}") from None
        return self.into_place(network)

    def outputs(self, network: Any, batch: Any, selection: Selection | None) -> Any:
        """The chosen head's output, as the library computes it, bins before tracks."""
        output = network(batch.transpose(1, 2), is_human=self.head == "human").transpose(1, 2)
        return self._transformed(self.selected(output, selection), selection)

    def _transformed(self, output: Any, selection: Selection | None) -> Any:
        if self._squash is None:
            return output
        return self._squash.undone(output, None if selection is None else selection.tracks)

    @property
    def strides(self) -> tuple[int, ...]:
        """The U-Net's two branches, 32 and 64 bp a position, and the transformer's input."""
        return (32, 64, 128)

    @property
    def radius(self) -> int:
        """Kernels of 15 bp, and then of 5 positions at 2, 4, 8, 16, 32 and 64 bp."""
        return 7 + 2 * (2 + 4 + 8 + 16 + 32 + 64)

    def trunk(self, network: Any, batch: Any) -> tuple[Any, ...]:
        """The convolutions."""
        from creme_borzoi.network import encode

        return encode(network, batch)

    def rest(self, network: Any, features: tuple[Any, ...], selection: Selection) -> Any:
        """The transformer, the way up, and the head for the chosen bins and tracks."""
        from creme_borzoi.network import decode

        output = decode(network, features, self.head, selection, self.n_bins)
        return self._transformed(output, selection)
