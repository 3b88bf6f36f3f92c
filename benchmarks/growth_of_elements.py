"""How memory grows with matrices of pairs, with local networks, and with the rounds of a design.

    python benchmarks/growth_of_elements.py --sizes 5 20 80

Peak memory and processor time of compatibility (so many promoters, and as many enhancers of 5 kb,
in 5 carriers), interactions (so many loci; pairs of the 8 strongest tiles, 3 replicates) and design
(so many rounds of 50 candidates on 4 backgrounds) at 196,608 bp, on the model of `growth.py` that
costs next to nothing. Each size is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from growth import APART, LENGTH, FreeOfCost, forget_peak, memory

from creme.genome import Locus
from creme.genome.fasta import Genome
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import ALPHABET
from creme.store import Store
from creme.suite.compatibility import Compatibility
from creme.suite.design import Design
from creme.suite.interactions import Interactions
from creme.test import Test

KINDS = ("compatibility", "interactions", "design")


def loci_of(folder: Path, number: int) -> list[Locus]:
    """So many loci on either strand of a random contig."""
    bases = np.random.default_rng(5).integers(0, 4, 2 * LENGTH + APART * number)
    letters = np.frombuffer(ALPHABET.encode(), np.uint8)[bases].tobytes().decode()
    lines = [letters[at : at + 60] for at in range(0, len(letters), 60)]
    (folder / "genome.fa").write_text("\n".join([">one", *lines, ""]))
    genome = Genome(folder / "genome.fa")
    return [
        Locus(f"GENE{k}", "one", LENGTH + APART * k, "+-"[k % 2], LENGTH, genome)
        for k in range(number)
    ]


def test_of(kind: str, size: int) -> tuple[Test, int]:
    """The test, and the number of its loci."""
    if kind == "compatibility":
        start = LENGTH // 2 + 12_500
        tiles = {f"GENE{k}": [(start, start + 5000)] for k in range(size)}
        return Compatibility(tile=5000, tiles=tiles), max(5, size)
    if kind == "interactions":
        return Interactions(tile=5000, replicates=3, strongest=8), size
    return Design(rounds=size), 1


def measured(kind: str, size: int, folder: Path) -> dict[str, Any]:
    """One size, in this process."""
    test, number = test_of(kind, size)
    plan = prepare([test], FreeOfCost(), loci_of(folder, number))
    forget_peak()
    processor = time.process_time()
    with Store(folder / "store") as store:
        report = measure(plan, store)
    assert not report.failures, report.failures[:3]
    return {
        "kind": kind,
        "size": size,
        "predicted": report.progress.predicted,
        "processor": time.process_time() - processor,
        "peak": memory(),
    }


def main() -> None:
    """Measure each size in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[5, 20, 80])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measured(given.one[0], int(given.one[1]), Path(folder))))
        return
    print("| test | size | predicted | processor, s | peak MiB |\n|---|---:|---:|---:|---:|")
    for kind in given.kinds:
        for size in given.sizes:
            command = [sys.executable, __file__, "--one", kind, str(size)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            row = json.loads(done.stdout.splitlines()[-1])
            cells = (kind, f"{size}", f"{row['predicted']:,}")
            print(
                f"| {' | '.join(cells)} | {row['processor']:.1f} | {row['peak']:.0f} |", flush=True
            )


if __name__ == "__main__":
    main()
