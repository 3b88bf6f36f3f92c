"""What the commands print on: results on standard output, all else on standard error."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from creme.errors import CremeWarning

if TYPE_CHECKING:  # the runner takes a second to import, and most commands do without it
    from creme.runner.plan import Plan
    from creme.runner.scheduler import Scheduler
    from creme.runner.tasks import Progress

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
    """A run's progress on standard error, and Ctrl-C that stops after the batch in flight.

    SIGTERM does the same. A second Ctrl-C raises KeyboardInterrupt.
    """
    from creme.runner.progress_bar import ConsoleDisplay, shown

    with shown(ConsoleDisplay(plan, err), err.print, (signal.SIGINT, signal.SIGTERM)) as calls:
        yield calls
