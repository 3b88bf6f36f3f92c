"""The toolkit's jobs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import ClassVar

import numpy as np
from common import ONCE, activity, codes, main

import creme
from creme.genome import Locus
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.model import Model, Track, TrackTable
from creme.runner.run import measure, prepare
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.distance import Distance
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency


class Cheap(Model):
    """`activity` as a model of one bin and one track."""

    name: ClassVar[str] = "cheap"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 8
    length: int

    @property
    def input_length(self):
        return self.length

    @property
    def bin_size(self):
        return self.length

    @property
    def n_bins(self):
        return 1

    @property
    def tracks(self):
        return TrackTable((Track("one"),))

    def identity(self):
        return {}

    def predict(self, onehot):
        return activity(onehot).astype(np.float32)[:, None, None]


def shuffle(length, n):
    sequence = codes(length)
    seeds = iter(range(1, 10**9))
    return lambda: dinucleotide_shuffles(sequence, [next(seeds) for _ in range(n)])


def suite(make):
    def job(length, tile, replicates):
        model, locus = Cheap(length=length), Locus.from_sequence(Sequence(codes(length)), "locus")
        test = make(tile, replicates)

        def run():
            with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
                report = measure(prepare([test], model, [locus]), store)
            assert not report.failures, report.failures
            return ONCE

        return run

    return job


def lookup(rows):
    folder = tempfile.TemporaryDirectory()
    store = Store(Path(folder.name) / "store")
    source = store.source("benchmark", (1, 1), {})
    digests = [k.to_bytes(32, "big") for k in range(rows)]
    for at in range(0, rows, 4096):
        part = digests[at : at + 4096]
        store.write(source, part, np.zeros((len(part), 1, 1), np.float32))
    asked = np.random.default_rng(0).integers(0, rows, 10_000)

    def run():
        for at in range(0, len(asked), 256):
            store.lookup(source, [digests[k] for k in asked[at : at + 256]])
        assert Path(folder.name).is_dir()

    return run


def warm_up():
    """Imports that wait until they are needed, and the compiled kernels."""
    JOBS["necessity"](length=10_240, tile=1000, replicates=1)()


JOBS = {
    "shuffle": shuffle,
    "necessity": suite(lambda tile, n: Necessity(tile=tile, replicates=n)),
    "sufficiency": suite(lambda tile, n: Sufficiency(tile=tile, replicates=n)),
    "distance": suite(lambda tile, n: Distance(tile=tile, replicates=n, tiles=[(tile, 2 * tile)])),
    "lookup": lookup,
}

if __name__ == "__main__":
    sys.exit(main(JOBS, creme.__version__, warm_up))
