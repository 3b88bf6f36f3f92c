"""How Borzoi's coverage was squashed for training, track by track, and how that is undone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from creme.adapters import read_columns
from creme.errors import ConfigError
from numpy.typing import NDArray

_STATISTICS = ("sum", "mean", "avg")


@dataclass(frozen=True)
class Squash:
    """How the coverage of each track was squashed.

    Coverage was summed (or averaged) over a bin; where the statistic ends with ``_sqrt``, raised to
    3/4; what then was above a limit replaced by the limit and the root of what it exceeds it by;
    and multiplied by a scale. A hard limit, `clip` in the table, came before the scale: beyond it
    nothing can be undone.

    Attributes
    ----------
    scale, clip_soft : array of float32, (tracks,)
    power : array of bool, (tracks,)
        Whether the coverage was raised to 3/4.
    """

    scale: NDArray[np.float32]
    clip_soft: NDArray[np.float32]
    power: NDArray[np.bool_]

    @classmethod
    def read(cls, path: Path, n_tracks: int) -> Squash:
        """From a published table of tracks.

        Raises
        ------
        ConfigError
            If the table lacks a column, or a value is none that the formula knows.
        """
        columns = read_columns(path, n_tracks, ("clip_soft", "scale", "sum_stat"))
        numbers = {name: _positive(path, name, columns[name]) for name in ("scale", "clip_soft")}
        for track, text in enumerate(columns["sum_stat"]):
            if text.removesuffix("_sqrt") not in _STATISTICS:
                raise ConfigError(
                    f"{path}: sum_stat = {text!r} of track {track} cannot be undone; "
                    f"{', '.join(_STATISTICS)} are known, and the same with _sqrt"
                )
        power = np.array([text.endswith("_sqrt") for text in columns["sum_stat"]])
        return cls(**numbers, power=power)

    def identity(self) -> dict[str, str]:
        """The formula's name, and a digest of its values."""
        values = [self.scale.tolist(), self.clip_soft.tolist(), self.power.tolist()]
        return {
            "formula": "borzoi: scale, soft clip, power 3/4",
            "values": hashlib.sha256(json.dumps(values).encode()).hexdigest(),
        }

    def undone(self, output: Any, tracks: tuple[int, ...] | None) -> Any:
        """The coverage of a network's output, a tensor (B, bins, tracks).

        Parameters
        ----------
        output : Tensor
        tracks : tuple of int, optional
            Indices of its tracks; all unless given.
        """
        import torch

        chosen = slice(None) if tracks is None else list(tracks)
        scale, clip_soft, power = (
            torch.from_numpy(values[chosen]).to(output.device)
            for values in (self.scale, self.clip_soft, self.power)
        )
        value = output / scale
        value = torch.where(value > clip_soft, (value - clip_soft) ** 2 + clip_soft, value)
        return torch.where(power, value ** (4 / 3), value)


def _positive(path: Path, name: str, texts: list[str]) -> NDArray[np.float32]:
    values = []
    for track, text in enumerate(texts):
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < float("inf"):
            raise ConfigError(f"{path}: {name} = {text!r} of track {track} is no positive number")
        values.append(value)
    return np.array(values, dtype=np.float32)
