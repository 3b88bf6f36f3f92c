"""The options that choose where models are at work."""

from __future__ import annotations

from typing import Annotated

import typer

from creme.errors import ConfigError

Workers = Annotated[
    int | None,
    typer.Option(
        min=1, help="processes on this machine that predict: a GPU each, or a share of the cores"
    ),
]
Scheduler = Annotated[
    str | None, typer.Option("--dask", help="address of a Dask scheduler whose workers predict")
]


def chosen_cluster(workers: int | None, dask: str | None) -> int | str | None:
    """One of the two options; the file's table [cluster] holds where neither is there.

    Raises
    ------
    ConfigError
        If both are.
    """
    if workers is not None and dask is not None:
        raise ConfigError("--workers and --dask: give one of them")
    return workers if dask is None else dask
