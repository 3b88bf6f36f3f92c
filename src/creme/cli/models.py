"""Models' published weights and tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creme.errors import ConfigError, PluginError, listing, nearest

if TYPE_CHECKING:
    from creme.files.fetch import Download

models_app = typer.Typer(help="Models' published weights and tables.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="a model's plugin")]
To = Annotated[Path | None, typer.Option(help="folder; one in the user's cache unless given")]


@models_app.command("list")
def list_models() -> None:
    """Say what can be fetched for the installed models, and what is here; asks no server."""
    from creme import registry
    from creme.cli.terminal import err, out, table
    from creme.files.fetch import place

    rows, none = [], []
    for name, plugin in registry.plugins("model").items():
        try:
            sets = plugin.load().downloads
        except PluginError as error:
            err.print(f"Warning: {error}", style="yellow")
            continue
        if not sets:
            none.append(name)
        for part, files in sets.items():
            folder = _folder(name, None) / part
            here = [place(file, folder).exists() for file in files]
            said = "yes" if all(here) else "in part" if any(here) else "no"
            rows.append([name, part, "; ".join(file.about for file in files), said])
    if rows:
        out.print(table(["model", "set", "what", "fetched"], rows))
        out.print("creme models fetch MODEL [SET ...]", highlight=False)
    if none:
        out.print(f"Nothing to fetch for {listing(none, 20)}.", highlight=False)


@models_app.command("fetch")
def fetch_model(
    name: Name,
    sets: Annotated[list[str] | None, typer.Argument(help="of these sets; all of them")] = None,
    to: To = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Fetch what was published for a model; says the size first, and goes on where it broke off."""
    from rich.filesize import decimal

    from creme import registry
    from creme.cli.terminal import out, table
    from creme.files.fetch import FetchError, ask, fetch, free_space, kept, noted_digest, place

    chosen = _chosen(name, registry.load("model", name).downloads, sets)
    folder = _folder(name, to)
    rows, needed, more = [], 0, 0
    unknown = False
    for part, file in chosen:
        if place(file, folder / part).exists():
            said = "is here"
        else:
            size, begun = ask(file.url).size, kept(file, folder / part)
            unknown = unknown or size is None
            left = max(0, (size or 0) - begun)
            needed += left
            # An archive and what is in it lie side by side for a moment.
            more += left + ((size or 0) if file.unpack else 0)
            said = "not said" if size is None else decimal(size)
            said += f", {decimal(begun)} of it here" if begun else ""
        rows.append([part, file.file, file.about, said, file.url])
    out.print(table(["set", "file", "what", "size", "from"], rows, title=f"{name}, into {folder}"))
    if needed or unknown:
        free = free_space(folder)
        amount = decimal(needed) + (" and what the server does not say" if unknown else "")
        out.print(f"To fetch: {amount}; {decimal(free)} are free there.", highlight=False)
        if more > free:
            raise FetchError(
                f"nothing was fetched: {decimal(more)} are needed, and {decimal(free)} are free on "
                f"the disk of {folder}; give another folder with --to"
            )
        if not yes:
            _confirm()
    with _shown() as progress:
        for part, file in chosen:
            fetch(file, folder / part, on_progress=progress(f"{part}/{file.file}"))
    for part, file in chosen:
        digest = noted_digest(file, folder / part)
        how = "as published" if file.sha256 else "as first fetched"
        checked = f"SHA-256 {digest}, {how}" if digest else "not checked: no digest is known"
        out.print(f"{part}/{file.file}: {checked}", highlight=False)
    for part in dict.fromkeys(part for part, _ in chosen):
        unpacked = [file for at, file in chosen if at == part and file.unpack]
        where = place(unpacked[0], folder / part) if len(unpacked) == 1 else folder / part
        out.print(f"{part}: {where}", highlight=False)


def _chosen(
    name: str, known: dict[str, tuple[Download, ...]], sets: list[str] | None
) -> list[tuple[str, Download]]:
    if not known:
        raise ConfigError(f"nothing is published for model {name}, or it brings it along")
    for wanted in sets or known:
        if wanted not in known:
            raise ConfigError(
                f"model {name} has no set {wanted!r}{nearest(wanted, known)}: it has "
                f"{listing(known, 20)}"
            )
    return [(part, file) for part in dict.fromkeys(sets or known) for file in known[part]]


def _folder(name: str, to: Path | None) -> Path:
    from creme.files.cache_folder import cache_folder

    return (to or cache_folder() / "models" / name).expanduser().absolute()


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise ConfigError("nothing was fetched: there is no terminal to ask on; --yes does not ask")
    if not typer.confirm("Fetch?"):
        typer.echo("Nothing was fetched.")
        raise typer.Exit(1)


@contextmanager
def _shown() -> Iterator[Callable[[str], Callable[[int, int | None], None]]]:
    """Progress bars, or a line every half minute where standard error is no terminal."""
    from rich.filesize import decimal
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from creme.cli.terminal import err

    columns: tuple[Any, ...] = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    told = time.monotonic()
    with Progress(*columns, TransferSpeedColumn(), console=err, disable=not err.is_terminal) as bar:

        def begin(name: str) -> Callable[[int, int | None], None]:
            job = bar.add_task(name, total=None)

            def update(done: int, size: int | None) -> None:
                nonlocal told
                bar.update(job, completed=done, total=size)
                if not err.is_terminal and time.monotonic() - told > 30.0:
                    told = time.monotonic()
                    of_all = f" of {decimal(size)}" if size is not None else ""
                    err.print(f"{name}: {decimal(done)}{of_all}", highlight=False)

            return update

        yield begin
