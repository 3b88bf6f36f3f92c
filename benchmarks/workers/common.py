"""What the workers share: the sequence, the model's calculation, and how a job is timed."""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

ONCE = "once"
"""What a job returns that is not to be repeated within half a second."""


def codes(length):
    """The same random bases for all."""
    return np.random.default_rng(7).integers(0, 4, length).astype(np.uint8)


def activity(onehot):
    """(B, L, 4) to (B,): every 512th base, weighed; next to no work."""
    part = np.asarray(onehot)[:, ::512, :]
    return (part * np.array([1.0, 2.0, 3.0, 5.0], np.float32)).sum(axis=(1, 2)) / part.shape[1]


def tiles(length, tile):
    """(start, end) around a TSS tile in the middle, as many as fit."""
    first = length // 2 - tile // 2
    left = [(s, s + tile) for s in range(first - tile, -1, -tile)][::-1]
    right = [(s, s + tile) for s in range(first + tile, length - tile + 1, tile)]
    return (first, first + tile), left + right


def peak():
    """Peak memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(jobs, version, warm_up):
    """Run the job named on the command line and print what it took as JSON."""
    job, values = sys.argv[1], json.loads(sys.argv[2])
    began = time.perf_counter()
    warm_up()
    first = time.perf_counter() - began
    before = peak()
    run = jobs[job](**values)
    began = time.perf_counter()
    repeats = 0
    while True:
        more = run()
        repeats += 1
        seconds = time.perf_counter() - began
        if seconds > 0.5 or more is ONCE:
            break
    print(
        json.dumps(
            {
                "seconds": seconds / repeats,
                "warm_up": first,
                "mib": peak() - before,
                "version": version,
            }
        )
    )
