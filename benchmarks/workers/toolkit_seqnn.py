"""The network of the data folder: windows against full passes, and a gene from end to end."""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from common import BINS, LENGTH, TRACKS, Took, main, tiles, timed, window
from networks import counting, forget, spent
from toolkit_suite import warm_up

import creme
from creme.genome import Locus
from creme.model import Readout
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.context_dependence import ContextDependence
from creme.suite.higher_order import HigherOrder
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency
from creme_seqnn.model import SeqNN

TILE = 5000
Counted = counting(SeqNN)


def network(data, exact="windowed"):
    folder = Path(data) / "models" / "seqnn_mini"
    model = Counted(
        params=folder / "params.json",
        weights=folder / "model.h5",
        targets=folder / "targets.txt",
        device="cpu",
        exact=exact,
    )
    # Loaded before anything is timed.
    model.predict(np.zeros((1, LENGTH, 4), np.float32))
    return model


def the_locus(data, gene):
    return Locus.from_sequence(Sequence(window(data, gene)), gene)


def plan(tests, model, locus):
    readouts = (Readout(over_tracks="mean"),)
    return prepare(tests, model, [locus], tracks=TRACKS, bins=BINS, readouts=readouts)


def measure_tests(tests, model, locus):
    """The report of tests through a new store, and the seconds that they took."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        report, seconds = timed(measure, plan(tests, model, locus), store)
    assert not report.failures, report.failures
    return report, seconds


def chosen(n):
    """The n tiles after the TSS tile; all where n is 0."""
    _, others = tiles(LENGTH, TILE)
    return others[len(others) // 2 :][:n] if n else None


def ways(data, replicates, tiles=0):
    """Necessity and three greedy rounds, by windows and in full."""
    locus, models = the_locus(data, "PSMF1"), {}
    for way, exact in (("windows", "windowed"), ("full", "full")):
        models[way] = network(data, exact)
    parameters = {"tile": TILE, "replicates": replicates, "tiles": chosen(tiles)}
    tests = {
        "necessity": Necessity(**parameters),
        "greedy": HigherOrder(
            **parameters, rounds=tiles or 3, searches=("enhancers",), accept="all"
        ),
    }

    def run():
        times = Took(trunk(models["full"], locus))
        for name, test in tests.items():
            datasets = {}
            for way, model in models.items():
                forget()
                report, seconds = measure_tests([test], model, locus)
                times[f"{name}: {way}"] = seconds
                datasets[way] = report.datasets[test.name]
                times.facts[f"{name} own, {way}"] = 1 - spent() / seconds
            effect = {"necessity": "effect", "greedy": "fold_change"}[name]
            windows, full = (datasets[way][effect].values for way in ("windows", "full"))
            times.facts[f"{name} apart"] = float(np.abs(windows - full).max())
            times.facts[f"{name} largest"] = float(np.abs(full).max())
            if name == "greedy":
                same = datasets["windows"].selected.equals(datasets["full"].selected)
                times.facts["greedy same"] = float(same)
        return times

    return run


def trunk(model, locus):
    """Share of the trunk in a forward pass; the best of three each."""
    selection = plan([Necessity(tile=TILE)], model, locus).selection
    onehot = locus.sequence.onehot(model.n_value)[None]
    encode = min(timed(model.encode, onehot)[1] for _ in range(3))
    features = model.encode(onehot)
    decode = min(timed(model.decode, features, selection)[1] for _ in range(3))
    edited = (TILE + 4 * model.radius) / LENGTH
    return {
        "trunk": encode / (encode + decode),
        "attainable": (encode + decode) / (encode * edited + decode),
    }


def end_to_end(data, gene, replicates, tiles=0):
    """Context dependence, necessity and sufficiency of a gene, store on."""
    locus, model = the_locus(data, gene), network(data)
    parameters = {"tile": TILE, "replicates": replicates}
    tests = [
        ContextDependence(**parameters),
        Necessity(**parameters, tiles=chosen(tiles)),
        Sufficiency(**parameters, tiles=chosen(tiles)),
    ]

    def run():
        forget()
        report, seconds = measure_tests(tests, model, locus)
        return {
            "passes": report.progress.predicted,
            "wild_type": report.datasets["necessity"].wild_type.item(),
            "own": 1 - spent() / seconds,
        }

    return run


if __name__ == "__main__":
    main(
        {"ways": ways, "end_to_end": end_to_end},
        {
            "creme-toolkit": creme.__version__,
            "creme-seqnn": version("creme-seqnn"),
            "torch": torch.__version__,
        },
        warm_up,
    )
