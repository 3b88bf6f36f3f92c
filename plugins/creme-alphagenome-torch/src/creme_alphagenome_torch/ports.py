"""The two networks that go by the name alphagenome-pytorch, by their parts.

Versions 0.2 and 0.3 are different packages of different authors: the same architecture, with other
modules and other names of weights. All sequences of features are (B, channels, positions) here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

LEVELS = 7
"""Of the U-Net: positions of 1, 2, ... 64 bp, and the transformer's of 128 bp."""

SPLICING = {"splice_sites": "classification", "splice_site_usage": "usage"}


class Port(ABC):
    """A loaded network, for one organism.

    Parameters
    ----------
    network : torch.nn.Module
    organism : int
        0 is human, 1 mouse.
    """

    def __init__(self, network: Any, organism: int) -> None:
        self.network = network
        self.organism = organism

    def index(self, batch: Tensor) -> Tensor:
        """The organism of each sequence."""
        return torch.full((len(batch),), self.organism, dtype=torch.long, device=batch.device)

    @abstractmethod
    def whole(self, batch: Tensor, output: str, resolution: int) -> Tensor:
        """One-hot (B, bp, 4) to (B, bins, columns), as the library computes it, unscaled."""

    @abstractmethod
    def down(self, x: Tensor, level: int) -> tuple[Tensor, Tensor]:
        """One level down: what goes on at half the positions, and what the way up takes."""

    @abstractmethod
    def tower(self, x: Tensor) -> Tensor:
        """The transformer, with the organism's embedding."""

    @abstractmethod
    def up(self, x: Tensor, level: int, skip: Tensor) -> Tensor:
        """One level up, to the positions of `level`."""

    @abstractmethod
    def coarse(self, x: Tensor) -> Tensor:
        """The input of heads at 128 bp."""

    @abstractmethod
    def fine(self, x: Tensor, coarse: Tensor) -> Tensor:
        """The input of heads at 1 bp; `coarse` is that of the same bases."""

    @abstractmethod
    def head(self, x: Tensor, output: str, resolution: int, columns: list[int]) -> Tensor:
        """(B, bins, len(columns)), unscaled."""

    @abstractmethod
    def means(self, output: str) -> Tensor | None:
        """The scale of each column, where the weights have them."""


class Port2(Port):
    """Version 0.2."""

    def whole(self, batch: Tensor, output: str, resolution: int) -> Tensor:
        codes = torch.where(batch.sum(dim=2) > 0, batch.argmax(dim=2), -1)
        name, organism = self._named(output), ("human", "mouse")[self.organism]
        outputs = self.network.inference(codes, self.organism, requested_heads={name})
        values = outputs[organism][name]
        if output in SPLICING:
            return values.softmax(dim=2) if output == "splice_sites" else values
        return values[f"scaled_predictions_{resolution}bp"]

    @staticmethod
    def _named(output: str) -> str:
        return f"splice_sites_{SPLICING[output]}" if output in SPLICING else output

    @property
    def _unet(self) -> Any:
        return self.network.transformer_unet

    def down(self, x: Tensor, level: int) -> tuple[Tensor, Tensor]:
        if level:
            return self._unet.downs[level - 1](x, return_pre_pool=True)
        embed = self._unet.dna_embed
        x = embed.conv(x)
        x = x + embed.pointwise(x)
        return embed.pool(x), x

    def tower(self, x: Tensor) -> Tensor:
        embedded = self.network.organism_embed(self.index(x))[:, None]
        return self._unet.transformer(x.transpose(1, 2) + embedded)[0].transpose(1, 2)

    def up(self, x: Tensor, level: int, skip: Tensor) -> Tensor:
        return self._unet.ups[LEVELS - 1 - level](x, skip=skip)

    def coarse(self, x: Tensor) -> Tensor:
        return self.network.outembed_128bp(x.transpose(1, 2), self.index(x)).transpose(1, 2)

    def fine(self, x: Tensor, coarse: Tensor) -> Tensor:
        x, coarse = x.transpose(1, 2), coarse.transpose(1, 2)
        return self.network.outembed_1bp(x, self.index(x), coarse).transpose(1, 2)

    def head(self, x: Tensor, output: str, resolution: int, columns: list[int]) -> Tensor:
        x = x.transpose(1, 2)
        head = self.network.heads[("human", "mouse")[self.organism]][self._named(output)]
        if output == "splice_sites":
            return head.linear(x).softmax(dim=2)[..., columns]
        if output in SPLICING:
            return F.linear(x, head.linear.weight[columns], head.linear.bias[columns]).sigmoid()
        part = head.resolutions[f"resolution_{resolution}"]
        values = F.linear(x, part.to_pred.weight[columns], part.to_pred.bias[columns])
        return F.softplus(values) * F.softplus(part.scale[columns])

    def means(self, output: str) -> Tensor | None:
        return None


class Port3(Port):
    """Version 0.3."""

    def whole(self, batch: Tensor, output: str, resolution: int) -> Tensor:
        outputs = self.network(
            batch,
            self.index(batch),
            heads=(output,),
            resolutions=(resolution,),
            return_scaled_predictions=True,
        )[output]
        if output in SPLICING:
            return outputs["probs" if output == "splice_sites" else "predictions"]
        return outputs[resolution]

    def down(self, x: Tensor, level: int) -> tuple[Tensor, Tensor]:
        encoder = self.network.encoder
        x = encoder.down_blocks[level - 1](x) if level else encoder.dna_embedder(x)
        return encoder.pool(x), x

    def tower(self, x: Tensor) -> Tensor:
        embedded = self.network.organism_embed(self.index(x))[:, None]
        compute = self.network.dtype_policy.compute_dtype
        return self.network.tower(x.transpose(1, 2) + embedded, compute_dtype=compute)[0].transpose(
            1, 2
        )

    def up(self, x: Tensor, level: int, skip: Tensor) -> Tensor:
        return self.network.decoder.up_blocks[LEVELS - 1 - level](x, skip)

    def coarse(self, x: Tensor) -> Tensor:
        return self.network.embedder_128bp(x, self.index(x))

    def fine(self, x: Tensor, coarse: Tensor) -> Tensor:
        return self.network.embedder_1bp(x, self.index(x), skip_x=coarse)

    def head(self, x: Tensor, output: str, resolution: int, columns: list[int]) -> Tensor:
        if output in SPLICING:
            head = getattr(self.network, f"splice_sites_{SPLICING[output]}_head")
            values = head.conv(x, self.index(x)).transpose(1, 2)
            values = values.softmax(dim=2) if output == "splice_sites" else values.sigmoid()
            return values[..., columns]
        head = self.network.heads[output]
        part, scale = head.convs[str(resolution)], head.residual_scales[str(resolution)]
        values = F.linear(
            x.transpose(1, 2),
            part.weight[self.organism, columns],
            part.bias[self.organism, columns],
        )
        return F.softplus(values) * F.softplus(scale[self.organism, columns])

    def means(self, output: str) -> Tensor | None:
        return None if output in SPLICING else self.network.heads[output].track_means[self.organism]


def encode(port: Port, batch: Tensor, resolution: int) -> tuple[Tensor, ...]:
    """One-hot windows (B, w, 4) to features, each (B, positions, channels).

    Those at 128 bp; for outputs of 1 bp first those of the way up, at 1, 2, ... 64 bp.
    """
    x, skips = batch.transpose(1, 2), []
    for level in range(LEVELS):
        x, skip = port.down(x, level)
        skips.append(skip)
    parts = [*skips, x] if resolution == 1 else [x]
    return tuple(part.transpose(1, 2).contiguous() for part in parts)


def decode(port: Port, features: tuple[Tensor, ...], resolution: int, bins: list[int]) -> Tensor:
    """From what `encode` gives to what the head takes of some bins, (B, channels, len(bins)).

    On the way up only positions that the bins depend on are computed.
    """
    *skips, x = (part.transpose(1, 2) for part in features)
    x = port.tower(x)
    if resolution == 128:
        return port.coarse(x[:, :, bins])
    # Of whole positions of the transformer, whose embedding is added.
    low, high = bins[0] // 128, bins[-1] // 128 + 1
    spans = [(low * 128, high * 128)]
    for level in range(LEVELS):
        spans.append(_below(spans[-1], skips[level].shape[2]))
    coarse = port.coarse(x[:, :, low:high])
    x = x[:, :, slice(*spans[LEVELS])]
    for level in reversed(range(LEVELS)):
        start, end = (2 * place for place in spans[level + 1])
        x = port.up(x, level, skips[level][:, :, start:end])
        first, last = spans[level]
        x = x[:, :, first - start : last - start]
    fine = port.fine(x, coarse)
    return fine[:, :, [place - spans[0][0] for place in bins]]


def _below(span: tuple[int, int], n: int) -> tuple[int, int]:
    """The positions of twice the length that those of a span depend on.

    A level up has a kernel of 5 at either of the two lengths: 2 positions, and 4 of the finer ones.
    """
    return max(0, (span[0] - 6) // 2), min(n // 2, -(-(span[1] + 6) // 2))
