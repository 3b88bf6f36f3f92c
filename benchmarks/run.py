"""Measure all cases beside the peers, and print or write a table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median

from cases import Case, cases

HERE = Path(__file__).parent


def pythons(folder: Path) -> dict[str, str]:
    """The environments that are there."""
    found = {"toolkit": sys.executable}
    for peer in ("reference", "tangermeme", "ushuffle"):
        python = folder / peer / "bin" / "python"
        if (folder / peer / "done").exists():
            found[peer] = str(python)
        else:
            print(f"{peer} is left out: no environment in {folder / peer}", file=sys.stderr)
    return found


def once(python: str, worker: str, case: Case) -> dict[str, float | str]:
    """One measurement, in a process of its own."""
    done = subprocess.run(
        [python, str(HERE / "workers" / f"{worker}_peer.py"), case.job, json.dumps(case.values)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{worker}, {case.title}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def row(case: Case, measured: dict[str, list[dict]]) -> list[str]:
    """Medians: seconds, memory, and how many times ours each peer takes."""
    middle = {w: median(one["seconds"] for one in all_) for w, all_ in measured.items()}
    cells = [case.title]
    for worker in ("toolkit", "reference", "tangermeme", "ushuffle"):
        if worker not in middle:
            cells.append("")
            continue
        times = "" if worker == "toolkit" else f" ({middle[worker] / middle['toolkit']:.1f}x)"
        memory = median(one["mib"] for one in measured[worker])
        cells.append(f"{1000 * middle[worker]:.4g} ms{times}, {memory:.0f} MiB")
    return cells


def page(rows: list[list[str]], versions: dict[str, str], warm: float, rounds: int) -> str:
    """The table as Markdown."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        )
        if Path("/proc/cpuinfo").exists()
        else iter(()),
        platform.processor(),
    )
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench`: medians of {rounds} interleaved rounds, and in brackets how",
        "many times ours a peer takes. MiB: the peak above the imports. How it is measured:",
        "[benchmarks/README.md](../benchmarks/README.md).",
        "",
        f"{model}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}.",
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        f"The toolkit's first shuffle in a process, kernels from the cache: {1000 * warm:.0f} ms.",
        "",
        "| case | toolkit | reference | tangermeme | ushuffle |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(cells)} |" for cells in rows),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=Path, default=Path(".bench"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small cases, one round")
    parser.add_argument("--write", type=Path, help="write the page here")
    given = parser.parse_args()
    rounds = 1 if given.quick else given.rounds
    there = pythons(given.environments)
    rows, versions, warm = [], {}, []
    for case in cases(given.quick):
        measured: dict[str, list[dict]] = {w: [] for w in case.workers if w in there}
        for _ in range(rounds):
            for worker, results in measured.items():
                results.append(once(there[worker], worker, case))
                versions[worker] = results[-1]["version"]
        warm += [one["warm_up"] for one in measured["toolkit"]]
        rows.append(row(case, measured))
        print(*rows[-1], sep=" | ", flush=True)
    if given.write:
        given.write.write_text(page(rows, versions, median(warm), rounds), encoding="utf-8")


if __name__ == "__main__":
    main()
