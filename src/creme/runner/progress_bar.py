"""How far a run is, shown in terminals and notebooks; and Ctrl-C, which ends a run cleanly."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from creme.errors import ConfigError, listing
from creme.interrupts import stop_if_pressed

if TYPE_CHECKING:
    from rich.console import Console

    from creme.model import Selection
    from creme.runner.plan import Plan
    from creme.runner.scheduler import Scheduler
    from creme.runner.tasks import Progress
    from creme.runner.write_buffer import NarrowerSource

OnProgress = Callable[["Progress"], None]
OnStart = Callable[["Scheduler"], None]


@contextmanager
def shown(
    display: Display | None, say: Callable[[str], None], signals: tuple[signal.Signals, ...]
) -> Iterator[tuple[OnProgress, OnStart]]:
    """For `creme.runner.run.measure`: show a run, and end it after the batch in flight at a signal.

    A second Ctrl-C raises KeyboardInterrupt, and so does one from before that Python dropped (see
    `creme.interrupts`). Outside the main thread, where no signal arrives, none is waited for.

    Parameters
    ----------
    display : Display, optional
    say : callable
        Prints a sentence.
    signals : tuple of Signals
        Such as SIGINT, which is Ctrl-C.

    Yields
    ------
    callable, callable
        To be called with the counts after each step, and once with the scheduler.
    """
    scheduler: Scheduler | None = None
    stopping = False

    def end(running: Scheduler) -> None:
        say("Stopping after the batch in flight; Ctrl-C again to stop at once.")
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
        if display is not None:
            display.begin(started)
        if stopping:
            end(started)

    in_main_thread = threading.current_thread() is threading.main_thread()
    with ExitStack() as undo:
        for number in signals if in_main_thread else ():
            undo.callback(signal.signal, number, signal.signal(number, stop))
        stop_if_pressed()  # before these handlers were there
        if display is None:
            yield lambda progress: None, on_start
        else:
            with display:
                yield display.update, on_start


@contextmanager
def shown_in_python(plan: Plan, wanted: bool | None) -> Iterator[tuple[OnProgress, OnStart]]:
    """As `shown`, for a run that Python code began.

    Parameters
    ----------
    plan : Plan
    wanted : bool, optional
        Whether the run is shown; unless given, where a person looks on: in a notebook, or where
        standard error is a terminal.
    """
    display: Display | None = None
    if wanted is not False and _in_notebook():
        display = NotebookDisplay(plan)
    elif wanted or (wanted is None and sys.stderr.isatty()):
        from rich.console import Console

        display = ConsoleDisplay(plan, Console(stderr=True, soft_wrap=True, markup=False))
    with shown(display, _say, (signal.SIGINT,)) as calls:
        yield calls


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


class Display(ABC):
    """A run's progress, for a person.

    Says how many sequences are done of all, how fast predictions are made, how many came from the
    store and how many wait for the model; and where no prediction comes for long, which batch the
    run waits for.

    Parameters
    ----------
    plan : Plan
    every : float
        Seconds from one time that counts are shown to the next.
    """

    def __init__(self, plan: Plan, every: float) -> None:
        self._selection = plan.selection
        # Searches decide on their way how many sequences they ask for.
        self._total = plan.size()
        self._every = every
        self._scheduler: Scheduler | None = None
        self._answered = self._predicted = 0
        self._began = self._shown_at = time.monotonic()
        self._slow_after = self._said_at = slow_after()

    @abstractmethod
    def __enter__(self) -> Self:
        """Begin to show."""

    @abstractmethod
    def __exit__(self, *exception: object) -> None:
        """Show the last counts."""

    @abstractmethod
    def _show(self, now: Progress) -> None:
        """Show counts."""

    @abstractmethod
    def _say(self, sentence: str) -> None:
        """Print a sentence beside the counts."""

    def begin(self, scheduler: Scheduler) -> None:
        """Say what the store has that cannot be used; counts so far are of an earlier part."""
        self._scheduler = scheduler
        self._answered = scheduler.progress.answered
        self._predicted = scheduler.progress.predicted
        narrower = scheduler.narrower_sources()
        if narrower:
            self._say(about_narrower(narrower, self._selection, self._total))

    def update(self, now: Progress) -> None:
        """Show counts, if it is time to."""
        moment = time.monotonic()
        if moment - self._shown_at >= self._every:
            self._shown_at = moment
            self._show(now)
        self._say_if_slow()

    def _done(self, now: Progress) -> int:
        """Sequences that are answered."""
        return now.answered - self._answered

    def _seconds(self) -> float:
        """Since the run began."""
        return max(1e-9, time.monotonic() - self._began)

    def _say_if_slow(self) -> None:
        """Once after a while without a prediction, and then after twice as long."""
        batch = self._scheduler.awaited_batch() if self._scheduler is not None else None
        if batch is None or batch.seconds < self._slow_after:
            self._said_at = self._slow_after
        elif batch.seconds >= self._said_at:
            while self._said_at <= batch.seconds:
                self._said_at *= 2
            self._say(f"No prediction for {batch.seconds:.0f} s: {batch}.")


class ConsoleDisplay(Display):
    """A bar on a terminal; a line every half minute where the console is a file or a pipe.

    Parameters
    ----------
    plan : Plan
    console : rich.console.Console
    """

    def __init__(self, plan: Plan, console: Console) -> None:
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        super().__init__(plan, every=0.2 if console.is_terminal else 30.0)
        self._console = console
        self._of_all = "" if self._total is None else f" of {self._total}"
        self._bar = Bar(
            SpinnerColumn(),
            BarColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._job = self._bar.add_task("run", total=self._total, counts="")

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Show the last counts."""
        if self._scheduler is not None and self._console.is_terminal:
            self._show(self._scheduler.progress)
        self._bar.stop()

    def _show(self, now: Progress) -> None:
        done = self._done(now)
        rate = (now.predicted - self._predicted) / self._seconds()
        counts = (
            f"{done}{self._of_all} sequences, {rate:.1f} predictions/s, {now.stored} from the "
            f"store, {now.waiting} waiting"
        )
        state = self._scheduler.engine.state() if self._scheduler is not None else ""
        counts += f"; {state}" if state else ""
        self._bar.update(self._job, completed=done, counts=counts)
        if not self._console.is_terminal:
            self._say(counts)

    def _say(self, sentence: str) -> None:
        self._console.print(sentence, highlight=False)


class NotebookDisplay(Display):
    """A bar below the cell, which ends as one line of what was done.

    It is a display that is updated in place. rich's own bar needs ipywidgets in a notebook, and
    warns where they are missing.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, every=0.5)
        self._handle: Any = None

    def __enter__(self) -> Self:
        """Begin to show."""
        from IPython.display import display

        self._handle = display(NotebookBar(0, self._total, 0, 0, 0, 0.0), display_id=True)
        return self

    def __exit__(self, *exception: object) -> None:
        """Show the last counts."""
        if self._scheduler is not None:
            self._handle.update(self._bar(self._scheduler.progress, ended=True))

    def _show(self, now: Progress) -> None:
        self._handle.update(self._bar(now))

    def _bar(self, now: Progress, *, ended: bool = False) -> NotebookBar:
        predicted = now.predicted - self._predicted
        return NotebookBar(
            self._done(now),
            self._total,
            predicted,
            now.stored,
            now.repeated,
            self._seconds(),
            ended,
        )

    def _say(self, sentence: str) -> None:
        _say(sentence)


@dataclass(frozen=True)
class NotebookBar:
    """How far a run is, as HTML for a notebook and as a line of text elsewhere.

    Attributes
    ----------
    done : int
        Sequences that tests have asked for, and that are answered.
    total : int or None
        Sequences that they will ask for, where that is known.
    predicted, stored, repeated : int
        Those done that the model predicted, that the store had, and that this run had predicted
        before.
    seconds : float
        Since the run began.
    ended : bool
    """

    done: int
    total: int | None
    predicted: int
    stored: int
    repeated: int
    seconds: float
    ended: bool = False

    def __repr__(self) -> str:
        total = "" if self.total in (None, self.done) else f" of {self.total:,}"
        words = [f"{self.done:,}{total} sequences: {self.predicted:,} predicted"]
        if self.stored:
            words.append(f"{self.stored:,} from the store")
        if self.ended and self.repeated:
            words.append(f"{self.repeated:,} repeated")
        if self.ended:
            words.append(_duration(self.seconds))
        elif self.total and 0 < self.done <= self.total:
            left = self.seconds * (self.total / self.done - 1)
            words.append(f"about {_duration(left)} left")
        return ", ".join(words)

    def _repr_html_(self) -> str:
        if self.ended:
            return f"<div>{self!r}</div>"
        place = "" if self.total is None else f' value="{self.done}" max="{self.total}"'
        return f'<div><progress{place} style="width: 20em"></progress> {self!r}</div>'


def about_narrower(narrower: list[NarrowerSource], selection: Selection, total: int | None) -> str:
    """That predictions with fewer bins or tracks cannot be used, and what is predicted instead.

    Parameters
    ----------
    narrower : list of NarrowerSource
    selection : Selection
        What the run keeps.
    total : int or None
        Sequences that it asks for, where that is known.
    """
    held = listing((f"{one.predictions} with {_grid(one.bins, one.tracks)}" for one in narrower), 4)
    anew = "its sequences" if total is None else f"up to {total} sequences"
    return (
        f"The store has predictions of this model that lack bins or tracks ({held}). They cannot "
        f"answer this run, which keeps {_grid(*selection.shape)}: it will predict {anew} anew."
    )


def _grid(bins: int, tracks: int) -> str:
    return f"{bins} bin{'s' * (bins != 1)} and {tracks} track{'s' * (tracks != 1)}"


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
