"""The blocks of ``params.json`` taken apart into steps, with lengths and channels followed.

The blocks, their options and their defaults are those of the baskerville package.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from creme.errors import ConfigError, listing, nearest

from creme_seqnn.options import MOST_LAYERS, Options
from creme_seqnn.steps import (
    Activation,
    Attention,
    Convolution,
    Crop,
    Dense,
    Norm,
    Pool,
    Residual,
    Save,
    Step,
    UNet,
)

NORMS = {None: None, "batch": "batch", "batch-sync": "batch", "layer": "layer"}
ACTIVATIONS = {
    None: "linear",
    "linear": "linear",
    "relu": "relu",
    "gelu": "gelu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "softplus": "softplus",
}
# Keras' own gelu, which a final dense layer would take, is another function than the blocks' one.
FINAL_ACTIVATIONS = {name: name for name in ("linear", "relu", "sigmoid", "softplus")}
CONVOLUTIONS = {"standard": False, "separable": True}


@dataclass(frozen=True)
class Grid:
    """Where the positions of a layer lie: `length` of them, `stride` bp apart from `start` on."""

    length: int
    stride: int
    start: int
    channels: int


class Builder:
    """Turns blocks into steps, in the order in which Keras would create their layers.

    Parameters
    ----------
    grid : Grid
        The grid of the input.
    defaults : mapping
        The model's settings that blocks fall back on (activation, normalisation, padding).
    """

    def __init__(self, grid: Grid, defaults: Mapping[str, Any]) -> None:
        self.grid = grid
        self.steps: list[Step] = []
        self._defaults = defaults
        self._saved: list[Grid] = []

    def branch(self) -> Builder:
        """A builder that goes on from here, for a head."""
        return Builder(self.grid, self._defaults)

    def add(self, where: str, block: Any, supported: tuple[str, ...]) -> None:
        """Append the steps of one block.

        Parameters
        ----------
        where : str
            The block's place in the file, for messages.
        block : mapping
            The block as it stands in the file.
        supported : tuple of str
            Names of the blocks that may stand there.

        Raises
        ------
        ConfigError
            Where the block or one of its options is not supported or does not fit.
        """
        name = block.get("name") if isinstance(block, Mapping) else None
        if name not in supported:
            raise ConfigError(
                f"{where}: the block {name!r} is not supported"
                f"{nearest(str(name), supported)}; supported are {listing(supported, 20)}."
            )
        # The general settings reach baskerville's own blocks only, not layers taken from Keras.
        defaults = self._defaults if name[0].islower() else {}
        values = {key: value for key, value in block.items() if key != "name"}
        # A transformer has its own normalisation and activation, whatever is set.
        ignored = {
            "transformer_tower": {"activation", "norm_type", "padding"},
            "final": {"padding"},
        }
        options = Options(f"{where} ({name})", values, defaults, frozenset(ignored.get(name, ())))
        getattr(self, f"_{name.lower()}")(options)
        options.finish()

    def save(self) -> None:
        """Offer the present activations to later U-Net steps."""
        self.steps.append(Save(len(self._saved)))
        self._saved.append(self.grid)

    def drop_unused_saves(self) -> None:
        """Forget the saved activations that no U-Net step came to use."""
        used = {step.slot for step in self.steps if isinstance(step, UNet)}
        self.steps = [s for s in self.steps if not (isinstance(s, Save) and s.slot not in used)]

    # Parts that blocks share.

    def _norm(self, kind: Any) -> None:
        if kind is not None:
            self.steps.append(Norm(kind, self.grid.channels))

    def activate(self, function: str) -> None:
        """Append an activation, unless it is the identity."""
        if function != "linear":
            self.steps.append(Activation(function))

    def _convolve(self, filters: int | None, **settings: Any) -> None:
        step = Convolution(self.grid.channels, filters or self.grid.channels, **settings)
        self.steps.append(step)
        self.grid = replace(self.grid, channels=step.filters)

    def _pool(self, size: int, where: str) -> None:
        if size == 1:
            return
        if self.grid.length % size:
            raise ConfigError(
                f"{where}: 'pool_size' {size} does not divide the length {self.grid.length} there;"
                " only whole pools are supported."
            )
        self.steps.append(Pool(size))
        grid = self.grid
        self.grid = replace(grid, length=grid.length // size, stride=grid.stride * size)

    # Blocks.

    def _conv_dna(self, options: Options) -> None:
        norm = options.choice("norm_type", None, NORMS)
        activation = options.choice("activation", "relu", ACTIVATIONS)
        options.fixed(stride=1, residual=False, se=False, pool_type="max", padding="same")
        bias = options.flag("use_bias", None)
        self._convolve(
            options.integer("filters", None),
            kernel_size=options.integer("kernel_size", 15),
            bias=norm is None if bias is None else bias,
            separable=options.choice("conv_type", "standard", CONVOLUTIONS),
        )
        self._norm(norm)
        self.activate(activation)
        self._pool(options.integer("pool_size", 1), options.where)

    def _conv_nac(self, options: Options, filters: int | None = None, **settings: Any) -> None:
        settings = settings or self._nac_settings(options)
        self._norm(settings["norm"])
        self.activate(settings["activation"])
        self._convolve(
            filters or options.integer("filters", None),
            kernel_size=settings["kernel_size"],
            dilation=settings["dilation"],
            separable=settings["separable"],
        )
        self._pool(settings["pool_size"], options.where)

    def _nac_settings(self, options: Options) -> dict[str, Any]:
        options.fixed(stride=1, residual=False, se=False, pool_type="max", padding="same")
        return {
            "norm": options.choice("norm_type", None, NORMS),
            "activation": options.choice("activation", "relu", ACTIVATIONS),
            "kernel_size": options.integer("kernel_size", 1),
            "dilation": options.integer("dilation_rate", 1),
            "separable": options.choice("conv_type", "standard", CONVOLUTIONS),
            "pool_size": options.integer("pool_size", 1),
        }

    def _conv_block(self, options: Options, filters: int | None = None) -> None:
        options.fixed(stride=1, residual=False, pool_type="max", padding="same")
        norm = options.choice("norm_type", None, NORMS)
        self.activate(options.choice("activation", "relu", ACTIVATIONS))
        self._convolve(
            filters or options.integer("filters", None),
            kernel_size=options.integer("kernel_size", 1),
            dilation=options.integer("dilation_rate", 1),
            bias=norm is None,
            separable=options.choice("conv_type", "standard", CONVOLUTIONS),
        )
        self._norm(norm)
        self.activate(options.choice("activation_end", None, ACTIVATIONS))
        self._pool(options.integer("pool_size", 1), options.where)

    def _conv_tower(self, options: Options) -> None:
        for filters in _tower_filters(options):
            self._conv_block(options, filters)
            self.save()

    def _res_tower(self, options: Options) -> None:
        filters_of = _tower_filters(options)
        convolutions = options.integer("num_convs", 2, maximum=MOST_LAYERS)
        pool = options.integer("pool_size", 2)
        settings = {**self._nac_settings(options), "pool_size": 1}
        for filters in filters_of:
            self._conv_nac(options, filters, **settings)
            if convolutions > 1:
                outer, self.steps = self.steps, []
                for _ in range(convolutions - 1):
                    # The kernel size is the first convolution's alone.
                    self._conv_nac(options, filters, **{**settings, "kernel_size": 1})
                inner = Residual(filters, tuple(self.steps), scaled=True)
                self.steps = [*outer, inner]
            self.save()
            self._pool(pool, options.where)

    def _transformer_tower(self, options: Options) -> None:
        options.fixed(block_type="transformer", content_position_bias=True, qkv_width=1)
        channels, length = self.grid.channels, self.grid.length
        heads = options.integer("heads", 1)
        if channels % heads:
            raise ConfigError(
                f"{options.where}: 'heads' is {heads}, which does not divide {channels} channels."
            )
        features = options.integer("num_position_features", None, minimum=2)
        if features is None:
            features = channels // heads // 2 * 2
        elif features % 2:
            raise ConfigError(
                f"{options.where}: 'num_position_features' is {features}; it must be even."
            )
        attention = Attention(
            channels,
            heads,
            options.integer("key_size"),
            features,
            length,
            options.integer("seqlen_train", None) or length,
        )
        hidden = int(options.number("dense_expansion", 2.0) * channels)
        norm = Norm("layer", channels)
        dense = (Dense(channels, hidden), Activation("relu"), Dense(hidden, channels))
        for _ in range(options.integer("repeat", 2, maximum=MOST_LAYERS)):
            self.steps.append(Residual(channels, (norm, attention)))
            self.steps.append(Residual(channels, (norm, *dense)))

    def _unet_conv(self, options: Options) -> None:
        options.fixed(stride=2)
        grid = self.grid
        # The last one saved is what this block itself starts from.
        slots = range(len(self._saved) - 2, -1, -1)
        slot = next((i for i in slots if self._saved[i].length == 2 * grid.length), None)
        if slot is None or self._saved[slot].start != grid.start:
            raise ConfigError(
                f"{options.where}: no earlier block offers activations of twice the length"
                f" {grid.length} over the same stretch of the sequence."
            )
        self.steps.append(
            UNet(
                grid.channels,
                self._saved[slot].channels,
                slot,
                options.choice("norm_type", None, NORMS),
                options.choice("activation", "relu", ACTIVATIONS),
                options.integer("kernel_size", 1),
                options.flag("upsample_conv", False),
            )
        )
        self.grid = replace(grid, length=2 * grid.length, stride=grid.stride // 2)

    def _cropping1d(self, options: Options) -> None:
        size = options.integer("cropping", minimum=0)
        grid = self.grid
        if 2 * size >= grid.length:
            raise ConfigError(
                f"{options.where}: 'cropping' {size} a side leaves none of {grid.length} positions."
            )
        length = grid.length - 2 * size
        self.steps.append(Crop(size, length))
        self.grid = replace(grid, length=length, start=grid.start + size * grid.stride)

    def _final(self, options: Options) -> None:
        options.fixed(flatten=False)
        units = options.integer("units")
        self.steps.append(Dense(self.grid.channels, units))
        self.activate(options.choice("activation", "linear", FINAL_ACTIVATIONS))
        self.grid = replace(self.grid, channels=units)


def _tower_filters(options: Options) -> list[int]:
    """The number of filters of each block of a tower: a geometric series, rounded."""
    first = options.integer("filters_init")
    last = options.integer("filters_end", None)
    factor = options.number("filters_mult", None)
    multiple = options.integer("divisible_by", 1)
    repeat = options.integer("repeat", 1, maximum=MOST_LAYERS)
    if factor is None:
        if last is None:
            raise ConfigError(f"{options.where} lacks 'filters_end' or 'filters_mult'.")
        factor = math.exp(math.log(last / first) / (repeat - 1)) if repeat > 1 else 1.0
    filters, size = [], float(first)
    for _ in range(repeat):
        filters.append(round(size / multiple) * multiple)
        size *= factor
    return filters
