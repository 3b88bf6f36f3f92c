"""Attention with relative positions, as the Enformer and Borzoi families have it, in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

# Queries are taken in blocks: it bounds the memory (a full matrix of logits takes gigabytes in
# large models), a block needs fewer relative positions than all queries together, and its logits
# stay in a processor's cache.
QUERY_BLOCK = 256


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


def attended(attend: Any, x: Tensor, relative: Tensor, first: int, last: int) -> Tensor:
    """The attention layer of enformer-pytorch, or of borzoi-pytorch, for some positions.

    Parameters
    ----------
    attend : Module
        The library's.
    x : Tensor
        ``(batch, length, channels)``.
    relative : Tensor
        Keys of the relative positions, ``(2 * length - 1, heads * key size)``.
    first, last : int
        Positions `first` to before `last`.
    """
    h = attend.heads
    biases = (attend.rel_content_bias, attend.rel_pos_bias)
    queries = heads_of(attend.to_q(x[:, first:last]), h) * attend.scale
    shaped = relative.view(len(relative), h, -1).permute(1, 2, 0)
    if 2 * h * (last - first) < len(attend.to_k.weight) + len(attend.to_v.weight):
        weights = (attend.to_k.weight, attend.to_v.weight)
        return attend.to_out(_of_few(queries, x, *weights, shaped, *biases, first))
    keys = heads_of(attend.to_k(x), h).transpose(2, 3)
    values = heads_of(attend.to_v(x), h)
    return attend.to_out(relative_attention(queries, keys, values, shaped, *biases, first))


def _of_few(
    queries: Tensor,
    x: Tensor,
    key_weight: Tensor,
    value_weight: Tensor,
    relative_keys: Tensor,
    content_bias: Tensor,
    position_bias: Tensor,
    first: int,
) -> Tensor:
    """As `relative_attention`, without the keys and values of all positions.

    A few queries go through the keys' weights instead, ``q (W x) = (q W) x``, and what they gather
    of x through the values'.
    """
    import torch

    batch, h, number, _ = queries.shape
    length = x.shape[1]
    positions = relative_keys[:, :, length - first - number : 2 * length - 1 - first]
    relative = torch.matmul(queries + position_bias, positions)
    content = torch.matmul(queries + content_bias, key_weight.unflatten(0, (h, -1)))
    logits = torch.matmul(content.flatten(1, 2), x.transpose(1, 2)).unflatten(1, (h, number))
    shares = torch.softmax(logits + relative_shift(relative), dim=-1)
    gathered = torch.matmul(shares.flatten(1, 2), x).unflatten(1, (h, number))
    values = torch.matmul(gathered, value_weight.unflatten(0, (h, -1)).transpose(1, 2))
    return values.transpose(1, 2).reshape(batch, number, -1)


def transformed(
    layers: Iterable[Any],
    x: Tensor,
    first: int,
    last: int,
    attention: Callable[[Any, Tensor, int, int], Tensor],
) -> Tensor:
    """Positions `first` to before `last` of these libraries' transformer layers applied to x.

    Earlier layers need all positions; the last one computes those alone.

    Parameters
    ----------
    layers : iterable of Module
        Each an attention and a feed-forward part, with what is added to their input.
    x : Tensor
        ``(batch, length, channels)``.
    first, last : int
    attention : callable
        A layer's attention module, its input, and two positions, to `attended`.
    """
    layers = list(layers)
    for place, (attends, feed_forward) in enumerate(layers, start=1):
        span = (first, last) if place == len(layers) else (0, x.shape[1])
        norm, attend, _ = attends.fn
        x = feed_forward(x[:, slice(*span)] + attention(attend, norm(x), *span))
    return x if layers else x[:, first:last]
