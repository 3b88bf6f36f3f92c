"""Cases, their measurements and their goals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Run:
    """One process of a case.

    Attributes
    ----------
    label : str
        Its column in the table, unless it times its parts itself.
    environment : str
        The folder of its packages; ``toolkit`` is the one that the benchmarks run in.
    worker : str
        The file in ``workers/``.
    job : str
    values : dict
        JSON values for the job.
    """

    label: str
    environment: str
    worker: str
    job: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class Round:
    """The measurements of one round of a case.

    Attributes
    ----------
    seconds : dict of str to float
        By label; of a process that times its parts itself, by their names.
    mib : dict of str to float
        Peak above the imports, by the label of the process.
    facts : dict of str to value
        Other figures, by name.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    mib: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, run: Run, answer: dict[str, Any]) -> None:
        """Add the answer of a process."""
        for name, seconds in answer["seconds"].items():
            self.seconds[name or run.label] = seconds
        self.mib[run.label] = answer["mib"]
        for name, value in answer["facts"].items():
            self.facts.setdefault(name, value)
            self.facts[f"{run.label} {name}"] = value


@dataclass(frozen=True)
class Goal:
    """A figure and its bound.

    Attributes
    ----------
    text : str
        The bound, for the table.
    value : callable
        The figure of a round; a KeyError where a peer it is about was not measured.
    bound : float
    at_least : bool
        The figure has to be at least the bound, or at most.
    form : str
        How the figure is written.
    timed : bool
        Whether it is about time or memory, or about what was computed: that must hold always.
    """

    text: str
    value: Callable[[Round], float]
    bound: float
    at_least: bool = False
    form: str = "{:.3g}"
    timed: bool = True

    def judge(self, rounds: Iterable[Round]) -> tuple[str, bool] | None:
        """The median of the figure, written, and whether it is reached."""
        try:
            figure = median(self.value(one) for one in rounds)
        except KeyError:
            return None
        reached = figure >= self.bound if self.at_least else figure <= self.bound
        return self.form.format(figure), reached


def times(peer: str, bound: float, ours: str = "toolkit") -> Goal:
    """Goal: so many times faster than another column."""
    return Goal(
        f"{bound:g}x {peer}",
        lambda one: one.seconds[peer] / one.seconds[ours],
        bound,
        at_least=True,
        form="{:.3g}x",
    )


def mib(bound: float, label: str = "toolkit") -> Goal:
    """Goal: under so much memory."""
    return Goal(f"under {bound:g} MiB", lambda one: one.mib[label], bound, form="{:.0f} MiB")


def fact(
    name: str,
    bound: float,
    text: str,
    *,
    at_least: bool = False,
    form: str = "{:.3g}",
    timed: bool = True,
) -> Goal:
    """Goal about a figure that a worker gave."""
    return Goal(text, lambda one: float(one.facts[name]), bound, at_least, form, timed)


def exact(name: str, bound: float, text: str, *, at_least: bool = False) -> Goal:
    """Goal about what was computed: it must hold in every run."""
    return fact(name, bound, text, at_least=at_least, form="{:.2g}", timed=False)


@dataclass(frozen=True)
class Part:
    """A row of the table: some of the times that a case's processes gave.

    Attributes
    ----------
    title : str
    prefix : str
        Of the names of its times; the rest of the name is the column.
    goals : tuple of Goal
    also : tuple of (str, str)
        Facts to write beside, and how: ``("mib", "{:.0f} MiB")``.
    """

    title: str
    prefix: str = ""
    goals: tuple[Goal, ...] = ()
    also: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Case:
    """Jobs that are measured in turn, round by round.

    Attributes
    ----------
    section : str
        Of the page.
    name : str
        For ``--only`` and messages.
    runs : tuple of Run
    parts : tuple of Part
    rounds : int
        At most so many, for what takes long.
    needs_data : bool
        Of the folder of real models and sequences.
    """

    section: str
    name: str
    runs: tuple[Run, ...]
    parts: tuple[Part, ...]
    rounds: int = 5
    needs_data: bool = False
