"""The command ``creme``."""

from __future__ import annotations

import sys
import warnings
from typing import Any


def main() -> None:
    """Run the command line; mistakes end in a sentence and exit status 2, never a traceback."""
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
        _say(
            f"Error: {type(error).__name__}: {error}. This is a fault of the program; run again "
            f"with --debug for details.",
            style="red",
        )
        sys.exit(1)


# The modules that print take a while to import, and some commands do without them.


def _say(text: str, style: str | None = None) -> None:
    from creme.cli.terminal import err

    err.print(text, style=style)


def _show_warning(*warning: Any, **more: Any) -> None:
    from creme.cli.terminal import show_warning

    show_warning(*warning, **more)
