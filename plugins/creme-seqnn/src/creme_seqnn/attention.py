"""Self-attention with relative positions, as Enformer and Borzoi have it."""

from __future__ import annotations

import numpy as np
from creme.adapters import heads_of, relative_attention
from torch import Tensor, nn

from creme_seqnn.layers import Linear, tensor


def positional_features(length: int, features: int, scale: int) -> np.ndarray:
    """Features of the relative positions ``-(length - 1) ... length - 1``.

    Half of them are one within a width of position zero and zero outside, for widths in a
    geometric series up to `scale`; the others are the same times the sign of the position.

    Returns
    -------
    ndarray
        ``(2 * length - 1, features)``, float32.
    """
    half = features // 2
    # In float32 as the models were trained, since the comparison below is a sharp one.
    rate = np.exp(np.log(scale + 1) / half).astype(np.float32)
    widths = np.power(rate, np.arange(1, half + 1, dtype=np.float32)) - np.float32(1)
    positions = np.arange(-length + 1, length, dtype=np.float32)
    inside = (widths > np.abs(positions)[:, None]).astype(np.float32)
    return np.concatenate([inside, np.sign(positions)[:, None] * inside], axis=1)


class RelativeAttention(nn.Module):
    """Multi-head self-attention whose logits depend on content and on relative position.

    Parameters
    ----------
    query, key, value : ndarray
        Kernels without bias, ``(channels, heads * size)``.
    relative_key : ndarray
        Kernel of the positional features, ``(features, heads * key size)``.
    content_bias, position_bias : ndarray
        Added to the queries, ``(1, heads, 1, key size)``.
    output_kernel, output_bias : ndarray
        The linear map of the concatenated heads.
    features : ndarray
        `positional_features` for the length of the input.
    """

    relative_keys: Tensor
    content_bias: Tensor
    position_bias: Tensor

    def __init__(
        self,
        query: np.ndarray,
        key: np.ndarray,
        value: np.ndarray,
        relative_key: np.ndarray,
        content_bias: np.ndarray,
        position_bias: np.ndarray,
        output_kernel: np.ndarray,
        output_bias: np.ndarray,
        features: np.ndarray,
    ) -> None:
        super().__init__()
        _, self.heads, _, key_size = content_bias.shape
        self.query = Linear(query * key_size**-0.5, None)
        self.key = Linear(key, None)
        self.value = Linear(value, None)
        self.output = Linear(output_kernel, output_bias)
        self.register_buffer("content_bias", tensor(content_bias))
        self.register_buffer("position_bias", tensor(position_bias))
        relative_keys = (features @ relative_key).reshape(len(features), self.heads, key_size)
        self.register_buffer("relative_keys", tensor(relative_keys.transpose(1, 2, 0)))

    def forward(self, x: Tensor, first: int = 0, last: int | None = None) -> Tensor:
        """Attention of the positions from `first` to before `last` to all."""
        queries = heads_of(self.query(x[:, first:last]), self.heads)
        keys = heads_of(self.key(x), self.heads).transpose(2, 3)
        values = heads_of(self.value(x), self.heads)
        biases = (self.content_bias, self.position_bias)
        return self.output(
            relative_attention(queries, keys, values, self.relative_keys, *biases, first)
        )
