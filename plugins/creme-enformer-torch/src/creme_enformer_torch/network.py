"""enformer-pytorch's network in two parts, the second for some bins and tracks only.

The library's own modules and weights; another order of the same calculations.
"""

from __future__ import annotations

from typing import Any

import torch
from creme import Selection
from creme.adapters import attended, transformed
from enformer_pytorch.modeling_enformer import AttentionPool, get_positional_embed
from torch import Tensor
from torch.nn import functional as F


def encode(network: Any, batch: Tensor) -> Tensor:
    """Stem and convolutions: one-hot (B, bp, 4) to features (B, positions, channels)."""
    x = batch.transpose(1, 2)
    for stage in (network.stem, *network.conv_tower):
        for layer in stage:
            x = _pooled(layer, x) if isinstance(layer, AttentionPool) else layer(x)
    return x.transpose(1, 2).contiguous()


def _pooled(pool: AttentionPool, x: Tensor) -> Tensor:
    """The library's attention pooling.

    A softmax over two is a sigmoid of their difference, and logits without a bias are linear: so
    half of the convolution will do.
    """
    if pool.pool_size != 2 or x.shape[2] % 2:
        return pool(x)
    odd = x[:, :, 1::2]
    apart = x[:, :, ::2] - odd
    return odd + torch.sigmoid(F.conv1d(apart, pool.to_attn_logits.weight[..., 0])) * apart


def decode(network: Any, features: Tensor, head: str, selection: Selection) -> Tensor:
    """From the convolutions' output, (B, positions, channels), to (B, bins, tracks)."""
    crop = (features.shape[1] - _target_length(network, features)) // 2
    first, last = selection.bins[0] + crop, selection.bins[-1] + crop + 1
    x = transformed(network.transformer, features, first, last, _attended)
    x = x[:, [index - selection.bins[0] for index in selection.bins]]
    x = network.final_pointwise(x)
    dense, activation = network.heads[head]
    tracks = list(selection.tracks)
    return activation(F.linear(x, dense.weight[tracks], dense.bias[tracks]))


def _target_length(network: Any, features: Tensor) -> int:
    length = network.crop_final.target_length
    return features.shape[1] if length == -1 else length


def _attended(attend: Any, x: Tensor, first: int, last: int) -> Tensor:
    """The library's attention for positions `first` to before `last`."""
    return attended(attend, x, _relative_keys(attend, x.shape[1], x.device), first, last)


def _relative_keys(attend: Any, length: int, device: torch.device) -> Tensor:
    """(2 * length - 1, heads * key size); computed once for a layer."""
    made = (length, device, torch.is_autocast_enabled(device.type))
    cached = attend.__dict__.get("_creme_relative_keys")
    if cached is None or cached[0] != made:
        positions = get_positional_embed(
            length,
            attend.num_rel_pos_features,
            device,
            use_tf_gamma=attend.use_tf_gamma,
            dtype=attend.to_rel_k.weight.dtype,
        )
        cached = (made, attend.to_rel_k(positions))
        attend.__dict__["_creme_relative_keys"] = cached
    return cached[1]
