"""The page of results, in Markdown."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from statistics import median

from measured import Case, Part, Round

INTRODUCTION = {
    "Shuffles": "Of random bases; time of all that are made at a time.",
    "Tests": "One locus of 196,608 random bases, and a model that costs next to nothing, so that "
    "what is timed is the toolkit. Ours runs with the store on. The same calculation for all; the "
    "numbers of sequences differ, since ours shares backgrounds.",
    "Windows": 'By windows, and by full forward passes (`exact = "full"`): the same tests and the '
    "same seeds in one process. The bound is the share of bases that go through the trunk.",
    "End to end": "A gene, a real network and the store; the reference package drives the same "
    "weights in TensorFlow, as one compiled graph.",
    "Design": "The same network, start, background and number of predictions: natural logarithms "
    "of ratios of scores on twenty backgrounds that no search has seen, their mean over loci and "
    "its 95 % interval. Seconds are of the processor, of all searches together.",
    "The toolkit's own time": "The time that remains when the model's is taken away.",
    "A finished experiment again": "All is in the store.",
    "Store": "Rows of 2 bins x 12 tracks under random digests; 10,000 rows or look-ups each.",
    "First calls": "Start-up in a new process.",
}

SINGLE = ("The toolkit's own time", "A finished experiment again", "Store", "First calls")
"""Sections whose columns are not ways to do the same."""


def page(
    measurements: list[tuple[Case, list[Round]]],
    failed: dict[str, str],
    versions: dict[str, str],
    load: tuple[float, float],
) -> str:
    """The page.

    Parameters
    ----------
    measurements : list of (Case, rounds)
    failed : dict of str to str
        Cases that were left out or broke, and why.
    versions : dict of str to str
    load : tuple of float
        Load average of the machine when it began and when it ended.
    """
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`: medians of interleaved rounds, each measurement in a process of",
        "its own. In brackets how many times the first column's a time is, and the peak of memory",
        "above the imports. Goals are judged by the median of the rounds' own ratios. How it is",
        "measured: [benchmarks/README.md](../benchmarks/README.md).",
        "",
        f"Seen on one machine: {processor()}, {os.cpu_count()} cores, {memory()}, "
        f"{platform.system()}, Python {platform.python_version()}; load {load[0]:.1f} at the "
        f"start, {load[1]:.1f} at the end.",
        "",
        ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + ".",
    ]
    if failed:
        lines += ["", *(f"- {name}: {why}" for name, why in failed.items())]
    for section in dict.fromkeys(case.section for case, _ in measurements):
        cases = [(case, rounds) for case, rounds in measurements if case.section == section]
        lines += ["", f"## {section}", "", INTRODUCTION[section], "", *table(cases)]
    return "\n".join([*lines, ""])


def table(measurements: list[tuple[Case, list[Round]]]) -> list[str]:
    """The table of a section."""
    rows = [(case, part, rounds) for case, rounds in measurements for part in case.parts]
    columns = list(dict.fromkeys(c for _, part, rounds in rows for c in columns_of(part, rounds)))
    head = ["case", "rounds", *columns, "beside", "goal", "reached"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for case, part, rounds in rows:
        first = columns_of(part, rounds)[0]
        if case.section in SINGLE:
            first = ""
        cells = [cell(part, column, first, rounds) for column in columns]
        goals, reached = judged(part, rounds)
        row = [part.title, str(len(rounds)), *cells, beside(part, rounds), goals, reached]
        lines.append(f"| {' | '.join(row)} |")
    return lines


def columns_of(part: Part, rounds: list[Round]) -> list[str]:
    """The names of a part's times, without its prefix."""
    names = [name for name in rounds[0].seconds if name.startswith(part.prefix)]
    return [name.removeprefix(part.prefix) for name in names]


def cell(part: Part, column: str, first: str, rounds: list[Round]) -> str:
    """A time, its ratio to the first column's (if there is one), and its memory."""
    name = part.prefix + column
    if name not in rounds[0].seconds:
        return ""
    text = written(median(one.seconds[name] for one in rounds))
    if first and column != first:
        base = part.prefix + first
        text += f" ({median(one.seconds[name] / one.seconds[base] for one in rounds):.3g}x)"
    if name in rounds[0].mib:
        text += f", {median(one.mib[name] for one in rounds):.0f} MiB"
    return text


def written(seconds: float) -> str:
    """A time in a unit that suits it."""
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s"


def beside(part: Part, rounds: list[Round]) -> str:
    """The facts that belong to a row."""
    facts = []
    for name, form in part.also:
        values = [one.facts[name] for one in rounds if name in one.facts]
        if values:
            facts.append(form.format(median(values)))
    return ", ".join(facts)


def judged(part: Part, rounds: list[Round]) -> tuple[str, str]:
    """The goals of a row, and whether they are reached."""
    texts, reached = [], []
    for goal in part.goals:
        verdict = goal.judge(rounds)
        texts.append(goal.text)
        if verdict is None:
            reached.append("not measured")
        else:
            reached.append(f"yes, {verdict[0]}" if verdict[1] else f"**no, {verdict[0]}**")
    return "; ".join(texts), "; ".join(reached)


def processor() -> str:
    """The name of the processor."""
    file = Path("/proc/cpuinfo")
    if file.exists():
        for line in file.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory() -> str:
    """The memory of the machine."""
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, ValueError):
        return "memory unknown"
