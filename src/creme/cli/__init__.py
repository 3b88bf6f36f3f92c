"""The command ``creme``."""

from __future__ import annotations

import sys
import warnings


def main() -> None:
    """Run the command line; mistakes end in a sentence and exit status 2, never a traceback."""
    from creme.cli.app import app
    from creme.cli.terminal import err, show_warning
    from creme.errors import CremeError

    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    warnings.showwarning = show_warning
    try:
        app()
    except CremeError as error:
        if debug:
            raise
        err.print(f"Error: {error}", style="red", markup=False)
        sys.exit(2)
    except KeyboardInterrupt:
        err.print("Stopped.")
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        err.print(
            f"Error: {type(error).__name__}: {error}. This is a fault of the program; run again "
            f"with --debug for details.",
            style="red",
            markup=False,
        )
        sys.exit(1)
