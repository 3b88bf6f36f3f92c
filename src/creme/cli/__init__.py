"""The command ``creme``."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from typing import Any

from creme.interrupts import STOPPED, remembered


def main() -> None:
    """Run the command line; mistakes end in a sentence and exit status 2, never a traceback."""
    try:
        try:
            with remembered():
                _run()
        except KeyboardInterrupt:  # while its modules are imported, or again while it ends
            print("Stopped.", file=sys.stderr)
            sys.exit(STOPPED)
    except SystemExit as ended:
        _print_document(ended)
        _leave_model(ended)
        raise


def _print_document(ended: SystemExit) -> None:
    """With --json, the one thing that a command prints on standard output."""
    from creme.cli.choices import chosen

    if chosen.json:
        print(chosen.document(_status(ended)))


def _status(ended: SystemExit) -> int:
    if ended.code is None:
        return 0
    return ended.code if isinstance(ended.code, int) else 1


def _leave_model(ended: SystemExit) -> None:
    """End the process now if a model's thread was left behind, which may never return.

    The interpreter's own end would wait for it, or for the device that it uses.
    """
    module = sys.modules.get("creme.inference.model_thread")
    if module and any(thread.name == module.NAME for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status(ended))


def _run() -> None:
    from creme.cli.app import app
    from creme.cli.choices import chosen
    from creme.errors import CremeError

    chosen.__init__()  # type: ignore[misc]  # a process may run several commands
    warnings.showwarning = _show_warning
    try:
        app(prog_name="creme")
    except CremeError as error:
        if chosen.debug:
            raise
        _fail(str(error), 2)
    except KeyboardInterrupt:
        _say("Stopped.")
        sys.exit(STOPPED)
    except Exception as error:
        if chosen.debug:
            raise
        from creme.cli.trouble import trouble

        if sentence := trouble(error):
            _fail(f"{sentence}. Nothing that was stored is lost: the same command goes on.", 1)
        _fail(
            f"{type(error).__name__}: {error}. This is a fault of the program; run again with "
            f"--debug for details.",
            1,
        )


# The modules that print take a while to import, and some commands do without them.


def _fail(sentence: str, status: int) -> None:
    from creme.cli.choices import chosen
    from creme.errors import legible

    chosen.error = legible(sentence)
    _say(f"Error: {sentence}", style="red")
    sys.exit(status)


def _say(text: str, style: str | None = None) -> None:
    from creme.cli.terminal import err
    from creme.errors import legible

    err.print(legible(text), style=style)


def _show_warning(*warning: Any, **more: Any) -> None:
    from creme.cli.terminal import show_warning

    show_warning(*warning, **more)
