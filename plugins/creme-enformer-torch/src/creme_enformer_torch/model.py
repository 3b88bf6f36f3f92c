"""The model plugin ``enformer-torch``: Enformer through enformer-pytorch."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Self

from creme import Selection, TrackTable
from creme.adapters import ENFORMER_TARGETS, Download, PretrainedModel, SplitTorchModel
from creme.errors import ConfigError, ModelError
from pydantic import Field, model_validator

_HUB = "https://huggingface.co/EleutherAI/enformer-official-rough/resolve/main"


class EnformerTorch(SplitTorchModel, PretrainedModel):
    """Enformer in PyTorch: 196,608 bp in, 896 bins of 128 bp out, 5,313 human tracks.

    Its numbers are close to those of the network as published in TensorFlow, and not the same: the
    two have different fingerprints. The published weights were trained with tables of positions
    that TensorFlow computed, for an input of 196,608 bp (all that the network sees of the published
    393,216 bp); `tf_gamma` uses these tables, and belongs to the fingerprint.
    """

    name: ClassVar[str] = "enformer-torch"
    version: ClassVar[str] = "1"
    frameworks: ClassVar[tuple[str, ...]] = ("torch", "enformer_pytorch")
    downloads: ClassVar[dict[str, tuple[Download, ...]]] = {
        "weights": (
            Download("config.json", f"{_HUB}/config.json", "description of the network"),
            Download("pytorch_model.bin", f"{_HUB}/pytorch_model.bin", "weights"),
        ),
        "targets": ENFORMER_TARGETS,
    }

    length: int = Field(
        196_608,
        ge=128,
        multiple_of=128,
        description="length of the input, bp",
    )
    head: str = Field("human", description="human or mouse, as the network calls its heads")
    tf_gamma: bool = Field(
        True, description="use TensorFlow's table of positions, as the published weights need"
    )

    @property
    def bin_size(self) -> int:
        """128 bp, as published."""
        return int(2 ** self.config.get("num_downsamples", 7))

    @property
    def n_bins(self) -> int:
        """896, as published."""
        return self.fitting(self.config.get("target_length", 896), self.bin_size)

    @cached_property
    def tracks(self) -> TrackTable:
        """The head's tracks: 5,313 (human) and 1,643 (mouse), as published."""
        heads = self.config.get("output_heads", {"human": 5313, "mouse": 1643})
        if self.head not in heads:
            raise ConfigError(f"head = {self.head!r}: the network has {', '.join(heads)}")
        return self.table(heads[self.head], stranded=False)

    def identity(self) -> dict[str, Any]:
        """Digests of the weights, the head, and the table of positions."""
        return {**super().identity(), "head": self.head, "tf_gamma": self.tf_gamma}

    @model_validator(mode="after")
    def _tables_fit(self) -> Self:
        if self.tf_gamma and self.length != 196_608:
            raise ValueError(
                f"tf_gamma = true has tables for 196,608 bp, not for length = {self.length}"
            )
        return self

    def load(self) -> Any:
        """The network."""
        try:
            from enformer_pytorch import Enformer
        except ImportError as error:
            raise ModelError(
                f"model enformer-torch needs enformer-pytorch: pip install enformer-pytorch "
                f"({error})"
            ) from None
        try:
            # The package's own from_pretrained() ignores use_tf_gamma for a local folder.
            network = Enformer.from_pretrained(
                self.folder, use_tf_gamma=self.tf_gamma, local_files_only=True
            )
        except Exception as error:
            raise ModelError(f"the network in {self.folder} cannot be loaded: {error}") from None
        return self.into_place(network)

    def outputs(self, network: Any, batch: Any, selection: Selection | None) -> Any:
        """The chosen head's output, as the library computes it."""
        return self.selected(network(batch, head=self.head), selection)

    @property
    def strides(self) -> tuple[int, ...]:
        """The convolutions' output, 128 bp a position as published."""
        return (self.bin_size,)

    @property
    def radius(self) -> int:
        """259 bp as published: kernels of 15 bp, and then of 5 positions at 2, 4, ... 64 bp."""
        return 7 + 2 * (self.bin_size - 2)

    def trunk(self, network: Any, batch: Any) -> tuple[Any, ...]:
        """Stem and convolutions."""
        from creme_enformer_torch.network import encode

        return (encode(network, batch),)

    def rest(self, network: Any, features: tuple[Any, ...], selection: Selection) -> Any:
        """The transformer, and the head for the chosen bins and tracks."""
        from creme_enformer_torch.network import decode

        return decode(network, features[0], self.head, selection)
