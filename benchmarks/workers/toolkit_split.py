"""Windows on local architectures: the time of a mutant as a share of a full forward pass."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

import numpy as np
import torch
from common import Took, main, timed

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

import creme
from creme.inference.windowed import Windowed
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.model import Selection
from creme.sequence import Edit, Mutant, Sequence
from split_architectures import BPNetLike, SpliceAILike, random_codes

MODELS = {"bpnet": BPNetLike, "spliceai": SpliceAILike}


def architecture(name, length, channels, tile, mutants, repeats):
    """Mutants of one tile each, by windows and in full, in turn.

    ``over_bound`` is the share of a full forward pass's time that windows take, over the share of
    the bases that go through the trunk.
    """
    model = MODELS[name](length=length, channels=channels, device="cpu")
    base = Sequence(random_codes(length))
    # Some within reach of each tile.
    selection = Selection(tuple(range(0, model.n_bins, model.n_bins // 200)), (0, 1))
    starts = np.linspace(length // 4, 3 * length // 4, mutants).astype(int)
    edited = []
    for start in starts:
        shuffled = dinucleotide_shuffles(base.codes[start : start + tile], [int(start)])
        edited.append(Mutant(base, [Edit(int(start), shuffled[0])]))

    def in_full(mutant):
        return model.predict_selected(mutant.sequence.onehot(model.n_value)[None], selection)

    def run():
        seconds = {"windows": [], "full": []}
        computed, apart, effect = 0, 0.0, 0.0
        wild = in_full(base)
        for _ in range(repeats):
            windowed = Windowed(model, selection)
            # The checks of a process, and the features to start from.
            windowed.predict([base, Mutant(base, [Edit(length // 5, random_codes(tile, 1))])])
            for mutant in edited:
                before = windowed.computed
                values, by_windows = timed(windowed.predict, [mutant])
                computed += windowed.computed - before
                full, fully = timed(in_full, mutant)
                seconds["windows"].append(by_windows)
                seconds["full"].append(fully)
                largest = np.abs(full).max()
                apart = max(apart, float(np.abs(values - full).max() / largest))
                effect = max(effect, float(np.abs(full - wild).max() / largest))
        times = Took(**{f"{name}: {way}": median(taken) for way, taken in seconds.items()})
        share = computed / (mutants * repeats * length)
        ratio = times[f"{name}: windows"] / times[f"{name}: full"]
        times.facts = {
            f"{name} apart": apart,
            f"{name} effect": effect,
            f"{name} share": share,
            f"{name} design": min(1.0, (tile + 4 * model.radius) / length),
            f"{name} over": ratio / share,
        }
        return times

    return run


if __name__ == "__main__":
    main(
        {"architecture": architecture},
        {"creme-toolkit": creme.__version__, "torch": torch.__version__},
    )
