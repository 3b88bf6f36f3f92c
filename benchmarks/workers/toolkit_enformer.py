"""Enformer through enformer-pytorch, with random weights: a tile by windows and in full."""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
import torch
from common import Took, codes, main, tiles, timed
from enformer_pytorch import Enformer
from enformer_pytorch.modeling_enformer import Attention, AttentionPool
from torch import nn

import creme
from creme.inference.device import Device
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.model import Selection
from creme.sequence import Edit, Mutant, Sequence
from creme_enformer_torch.model import EnformerTorch

SMALL = {
    "dim": 96,
    "depth": 2,
    "heads": 2,
    "target_length": 64,
    "attn_dim_key": 16,
    "dim_divisible_by": 16,
    "output_heads": {"human": 5, "mouse": 3},
}


def randomised(network):
    """Random weights through which a tile can be felt.

    As built, the attention adds nothing, pooling takes the mean of its logits, and batch norms do
    nothing; uniform attention over all positions would make any tile's effect rounding.
    """
    network.eval()
    with torch.inference_mode():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d):
                nn.init.normal_(module.running_mean, std=0.2)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
                nn.init.uniform_(module.weight, 0.8, 1.6)
                nn.init.normal_(module.bias, std=0.2)
            elif isinstance(module, AttentionPool):
                weight = module.to_attn_logits.weight
                weight += 0.5 * torch.randn_like(weight) * weight.shape[1] ** -0.5
            elif isinstance(module, nn.Conv1d):
                scaled(module, 1.4)
        # As in a trained network, each part gives values of size 1, so that none drowns another.
        x = torch.eye(4)[torch.from_numpy(codes(8192)).long()].T[None]
        for stage in (network.stem, *network.conv_tower):
            first = next(m for m in stage.modules() if isinstance(m, nn.Conv1d))
            for _ in range(2):
                size = stage(x).std()
                first.weight /= size
                first.bias /= size
            x = stage(x)
        for module in network.modules():
            if isinstance(module, Attention):
                scaled(module.to_q, 1.5)
                scaled(module.to_k, 1.5)
                scaled(module.to_v, 1.0)
                scaled(module.to_out, 1.0)
        for head in network._heads.values():
            scaled(head[0], 1.0)
    return network


def scaled(layer, size):
    """Random weights that turn inputs of size 1 into outputs of this size."""
    fan = layer.weight[0].numel()
    nn.init.normal_(layer.weight, std=size * fan**-0.5)


def checkpoint(folder, small):
    """A checkpoint in the published format."""
    torch.manual_seed(1)
    network = randomised(Enformer.from_hparams(**(SMALL if small else {})))
    network.config.save_pretrained(folder)
    state = {name: values.clone() for name, values in network.state_dict().items()}
    torch.save(state, Path(folder) / "pytorch_model.bin")


def tile_by_windows(length, tile, repeats, small):
    """Two bins of a few tracks for mutants of one tile, in turn by windows and in full."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint(folder, small)
        model = EnformerTorch(
            weights=folder, length=length, tf_gamma=length == 196_608, device="cpu"
        )
        _ = model.network  # loaded before the folder goes
        base = Sequence(codes(length))
        tss = model.tss_bin()
        n = len(model.tracks)
        selection = Selection((tss - 1, tss), tuple(range(0, n, -(-n // 8))))
    around = tiles(length, tile)[1]
    start, end = around[len(around) // 2]  # the one after the TSS tile
    shuffled = dinucleotide_shuffles(base.codes[start:end], range(1, repeats + 2))
    mutants = [Mutant(base, [Edit(start, each)]) for each in shuffled]

    def in_full(sequence):
        onehot = sequence.sequence.onehot(model.n_value)[None]
        return model.predict_selected(onehot, selection)

    def run():
        device = Device(model, selection)
        _, first = timed(device.predict, [base])
        device.predict(mutants[:1])  # with the checks of a process
        seconds = {"windows": [], "full": []}
        apart, effect = 0.0, 0.0
        wild = device.predict([base])
        for mutant in mutants[1:]:
            windowed_values, by_windows = timed(device.predict, [mutant])
            full, fully = timed(in_full, mutant)
            seconds["windows"].append(by_windows)
            seconds["full"].append(fully)
            apart = max(apart, float(np.abs(windowed_values - full).max() / np.abs(full).max()))
            effect = max(effect, float(np.abs((full - wild) / wild).max()))
        return Took(
            {"apart": apart, "effect": effect, "first_s": first},
            **{way: median(taken) for way, taken in seconds.items()},
        )

    return run


if __name__ == "__main__":
    names = ("enformer-pytorch", "creme-enformer-torch", "torch")
    main(
        {"tile": tile_by_windows},
        {"creme-toolkit": creme.__version__, **{name: version(name) for name in names}},
    )
