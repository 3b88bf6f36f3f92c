"""Attention with relative positions, as the Enformer and Borzoi families have it, in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Queries are taken in blocks: it bounds the memory (a full matrix of logits takes gigabytes in
# large models), and a block needs fewer relative positions than all queries together.
QUERY_BLOCK = 512


def relative_shift(logits: Tensor) -> Tensor:
    """Logits by relative position turned into logits by key, without a copy.

    Parameters
    ----------
    logits : Tensor
        ``(batch, heads, queries, keys + queries - 1)``, contiguous: entry ``r`` of query ``i`` is
        for the key ``j = r + i - (queries - 1)``.

    Returns
    -------
    Tensor
        A view ``(batch, heads, queries, keys)``.
    """
    batch, heads, queries, width = logits.shape
    return logits.as_strided(
        (batch, heads, queries, width - queries + 1),
        (heads * queries * width, queries * width, width - 1, 1),
        logits.storage_offset() + queries - 1,
    )


def relative_attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    relative_keys: Tensor,
    content_bias: Tensor,
    position_bias: Tensor,
    first: int = 0,
) -> Tensor:
    """Attend to all positions from some of them.

    Parameters
    ----------
    queries : Tensor
        ``(batch, heads, queries, key size)``, scaled, of positions `first` and following.
    keys : Tensor
        ``(batch, heads, key size, length)``.
    values : Tensor
        ``(batch, heads, length, value size)``.
    relative_keys : Tensor
        ``(heads, key size, 2 * length - 1)``, for key minus query from ``-(length - 1)`` on.
    content_bias, position_bias : Tensor
        Added to the queries, ``(1, heads, 1, key size)``.
    first : int
        The position of the first query.

    Returns
    -------
    Tensor
        ``(batch, queries, heads * value size)``.
    """
    import torch

    batch, _, number, _ = queries.shape
    length = keys.shape[-1]
    blocks = []
    for begin in range(0, number, QUERY_BLOCK):
        block = queries[:, :, begin : begin + QUERY_BLOCK]
        start, stop = first + begin, first + begin + block.shape[2]
        # The positions that these queries see their keys at, from -(stop - 1) on.
        positions = relative_keys[:, :, length - stop : 2 * length - 1 - start]
        relative = torch.matmul(block + position_bias, positions)
        logits = torch.matmul(block + content_bias, keys)
        logits += relative_shift(relative)
        blocks.append(torch.matmul(torch.softmax(logits, dim=-1), values))
    return torch.cat(blocks, dim=2).transpose(1, 2).reshape(batch, number, -1)


def heads_of(x: Tensor, heads: int) -> Tensor:
    """``(batch, length, heads * size)`` to ``(batch, heads, length, size)``."""
    batch, length, channels = x.shape
    return x.view(batch, length, heads, channels // heads).transpose(1, 2)
