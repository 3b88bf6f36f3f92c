"""Two local architectures in PyTorch with random weights: like BPNet, and like SpliceAI.

Both see single bases and give a value for each base: the trunk is the whole network, and its
stride is 1 bp. PyTorch is imported when a network is built.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from creme.adapters.torch_model import SplitTorchModel
from creme.model import Selection, Track, TrackTable


class _Local(SplitTorchModel):
    """What the two have in common: bins of one base, a trunk of stride 1, weights from a seed."""

    version: ClassVar[str] = "1"
    n_value: ClassVar[float] = 0.0
    kinds: ClassVar[tuple[str, ...]]

    length: int
    channels: int
    seed: int = 0

    @property
    def input_length(self) -> int:
        return self.length

    @property
    def bin_size(self) -> int:
        return 1

    @property
    def n_bins(self) -> int:
        return self.length - 2 * self.cropped

    @property
    def cropped(self) -> int:
        """bp of the input on either side that have no output."""
        return 0

    @property
    def tracks(self) -> TrackTable:
        return TrackTable(tuple(Track(kind) for kind in self.kinds))

    def identity(self) -> dict[str, Any]:
        return {"seed": self.seed, "channels": self.channels, "precision": self.precision}

    @property
    def strides(self) -> tuple[int, ...]:
        return (1,)

    def convolution(self, width: int, before: int, after: int, dilation: int = 1) -> Any:
        """One that keeps the length, with weights that keep a signal's size."""
        from torch import nn

        module: Any = nn.Conv1d(before, after, width, padding="same", dilation=dilation)
        nn.init.normal_(module.weight, std=(before * width) ** -0.5)
        nn.init.normal_(module.bias, std=0.1)
        return module

    def load(self) -> Any:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.into_place(self.build())

    def build(self) -> Any:
        """The network."""
        raise NotImplementedError


class BPNetLike(_Local):
    """BPNet's shape: a wide convolution, dilated residual ones, a profile and a count a strand.

    The output is the expected count at each base: the profile's softmax over all bases, times the
    count, for which the last features are averaged over all bases. These two are not local, and
    cost nothing beside the convolutions.
    """

    name: ClassVar[str] = "bpnet-like"
    kinds: ClassVar[tuple[str, ...]] = ("+", "-")

    length: int = 16_384
    channels: int = 64
    layers: int = 9

    @property
    def radius(self) -> int:
        """25 bp first, 3 positions at dilations of 2, 4, ..., and 75 for the profile."""
        return 12 + sum(2**k for k in range(1, self.layers + 1)) + 37

    def build(self) -> Any:
        from torch import nn

        c = self.channels
        return nn.ModuleDict(
            {
                "first": self.convolution(25, 4, c),
                "tower": nn.ModuleList(
                    self.convolution(3, c, c, 2**k) for k in range(1, self.layers + 1)
                ),
                "profile": self.convolution(75, c, 2),
                "count": nn.Linear(c, 2),
            }
        )

    def outputs(self, network: Any, batch: Any, selection: Selection | None) -> Any:
        import torch

        x = self._features(network, batch)
        profile = torch.softmax(network["profile"](x).transpose(1, 2), dim=1)
        count = torch.exp(network["count"](x.mean(dim=2)))
        return self.selected(profile * count[:, None], selection)

    def _features(self, network: Any, batch: Any) -> Any:
        x = network["first"](batch.transpose(1, 2)).relu()
        for module in network["tower"]:
            x = x + module(x).relu()
        return x

    def trunk(self, network: Any, batch: Any) -> tuple[Any, ...]:
        """The profile's logits, and each base's share in the counts: the mean is a linear map."""
        import torch

        x = self._features(network, batch)
        shares = network["count"].weight @ x
        return (torch.cat([network["profile"](x), shares], dim=1).transpose(1, 2).contiguous(),)

    def rest(self, network: Any, features: tuple[Any, ...], selection: Selection) -> Any:
        import torch

        logits, shares = features[0].split(2, dim=2)
        count = torch.exp(shares.mean(dim=1) + network["count"].bias)
        return self.selected(torch.softmax(logits, dim=1) * count[:, None], selection)


class SpliceAILike(_Local):
    """SpliceAI's shape: four residual blocks at each of the dilations 1, 4, 10 and 25.

    For each base but the outer ones the probabilities that it is an acceptor, a donor, or neither.
    With all four groups it sees 5,000 bp on either side (SpliceAI-10k), with three 1,000.
    """

    name: ClassVar[str] = "spliceai-like"
    kinds: ClassVar[tuple[str, ...]] = ("neither", "acceptor", "donor")
    widths: ClassVar[tuple[tuple[int, int], ...]] = ((11, 1), (11, 4), (21, 10), (41, 25))
    """Width and dilation of the eight convolutions of a group."""

    length: int = 65_536
    channels: int = 32
    groups: int = 4

    @property
    def cropped(self) -> int:
        return self.radius

    @property
    def radius(self) -> int:
        return sum(
            8 * dilation * (width - 1) // 2 for width, dilation in self.widths[: self.groups]
        )

    def build(self) -> Any:
        from torch import nn

        c = self.channels
        norm = lambda: nn.BatchNorm1d(c)  # noqa: E731
        network = nn.ModuleDict(
            {
                "first": self.convolution(1, 4, c),
                "skip": self.convolution(1, c, c),
                "blocks": nn.ModuleList(
                    nn.Sequential(
                        norm(),
                        nn.ReLU(),
                        self.convolution(width, c, c, dilation),
                        norm(),
                        nn.ReLU(),
                        self.convolution(width, c, c, dilation),
                    )
                    for width, dilation in self.widths[: self.groups]
                    for _ in range(4)
                ),
                "skips": nn.ModuleList(self.convolution(1, c, c) for _ in range(self.groups)),
                "last": self.convolution(1, c, 3),
            }
        )
        norms: list[Any] = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d)]
        for each in norms:
            nn.init.normal_(each.running_mean, std=0.1)
            nn.init.uniform_(each.running_var, 0.5, 2.0)
        return network

    def _logits(self, network: Any, batch: Any) -> Any:
        x = network["first"](batch.transpose(1, 2))
        skip = network["skip"](x)
        for number, block in enumerate(network["blocks"]):
            x = x + block(x)
            if number % 4 == 3:
                skip = skip + network["skips"][number // 4](x)
        return network["last"](skip).transpose(1, 2)

    def outputs(self, network: Any, batch: Any, selection: Selection | None) -> Any:
        logits = self._logits(network, batch)[:, self.cropped : self.length - self.cropped]
        return self.selected(logits.softmax(dim=2), selection)

    def trunk(self, network: Any, batch: Any) -> tuple[Any, ...]:
        return (self._logits(network, batch).contiguous(),)

    def rest(self, network: Any, features: tuple[Any, ...], selection: Selection) -> Any:
        bins = [self.cropped + index for index in selection.bins]
        return features[0][:, bins].softmax(dim=2)[:, :, list(selection.tracks)]


def random_codes(length: int, seed: int = 0) -> NDArray[np.uint8]:
    """Random bases."""
    return np.random.default_rng(seed).integers(0, 4, length).astype(np.uint8)
