"""Options that several commands have, and their answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from creme.errors import ConfigError
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


def parameters_of(settings: list[str]) -> dict[str, Any]:
    """Parameters as written on the command line: TOML values, or else text."""
    from creme.files.small import parse_toml

    parameters: dict[str, Any] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {text!r}: give KEY=VALUE")
        try:
            parameters[key.strip()] = parse_toml(f"value = {value}", key)["value"]
        except ConfigError:
            parameters[key.strip()] = value
    return parameters


@contextmanager
def parameters_lacking(model: str) -> Iterator[None]:
    """Say how to give parameters, where a model is made that lacks one."""
    try:
        yield
    except ConfigError as error:
        if "is required" not in str(error):
            raise
        raise ConfigError(
            f"{error}; give it with --set KEY=VALUE: 'creme plugins show {model}' lists the "
            f"parameters"
        ) from None


PowerOption = Annotated[
    float | None,
    typer.Option(
        metavar="EFFECT",
        help="for --plan: also say how many replicates find an effect of this size, a share of the "
        "wild type's activity (positive of an enhancer)",
    ),
]
