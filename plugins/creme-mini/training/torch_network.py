"""The network in PyTorch, for training; `creme_mini.network` evaluates the same in NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNEL = 15
POOL = 8
BIN = 128
REACHES = (1000.0, 2500.0, 4500.0, 7000.0, 11_000.0, 20_000.0)
"""Of the heads, bp."""
SPREAD = 3
SCALE = 0.1
"""Of a head's weight at distance 0."""
LARGEST = 5.0
"""Logarithm of an activity up to which it is exact; beyond, it grows linearly."""


class Stem(nn.Module):
    """Motif filters, read on both strands; the best of a strand and 8 positions counts.

    A filter is centred and of norm 2, so that its scores on random sequence have a variance of 1;
    a threshold and a gain follow the pooling. Scores of the minus strand are placed at the last
    base of the filter, so that both strands have the filter's first base in common.
    """

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(filters, 4, KERNEL) * 0.1)
        self.gain = nn.Parameter(torch.full((filters,), 1.5))
        self.threshold = nn.Parameter(torch.full((filters,), 2.5))

    def kernel(self) -> Tensor:
        """(filters, 4, 15): centred over bases, of norm 2."""
        centred = self.weight - self.weight.mean(1, keepdim=True)
        return 2 * F.normalize(centred.flatten(1), dim=1).view_as(centred)

    def forward(self, onehot: Tensor) -> Tensor:
        """(B, 4, L) to (B, filters, L / 8)."""
        kernel = self.kernel().to(onehot.dtype)
        both = torch.cat([kernel, kernel.flip(1, 2)])
        length = onehot.shape[-1]
        scores = F.conv1d(F.pad(onehot, (KERNEL - 1, KERNEL - 1)), both)
        half = len(kernel)
        either = torch.maximum(scores[:, :half, KERNEL - 1 :], scores[:, half:, :length])
        if torch.is_grad_enabled():
            best = F.max_pool1d(either, POOL)
        else:
            best = either.view(len(either), half, length // POOL, POOL).amax(-1)
        best = best.to(self.gain.dtype)
        return F.softplus((best - self.threshold[:, None]) * self.gain[:, None])


class Tower(nn.Module):
    """From the stem's 8 bp to tokens of 128 bp: two convolutions at 32 bp, and sums."""

    def __init__(self, filters: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(filters, width, 7, padding=3)
        self.second = nn.Conv1d(width, width, 3, padding=1)
        self.sums = nn.Linear(filters, width)
        self.mixed = nn.Linear(width, width)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, filters, T * 4), the stem's at 32 bp, to (B, T, width)."""
        x = F.gelu(self.first(pooled), approximate="tanh")
        x = x + F.gelu(self.second(x), approximate="tanh")
        per_bin = BIN // 32
        sums = F.avg_pool1d(pooled, per_bin).transpose(1, 2) * per_bin
        mixed = F.avg_pool1d(x, per_bin).transpose(1, 2) * per_bin
        return self.sums(sums) + self.mixed(mixed)


class Attention(nn.Module):
    """Attention by distance: each head weighs values by ``exp(-distance / reach)``.

    Keys gate values at their place, queries gate the sums where they arrive, and barriers, which
    the tokens between two places raise, reduce what passes between them.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.values = nn.Linear(width, width)
        self.keys = nn.Linear(width, width)
        self.queries = nn.Linear(width, width)
        self.barrier = nn.Linear(width, 1)
        self.out = nn.Linear(width, width)
        nn.init.constant_(self.barrier.bias, -5.0)
        nn.init.zeros_(self.barrier.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width)."""
        batch, tokens, width = x.shape
        heads = len(REACHES)
        values = self.values(x) * torch.sigmoid(self.keys(x))
        raised = F.softplus(self.barrier(x)).squeeze(-1)
        height = torch.cumsum(raised, 1) - raised / 2
        through = torch.exp(-torch.abs(height[:, :, None] - height[:, None, :]))
        place = torch.arange(tokens, dtype=x.dtype) * BIN
        apart = torch.abs(place[:, None] - place)
        by_head = values.view(batch, tokens, heads, width // heads)
        sums = [
            (through * (SCALE * torch.exp(-apart / reach))) @ by_head[:, :, head]
            for head, reach in enumerate(REACHES)
        ]
        gathered = torch.cat(sums, dim=-1) * torch.sigmoid(self.queries(x))
        return self.out(gathered)


class FeedForward(nn.Module):
    """Two linear layers; of the hidden units a half is logarithmic."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width)."""
        linear, logarithmic = self.up(x).chunk(2, dim=-1)
        logs = torch.log(0.1 + F.softplus(logarithmic))
        return self.down(torch.cat([F.gelu(linear, approximate="tanh"), logs], dim=-1))


class Layer(nn.Module):
    """Attention and feed-forward, each added to its input."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.attention = Attention(width)
        self.forward_layer = FeedForward(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width)."""
        x = x + self.attention(x)
        return x + self.forward_layer(x)


class Heads(nn.Module):
    """Coverage, which spreads over three bins, and accessibility."""

    def __init__(self, width: int, cells: int) -> None:
        super().__init__()
        self.activity = nn.Linear(width, cells)
        nn.init.zeros_(self.activity.weight)
        nn.init.constant_(self.activity.bias, math.log(0.2))
        self.spread = nn.Parameter(torch.zeros(SPREAD))
        self.floor = nn.Parameter(torch.full((cells,), math.log(0.05)))
        self.open = nn.Conv1d(width, 1, 3, padding=1)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """(B, T, width) and the tower's tokens to (B, T, cells + 1)."""
        logs = self.activity(x)
        beyond = F.relu(logs - LARGEST)
        activity = torch.exp(logs - beyond) * (1 + beyond)
        share = torch.softmax(self.spread, 0)
        around = F.pad(activity.transpose(1, 2), (1, 1)).unfold(2, SPREAD, 1) @ share
        coverage = around.transpose(1, 2) + torch.exp(self.floor)
        opened = F.softplus(self.open(tokens.transpose(1, 2))).transpose(1, 2)
        return torch.cat([coverage, 1 - torch.exp(-opened)], dim=-1)


class Network(nn.Module):
    """Sequence to coverage of each cell type and accessibility, in bins of 128 bp."""

    def __init__(
        self, filters: int = 96, width: int = 96, hidden: int = 256, cells: int = 4
    ) -> None:
        super().__init__()
        self.stem = Stem(filters)
        self.tower = Tower(filters, width)
        self.layers = nn.ModuleList([Layer(width, hidden) for _ in range(2)])
        self.heads = Heads(width, cells)

    def pooled(self, onehot: Tensor) -> Tensor:
        """The stem's output, averaged over 32 bp: (B, filters, L / 32)."""
        return F.avg_pool1d(self.stem(onehot), 32 // POOL)

    def local(self, onehot: Tensor) -> Tensor:
        """(B, 4, L) to tokens (B, L / 128, width); each sees less than 256 bp around it."""
        return self.tower(self.pooled(onehot))

    def distal(self, tokens: Tensor) -> Tensor:
        """Tokens to all bins, (B, L / 128, cells + 1)."""
        x = tokens
        for layer in self.layers:
            x = layer(x)
        return self.heads(x, tokens)

    def forward(self, onehot: Tensor) -> Tensor:
        """(B, 4, L) to the bins of the central three quarters."""
        out = self.distal(self.local(onehot))
        crop = out.shape[1] // 8
        return out[:, crop : out.shape[1] - crop]


CROP = 2048
MARGIN = 640
_EDGE = 3


def crop_start(start: int, length: int) -> int:
    """Where the stretch begins that is computed anew when bases from `start` on change, bp."""
    return min(max(0, (start - MARGIN) // BIN * BIN), length - CROP)


def with_crops(tokens: Tensor, crops: Tensor, rows: Sequence[int], starts: Sequence[int]) -> Tensor:
    """Tokens of `rows`, each with those of its changed stretch in their place.

    The outermost bins of a stretch, but for those at the sequence's end, did not see all.
    """
    out = []
    last = tokens.shape[1]
    for crop, row, start in zip(crops, rows, starts, strict=True):
        first = start // BIN
        count = len(crop)
        low = 0 if first == 0 else _EDGE
        high = count if first + count == last else count - _EDGE
        whole = tokens[row]
        out.append(torch.cat([whole[: first + low], crop[low:high], whole[first + high :]]))
    return torch.stack(out)
