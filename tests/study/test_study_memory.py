"""The first stage takes as much room for many TSSs as for some: sequences are read one by one."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mini_study as mini

SCRIPT = """
import sys
from pathlib import Path
import mini_study as mini
from creme.study import run_study

def peak():
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x]
    return int(line.split()[1])

def run(file):
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    run_study(file, stages=["loci"])
    return peak()

few, many = (run(Path(name)) for name in sys.argv[1:])
print(few, many)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_number_of_transcripts(tmp_path):
    genes = mini.write(tmp_path)
    change = ("activity = 5.0", "activity = 5.0\nrecentre = 300")
    files = []
    for name, number in (("few", 240), ("many", 3240)):
        lines = [
            mini.transcript(gene, k, k % 700 - 350 + 701 * (k // 700))
            for k in range(number // 6)
            for gene in genes
        ]
        (tmp_path / f"{name}.gtf").write_text("".join(lines))
        files.append(
            mini.study(
                tmp_path,
                *(change, ("annotation.gtf", f"{name}.gtf"), ('"mini"', f'"{name}"')),
                name=f"{name}.toml",
            )
        )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        cwd=mini.__file__.rpartition("/")[0],
    )
    assert done.returncode == 0, done.stderr
    few, many = map(int, done.stdout.split())
    # 3,000 more windows of 12,288 bp would be 35 MiB as codes, and 580 as one-hot; what is known of
    # a TSS (its names, its numbers, its line of the tables) is less than 5 KiB. The allocator adds
    # some MiB that differ from run to run.
    assert many - few < 3000 * 8, (few, many)
