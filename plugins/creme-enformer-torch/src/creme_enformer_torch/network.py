"""What follows the convolutions of enformer-pytorch's network, for some bins and tracks only.

The library's own modules and weights; another order of the same calculations.
"""

from __future__ import annotations

from typing import Any

import torch
from creme.model import Selection
from creme.models.relative_attention import heads_of, relative_attention
from enformer_pytorch.modeling_enformer import get_positional_embed
from torch import Tensor
from torch.nn import functional as F


def decode(network: Any, features: Tensor, head: str, selection: Selection) -> Tensor:
    """From the convolutions' output, (B, positions, channels), to (B, bins, tracks).

    Earlier layers need all positions; the last one is asked for those of the chosen bins alone.
    """
    crop = (features.shape[1] - _target_length(network, features)) // 2
    first, last = selection.bins[0] + crop, selection.bins[-1] + crop + 1
    x = features
    for place, (attention, feed_forward) in enumerate(network.transformer):
        span = (first, last) if place == len(network.transformer) - 1 else (0, x.shape[1])
        norm, attend, _ = attention.fn
        x = x[:, slice(*span)] + _attended(attend, norm(x), *span)
        x = feed_forward(x)
    if not len(network.transformer):
        x = x[:, first:last]
    x = x[:, [index - selection.bins[0] for index in selection.bins]]
    x = network.final_pointwise(x)
    dense, activation = network.heads[head]
    tracks = list(selection.tracks)
    return activation(F.linear(x, dense.weight[tracks], dense.bias[tracks]))


def _target_length(network: Any, features: Tensor) -> int:
    length = network.crop_final.target_length
    return features.shape[1] if length == -1 else length


def _attended(attend: Any, x: Tensor, first: int, last: int) -> Tensor:
    """What the library's attention gives for positions `first` to before `last`."""
    h = attend.heads
    queries = heads_of(attend.to_q(x[:, first:last]), h) * attend.scale
    keys = heads_of(attend.to_k(x), h).transpose(2, 3)
    values = heads_of(attend.to_v(x), h)
    biases = (attend.rel_content_bias, attend.rel_pos_bias)
    relative = _relative_keys(attend, x.shape[1], x.device)
    return attend.to_out(relative_attention(queries, keys, values, relative, *biases, first))


def _relative_keys(attend: Any, length: int, device: torch.device) -> Tensor:
    """(heads, key size, 2 * length - 1); computed once for a layer."""
    known = attend.__dict__.get("_creme_relative_keys")
    if known is None or known[0] != (length, device, torch.is_autocast_enabled(device.type)):
        positions = get_positional_embed(
            length,
            attend.num_rel_pos_features,
            device,
            use_tf_gamma=attend.use_tf_gamma,
            dtype=attend.to_rel_k.weight.dtype,
        )
        keys = attend.to_rel_k(positions)
        shaped = keys.view(len(keys), attend.heads, -1).permute(1, 2, 0).contiguous()
        known = ((length, device, torch.is_autocast_enabled(device.type)), shaped)
        attend.__dict__["_creme_relative_keys"] = known
    return known[1]
