"""The primitive steps that a network of the Borzoi family is made of, as plain descriptions.

A step maps activations of shape ``(batch, length, channels)`` to others of that form. Steps stand
in the order in which Keras created the layers that hold their weights, which is how the weights
find them. Nothing here needs PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Norm:
    """Batch normalisation (with the moving statistics) or layer normalisation over channels."""

    kind: Literal["batch", "layer"]
    channels: int


@dataclass(frozen=True)
class Activation:
    """An elementwise function; ``gelu`` is its tanh form."""

    function: str


@dataclass(frozen=True)
class Convolution:
    """A convolution of stride 1 that keeps the length, padded with zeros."""

    channels: int
    filters: int
    kernel_size: int
    dilation: int = 1
    bias: bool = True
    separable: bool = False


@dataclass(frozen=True)
class Dense:
    """A linear map of the channels, the same at each position."""

    channels: int
    units: int


@dataclass(frozen=True)
class Pool:
    """The maximum over each `size` neighbouring positions."""

    size: int


@dataclass(frozen=True)
class Save:
    """Remember the activations under a number, for a later `UNet` step."""

    slot: int


@dataclass(frozen=True)
class Attention:
    """Multi-head self-attention with relative positions, and the linear map of its output.

    `position_length` is the sequence length for which the widths of the positional features were
    laid out; it equals `length` unless the model was trained at another.
    """

    channels: int
    heads: int
    key_size: int
    position_features: int
    length: int
    position_length: int


@dataclass(frozen=True)
class Residual:
    """The input plus what `steps` make of it, multiplied by a learned scale where `scaled`."""

    channels: int
    steps: tuple[Step, ...]
    scaled: bool = False


@dataclass(frozen=True)
class UNet:
    """Double the length and add the saved activations `slot`, then a separable convolution."""

    channels: int
    skip_channels: int
    slot: int
    norm: Literal["batch", "layer"] | None
    activation: str
    kernel_size: int
    dense_before_upsampling: bool


@dataclass(frozen=True)
class Crop:
    """Keep `length` positions from `start` on."""

    start: int
    length: int


Step = Norm | Activation | Convolution | Dense | Pool | Save | Attention | Residual | UNet | Crop


def is_pointwise(step: Step) -> bool:
    """Whether a position of the step's output depends on the same position of its input only."""
    match step:
        case Norm() | Activation() | Dense():
            return True
        case Convolution(kernel_size=size):
            return size == 1
        case Residual(steps=steps):
            return all(map(is_pointwise, steps))
        case _:
            return False
