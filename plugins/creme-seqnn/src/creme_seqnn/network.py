"""A network put together from its description and its weights, and its forward pass."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from torch import Tensor, nn

from creme_seqnn import steps as description
from creme_seqnn.attention import RelativeAttention, positional_features
from creme_seqnn.layers import BatchNorm, Conv, Elementwise, LayerNorm, Linear, MaxPool
from creme_seqnn.locality import split
from creme_seqnn.modules import CropModule, ResidualModule, SaveModule, UNetModule
from creme_seqnn.params import Architecture
from creme_seqnn.spans import Kept, Span, computed, length_after
from creme_seqnn.steps import Step, is_pointwise
from creme_seqnn.weights import Shapes


class WeightSource(Protocol):
    """An object that hands out weights: a :class:`~creme_seqnn.weights.WeightFile`."""

    def take(self, kind: str, shapes: Shapes) -> dict[str, np.ndarray]: ...

    def remaining(self, kind: str) -> int: ...

    def finish(self) -> None: ...


class Network(nn.Module):
    """A trunk and one head.

    Parameters
    ----------
    body : iterable of Module
        The layers up to the last that sees more than one position at a time.
    tail : iterable of Module
        The layers that treat each bin by itself, up to the last dense one.
    dense, activation : Module
        The last dense layer and what follows it.
    local : int
        How many modules of the body are its local first part.
    """

    def __init__(
        self,
        body: Iterable[nn.Module],
        tail: Iterable[nn.Module],
        dense: Linear,
        activation: nn.Module,
        local: int,
    ) -> None:
        super().__init__()
        self.local = local
        self.body = nn.ModuleList(body)
        self.tail = nn.Sequential(*tail)
        self.dense = dense
        self.activation = activation

    def forward(
        self, x: Tensor, bins: Tensor | None = None, tracks: Tensor | None = None
    ) -> Tensor:
        """Predict.

        Parameters
        ----------
        x : Tensor
            One-hot sequences, ``(batch, length, 4)``.
        bins, tracks : Tensor of int, optional
            Indices of the bins and tracks to compute; all where not given.

        Returns
        -------
        Tensor
            ``(batch, bins, tracks)``.
        """
        return self.decode(self.encode(x), bins, tracks)

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """The local first part: its saved activations, and its output."""
        saved = []
        for module in self.body[: self.local]:
            if isinstance(module, SaveModule):
                saved.append(x)
            else:
                x = module(x)
        return (*saved, x)

    def decode(
        self,
        features: tuple[Tensor, ...],
        bins: Tensor | None = None,
        tracks: Tensor | None = None,
    ) -> Tensor:
        """The layers after the trunk, at the positions that the chosen bins need; see `forward`."""
        *kept, x = features
        n = x.shape[1]
        local = self.body[: self.local]
        slots = [module.slot for module in local if isinstance(module, SaveModule)]
        saved: Kept = {
            slot: (each, Span(0, each.shape[1])) for slot, each in zip(slots, kept, strict=True)
        }
        following = self.body[self.local :]
        if bins is None or not len(bins):
            first, last = 0, length_after(following, n)
        else:
            first, last = int(bins.min()), int(bins.max()) + 1
        x = computed(following, x, Span(0, n), Span(first, last), n, saved)
        if bins is not None:
            x = x[:, bins - first]
        return self.activation(self.dense(self.tail(x), tracks))


def build_network(architecture: Architecture, head: str, weights: WeightSource) -> Network:
    """Put a network together.

    Parameters
    ----------
    architecture : Architecture
        The description.
    head : str
        The head to predict with. The weights may be those of the trunk and this head, or of the
        trunk and all heads.
    weights : WeightSource
        Where the weights come from; all of them must have their place.

    Returns
    -------
    Network
        In float32 on the CPU.

    Raises
    ------
    ConfigError
        Where there is no such head.
    ModelError
        Where weights are missing, left over or of other shapes.
    """
    chosen = architecture.head(head)
    trunk = [_module(step, weights) for step in architecture.trunk]
    # Each head ends with the one dense layer that it has.
    if weights.remaining("dense") == len(architecture.heads):
        built = {
            name: [_module(step, weights) for step in each.steps]
            for name, each in architecture.heads.items()
        }[head]
    else:
        built = [_module(step, weights) for step in chosen.steps]
    weights.finish()

    steps, modules = (*architecture.trunk, *chosen.steps), [*trunk, *built]
    last = max(i for i, module in enumerate(modules) if isinstance(module, Linear))
    wide = [i for i, step in enumerate(steps) if not is_pointwise(step)]
    border = wide[-1] + 1 if wide else 0
    dense = modules[last]
    assert isinstance(dense, Linear)
    return Network(
        modules[:border],
        modules[border:last],
        dense,
        nn.Sequential(*modules[last + 1 :]),
        local=min(split(steps).steps, border),
    ).eval()


def _module(step: Step, weights: WeightSource) -> nn.Module:
    """The module of a step; takes its weights."""
    match step:
        case description.Norm(kind, channels):
            return _norm(kind, channels, weights)
        case description.Activation(function):
            return Elementwise(function)
        case description.Convolution():
            return _convolution(step, weights)
        case description.Dense(channels, units):
            return _dense(channels, units, weights)
        case description.Pool(size):
            return MaxPool(size)
        case description.Save(slot):
            return SaveModule(slot)
        case description.Attention():
            return _attention(step, weights)
        case description.Residual(channels, inner, scaled):
            modules = [_module(each, weights) for each in inner]
            scale = weights.take("scale", {"scale": (channels,)})["scale"] if scaled else None
            return ResidualModule(modules, scale)
        case description.UNet():
            return _unet(step, weights)
        case description.Crop(start, length):
            return CropModule(start, length)


def _norm(kind: str, channels: int, weights: WeightSource) -> nn.Module:
    shape = (channels,)
    if kind == "layer":
        taken = weights.take("layer_normalization", {"gamma": shape, "beta": shape})
        return LayerNorm(taken["gamma"], taken["beta"])
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    taken = weights.take("batch_normalization", dict.fromkeys(names, shape))
    return BatchNorm(*(taken[name] for name in names))


def _dense(channels: int, units: int, weights: WeightSource) -> Linear:
    taken = weights.take("dense", {"kernel": (channels, units), "bias": (units,)})
    return Linear(taken["kernel"], taken["bias"])


def _convolution(step: description.Convolution, weights: WeightSource) -> nn.Module:
    bias = {"bias": (step.filters,)} if step.bias else {}
    if step.separable:
        shapes = {
            "depthwise_kernel": (step.kernel_size, step.channels, 1),
            "pointwise_kernel": (1, step.channels, step.filters),
        }
        taken = weights.take("separable_conv1d", {**shapes, **bias})
        depthwise = Conv(taken["depthwise_kernel"], None, step.dilation, depthwise=True)
        return nn.Sequential(depthwise, Linear(taken["pointwise_kernel"][0], taken.get("bias")))
    kernel = (step.kernel_size, step.channels, step.filters)
    taken = weights.take("conv1d", {"kernel": kernel, **bias})
    if step.kernel_size == 1:
        return Linear(taken["kernel"][0], taken.get("bias"))
    return Conv(taken["kernel"], taken.get("bias"), step.dilation)


def _attention(step: description.Attention, weights: WeightSource) -> RelativeAttention:
    channels, keys = step.channels, step.heads * step.key_size
    bias = (1, step.heads, 1, step.key_size)
    taken = weights.take(
        "multihead_attention",
        {
            "r_w_bias": bias,
            "r_r_bias": bias,
            "q_layer/kernel": (channels, keys),
            "k_layer/kernel": (channels, keys),
            "v_layer/kernel": (channels, channels),
            "r_k_layer/kernel": (step.position_features, keys),
            "embedding_layer/kernel": (channels, channels),
            "embedding_layer/bias": (channels,),
        },
    )
    return RelativeAttention(
        query=taken["q_layer/kernel"],
        key=taken["k_layer/kernel"],
        value=taken["v_layer/kernel"],
        relative_key=taken["r_k_layer/kernel"],
        content_bias=taken["r_w_bias"],
        position_bias=taken["r_r_bias"],
        output_kernel=taken["embedding_layer/kernel"],
        output_bias=taken["embedding_layer/bias"],
        features=positional_features(step.length, step.position_features, step.position_length),
    )


def _unet(step: description.UNet, weights: WeightSource) -> UNetModule:
    current: list[nn.Module] = []
    saved: list[nn.Module] = []
    # Keras created the layers of the two branches in turn.
    if step.norm is not None:
        current.append(_norm(step.norm, step.channels, weights))
        saved.append(_norm(step.norm, step.skip_channels, weights))
    if step.activation != "linear":
        current.append(Elementwise(step.activation))
        saved.append(Elementwise(step.activation))
    if step.dense_before_upsampling:
        current.append(_dense(step.channels, step.channels, weights))
    saved.append(_dense(step.skip_channels, step.channels, weights))
    convolution = description.Convolution(
        step.channels, step.channels, step.kernel_size, separable=True
    )
    return UNetModule(
        step.slot,
        nn.Sequential(*current),
        nn.Sequential(*saved),
        _convolution(convolution, weights),
    )
