"""Design beside tangermeme: the same network, starts, background and number of predictions.

Both put a design of 50 bp before a TSS into one shuffled background, and what they find is measured
on twenty others that neither has seen. tangermeme sees the design alone, through a module that puts
it there; it has one substitution a round, and as many rounds as its predictions allow. The network
is that of the data folder, its input shortened to 2,048 bp.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from common import Took, main
from tangermeme.design import beam_substitution, greedy_substitution

import creme
from creme.genome import Locus
from creme.seeds import derive
from creme.sequence import Edit, Mutant, Sequence
from creme.suite.design import Design
from creme.suite.draws import Draws
from creme_seqnn.model import SeqNN

LENGTH, DESIGN, DISTANCE, TSS_TILE = 2048, 50, -400, 400
ROUNDS = {"greedy": 4, "beam": 3}
"""Of tangermeme, whose round has 200 predictions for each sequence of its beam: 801 and 1,001."""
CANDIDATES, FINALISTS, CHOOSE = 20, 5, 4
GC, HOMOPOLYMER, FORBIDDEN = (0.2, 0.8), 12, "GAATTC"
"""Constraints of ours; tangermeme has none, so that they can only cost us."""


def network(data):
    """The network at a short input, with the bins that are left."""
    folder = Path(data) / "models" / "seqnn_mini"
    params = json.loads((folder / "params.json").read_text())
    params["model"]["seq_length"] = LENGTH
    params["model"]["trunk"][-1]["cropping"] = LENGTH // 128
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "params.json"
        file.write_text(json.dumps(params))
        model = SeqNN(
            params=file,
            weights=folder / "model.h5",
            targets=folder / "targets.txt",
            device="cpu",
            exact="full",
        )
        model.predict(np.zeros((1, LENGTH, 4), np.float32))
        _ = model.fingerprint  # which reads the file
    return model


def sites(data, number):
    """Loci of the megabase: its TSSs, and then places between, as codes in gene orientation."""
    with gzip.open(Path(data) / "sequence" / "chr20_hg19_1Mb.fa.gz", "rt") as file:
        bases = "".join(line.strip() for line in file if not line.startswith(">")).upper()
    table = (Path(data) / "annotation" / "chr20_hg19_1Mb.tss.bed").read_text().splitlines()
    rows = [line.split("\t") for line in table]
    places = [(row[3], int(row[1]), row[5].strip()) for row in rows]
    places += [(f"site{k}", 60_000 + 110_000 * k, "+-"[k % 2]) for k in range(8)]
    loci = []
    for name, tss, strand in places[:number]:
        start = tss - LENGTH // 2 + (strand == "-")
        whole = Sequence.from_string(bases[start : start + LENGTH])
        loci.append(Locus.from_sequence(whole if strand == "+" else whole.complemented, name))
    return loci


class InPlace(torch.nn.Module):
    """A model of the design alone, which counts what it predicts."""

    def __init__(self, activity, background, place):
        super().__init__()
        self.activity, self.background, self.place = activity, background, place
        self.predictions = 0

    def forward(self, x):
        self.predictions += len(x)
        codes = x.argmax(1).numpy().astype(np.uint8)
        mutants = [Mutant(self.background, [Edit(self.place.start, one)]) for one in codes]
        return torch.from_numpy(self.activity(mutants))[:, None]


def search_for(locus, seed, test, activity, way):
    """A peer's design, and its predictions; the background is the first of the locus."""
    (start,) = test.start
    module = InPlace(activity, test.controls(locus)[0], test.place(locus))
    x = torch.from_numpy(Sequence.from_string(start).onehot().T[None].copy())
    common = {"reverse_complement": False, "tol": -np.inf, "device": "cpu"}
    if way == "greedy":
        found = greedy_substitution(module, x, max_iter=ROUNDS[way], **common)
    else:
        found = beam_substitution(module, x, beam_size=2, max_iter=ROUNDS[way], **common)
    return found[0].argmax(0).numpy().astype(np.uint8), module.predictions


def compared(data, loci, seeds):
    """Ours and theirs at every locus from every start."""
    model = network(data)
    bins = f"{model.n_bins // 2 - 2}-{model.n_bins // 2 + 1}"
    tracks = list(range(0, 24, 2))

    def activity(mutants):
        rows = [model.predict(one.sequence.onehot()[None])[0] for one in mutants]
        low = model.n_bins // 2 - 2
        return np.array([row[low : low + 4, tracks].mean() for row in rows], np.float32)

    def run():
        ratios = {way: [] for way in ROUNDS}
        gains, predictions, broken, seconds = [], [], 0, dict.fromkeys(("toolkit", *ROUNDS), 0.0)
        for locus in sites(data, loci):
            for seed in range(seeds):
                draws = Draws(derive(seed, locus.name, "start"))
                start = "".join("ACGT"[draws.below(4)] for _ in range(DESIGN))
                test = Design(
                    length=DESIGN,
                    distance=DISTANCE,
                    tile=TSS_TILE,
                    seed=seed,
                    start=[start],
                    gc=GC,
                    homopolymer=HOMOPOLYMER,
                    forbidden=[FORBIDDEN],
                    rounds=(200 * ROUNDS["greedy"] - FINALISTS * CHOOSE) // CANDIDATES - 1,
                    candidates=CANDIDATES,
                    replicates=1,
                    choose=CHOOSE,
                    finalists=FINALISTS,
                    designs=1,
                )
                began = time.process_time()
                one = creme.measure(
                    test, model, [locus], tracks=tracks, bins=bins,
                    readouts=[creme.Readout(over_tracks="mean")],
                )  # fmt: skip
                seconds["toolkit"] += time.process_time() - began
                one = one.isel(locus=0, track=0)
                ours = one.sel(design="1")
                constraints, _ = test.constraints(locus)
                broken += not constraints.met(Sequence.from_string(ours.sequence.item()).codes)
                predictions.append(one["measured"].sum().item() + FINALISTS * CHOOSE)
                report = test.contexts(locus)[2]
                for way in ROUNDS:
                    began = time.process_time()
                    codes, spent = search_for(locus, seed, test, activity, way)
                    seconds[way] += time.process_time() - began
                    assert spent >= predictions[-1], (spent, predictions[-1])
                    edit = [Edit(test.place(locus).start, codes)]
                    theirs = activity([Mutant(context, edit) for context in report]).mean()
                    ratios[way].append(np.log(ours.score.item() / theirs))
                gains.append(np.log(ours.score.item() / one["control"].mean().item()))
        facts = {"predictions": max(predictions), "broken": broken, "pairs": len(gains)}
        facts["gain"] = float(np.mean(gains))
        for way, values in ratios.items():
            by_locus = np.reshape(values, (-1, seeds)).mean(axis=1)
            facts[f"{way} mean"], facts[f"{way} lower"] = bounds(by_locus)
        return Took(facts, **seconds)

    return run


def bounds(by_locus):
    """The mean over loci, and the lower end of its 95 % interval (Student's t)."""
    from scipy.stats import t

    n = len(by_locus)
    error = by_locus.std(ddof=1) / np.sqrt(n)
    return float(by_locus.mean()), float(by_locus.mean() - t.ppf(0.975, n - 1) * error)


if __name__ == "__main__":
    main(
        {"compared": compared},
        {
            "creme-toolkit": creme.__version__,
            "tangermeme": version("tangermeme"),
            "torch": torch.__version__,
        },
    )
