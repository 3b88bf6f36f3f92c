"""Models' published weights and tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from creme.errors import ConfigError, listing, nearest

models_app = typer.Typer(help="Models' published weights and tables.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="a model's plugin")]


@models_app.command("fetch")
def fetch_model(
    name: Name,
    sets: Annotated[list[str] | None, typer.Argument(help="of these sets; all of them")] = None,
    to: Annotated[
        Path | None, typer.Option(help="folder; one in the user's cache unless given")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Fetch what was published for a model; says the size first, and goes on where it broke off."""
    from rich.filesize import decimal
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from creme import registry
    from creme.cli.terminal import err, out, table
    from creme.fetch import ask, fetch
    from creme.folders import cache_folder

    known = registry.load("models", name).downloads
    if not known:
        raise ConfigError(f"nothing is published for model {name}, or it brings it along")
    for wanted in sets or known:
        if wanted not in known:
            raise ConfigError(
                f"model {name} has no set {wanted!r}{nearest(wanted, known)}: it has "
                f"{listing(known, 20)}"
            )
    folder = (to or cache_folder() / "models" / name).expanduser().absolute()
    chosen = [(part, file) for part in (sets or known) for file in known[part]]
    rows, total, unknown = [], 0, False
    for part, file in chosen:
        there = (folder / part / file.file).is_file()
        size = 0 if there else ask(file.url).size
        total, unknown = total + (size or 0), unknown or size is None
        said = "is there" if there else "not said" if size is None else decimal(size)
        rows.append([part, file.file, file.about, said, file.url])
    out.print(table(["set", "file", "what", "size", "from"], rows, title=f"{name}, into {folder}"))
    if total or unknown:
        asked = f"Fetch {decimal(total)}{' and more' if unknown else ''}?"
        if not yes and not (sys.stdin.isatty() and typer.confirm(asked)):
            raise ConfigError(f"nothing was fetched: {decimal(total)} are; --yes says yes to that")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=err, disable=not err.is_terminal) as bar:
        for part, file in chosen:
            job = bar.add_task(f"{part}/{file.file}", total=None)
            fetch(
                file,
                folder / part,
                on_progress=lambda done, size, job=job: bar.update(  # type: ignore[misc]
                    job, completed=done, total=size
                ),
            )
    for part in sets or known:
        out.print(f"{part}: {folder / part}", markup=False, highlight=False)
