"""borzoi-pytorch's network in two parts, the second for some bins and tracks only.

The library's own modules and weights; another order of the same calculations.
"""

from __future__ import annotations

from typing import Any

import torch
from borzoi_pytorch.pytorch_borzoi_transformer import get_positional_embed
from creme import Selection
from creme.adapters import attended, transformed
from torch import Tensor
from torch.nn import functional as F

_TRAINED_LENGTH = 4096
"""Positions for which the library lays out its features of positions, whatever the input."""


def encode(network: Any, batch: Tensor) -> tuple[Tensor, ...]:
    """One-hot windows, (B, w, 4), to the U-Net's branches at 32 and 64 bp, and to 128 bp."""
    fine = network.res_tower(network.conv_dna(batch.transpose(1, 2)))
    middle = network.unet1(fine)
    parts = (fine, middle, network._max_pool(middle))
    return tuple(part.transpose(1, 2).contiguous() for part in parts)


def decode(
    network: Any, features: tuple[Tensor, ...], head: str, selection: Selection, n_bins: int
) -> Tensor:
    """From what `encode` gives to (B, bins, tracks).

    On the way up only the positions that the chosen bins depend on are computed: one more on each
    side at either stride, since the convolutions there are three wide.
    """
    fine, middle, coarse = features
    crop = (fine.shape[1] - n_bins) // 2
    first, last = selection.bins[0] + crop, selection.bins[-1] + crop + 1
    low = _Span(first, last, fine.shape[1]).wider()
    half = low.half().wider()
    quarter = half.half()

    def attention(attend: Any, x: Tensor, start: int, end: int) -> Tensor:
        return attend(x)[:, start:end] if network.flashed else _attended(attend, x, start, end)

    x = transformed(network.transformer, coarse, quarter.start, quarter.end, attention)
    x = network.upsampling_unet1(x.transpose(1, 2))
    x = x[:, :, half.start - 2 * quarter.start :][:, :, : half.end - half.start]
    x = x + network.horizontal_conv1(middle[:, half.start : half.end].transpose(1, 2))
    x = network.upsampling_unet0(network.separable1(x))
    x = x[:, :, low.start - 2 * half.start :][:, :, : low.end - low.start]
    x = x + network.horizontal_conv0(fine[:, low.start : low.end].transpose(1, 2))
    x = network.separable0(x)[:, :, [index + crop - low.start for index in selection.bins]]
    x = network.final_joined_convs(x)
    dense = network.human_head if head == "human" else network.mouse_head
    tracks = list(selection.tracks)
    with torch.autocast(x.device.type, enabled=False):  # as in the library
        out = F.conv1d(x.float(), dense.weight[tracks], dense.bias[tracks])
        return network.final_softplus(out).transpose(1, 2)


class _Span:
    """Positions from `start` to before `end` of `n`."""

    def __init__(self, start: int, end: int, n: int) -> None:
        self.start, self.end, self.n = start, end, n

    def wider(self) -> _Span:
        """One more position on each side, where there are any."""
        return _Span(max(0, self.start - 1), min(self.n, self.end + 1), self.n)

    def half(self) -> _Span:
        """The positions of half as many that these stand on."""
        return _Span(self.start // 2, -(-self.end // 2), self.n // 2)


def _attended(attend: Any, x: Tensor, first: int, last: int) -> Tensor:
    """The library's attention for positions `first` to before `last`."""
    if attend.positions is None:
        attend.positions = get_positional_embed(
            x.shape[1], _TRAINED_LENGTH, attend.num_rel_pos_features, x.device
        )
    return attended(attend, x, attend.to_rel_k(attend.positions), first, last)
