"""The jobs that tangermeme can do, with its packed sequences throughout.

It has no sufficiency and no distance test; these are put together from its shuffle, its
substitution and its prediction. Sufficiency comes twice: with a background for each tile and
replicate, as the reference package has it, and with backgrounds that all tiles share, as ours.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import torch
from common import codes, main, tiles
from tangermeme.ablate import ablate
from tangermeme.ersatz import dinucleotide_shuffle, substitute
from tangermeme.predict import predict
from tangermeme.utils import PackedSequence


def onehot(length):
    return torch.from_numpy(np.eye(4, dtype=np.int8)[codes(length)].T.copy())[None]


class Cheap(torch.nn.Module):
    """`common.activity` in PyTorch."""

    def __init__(self):
        super().__init__()
        self.passes = 0

    def forward(self, x):
        self.passes += len(x)
        part = x[:, :, ::512].float()
        weights = torch.tensor([1.0, 2.0, 3.0, 5.0])[None, :, None]
        return (part * weights).sum(dim=(1, 2))[:, None] / part.shape[2]


def shuffle(length, n):
    x = PackedSequence.from_one_hot(onehot(length))
    seeds = iter(range(1, 10**9))

    def run():
        dinucleotide_shuffle(x, n=n, random_state=next(seeds))

    return run


def necessity(length, tile, replicates):
    x, (_, others) = PackedSequence.from_one_hot(onehot(length)), tiles(length, tile)

    def run():
        model = Cheap()
        for start, end in others:
            ablate(
                model,
                x,
                start,
                end,
                n=replicates,
                shuffle_fn=dinucleotide_shuffle,
                random_state=0,
                device="cpu",
            )
        return {"predictions": model.passes}

    return run


def measured_controls(model, packed, x, tss, replicates, seed):
    """The TSS tile in random context, predicted."""
    shuffled = dinucleotide_shuffle(packed, n=replicates, random_state=seed).reshape(-1)
    controls = substitute(shuffled, x[:, :, slice(*tss)], start=tss[0])
    predict(model, controls, device="cpu")
    return controls


def placed(places):
    """A job that predicts tiles in random context; `places` gives the tiles and their starts."""

    def job(length, tile, replicates):
        x = onehot(length)
        packed, (tss, others) = PackedSequence.from_one_hot(x), tiles(length, tile)

        def run():
            model = Cheap()
            predict(model, packed, device="cpu")
            controls = measured_controls(model, packed, x, tss, replicates, seed=0)
            for (start, end), at in places(others):
                mutants = substitute(controls, x[:, :, start:end], start=at)
                predict(model, mutants, device="cpu")
            return {"predictions": model.passes}

        return run

    return job


def each_its_own(length, tile, replicates):
    """Sufficiency with a background for each tile and replicate, and its control."""
    x = onehot(length)
    packed, (tss, others) = PackedSequence.from_one_hot(x), tiles(length, tile)

    def run():
        model = Cheap()
        predict(model, packed, device="cpu")
        for seed, (start, end) in enumerate(others):
            controls = measured_controls(model, packed, x, tss, replicates, seed)
            predict(model, substitute(controls, x[:, :, start:end], start=start), device="cpu")
        return {"predictions": model.passes}

    return run


JOBS = {
    "shuffle": shuffle,
    "necessity": necessity,
    "sufficiency": each_its_own,
    "sufficiency_shared": placed(lambda others: [(tile, tile[0]) for tile in others]),
    "distance": placed(lambda others: [(others[1], start) for start, _ in others]),
}


def warm_up():
    dinucleotide_shuffle(PackedSequence.from_one_hot(onehot(1000)), n=2, random_state=0)
    for job in ("necessity", "sufficiency"):
        JOBS[job](10_240, 1000, 1)()


if __name__ == "__main__":
    main(JOBS, {"tangermeme": version("tangermeme"), "torch": torch.__version__}, warm_up)
