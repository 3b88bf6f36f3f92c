"""How memory, files and time grow with a run and with a study, on models that cost next to nothing.

    python benchmarks/growth.py --predictions 10000 100000 --write docs/scaling.md
    python benchmarks/growth.py --loci 50 200 --write docs/scaling.md

A run: necessity tests of 5-kb tiles with 10 replicates at 196,608 bp, 381 predictions a locus, of a
model that reads every 512th base's code; and the finished run once more, into another folder of
results. A study: all stages, from selection to the report, of planted genes at 12,288 bp with the
synthetic model. Each size is a process of its own, and so is what is done again. Times are the
processor's beside those of the clock, since other work on a machine disturbs the one less.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from creme.demo.genome import plant
from creme.errors import SequenceError
from creme.genome import Locus
from creme.genome.fasta import Genome
from creme.model import Model, Track, TrackTable
from creme.results.directory import Results
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import ALPHABET
from creme.store import Store
from creme.store.compact import compact_at_the_end
from creme.suite.necessity import Necessity

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import mini_study

LENGTH, APART, EACH = 196_608, 1000, 381
"""bp of the input and between two TSSs, and predictions a locus."""

SWAPPED = 100
"""Loci of a study whose contexts are swapped, each with each; `many_units.py` has more."""

TABLES = {
    "run": (
        "| predictions | | clock, s | processor, ms each | a processor second | peak MiB at 10 % "
        "| at the end | files | bytes each |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ),
    "study": (
        "| loci | part | units | predicted | clock, s | processor, s | peak MiB | MiB on disk |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ),
}


class FreeOfCost(Model):
    """The mean of every 512th base's code."""

    name: ClassVar[str] = "free-of-cost"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 32
    takes_codes: ClassVar[bool] = True
    input_length: ClassVar[int] = LENGTH
    bin_size: ClassVar[int] = LENGTH
    n_bins: ClassVar[int] = 1
    tracks: ClassVar[TrackTable] = TrackTable((Track("one"),))

    def identity(self) -> dict[str, Any]:
        """Nothing that could be set."""
        return {}

    def predict(self, onehot: np.ndarray) -> np.ndarray:
        """Numbers around 2.5; the run gives codes. See `creme.model.Model.predict`."""
        return 1 + onehot[:, ::512].mean(axis=1, dtype=np.float32)[:, None, None]


def memory(field: str = "VmHWM") -> float:
    """A field of this process's status, MiB; its peak unless another is named."""
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if field in x]
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    """Let the peak begin at what is in memory now."""
    Path("/proc/self/clear_refs").write_text("5")


def on_disk(*folders: Path) -> tuple[int, int]:
    """Files and bytes."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return len(files), sum(file.stat().st_size for file in files)


def run(number: int, folder: Path) -> dict[str, Any]:
    """A run of about so many predictions, or, where the folder has them, the same once more."""
    count, fasta = math.ceil(number / EACH), folder / "genome.fa"
    again = fasta.exists()
    if not again:
        bases = np.random.default_rng(5).integers(0, 4, 2 * LENGTH + APART * count)
        letters = np.frombuffer(ALPHABET.encode(), np.uint8)[bases].tobytes().decode()
        lines = [letters[at : at + 60] for at in range(0, len(letters), 60)]
        fasta.write_text("\n".join([">one", *lines, ""]))
    genome = Genome(fasta)
    loci = [
        Locus(f"GENE{k}", "one", LENGTH + APART * k, "+-"[k % 2], LENGTH, genome)
        for k in range(count)
    ]
    plan = prepare([Necessity(tile=5000, replicates=10)], FreeOfCost(), loci)
    results = Results(folder / ("again" if again else "first"))
    results.claim("", folder, plan.identity())
    peaks: list[float] = []

    def on_progress(progress: Any) -> None:
        if not peaks and progress.answered > EACH * count / 10:
            peaks.append(memory())

    forget_peak()
    began, processor = time.perf_counter(), time.process_time()
    with Store(folder / "store") as store:
        report = measure(plan, store, results=results, on_progress=on_progress)
        compact_at_the_end(store)
    spent, seconds = time.process_time() - processor, time.perf_counter() - began
    assert not report.failures, report.failures[:3]
    assert report.progress.asked == EACH * count
    assert report.progress.predicted == (0 if again else EACH * count - report.progress.repeated)
    files, size = on_disk(folder / "store", results.path)
    return {
        "predictions": EACH * count,
        "way": "again" if again else "first",
        "seconds": seconds,
        "processor": spent,
        "tenth": peaks[0],
        "peak": memory(),
        "files": files,
        "bytes": size,
    }


def study(loci: int, folder: Path) -> dict[str, Any]:
    """A study of so many planted genes, each stage by itself, and its report."""
    from creme.report.page import write_report
    from creme.study.config import STAGES
    from creme.study.run import run_study

    parts: list[dict[str, Any]] = []
    path = folder / "mini.study"

    def part(name: str, work: Callable[[], Any]) -> None:
        forget_peak()
        before = on_disk(folder)[1]
        began, processor = time.perf_counter(), time.process_time()
        work()
        parts.append(
            {
                "part": name,
                "units": "",
                "predicted": "",
                "seconds": time.perf_counter() - began,
                "processor": time.process_time() - processor,
                "peak": memory(),
                "disk": (on_disk(folder)[1] - before) / 2**20,
            }
        )

    planted(loci, folder)
    file = mini_study.study(folder)
    for stage in STAGES:
        if stage == "context_swap" and loci > SWAPPED:
            continue
        part(stage, partial(run_study, file, stages=[stage]))
        state = json.loads((path / "study.json").read_text())["stages"][stage]
        parts[-1]["units"], parts[-1]["predicted"] = state.get("units"), state.get("predicted")
    page = path / "report.html"
    part("report", lambda: write_report(path, page))
    if (opened := opens(page)) is not None:
        parts.append({**parts[-1], "part": "the report opens", "peak": math.nan, **opened})
        parts[-1]["disk"] = page.stat().st_size / 2**20
    return {"loci": loci, "parts": parts}


def planted(loci: int, folder: Path) -> None:
    """A genome of so many genes, whose contexts and strands take turns, and its annotation."""
    genes, parts = [], []
    for number in range(loci):
        context, strand = list(mini_study.PLANS)[number % 3], "+-"[number % 2]
        promoter, plan = mini_study.PLANS[context]
        middle = mini_study.SEGMENT // 2
        elements = [(kind, middle + away * mini_study.TILE - n * 20, n) for kind, away, n in plan]
        for attempt in itertools.count():
            # Random bases have a motif now and then.
            with contextlib.suppress(SequenceError):
                name = f"grown{number}.{attempt}"
                sequence = plant(promoter, elements, length=mini_study.SEGMENT, name=name)
                break
        at = number * mini_study.SEGMENT + (middle if strand == "+" else middle - 1)
        genes.append(mini_study.Gene(f"GENE{number + 1}", context, "mini1", at, strand, ()))
        parts.append(str(sequence if strand == "+" else sequence.complemented))
    mini_study.write_fasta(folder / "genome.fa", {"mini1": "".join(parts)})
    lines = map(mini_study.transcript, genes)
    (folder / "annotation.gtf").write_text("".join(lines))


def opens(page: Path) -> dict[str, float] | None:
    """The time until a browser shows a page's table; None without a browser.

    The processor's is that of the page's own thread.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if chromium is None:
        return None
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_page()
        shown.set_default_timeout(600_000)
        session = shown.context.new_cdp_session(shown)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        began = time.perf_counter()
        shown.goto(page.resolve().as_uri())
        shown.wait_for_selector("#table tbody tr")
        seconds = time.perf_counter() - began
        metrics = session.send("Performance.getMetrics")["metrics"]
        spent = {one["name"]: one["value"] for one in metrics}
        browser.close()
    return {"seconds": seconds, "processor": spent["TaskDuration"]}


def rows(kind: str, measured: list[dict[str, Any]]) -> list[str]:
    """A table in Markdown."""
    lines = list(TABLES[kind])
    for one in measured:
        if kind == "study":
            lines += [
                f"| {one['loci']:,} | {p['part']} | {p['units']} | {p['predicted']} | "
                f"{p['seconds']:.1f} | {p['processor']:.1f} | {written(p['peak'])} | "
                f"{p['disk']:.1f} |"
                for p in one["parts"]
            ]
            continue
        n = one["predictions"]
        lines.append(
            f"| {n:,} | {one['way']} | {one['seconds']:.1f} | {1000 * one['processor'] / n:.3f} | "
            f"{n / one['processor']:,.0f} | {one['tenth']:.0f} | {one['peak']:.0f} | "
            f"{one['files']:,} | {one['bytes'] / n:.0f} |"
        )
    return lines


def written(number: float) -> str:
    """Without decimals; empty where nothing was measured."""
    return "" if math.isnan(number) else f"{number:.0f}"


def measured(kind: str, size: int, folder: str) -> dict[str, Any]:
    """One size, in a process of its own."""
    command = [sys.executable, __file__, "--one", kind, str(size), folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure each size, and print or write tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--predictions", type=int, nargs="+", default=[])
    parser.add_argument("--loci", type=int, nargs="+", default=[])
    parser.add_argument("--write", type=Path, help="put the tables into this page")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        kind, size, folder = options.one
        print(json.dumps({"run": run, "study": study}[kind](int(size), Path(folder))))
        return
    for kind, sizes in (("run", options.predictions), ("study", options.loci)):
        if not sizes:
            continue
        load, everything = os.getloadavg()[0], []
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                for _ in range(2 if kind == "run" else 1):
                    everything.append(measured(kind, size, folder))
                    print(*rows(kind, everything[-1:])[2:], sep="\n", flush=True)
        about = (
            f"Measured on {platform.machine()}, {os.cpu_count()} cores, Python "
            f"{platform.python_version()}, load {load:.1f} before."
        )
        if options.write:
            mark = f"<!-- {kind} -->"
            page = options.write.read_text(encoding="utf-8").split(mark)
            page[1] = "\n".join(["", *rows(kind, everything), "", about, ""])
            options.write.write_text(mark.join(page), encoding="utf-8")


if __name__ == "__main__":
    main()
