"""How far a run is, shown in terminals and notebooks; and Ctrl-C, which ends a run cleanly."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from creme.runner.plan import Plan
    from creme.runner.scheduler import Scheduler
    from creme.runner.tasks import Progress

OnProgress = Callable[["Progress"], None]
OnStart = Callable[["Scheduler"], None]


@contextmanager
def shown_in_python(plan: Plan, wanted: bool | None) -> Iterator[tuple[OnProgress, OnStart]]:
    """For `creme.runner.run.measure`: what shows a run of Python code, and ends it at Ctrl-C.

    Parameters
    ----------
    plan : Plan
    wanted : bool, optional
        Whether the run is shown; unless given, where a person looks on: in a notebook, or where
        standard error is a terminal.
    """
    with ended_by_interrupt(_say) as on_start:
        if wanted is False:
            yield lambda progress: None, on_start
        elif _in_notebook():
            with in_notebook(plan) as on_progress:
                yield on_progress, on_start
        elif wanted or sys.stderr.isatty():
            from rich.console import Console

            with on_console(plan, Console(stderr=True, markup=False)) as on_progress:
                yield on_progress, on_start
        else:
            yield lambda progress: None, on_start


@contextmanager
def ended_by_interrupt(say: Callable[[str], None]) -> Iterator[OnStart]:
    """Let Ctrl-C end a run after the batch in flight.

    Outside the main thread, where no signal arrives, this does nothing.

    Parameters
    ----------
    say : callable
        Prints a sentence.

    Yields
    ------
    callable
        To be called with the scheduler.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda started: None
        return
    scheduler: Scheduler | None = None
    interrupted = False

    def end(running: Scheduler) -> None:
        say("Stopping after the batch in flight; Ctrl-C again to stop at once.")
        running.stop()

    # Before there is a scheduler it is only remembered: what is imported meanwhile may swallow an
    # exception, and may be what printing needs.
    def stop(_signal: int, _frame: Any) -> None:
        nonlocal interrupted
        interrupted = True
        # A second Ctrl-C does not wait for the batch.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if scheduler is not None:
            end(scheduler)

    def on_start(started: Scheduler) -> None:
        nonlocal scheduler
        scheduler = started
        if interrupted:
            end(started)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield on_start
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def on_console(plan: Plan, console: Console) -> Iterator[OnProgress]:
    """A bar on a terminal; elsewhere a line every half minute."""
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

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
        console=console,
        disable=not console.is_terminal,
    )
    job = bar.add_task("run", total=total, rate=0.0, reused=0)
    began = shown = time.monotonic()

    def on_progress(now: Progress) -> None:
        nonlocal shown
        moment = time.monotonic()
        if moment - shown < (0.2 if console.is_terminal else 30.0):
            return
        shown = moment
        rate = now.predicted / (moment - began)
        reused = now.stored + now.repeated
        bar.update(job, completed=now.asked, rate=rate, reused=reused)
        if not console.is_terminal:
            console.print(
                f"{now.asked}{of_all} sequences, {rate:.1f} predictions/s, {reused} cache hits"
            )

    with bar:
        yield on_progress


@contextmanager
def in_notebook(plan: Plan) -> Iterator[OnProgress]:
    """A bar below the cell, which ends as one line of what was done.

    It is a display that is updated in place. rich's own bar needs ipywidgets in a notebook, and
    warns where they are missing.
    """
    from IPython.display import display

    total = plan.size()
    began = shown = time.monotonic()
    latest: Progress | None = None
    handle: Any = display(NotebookBar(0, total, 0, 0, 0, 0.0), display_id=True)

    def update(*, ended: bool) -> None:
        if (now := latest) is not None:
            seconds = time.monotonic() - began
            handle.update(
                NotebookBar(
                    now.asked, total, now.predicted, now.stored, now.repeated, seconds, ended
                )
            )

    def on_progress(now: Progress) -> None:
        nonlocal latest, shown
        latest = now
        if time.monotonic() - shown >= 0.5:
            shown = time.monotonic()
            update(ended=False)

    try:
        yield on_progress
    finally:
        update(ended=True)


@dataclass(frozen=True)
class NotebookBar:
    """How far a run is, as HTML for a notebook and as a line of text elsewhere.

    Attributes
    ----------
    requested : int
        Sequences that tests have asked for so far.
    total : int or None
        Sequences that they will ask for, where that is known.
    predicted, stored, repeated : int
        Those of them that the model predicted, that the store had, and that this run had asked for
        before.
    seconds : float
        Since the run began.
    ended : bool
    """

    requested: int
    total: int | None
    predicted: int
    stored: int
    repeated: int
    seconds: float
    ended: bool = False

    def __repr__(self) -> str:
        total = "" if self.total is None or self.ended else f" of {self.total:,}"
        words = [f"{self.requested:,}{total} sequences: {self.predicted:,} predicted"]
        if self.stored:
            words.append(f"{self.stored:,} from the store")
        if self.ended and self.repeated:
            words.append(f"{self.repeated:,} repeated")
        if self.ended:
            words.append(_duration(self.seconds))
        elif self.total and self.requested and self.requested <= self.total:
            left = self.seconds * (self.total / self.requested - 1)
            words.append(f"about {_duration(left)} left")
        return ", ".join(words)

    def _repr_html_(self) -> str:
        if self.ended:
            return f"<div>{self!r}</div>"
        place = "" if self.total is None else f' value="{self.requested}" max="{self.total}"'
        return f'<div><progress{place} style="width: 20em"></progress> {self!r}</div>'


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _in_notebook() -> bool:
    """Whether this is the kernel of a notebook: IPython in a terminal has none."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
