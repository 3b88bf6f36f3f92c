"""The consoles of the commands: results on standard output, all else on standard error."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from creme.cli.choices import add_table, chosen
from creme.cli.layout import fitted
from creme.errors import CremeWarning, legible, listing
from creme.results import ALL_UNITS

if TYPE_CHECKING:  # the runner takes a second to import, and most commands do without it
    from creme.runner.plan import Plan
    from creme.runner.scheduler import Scheduler
    from creme.runner.tasks import Progress

MESSAGES = 5
"""Messages of one test that are printed at a run's end; --verbose prints all."""

# The letters that command a terminal, or turn its writing around; halves of letters too, which
# cannot be printed. Tabs and new lines are none.
_COMMANDS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""A text whose control characters are written out, as ``\x1b``."""
    return _COMMANDS.sub(lambda match: ascii(match[0])[1:-1], text)


class PlainConsole(Console):
    """A console on which names are data: nothing in them is markup, a command or an emoji.

    Nor is anything highlighted: that takes minutes for a long word.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, soft_wrap=True, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, *args: Any, **options: Any) -> Text:
        """A text as it is printed; all that is printed comes by here."""
        return super().render_str(printable(text), *args, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; sentences of a command that prints JSON go to standard error."""
        if not chosen.json or self.stderr:
            super().print(*objects, **options)
        elif not chosen.quiet:
            notes.print(*objects, **options)


out = PlainConsole()
"""For results, and what came of a command."""
if not out.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
    out.width = 180  # a file or a pipe has no edge to wrap at
err = PlainConsole(stderr=True)
"""For errors and questions."""
notes = PlainConsole(stderr=True)
"""For progress, notes and warnings, which --quiet leaves out."""


def show_warning(message: Any, category: type[Warning], *_rest: Any, **_more: Any) -> None:
    """Print the toolkit's warnings as sentences, and others as they are called."""
    prefix = "Warning" if issubclass(category, CremeWarning) else category.__name__
    say_aside(f"{prefix}: {legible(str(message))}")


def say_aside(text: str) -> None:
    """Print a note or a warning, which --quiet leaves out."""
    if not chosen.quiet:
        notes.print(text, style="yellow")


def say_more(text: str) -> None:
    """Print what only --verbose says."""
    if chosen.verbose and not chosen.quiet:
        notes.print(text)


def display() -> Console:
    """Where progress is shown: nowhere with --quiet."""
    return Console(quiet=True) if chosen.quiet else notes


def show_table(
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    title: str | None = None,
    grey: Callable[[Sequence[Any]], bool] = lambda row: False,
) -> None:
    """Print a table so that it fits the screen; with --json it goes into the document.

    Parameters
    ----------
    name : str
        Its key in the document.
    columns, rows, title, grey
        As of `creme.cli.layout.table`.
    """
    if chosen.json:
        add_table(name, columns, rows)
        return
    for part in fitted(columns, rows, out.width, title, grey):
        out.print(part)


def failure_lines(failures: Sequence[tuple[str, str, str]]) -> list[str]:
    """Failures in few lines: of each test, the units of one message together.

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
        shown = len(often) if chosen.verbose else MESSAGES
        for message in often[:shown]:
            lines.append(f"Failed: test {test!r} on {_units(by_message[message])}: {message}")
        rest = often[shown:]
        if rest:
            number = sum(len(by_message[message]) for message in rest)
            lines.append(
                f"Failed: test {test!r} on {number} more loci, with {len(rest)} other messages"
            )
    return lines


def say_failures(failures: Sequence[tuple[str, str, str]]) -> None:
    """Print what failed, in few lines; the document has all of it."""
    for line in failure_lines(failures):
        err.print(line, style="red")
    if chosen.json and failures:
        add_table("failures", ["test", "unit", "message"], failures)


def _units(names: list[str]) -> str:
    if len(names) > 1:
        return f"{len(names)} loci ({listing(names, 3)})"
    return names[0] if names[0] == ALL_UNITS else f"locus {names[0]!r}"


@contextmanager
def progress(
    plan: Plan,
) -> Iterator[tuple[Callable[[Progress], None], Callable[[Scheduler], None]]]:
    """A run's progress on standard error, and Ctrl-C that stops after the batch in flight.

    SIGTERM does the same. A second Ctrl-C raises KeyboardInterrupt.
    """
    from creme.runner.progress_bar import ConsoleDisplay, shown

    with shown(
        ConsoleDisplay(plan, display()), err.print, (signal.SIGINT, signal.SIGTERM)
    ) as calls:
        yield calls
