"""What of the jobs tangermeme has: shuffling, and shuffling a region before predicting."""

from __future__ import annotations

import sys
from importlib.metadata import version

import numpy as np
import torch
from common import ONCE, codes, main, tiles
from tangermeme.ablate import ablate
from tangermeme.ersatz import dinucleotide_shuffle


def onehot(length):
    return torch.from_numpy(np.eye(4, dtype=np.int8)[codes(length)].T.copy())[None]


class Cheap(torch.nn.Module):
    """`common.activity` in PyTorch."""

    def forward(self, x):
        part = x[:, :, ::512].float()
        weights = torch.tensor([1.0, 2.0, 3.0, 5.0])[None, :, None]
        return (part * weights).sum(dim=(1, 2))[:, None] / part.shape[2]


def shuffle(length, n):
    x = onehot(length)
    seeds = iter(range(1, 10**9))
    return lambda: dinucleotide_shuffle(x, n=n, random_state=next(seeds))


def necessity(length, tile, replicates):
    x, (_, others) = onehot(length).float(), tiles(length, tile)

    def run():
        for start, end in others:
            ablate(
                Cheap(),
                x,
                start,
                end,
                n=replicates,
                shuffle_fn=dinucleotide_shuffle,
                random_state=0,
                device="cpu",
            )
        return ONCE

    return run


JOBS = {"shuffle": shuffle, "necessity": necessity}

if __name__ == "__main__":
    warm_up = lambda: dinucleotide_shuffle(onehot(1000), n=2, random_state=0)  # noqa: E731
    sys.exit(main(JOBS, version("tangermeme"), warm_up))
