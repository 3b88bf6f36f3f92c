"""The toolkit's shuffles, and the time of the first one in a process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version

from common import Took, codes, main

import creme
from creme.kernels.shuffle import dinucleotide_shuffles


def shuffle(length, n):
    sequence = codes(length)
    seeds = iter(range(1, 10**9))

    def run():
        dinucleotide_shuffles(sequence, [next(seeds) for _ in range(n)])

    return run


FIRST = """
import time, numpy
began = time.perf_counter()
from creme.kernels.shuffle import dinucleotide_shuffles
imported = time.perf_counter()
dinucleotide_shuffles(numpy.zeros(1000, numpy.uint8), [1])
print(imported - began, time.perf_counter() - imported)
"""


def first_call():
    """The first shuffle without compiled kernels on disk, and with them."""

    def run():
        with tempfile.TemporaryDirectory() as cache:
            times = Took()
            for name in ("compiled anew", "from the cache"):
                process = subprocess.run(
                    [sys.executable, "-c", FIRST],
                    env={**os.environ, "NUMBA_CACHE_DIR": cache},
                    capture_output=True,
                    text=True,
                    check=True,
                )
                imported, called = map(float, process.stdout.split())
                times[name] = called
                times.facts["import_ms"] = 1000 * imported
            return times

    return run


def warm_up():
    dinucleotide_shuffles(codes(1000), [1])


if __name__ == "__main__":
    main(
        {"shuffle": shuffle, "first_call": first_call},
        {"creme-toolkit": creme.__version__, "numba": version("numba")},
        warm_up,
    )
