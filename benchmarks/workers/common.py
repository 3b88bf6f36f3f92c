"""Shared by the workers: sequences, the cheap model's calculation, and the timing of a job.

Only numpy is needed: a worker runs in its package's own environment.
"""

from __future__ import annotations

import contextlib
import gc
import gzip
import json
import os
import sys
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np

FAST = 0.5
"""A job that takes less is repeated until all have taken as long, s; their median counts."""


def codes(length, seed=7):
    """The same random bases for all."""
    return np.random.default_rng(seed).integers(0, 4, length).astype(np.uint8)


def activity(onehot):
    """(B, L, 4) to (B,): every 512th base, weighed; next to no work."""
    part = np.asarray(onehot)[:, ::512, :]
    return (part * np.array([1.0, 2.0, 3.0, 5.0], np.float32)).sum(axis=(1, 2)) / part.shape[1]


def activity_of_codes(codes):
    """The same of codes, (B, L) uint8, in which an N is a quarter of each base."""
    part = np.array([1.0, 2.0, 3.0, 5.0, 2.75], np.float32)[codes[:, ::512]]
    return part.sum(axis=1) / part.shape[1]


def tiles(length, tile, tss=None):
    """(start, end) of the TSS tile, in the middle, and of as many others around it as fit."""
    first = (length // 2 if tss is None else tss) - tile // 2
    left = [(s, s + tile) for s in range(first % tile, first, tile)]
    right = [(s, s + tile) for s in range(first + tile, length - tile + 1, tile)]
    return (first, first + tile), left + right


# Real data.

GENES = {"PSMF1": (99_235, "+"), "FKBP1A": (373_805, "-")}
"""TSS (0-based) on the contig, and strand."""

LENGTH = 131_072
"""Input of the network in the data folder, bp."""

BINS = list(range(1021, 1027))
TRACKS = list(range(0, 24, 2))
"""The output that is read: six bins around the TSS, the gene's strand of 12 CAGE experiments."""


def window(data, gene):
    """Codes of the window of a gene, in its orientation, the TSS base in the middle."""
    tss, strand = GENES[gene]
    with gzip.open(Path(data) / "sequence" / "chr20_hg19_1Mb.fa.gz", "rt") as file:
        letters = "".join(line.strip() for line in file if not line.startswith(">"))
    start = tss - (LENGTH // 2 if strand == "+" else LENGTH - 1 - LENGTH // 2)
    letters_in_window = np.frombuffer(letters[start : start + LENGTH].upper().encode(), np.uint8)
    code = np.full(256, 4, np.uint8)
    code[list(b"ACGT")] = range(4)
    bases = code[letters_in_window]
    return bases if strand == "+" else np.where(bases < 4, 3 - bases, bases)[::-1].copy()


# Measuring.


class Memory:
    """Peak resident memory above that at the start, MiB."""

    def __init__(self):
        # Linux forgets an earlier peak when asked to.
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self.start = self._peak()

    def _peak(self):
        status = Path("/proc/self/status")
        if status.exists():
            line = next(ln for ln in status.read_text().splitlines() if ln.startswith("VmHWM"))
            return int(line.split()[1]) / 1024
        import resource

        unit = 1024 if sys.platform != "darwin" else 2**20
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit

    def above(self):
        """MiB so far."""
        return self._peak() - self.start


class Took(dict):
    """Seconds by name, of a job that times its parts itself; `facts` beside them."""

    def __init__(self, facts=None, **seconds):
        super().__init__(seconds)
        self.facts = facts or {}


def timed(function, *arguments):
    """The result of a function, and the seconds that it took."""
    began = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - began


def main(jobs, versions, warm_up=lambda: None):
    """Run the job named on the command line and print its time and memory as JSON.

    A job is a function of its values that makes ready and returns a function to be timed. That
    returns nothing, figures by name, or, where it times its parts itself, `Took`.

    Parameters
    ----------
    jobs : dict of str to callable
    versions : dict of str to str
    warm_up : callable
        Does the work that waits until it is first needed: imports, compiled code.
    """
    job, values = sys.argv[1], json.loads(sys.argv[2])
    warm_up()
    run = jobs[job](**values)
    # Imported objects are not looked through again in the middle of a measurement.
    gc.collect()
    gc.freeze()
    memory = Memory()
    taken, processor, result = [], [], None
    while not taken or (sum(taken) < FAST and not isinstance(result, Took)):
        began = time.process_time()
        result, seconds = timed(run)
        processor.append(time.process_time() - began)
        taken.append(seconds)
    parts, facts = (
        (dict(result), result.facts)
        if isinstance(result, Took)
        else ({"": median(taken)}, {"processor": median(processor), **(result or {})})
    )
    print(
        json.dumps(
            {"seconds": parts, "mib": memory.above(), "facts": facts, "versions": versions},
            default=float,
        ),
        flush=True,
    )
    # Some frameworks take their time to shut down.
    if threading.active_count() > 1:
        os._exit(0)
