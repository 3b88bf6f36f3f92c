"""The command ``creme``."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from typing import Any


def main() -> None:
    """Run the command line; mistakes end in a sentence and exit status 2, never a traceback."""
    try:
        _run()
    except SystemExit as ended:
        _leave_model(ended)
        raise


def _leave_model(ended: SystemExit) -> None:
    """End the process now if a model's thread was left behind, which may never return.

    The interpreter's own end would wait for it, or for the device that it uses.
    """
    module = sys.modules.get("creme.inference.model_thread")
    if module and any(thread.name == module.NAME for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 1)


def _run() -> None:
    from creme.cli.app import app
    from creme.errors import CremeError

    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    warnings.showwarning = _show_warning
    try:
        app()
    except CremeError as error:
        if debug:
            raise
        _say(f"Error: {error}", style="red")
        sys.exit(2)
    except KeyboardInterrupt:
        _say("Stopped.")
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        from creme.cli.trouble import trouble

        if sentence := trouble(error):
            _say(
                f"Error: {sentence}. Nothing that was stored is lost: the same command goes on.",
                style="red",
            )
            sys.exit(1)
        _say(
            f"Error: {type(error).__name__}: {error}. This is a fault of the program; run again "
            f"with --debug for details.",
            style="red",
        )
        sys.exit(1)


# The modules that print take a while to import, and some commands do without them.


def _say(text: str, style: str | None = None) -> None:
    from creme.cli.terminal import err
    from creme.errors import legible

    err.print(legible(text), style=style)


def _show_warning(*warning: Any, **more: Any) -> None:
    from creme.cli.terminal import show_warning

    show_warning(*warning, **more)
