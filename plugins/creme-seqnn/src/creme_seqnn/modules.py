"""Modules that are made of others, or that move positions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from creme_seqnn.layers import tensor


class ResidualModule(nn.Module):
    """The input plus what the inner modules make of it."""

    scale: Tensor | None

    def __init__(self, modules: Iterable[nn.Module], scale: np.ndarray | None) -> None:
        super().__init__()
        self.inner = nn.Sequential(*modules)
        self.register_buffer("scale", None if scale is None else tensor(scale))

    def forward(self, x: Tensor) -> Tensor:
        return self.joined(x, self.inner(x))

    def joined(self, x: Tensor, out: Tensor) -> Tensor:
        """The input and what was made of it."""
        return x + out if self.scale is None else torch.addcmul(x, out, self.scale)


class UNetModule(nn.Module):
    """Upsampling by two, to which saved activations of that length are added."""

    def __init__(
        self, slot: int, current: nn.Module, saved: nn.Module, convolution: nn.Module
    ) -> None:
        super().__init__()
        self.slot, self.current, self.saved, self.convolution = slot, current, saved, convolution

    def forward(self, x: Tensor, saved: Tensor) -> Tensor:
        return self.convolution(self.paired(x, saved))

    def paired(self, x: Tensor, saved: Tensor) -> Tensor:
        """The sum of both branches, before the convolution."""
        x, saved = self.current(x), self.saved(saved)
        batch, length, channels = x.shape
        pairs = saved.view(batch, length, 2, channels) + x.unsqueeze(2)
        return pairs.view(batch, 2 * length, channels)


class SaveModule(nn.Module):
    """Marks where activations are kept for a `UNetModule`."""

    def __init__(self, slot: int) -> None:
        super().__init__()
        self.slot = slot


class CropModule(nn.Module):
    """A range of the positions."""

    def __init__(self, start: int, length: int) -> None:
        super().__init__()
        self.start, self.length = start, length

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.start : self.start + self.length]
