"""What the commands print on: results on standard output, all else on standard error."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from creme.errors import CremeWarning, listing
from creme.results import ALL_UNITS

if TYPE_CHECKING:  # the runner takes a second to import, and most commands do without it
    from creme.runner.plan import Plan
    from creme.runner.scheduler import Scheduler
    from creme.runner.tasks import Progress

MESSAGES = 5
"""Messages of one test that are printed at a run's end."""

# Names are data: what looks like markup in them is none.
out = Console(soft_wrap=True, markup=False)
if not out.is_terminal:
    out.width = 180  # a file or a pipe has no edge to wrap at
err = Console(stderr=True, soft_wrap=True, markup=False)


def show_warning(message: Any, category: type[Warning], *_rest: Any, **_more: Any) -> None:
    """Print the toolkit's warnings as sentences, and others as they are called."""
    prefix = "Warning" if issubclass(category, CremeWarning) else category.__name__
    err.print(f"{prefix}: {message}", style="yellow")


def table(columns: list[str], rows: list[list[Any]], title: str | None = None) -> Table:
    """A table of values, numbers to the right, everything shown as text."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for place, column in enumerate(columns):
        numeric = all(isinstance(row[place], (int, float)) for row in rows)
        made.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*[f"{v:.3f}" if isinstance(v, float) else str(v) for v in row])
    return made


def failure_lines(failures: Sequence[tuple[str, str, str]]) -> list[str]:
    """What failed, in few lines: of each test, the units of one message together.

    Parameters
    ----------
    failures : sequence of (test, unit, message)
        The unit is `ALL_UNITS` where a whole test failed.
    """
    units: dict[str, dict[str, list[str]]] = {}
    for test, unit, message in failures:
        units.setdefault(test, {}).setdefault(message, []).append(unit)
    lines = []
    for test, by_message in units.items():
        often = sorted(by_message, key=lambda message: -len(by_message[message]))
        for message in often[:MESSAGES]:
            lines.append(f"Failed: test {test!r} on {_units(by_message[message])}: {message}")
        rest = often[MESSAGES:]
        if rest:
            number = sum(len(by_message[message]) for message in rest)
            lines.append(
                f"Failed: test {test!r} on {number} more loci, with {len(rest)} other messages"
            )
    return lines


def _units(names: list[str]) -> str:
    if len(names) > 1:
        return f"{len(names)} loci ({listing(names, 3)})"
    return names[0] if names[0] == ALL_UNITS else f"locus {names[0]!r}"


@contextmanager
def progress(
    plan: Plan,
) -> Iterator[tuple[Callable[[Progress], None], Callable[[Scheduler], None]]]:
    """A progress bar, and Ctrl-C that stops after the batch in flight.

    Where standard error is no terminal, a line every half minute takes the bar's place.
    """
    scheduler: Scheduler | None = None
    stopping = False

    def end(running: Scheduler) -> None:
        err.print("Stopping after the batch in flight; Ctrl-C again to stop at once.")
        running.stop()

    # Before there is a scheduler it is only remembered: what is imported meanwhile may swallow an
    # exception, and may be what printing needs.
    def stop(_signal: int, _frame: Any) -> None:
        nonlocal stopping
        stopping = True
        # A second Ctrl-C does not wait for the batch.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if scheduler is not None:
            end(scheduler)

    def on_start(started: Scheduler) -> None:
        nonlocal scheduler
        scheduler = started
        if stopping:
            end(started)

    before = signal.signal(signal.SIGINT, stop)
    try:
        with _shown(plan) as on_progress:
            yield on_progress, on_start
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _shown(plan: Plan) -> Iterator[Callable[[Progress], None]]:
    """The bar, or the lines in its place."""
    # Searches decide on their way how much they ask for.
    total = plan.size()
    of_all = "" if total is None else f" of {total}"
    bar = Bar(
        SpinnerColumn(),
        BarColumn(),
        TextColumn(f"{{task.completed}}{of_all} sequences"),
        TextColumn("{task.fields[rate]:.1f} predictions/s"),
        TextColumn("{task.fields[reused]} cache hits"),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
    )
    job = bar.add_task("run", total=total, rate=0.0, reused=0)
    began = shown = time.monotonic()

    def on_progress(now: Progress) -> None:
        nonlocal shown
        moment = time.monotonic()
        if moment - shown < (0.2 if err.is_terminal else 30.0):
            return
        shown = moment
        rate = now.predicted / (moment - began)
        reused = now.stored + now.repeated
        bar.update(job, completed=now.asked, rate=rate, reused=reused)
        if not err.is_terminal:
            err.print(
                f"{now.asked}{of_all} sequences, {rate:.1f} predictions/s, {reused} cache hits"
            )

    with bar:
        yield on_progress
