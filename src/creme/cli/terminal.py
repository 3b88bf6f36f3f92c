"""What the commands print on: results on standard output, all else on standard error."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from creme.errors import ConfigError, CremeWarning, listing

if TYPE_CHECKING:  # the runner takes a second to import, and most commands do without it
    from creme.model import Selection
    from creme.runner.plan import Plan
    from creme.runner.scheduler import Scheduler
    from creme.runner.tasks import Progress
    from creme.runner.write_buffer import NarrowerSource

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


@contextmanager
def progress(
    plan: Plan,
) -> Iterator[tuple[Callable[[Progress], None], Callable[[Scheduler], None]]]:
    """A progress bar, and Ctrl-C that stops after the batch in flight.

    SIGTERM does the same. A second Ctrl-C raises KeyboardInterrupt.
    """
    scheduler: Scheduler | None = None
    stopping = False
    display = Display(plan)

    def end(running: Scheduler) -> None:
        err.print("Stopping after the batch in flight; Ctrl-C again to stop at once.")
        running.stop()

    # Before there is a scheduler it is only remembered: what is imported meanwhile may swallow an
    # exception, and may be what printing needs.
    def stop(number: int, _frame: Any) -> None:
        nonlocal stopping
        if number == signal.SIGINT:
            # A second Ctrl-C does not wait for the batch.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if scheduler is not None and not stopping:
            end(scheduler)
        stopping = True

    def on_start(started: Scheduler) -> None:
        nonlocal scheduler
        scheduler = started
        display.begin(started)
        if stopping:
            end(started)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with display:
            yield display.update, on_start
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def slow_after() -> float:
    """Seconds without a prediction after which a run says which batch it waits for.

    Those of the environment variable ``CREME_SLOW_AFTER``, or a minute.

    Raises
    ------
    ConfigError
        If they are not a positive number.
    """
    text = os.environ.get("CREME_SLOW_AFTER", "60")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise ConfigError(f"CREME_SLOW_AFTER = {text!r}: give a number of seconds above 0")
    return seconds


class Display:
    """A run's progress on standard error, as a bar; a line every half minute where it is a file.

    Says how many sequences are done of all, how fast predictions are made, how many came from the
    store and how many wait for the model; and where no prediction comes for long, which batch the
    run waits for.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self._selection = plan.selection
        # Searches decide on their way how many sequences they ask for.
        self._total = plan.size()
        self._of_all = "" if self._total is None else f" of {self._total}"
        self._bar = Bar(
            SpinnerColumn(),
            BarColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
            console=err,
            disable=not err.is_terminal,
        )
        self._job = self._bar.add_task("run", total=self._total, counts="")
        self._scheduler: Scheduler | None = None
        self._answered = self._predicted = 0
        self._began = self._shown_at = time.monotonic()
        self._slow_after = self._said_at = slow_after()

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._scheduler is not None and err.is_terminal:
            self._show(self._scheduler.progress)
        self._bar.stop()

    def begin(self, scheduler: Scheduler) -> None:
        """Say what the store has that cannot be used; counts so far are of an earlier part."""
        self._scheduler = scheduler
        self._answered = scheduler.progress.answered
        self._predicted = scheduler.progress.predicted
        narrower = scheduler.narrower_sources()
        if narrower:
            err.print(_narrower(narrower, self._selection, self._total), highlight=False)

    def update(self, now: Progress) -> None:
        """Show counts, if it is time to."""
        moment = time.monotonic()
        if moment - self._shown_at >= (0.2 if err.is_terminal else 30.0):
            self._shown_at = moment
            self._show(now)
        self._say_if_slow()

    def _show(self, now: Progress) -> None:
        done = now.answered - self._answered
        rate = (now.predicted - self._predicted) / max(1e-9, time.monotonic() - self._began)
        counts = (
            f"{done}{self._of_all} sequences, {rate:.1f} predictions/s, {now.stored} from the "
            f"store, {now.waiting} waiting"
        )
        self._bar.update(self._job, completed=done, counts=counts)
        if not err.is_terminal:
            err.print(counts, highlight=False)

    def _say_if_slow(self) -> None:
        """Once after a while without a prediction, and then after twice as long."""
        batch = self._scheduler.awaited_batch() if self._scheduler is not None else None
        if batch is None or batch.seconds < self._slow_after:
            self._said_at = self._slow_after
        elif batch.seconds >= self._said_at:
            while self._said_at <= batch.seconds:
                self._said_at *= 2
            err.print(f"No prediction for {batch.seconds:.0f} s: {batch}.", highlight=False)


def _narrower(narrower: list[NarrowerSource], selection: Selection, total: int | None) -> str:
    """That predictions with fewer bins or tracks cannot be used, and what is predicted instead."""
    held = listing((f"{one.predictions} with {_grid(one.bins, one.tracks)}" for one in narrower), 4)
    anew = "its sequences" if total is None else f"up to {total} sequences"
    return (
        f"The store has predictions of this model that lack bins or tracks ({held}). They cannot "
        f"answer this run, which keeps {_grid(*selection.shape)}: it will predict {anew} anew."
    )


def _grid(bins: int, tracks: int) -> str:
    return f"{bins} bin{'s' * (bins != 1)} and {tracks} track{'s' * (tracks != 1)}"
