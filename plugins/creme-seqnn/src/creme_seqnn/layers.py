"""The elementary layers in PyTorch, for inference.

Activations are ``(batch, length, channels)`` and contiguous throughout, so that dense layers need
no transposition and convolutions run channels-last. Weights are buffers, given at construction as
float64 arrays in Keras' layout; `Module.double` makes a network of float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPSILON = 1e-3

# Below this many channels a convolution is done as one matrix product over unfolded windows:
# direct convolution kernels are slow there.
UNFOLD_CHANNELS = 8

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "tanh": torch.tanh,
}


def tensor(array: np.ndarray) -> Tensor:
    """A contiguous float32 tensor of an array."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


class Elementwise(nn.Module):
    """One of `ACTIVATIONS`."""

    def __init__(self, function: str) -> None:
        super().__init__()
        self.function = ACTIVATIONS[function]

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class BatchNorm(nn.Module):
    """Batch normalisation by the moving statistics: one multiplication and one addition."""

    scale: Tensor
    shift: Tensor

    def __init__(
        self, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray
    ) -> None:
        super().__init__()
        scale = gamma / np.sqrt(variance + NORM_EPSILON)
        self.register_buffer("scale", tensor(scale))
        self.register_buffer("shift", tensor(beta - mean * scale))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.shift, x, self.scale)


class LayerNorm(nn.Module):
    """Normalisation of each position over its channels."""

    gamma: Tensor
    beta: Tensor

    def __init__(self, gamma: np.ndarray, beta: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("gamma", tensor(gamma))
        self.register_buffer("beta", tensor(beta))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.gamma.shape, self.gamma, self.beta, NORM_EPSILON)


class Linear(nn.Module):
    """A dense layer; `kernel` is ``(channels, units)``."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        super().__init__()
        self.register_buffer("weight", tensor(kernel.T))
        self.register_buffer("bias", None if bias is None else tensor(bias))

    def forward(self, x: Tensor, units: Tensor | None = None) -> Tensor:
        """All units, or those of the given indices only."""
        if units is None:
            return F.linear(x, self.weight, self.bias)
        bias = None if self.bias is None else self.bias[units]
        return F.linear(x, self.weight[units], bias)


class Conv(nn.Module):
    """A convolution that keeps the length; `kernel` is ``(width, channels, filters)``.

    With `depthwise`, each channel has its own filter and the kernel is ``(width, channels, 1)``.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, kernel: np.ndarray, bias: np.ndarray | None, dilation: int, depthwise: bool = False
    ) -> None:
        super().__init__()
        width, channels, _ = kernel.shape
        self.dilation, self.channels, self.width = dilation, channels, width
        self.groups = channels if depthwise else 1
        self.unfold = channels < UNFOLD_CHANNELS and dilation == 1 and not depthwise
        total = dilation * (width - 1)
        # As Keras pads: the odd zero goes to the right.
        self.padding = (total // 2, total - total // 2)
        if self.unfold:
            weight = tensor(kernel.reshape(width * channels, -1).T)
        else:
            # A two-dimensional convolution of height one: its channels-last kernels are the
            # faster ones on the CPU.
            order = (1, 2, 0) if depthwise else (2, 1, 0)
            weight = tensor(kernel.transpose(order)).unsqueeze(2)
            weight = weight.contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", None if bias is None else tensor(bias))

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.padding
        if self.unfold:
            length = x.shape[1]
            x = F.pad(x, (0, 0, left, right))
            strides = (x.stride(0), self.channels, 1)
            windows = x.as_strided((len(x), length, self.width * self.channels), strides)
            return F.linear(windows, self.weight, self.bias)
        if left != right:
            x = F.pad(x, (0, 0, 0, right - left))
        image = x.transpose(1, 2).unsqueeze(2)
        out = F.conv2d(
            image,
            self.weight,
            self.bias,
            padding=(0, left),
            dilation=(1, self.dilation),
            groups=self.groups,
        )
        return out.squeeze(2).transpose(1, 2).contiguous()


class MaxPool(nn.Module):
    """The maximum of each `size` neighbours."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        out = torch.maximum(x[:, :: self.size], x[:, 1 :: self.size])
        for offset in range(2, self.size):
            out = torch.maximum(out, x[:, offset :: self.size])
        return out
