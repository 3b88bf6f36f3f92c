"""The network in NumPy: float32, one sequence at a time, its matrix products by BLAS."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from creme.errors import ModelError
from numpy.typing import NDArray

Array = NDArray[np.float32]

BIN = 128
"""bp to a token."""
RADIUS = 142
"""bp on either side of a token's own that it depends on: 128 by convolutions, 14 by filters."""
_KERNEL = 15
_POOL = 8
_CONVOLVED = 32
_PIECE = 4096
_REACHES = (1000.0, 2500.0, 4500.0, 7000.0, 11_000.0, 20_000.0)
_SCALE = 0.1
_LARGEST = 5.0


class MiniNetwork:
    """The weights, and what they compute.

    Parameters
    ----------
    weights : dict of str to array of float32
        By the names that they have in training.

    Raises
    ------
    ModelError
        If one is missing, or has another shape than the others ask for.
    """

    def __init__(self, weights: dict[str, Array]) -> None:
        self._weights = weights
        try:
            self._prepare()
        except (KeyError, ValueError) as error:
            raise ModelError(f"the weights are not those of this network: {error}") from None

    def _prepare(self) -> None:
        weights = self._weights
        filters = weights["stem.weight"]
        centred = filters - filters.mean(axis=1, keepdims=True)
        norms = np.sqrt((centred**2).sum(axis=(1, 2), keepdims=True))
        kernel = (2 * centred / np.maximum(norms, 1e-12)).astype(np.float32)
        both = np.concatenate([kernel, kernel[:, ::-1, ::-1]])
        self._filters = len(filters)
        # (15 * 4, 2 * filters): rows in the order of the bases of a one-hot window.
        self._kernel = np.ascontiguousarray(both.transpose(2, 1, 0).reshape(_KERNEL * 4, -1))
        self._convolutions = [
            (
                np.ascontiguousarray(kernel.transpose(2, 1, 0).reshape(-1, len(kernel))),
                weights[f"{name}.bias"],
                kernel.shape[2],
            )
            for name in ("tower.first", "tower.second", "heads.open")
            for kernel in [weights[f"{name}.weight"]]
        ]
        self._linear = {
            name.removesuffix(".weight"): (
                np.ascontiguousarray(weight.T),
                weights[name.removesuffix("weight") + "bias"],
            )
            for name, weight in weights.items()
            if weight.ndim == 2
        }
        self._layers = sum(name.endswith("attention.values.weight") for name in weights)
        spread = np.exp(weights["heads.spread"])
        self._spread = (spread / spread.sum()).astype(np.float32)
        self._floor = np.exp(weights["heads.floor"])

    def tokens(self, onehot: Array) -> Array:
        """The local part of the network.

        Parameters
        ----------
        onehot : array of float32, (length, 4)
            Its length is a multiple of 128; an N is the same value in all four.

        Returns
        -------
        array of float32, (length / 128, width)
        """
        pooled = _mean(self._stem(onehot), _CONVOLVED // _POOL)
        first, second, _ = self._convolutions
        x = _gelu(_convolved(pooled, *first))
        x += _gelu(_convolved(x, *second))
        per_bin = BIN // _CONVOLVED
        sums = self._apply("tower.sums", _mean(pooled, per_bin) * np.float32(per_bin))
        return sums + self._apply("tower.mixed", _mean(x, per_bin) * np.float32(per_bin))

    def bins(self, tokens: Array) -> Array:
        """All bins from all tokens, (length / 128, cell types + 1) float32."""
        x = tokens
        for number in range(self._layers):
            x = x + self._attention(f"layers.{number}.attention", x)
            x = x + self._feed_forward(f"layers.{number}.forward_layer", x)
        logs = self._apply("heads.activity", x)
        beyond = np.maximum(logs - np.float32(_LARGEST), 0)
        activity = np.exp(logs - beyond) * (1 + beyond)
        around = np.pad(activity, ((1, 1), (0, 0)))
        before, here, after = self._spread
        coverage = before * around[:-2] + here * around[1:-1] + after * around[2:] + self._floor
        opened = -np.expm1(-_softplus(_convolved(tokens, *self._convolutions[2])))
        return np.concatenate([coverage, opened], axis=1)

    def _stem(self, onehot: Array) -> Array:
        """The best score of either strand at 8 positions, (length / 8, filters)."""
        length, half, beside = len(onehot), self._filters, _KERNEL - 1
        padded = np.zeros((length + 2 * beside, 4), dtype=np.float32)
        padded[beside : beside + length] = onehot
        windows = np.lib.stride_tricks.sliding_window_view(padded.reshape(-1), _KERNEL * 4)[::4]
        out = np.empty((length // _POOL, half), dtype=np.float32)
        for start in range(0, length, _PIECE):
            end = min(start + _PIECE, length)
            scores = np.ascontiguousarray(windows[start : end + beside]) @ self._kernel
            best = np.maximum(scores[beside:, :half], scores[: end - start, half:])
            np.max(best.reshape(-1, _POOL, half), axis=1, out=out[start // _POOL : end // _POOL])
        out -= self._weights["stem.threshold"]
        out *= self._weights["stem.gain"]
        return _softplus(out)

    def _apply(self, name: str, x: Array) -> Array:
        weight, bias = self._linear[name]
        out: Array = x @ weight
        out += bias
        return out

    def _attention(self, name: str, x: Array) -> Array:
        values = self._apply(f"{name}.values", x) * _sigmoid(self._apply(f"{name}.keys", x))
        raised = _softplus(self._apply(f"{name}.barrier", x))[:, 0]
        height = np.cumsum(raised, dtype=np.float32) - raised / 2
        through = np.exp(-np.abs(height[:, None] - height))
        wide = values.shape[1] // len(_REACHES)
        sums = np.empty_like(values)
        for head, decay in enumerate(_decays(len(x))):
            part = slice(head * wide, (head + 1) * wide)
            sums[:, part] = (through * decay) @ values[:, part]
        return self._apply(f"{name}.out", sums * _sigmoid(self._apply(f"{name}.queries", x)))

    def _feed_forward(self, name: str, x: Array) -> Array:
        hidden = self._apply(f"{name}.up", x)
        half = hidden.shape[1] // 2
        hidden[:, :half] = _gelu(hidden[:, :half])
        hidden[:, half:] = np.log(np.float32(0.1) + _softplus(hidden[:, half:]))
        return self._apply(f"{name}.down", hidden)


@cache
def _decays(tokens: int) -> Array:
    """The heads' weights by distance, (heads, tokens, tokens)."""
    place = np.arange(tokens) * BIN
    apart = np.abs(place[:, None] - place)
    decays = [_SCALE * np.exp(-apart / reach) for reach in _REACHES]
    return np.asarray(decays, dtype=np.float32)


def _mean(x: Array, number: int) -> Array:
    """Of each `number` rows."""
    return x.reshape(-1, number, x.shape[1]).mean(axis=1, dtype=np.float32)


def _convolved(x: Array, kernel: Array, bias: Array, width: int) -> Array:
    """A convolution over rows, as many as before; nothing stands beyond the ends."""
    padded = np.pad(x, ((width // 2, width // 2), (0, 0)))
    rows = np.concatenate([padded[k : k + len(x)] for k in range(width)], axis=1)
    out: Array = rows @ kernel
    out += bias
    return out


def _gelu(x: Array) -> Array:
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
    return np.float32(0.5) * x * (1 + np.tanh(inner))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _sigmoid(x: Array) -> Array:
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * x))


@cache
def read(path: Path) -> MiniNetwork:
    """A network from a file of safetensors, once in a process.

    Raises
    ------
    ModelError
        If the file cannot be read, or holds something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        weights: dict[str, Any] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: the weights cannot be read ({error})") from None
    return MiniNetwork(weights)
