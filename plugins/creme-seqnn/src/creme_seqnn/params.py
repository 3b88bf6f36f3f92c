"""``params.json``: the description of a network, read and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creme.errors import ConfigError, listing, nearest

from creme_seqnn.blocks import ACTIVATIONS, Builder, Grid
from creme_seqnn.options import TRAINING_ONLY, Options
from creme_seqnn.steps import Step

TRUNK_BLOCKS = (
    "conv_dna",
    "conv_block",
    "conv_nac",
    "conv_tower",
    "res_tower",
    "transformer_tower",
    "unet_conv",
    "Cropping1D",
)
HEAD_BLOCKS = ("conv_block", "conv_nac", "Cropping1D", "final")

_TRAINING_ONLY = frozenset({"augment_rc", "augment_shift", "strand_pair", "verbose"})


@dataclass(frozen=True)
class Head:
    """One output of a network: its steps and where its bins lie.

    Attributes
    ----------
    steps : tuple of Step
        The layers after the trunk.
    n_bins, bin_size : int
        The number of bins and the width of one in bp.
    output_start : int
        Offset of the first bin in the input sequence, in bp.
    n_tracks : int
        The number of tracks.
    """

    steps: tuple[Step, ...]
    n_bins: int
    bin_size: int
    output_start: int
    n_tracks: int


@dataclass(frozen=True)
class Architecture:
    """A network: the trunk and its heads, the latter by name in the order of their weights.

    Attributes
    ----------
    input_length : int
        Length of the input sequence in bp.
    trunk : tuple of Step
        The steps that all heads share.
    heads : dict of str to Head
        The heads; ``head_human`` of the file is called ``human`` here.
    """

    input_length: int
    trunk: tuple[Step, ...]
    heads: dict[str, Head]

    def head(self, name: str) -> Head:
        """The head called `name`.

        Raises
        ------
        ConfigError
            Where there is none of that name.
        """
        if name not in self.heads:
            raise ConfigError(
                f"The network has no head {name!r}{nearest(name, self.heads)};"
                f" its heads are {listing(self.heads)}."
            )
        return self.heads[name]


def read_architecture(path: Path) -> Architecture:
    """Read a ``params.json`` file.

    Raises
    ------
    ConfigError
        Where the file is missing or malformed, or describes what is not supported.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"There is no parameter file {str(path)!r}.") from None
    except OSError as error:
        raise ConfigError(f"The parameter file {str(path)!r} cannot be read: {error}.") from None
    except (RecursionError, ValueError) as error:
        raise ConfigError(f"The parameter file {str(path)!r} is not valid JSON: {error}.") from None
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict):
        raise ConfigError(
            f"{path} has no section 'model'; a params.json of the baskerville package is expected."
        )
    return parse_architecture(model, str(path))


def parse_architecture(model: Mapping[str, Any], source: str = "params.json") -> Architecture:
    """Take the section ``model`` of a parameter file apart.

    Parameters
    ----------
    model : mapping
        The section as read from JSON.
    source : str
        Where it comes from, for messages.

    Raises
    ------
    ConfigError
        Where it is malformed or describes what is not supported.
    """
    keys = sorted((key for key in model if key.startswith("head")), key=_natural)
    options = Options(source, model, ignored=_TRAINING_ONLY.union(keys, ["trunk"]))
    length = options.integer("seq_length")
    activation = options.choice("activation", None, ACTIVATIONS)
    options.choice("norm_type", None, dict.fromkeys([None, "batch", "batch-sync", "layer"]))
    options.fixed(padding="same")
    options.finish()
    if not keys:
        raise ConfigError(f"{source} describes no head (such as 'head_human').")

    # Settings that are null or empty do not reach the blocks, whose own defaults then hold.
    settings = ("activation", "norm_type", "padding")
    defaults = {key: model[key] for key in settings if model.get(key)}
    builder = Builder(Grid(length, stride=1, start=0, channels=4), defaults)
    for number, block in enumerate(_blocks(model.get("trunk"), f"{source}: 'trunk'"), start=1):
        builder.add(f"{source}: trunk block {number}", block, TRUNK_BLOCKS)
        builder.save()
    builder.drop_unused_saves()
    builder.activate(activation)
    heads = {}
    for key in keys:
        value = model[key]
        blocks = _blocks(value if isinstance(value, list) else [value], f"{source}: {key!r}")
        heads[key.removeprefix("head").removeprefix("_")] = _head(
            builder.branch(), blocks, f"{source}: {key}"
        )
    return Architecture(length, tuple(builder.steps), heads)


def without_training(model: Mapping[str, Any]) -> Any:
    """The section ``model`` without what shapes only the training."""
    return _without(model, TRAINING_ONLY | _TRAINING_ONLY)


def _without(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_without(each, keys) for each in value]
    if isinstance(value, Mapping):
        # Blocks have no such options as the whole model has.
        kept = {key: each for key, each in value.items() if key not in keys}
        return {key: _without(each, TRAINING_ONLY) for key, each in kept.items()}
    return value


def _head(builder: Builder, blocks: list[Any], where: str) -> Head:
    names = [block.get("name") if isinstance(block, Mapping) else None for block in blocks]
    if names[-1] != "final" or "final" in names[:-1]:
        raise ConfigError(f"{where} must end with its one block 'final'; it is {listing(names)}.")
    for block in blocks:
        builder.add(where, block, HEAD_BLOCKS)
    grid = builder.grid
    return Head(tuple(builder.steps), grid.length, grid.stride, grid.start, grid.channels)


def _blocks(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{where} must be a list of blocks; it is {value!r}.")
    return value


def _natural(key: str) -> tuple[str, int, str]:
    """A key that sorts ``head2`` before ``head10``, as baskerville does."""
    stem = key.rstrip("0123456789")
    return (stem, int(key[len(stem) :] or -1), key)
