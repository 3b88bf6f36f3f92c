"""Some positions of a network's output equal those of all of it, in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from creme_seqnn.attention import RelativeAttention, positional_features
from creme_seqnn.layers import BatchNorm, Conv, Elementwise, LayerNorm, Linear, MaxPool
from creme_seqnn.modules import CropModule, ResidualModule, SaveModule, UNetModule
from creme_seqnn.spans import Span, computed, length_after

N, CHANNELS = 48, 6


class Made:
    """Modules with random weights."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def weights(self, *shape: int) -> np.ndarray:
        return self.random.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))

    def conv(self, width: int, dilation: int = 1, *, depthwise: bool = False) -> Conv:
        kernel = self.weights(width, CHANNELS, 1 if depthwise else CHANNELS)
        return Conv(kernel, self.weights(CHANNELS), dilation, depthwise)

    def linear(self) -> Linear:
        return Linear(self.weights(CHANNELS, CHANNELS), self.weights(CHANNELS))

    def norm(self) -> nn.Module:
        gamma, beta, mean = (self.random.normal(size=CHANNELS) for _ in range(3))
        if self.random.random() < 0.5:
            return LayerNorm(gamma, beta)
        return BatchNorm(gamma, beta, mean, self.random.uniform(0.5, 2, CHANNELS))

    def attention(self, length: int) -> RelativeAttention:
        heads, size, features = 2, 3, 8
        keys = heads * size
        return RelativeAttention(
            query=self.weights(CHANNELS, keys),
            key=self.weights(CHANNELS, keys),
            value=self.weights(CHANNELS, CHANNELS),
            relative_key=self.weights(features, keys),
            content_bias=self.weights(1, heads, 1, size),
            position_bias=self.weights(1, heads, 1, size),
            output_kernel=self.weights(CHANNELS, CHANNELS),
            output_bias=self.weights(CHANNELS),
            features=positional_features(length, features, length),
        )

    def residual(self, *modules: nn.Module) -> ResidualModule:
        scale = self.random.normal(size=CHANNELS) if self.random.random() < 0.5 else None
        return ResidualModule(modules, scale)

    def unet(self, slot: int, width: int) -> UNetModule:
        branches = [nn.Sequential(self.norm(), Elementwise("relu"), self.linear()) for _ in "ab"]
        convolution = nn.Sequential(self.conv(width, depthwise=True), self.linear())
        return UNetModule(slot, *branches, convolution)


def chains(make: Made) -> dict[str, list[nn.Module]]:
    return {
        "pointwise": [make.norm(), make.linear(), Elementwise("gelu")],
        "convolution": [make.conv(5)],
        "even width": [make.conv(4), make.conv(2)],
        "dilated": [make.conv(3, 4), make.conv(5, 2), make.conv(1)],
        "residual": [make.residual(make.norm(), make.conv(3), make.conv(5)), make.linear()],
        "pool": [make.conv(3), MaxPool(3), make.conv(3)],
        "crop": [make.conv(3), CropModule(5, 30), make.conv(3), CropModule(2, 20)],
        "attention": [
            make.residual(make.norm(), make.attention(N)),
            make.residual(make.norm(), make.linear(), make.linear()),
            make.residual(make.norm(), make.attention(N)),
        ],
        "as the family is": [
            make.residual(make.norm(), make.attention(N)),
            make.residual(make.norm(), make.linear()),
            make.residual(make.norm(), make.attention(N)),
            make.unet(7, 3),
            make.unet(8, 4),
            make.norm(),
            CropModule(20, 150),
            make.linear(),
        ],
        "saved on the way": [
            make.conv(3),
            SaveModule(1),
            MaxPool(2),
            make.residual(make.conv(3)),
            SaveModule(2),
            MaxPool(2),
            make.attention(N // 4),
            make.unet(2, 3),
            make.residual(make.conv(3)),
            make.unet(1, 5),
        ],
    }


def whole(modules: list[nn.Module], x: torch.Tensor, saved: dict[int, torch.Tensor]):
    for module in modules:
        if isinstance(module, SaveModule):
            saved[module.slot] = x
        elif isinstance(module, UNetModule):
            x = module(x, saved[module.slot])
        else:
            x = module(x)
    return x


@pytest.mark.parametrize("name", chains(Made(0)))
@pytest.mark.parametrize("seed", range(3))
def test_some_positions_are_those_of_the_whole(name, seed):
    make = Made(seed)
    chain = nn.ModuleList(chains(make)[name]).double()
    x = torch.from_numpy(make.random.normal(size=(2, N, CHANNELS)))
    branches = {
        slot: torch.from_numpy(make.random.normal(size=(2, length, CHANNELS)))
        for slot, length in ((7, 2 * N), (8, 4 * N))
    }
    expected = whole(list(chain), x, dict(branches))
    length = expected.shape[1]
    assert length_after(chain, N) == length
    middle = sorted(make.random.choice(length + 1, 2, replace=False))
    for start, end in ((0, length), (0, 1), (length - 1, length), (0, length // 2), middle):
        saved = {slot: (each, Span(0, each.shape[1])) for slot, each in branches.items()}
        got = computed(chain, x, Span(0, N), Span(int(start), int(end)), N, saved)
        assert_close(got, expected[:, start:end], rtol=1e-10, atol=1e-10)


def test_no_more_is_computed_than_is_needed(monkeypatch):
    """Six output positions of a network of the family: a few of each branch, and all keys."""
    make = Made(0)
    chain = nn.ModuleList(chains(make)["as the family is"]).double()
    seen: dict[str, int] = {}

    def noting(kind, method, name):
        own = getattr(kind, method)

        def run(self, x, *rest):
            out = own(self, x, *rest)
            seen[name] = min(out.shape[1], seen.get(name, out.shape[1]))
            return out

        monkeypatch.setattr(kind, method, run)

    noting(UNetModule, "paired", "paired")
    noting(RelativeAttention, "forward", "attended")
    x = torch.from_numpy(make.random.normal(size=(1, N, CHANNELS)))
    saved = {
        slot: (torch.zeros(1, n, CHANNELS).double(), Span(0, n))
        for slot, n in ((7, 2 * N), (8, 4 * N))
    }
    computed(chain, x, Span(0, N), Span(70, 76), N, saved)
    # 6 positions, and 3 for a kernel of four; half of them, and 2 for a kernel of three; half.
    assert seen["paired"] <= 10
    assert seen["attended"] <= 6
