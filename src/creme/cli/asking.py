"""Ask before a Python file is run that lies in a directory from somebody else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from creme.files.trusted import Trust

TrustOption = Annotated[
    bool,
    typer.Option("--trust", help="run Python files that it names and that you have not run before"),
]


def trust_by(option: bool) -> Trust:
    """The user's word on files that were not run before: the option, or an answer at a terminal."""
    from creme.cli.terminal import err

    if not option and sys.stdin.isatty() and err.is_terminal:
        return _ask
    return option


def _ask(file: Path) -> bool:
    from creme.cli.terminal import err

    err.print(
        f"{file} is a Python file that you have not run before as it is now. It can do all that "
        f"you can do on this machine."
    )
    return typer.confirm("Run it?", default=False, err=True)


ShardOption = Annotated[
    str | None,
    typer.Option(
        metavar="K/N",
        help="only the Kth of N parts of the units, into a store beside the file's that is merged "
        "later (creme cache merge); no results are made",
    ),
]
