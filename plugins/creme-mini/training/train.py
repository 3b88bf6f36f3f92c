"""Train the network on windows that the oracle makes anew at each step.

``python plugins/creme-mini/training/train.py`` writes ``weights.safetensors`` and ``curve.csv``
into the folder that it is given. The seeds and the number of steps are fixed. With ``--steps`` it
stops early: the rows of the curve are those of the whole training.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import ctypes
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from creme.demo.oracle import Oracle
from creme.demo.rules import Grammar, grammar
from safetensors.torch import save_file
from torch import Tensor

from seeds import seed_filters
from torch_network import BIN, Network, with_crops
from windows_data import Example, counted, example

SEED = 20
GRAMMAR = "cis"
BANDS = ((0, 2000), (2000, 5000), (5000, 8000), (8000, 15_000))
EVERY = 50
_SMALL = 0.1
_RATIO_SMALL = 0.2


@dataclass(frozen=True)
class Stage:
    """Steps of one kind."""

    name: str
    steps: int
    length: int
    windows: int
    variants: int
    rate: float
    last_rate: float
    frozen: bool
    elements: tuple[int, int]


STAGES = (
    Stage("motifs", 900, 8192, 16, 2, 4e-3, 4e-3, False, (6, 12)),
    Stage("near", 700, 8192, 16, 3, 4e-3, 2e-3, False, (3, 9)),
    Stage("middle", 700, 16_384, 8, 4, 2e-3, 1.5e-3, True, (3, 9)),
    Stage("far", 2200, 32_768, 6, 5, 1.5e-3, 2e-5, True, (3, 9)),
)


def keep_memory() -> None:
    """Let the C library keep freed memory: else each large tensor pays for new pages."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(-4, 0)  # M_MMAP_MAX
        library.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def onehot(codes: list[np.ndarray]) -> Tensor:
    """(B, L) codes to (B, 4, L)."""
    indices = torch.from_numpy(np.stack(codes).astype(np.int64))
    return F.one_hot(indices, 4).to(torch.float32).transpose(1, 2).contiguous()


def local(net: Network, codes: list[np.ndarray], frozen: bool) -> Tensor:
    """Tokens of sequences of one length."""
    if frozen:
        # A few at a time, so that what the stem makes fits the caches.
        with torch.no_grad():
            few = max(1, 16_384 // len(codes[0]))
            parts = [codes[k : k + few] for k in range(0, len(codes), few)]
            pooled = torch.cat([net.pooled(onehot(part).bfloat16()) for part in parts])
    else:
        pooled = net.pooled(onehot(codes).bfloat16())
    return net.tower(pooled)


def central(bins: int) -> tuple[int, int]:
    """First and last of the bins that are predicted."""
    return bins // 8, bins - bins // 8


def summed(coverage: Tensor, at: int) -> Tensor:
    """Coverage of the cell types over the three bins of a TSS."""
    return coverage[at - 1 : at + 2, :-1].sum(0)


def losses(net: Network, batch: list[Example], frozen: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Of coverage, accessibility and log ratios."""
    tokens = local(net, [one.window.codes for one in batch], frozen)
    rows = [k for k, one in enumerate(batch) for _ in one.variants]
    crops = [variant.crop for one in batch for variant in one.variants]
    starts = [variant.crop_start for one in batch for variant in one.variants]
    changed = with_crops(tokens, local(net, crops, frozen), rows, starts)
    out = net.distal(torch.cat([tokens, changed]))
    wild, shuffled = out[: len(batch)], out[len(batch) :]
    first, last = central(wild.shape[1])
    seen = [counted(one.coverage, SEED, one.name) for one in batch]
    truth = torch.from_numpy(np.stack(seen)).float()[:, first:last]
    ours = wild[:, first:last]
    weight = 1 + 9 * (truth[..., :-1] > 0.5).float()
    off = torch.log(ours[..., :-1] + _SMALL) - torch.log(truth[..., :-1] + _SMALL)
    of_coverage = (weight * off**2).mean()
    of_open = ((ours[..., -1] - truth[..., -1]) ** 2).mean()
    predicted, expected = [], []
    row = 0
    for k, one in enumerate(batch):
        bins = one.tss_bins(first, last)
        before = torch.from_numpy(seen[k]).float()
        for variant in one.variants:
            noisy = counted(variant.coverage, SEED, f"{one.name} {variant.element}")
            after = torch.from_numpy(noisy).float()
            for at in bins:
                predicted.append(
                    torch.log(summed(shuffled[row], at) + _RATIO_SMALL)
                    - torch.log(summed(wild[k], at) + _RATIO_SMALL)
                )
                expected.append(
                    torch.log(summed(after, at) + _RATIO_SMALL)
                    - torch.log(summed(before, at) + _RATIO_SMALL)
                )
            row += 1
    if not predicted:
        return of_coverage, of_open, torch.zeros(())
    of_ratio = ((torch.stack(predicted) - torch.stack(expected)) ** 2).mean()
    return of_coverage, of_open, of_ratio


@torch.no_grad()
def validate(net: Network, examples: list[Example]) -> dict[str, float]:
    """Slopes of predicted on true log ratios by distance, and correlations, without noise."""
    distances, truths, ours = [], [], []
    tracks: list[tuple[np.ndarray, np.ndarray]] = []
    for one in examples:
        wild, shuffled = predict_example(net, one)
        middle = len(one.window.codes) // 2
        at = middle // BIN
        first, last = central(len(wild))
        tracks.append((one.coverage[first:last], wild[first:last].numpy()))
        before, ours_before = summed(torch.from_numpy(one.coverage), at), summed(wild, at)
        for k, variant in enumerate(one.variants):
            element = one.window.elements[variant.element]
            distances.append(abs((element.start + element.end) / 2 - middle))
            after = summed(torch.from_numpy(variant.coverage), at)
            truths.append(torch.log(after / before).numpy())
            ours.append(torch.log(summed(shuffled[k], at) / ours_before).numpy())
    distance, true, found = np.array(distances), np.array(truths), np.array(ours)
    out = {}
    for low, high in BANDS:
        inside = (distance >= low) & (distance < high)
        x, y = true[inside].ravel(), found[inside].ravel()
        out[f"slope_{low}_{high}"] = float((x * y).sum() / max((x * x).sum(), 1e-9))
    out["ratio_correlation"] = float(np.corrcoef(true.ravel(), found.ravel())[0, 1])
    for name, column in (("coverage", slice(0, -1)), ("open", slice(-1, None))):
        x = np.concatenate([true[:, column].ravel() for true, _ in tracks])
        y = np.concatenate([found[:, column].ravel() for _, found in tracks])
        out[f"{name}_correlation"] = float(np.corrcoef(np.log(x + 0.1), np.log(y + 0.1))[0, 1])
    return out


def predict_example(net: Network, one: Example) -> tuple[Tensor, Tensor]:
    """All bins of a window, and of each of its variants."""
    tokens = local(net, [one.window.codes], True)
    crops = local(net, [variant.crop for variant in one.variants], True)
    starts = [variant.crop_start for variant in one.variants]
    changed = with_crops(tokens, crops, [0] * len(starts), starts)
    out = net.distal(torch.cat([tokens, changed]))
    return out[0], out[1:]


def windows_for_seeds(rules: Grammar, oracle: Oracle) -> list[tuple[np.ndarray, np.ndarray]]:
    """Codes of windows, and the accessibility that was counted in each of their bins."""
    windows = [
        example(rules, oracle, 8192, SEED, f"seeds {k}", 0, elements=(6, 12)) for k in range(600)
    ]
    return [(one.window.codes, counted(one.coverage, SEED, one.name)[:, -1]) for one in windows]


def rate_at(stage: Stage, step: int) -> float:
    """The learning rate: warm at the first stage's start, then a cosine from first to last."""
    done = step / stage.steps
    rate = stage.last_rate + (stage.rate - stage.last_rate) * 0.5 * (1 + math.cos(math.pi * done))
    if stage is STAGES[0]:
        rate *= min(1.0, (step + 1) / 50)
    return rate


def train(out: Path, stages: tuple[Stage, ...], steps: int | None = None) -> None:
    """Run the stages; a row of the curve and the weights every `EVERY` steps, and at the end.

    Parameters
    ----------
    out : Path
        Folder of ``weights.safetensors`` and ``curve.csv``.
    stages : tuple of Stage
    steps : int, optional
        Stop after so many steps of all stages; all of them unless given.
    """
    last = min(steps or math.inf, sum(stage.steps for stage in stages))
    keep_memory()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    rules: Grammar = grammar(GRAMMAR)
    oracle = Oracle(rules)
    net = Network(cells=len(rules.cell_types))
    out.mkdir(parents=True, exist_ok=True)
    validation = [
        example(rules, oracle, 32_768, SEED, f"validation {k}", 8, central=True) for k in range(40)
    ]
    seeded = seed_filters(net.stem, windows_for_seeds(rules, oracle))
    print(f"{seeded} of {len(net.stem.weight)} filters begin as enriched 10-mers", flush=True)
    quick = [net.stem.gain, net.stem.threshold]
    rest = [one for one in net.parameters() if all(one is not other for other in quick)]
    groups = [{"params": rest, "times": 1.0}, {"params": quick, "times": 3.0}]
    optimizer = torch.optim.Adam(groups, lr=1e-3, betas=(0.9, 0.98))
    began = time.monotonic()
    total = 0
    running: list[list[float]] = []
    with (out / "curve.csv").open("w", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for stage in stages:
            for step in range(stage.steps):
                if total == last:
                    return
                batch = [
                    example(
                        rules,
                        oracle,
                        stage.length,
                        SEED,
                        f"{stage.name} {step} {k}",
                        stage.variants,
                        elements=stage.elements,
                        central=k % 2 == 1,
                    )
                    for k in range(stage.windows)
                ]
                for group in optimizer.param_groups:
                    group["lr"] = group["times"] * rate_at(stage, step)
                of_coverage, of_open, of_ratio = losses(net, batch, stage.frozen)
                loss = of_coverage + 20 * of_open + 5 * of_ratio
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
                optimizer.step()
                running.append([one.item() for one in (of_coverage, of_open, of_ratio)])
                total += 1
                if total % EVERY == 0 or total == last:
                    means = np.mean(running, axis=0)
                    running = []
                    row = {
                        "step": total,
                        "stage": stage.name,
                        "seconds": round(time.monotonic() - began),
                        **dict(
                            zip(
                                ("loss_coverage", "loss_open", "loss_ratio"),
                                (f"{x:.5f}" for x in means),
                                strict=True,
                            )
                        ),
                        **{key: f"{x:.4f}" for key, x in validate(net, validation).items()},
                    }
                    if writer is None:
                        writer = csv.DictWriter(file, list(row))
                        writer.writeheader()
                    writer.writerow(row)
                    file.flush()
                    print(*row.values(), flush=True)
                    save_file(net.state_dict(), out / "weights.safetensors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("creme-mini-training"))
    parser.add_argument("--steps", type=int, help="stop after so many; all unless given")
    options = parser.parse_args()
    train(options.out, STAGES, options.steps)
