"""Models' published weights and tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creme.cli.commands import Commands
from creme.errors import ConfigError, PluginError, listing, nearest

if TYPE_CHECKING:
    from creme.files.fetch import Download

models_app = Commands(help="Models: their tracks, published weights and tables.")

Name = Annotated[str, typer.Argument(help="a model's plugin")]
To = Annotated[Path | None, typer.Option(help="folder; one in the user's cache unless given")]


def tracks(
    name: Name,
    pattern: Annotated[
        str | None,
        typer.Argument(help="a name, or a regular expression in names and descriptions"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE of a parameter of [model]; may be repeated"),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--from", help="an experiment or study file with [model]")
    ] = None,
) -> None:
    """List the tracks of a model, to choose from."""
    from creme.cli.asking import parameters_lacking, parameters_of
    from creme.cli.plugins import maker
    from creme.cli.terminal import out, show_table

    with parameters_lacking(name):
        table = maker("model", name, file, parameters_of(settings or []))().tracks
    numbers = range(len(table)) if pattern is None else table.select([pattern])
    chosen = [(number, table[number]) for number in numbers]
    more = [key for key in ("assay", "cell_type") if any(getattr(one, key) for _, one in chosen)]
    described = [key for key in ("description",) if any(one.description for _, one in chosen)]
    columns = ["number", "name", "strand", *more, *described]
    rows = [[number, *(getattr(one, key) for key in columns[1:])] for number, one in chosen]
    title = f"{len(rows)} of {len(table)} tracks of {name}"
    show_table("tracks", [column.replace("_", " ") for column in columns], rows, title)
    if not table.strands_known:
        out.print("Nobody said which strands the tracks are of.")


def list_models() -> None:
    """List what can be fetched for models; asks no server."""
    from creme import registry
    from creme.cli.terminal import out, say_aside, show_table
    from creme.files.fetch import place

    rows, without_sets = [], []
    for name, plugin in registry.plugins("model").items():
        try:
            sets = plugin.load().downloads
        except PluginError as error:
            say_aside(f"Warning: {error}")
            continue
        if not sets:
            without_sets.append(name)
        for part, files in sets.items():
            folder = _folder(name, None) / part
            present = [place(file, folder).exists() for file in files]
            fetched = "yes" if all(present) else "in part" if any(present) else "no"
            rows.append([name, part, "; ".join(file.about for file in files), fetched])
    if rows:
        show_table("sets", ["model", "set", "contents", "fetched"], rows)
        out.print("creme models fetch MODEL [SET ...]")
    if without_sets:
        out.print(f"Nothing to fetch for {listing(without_sets, 20)}.")


def fetch_model(
    name: Name,
    sets: Annotated[list[str] | None, typer.Argument(help="these sets; all unless given")] = None,
    to: To = None,
    yes: Annotated[bool, typer.Option("--yes", help="fetch without asking")] = False,
) -> None:
    """Fetch the published files of a model.

    The size is shown first, and what broke off is resumed."""
    from rich.filesize import decimal

    from creme import registry
    from creme.cli.terminal import out, show_table
    from creme.files.fetch import FetchError, ask, fetch, free_space, kept, noted_digest, place

    chosen = _chosen(name, registry.load("model", name).downloads, sets)
    folder = _folder(name, to)
    rows, needed, space = [], 0, 0
    unknown = False
    for part, file in chosen:
        if place(file, folder / part).exists():
            status = "is here"
        else:
            size, done = ask(file.url).size, kept(file, folder / part)
            unknown = unknown or size is None
            missing = max(0, (size or 0) - done)
            needed += missing
            # An archive and its contents lie side by side for a moment.
            space += missing + ((size or 0) if file.unpack else 0)
            status = "unknown" if size is None else decimal(size)
            status += f", {decimal(done)} of it here" if done else ""
        rows.append([part, file.file, file.about, status, file.url])
    columns = ["set", "file", "contents", "size", "from"]
    show_table("files", columns, rows, f"{name}, into {folder}")
    if needed or unknown:
        free = free_space(folder)
        amount = decimal(needed) + (" and files of unknown size" if unknown else "")
        out.print(f"To fetch: {amount}; {decimal(free)} are free there.")
        if space > free:
            raise FetchError(
                f"nothing was fetched: {decimal(space)} are needed, and {decimal(free)} are free "
                f"on the disk of {folder}; give another folder with --to"
            )
        if not yes:
            _confirm()
    with _progress_bars() as progress:
        for part, file in chosen:
            fetch(file, folder / part, on_progress=progress(f"{part}/{file.file}"))
    for part, file in chosen:
        digest = noted_digest(file, folder / part)
        how = "as published" if file.sha256 else "as first fetched"
        checked = f"SHA-256 {digest}, {how}" if digest else "not checked: no digest is known"
        out.print(f"{part}/{file.file}: {checked}")
    for part in dict.fromkeys(part for part, _ in chosen):
        unpacked = [file for at, file in chosen if at == part and file.unpack]
        where = place(unpacked[0], folder / part) if len(unpacked) == 1 else folder / part
        out.print(f"{part}: {where}")


def _chosen(
    name: str, published: dict[str, tuple[Download, ...]], sets: list[str] | None
) -> list[tuple[str, Download]]:
    if not published:
        raise ConfigError(
            f"model {name} has nothing to fetch: no files are published, or it comes with them"
        )
    for requested in sets or published:
        if requested not in published:
            raise ConfigError(
                f"model {name} has no set {requested!r}{nearest(requested, published)}: it has "
                f"{listing(published, 20)}"
            )
    return [(part, file) for part in dict.fromkeys(sets or published) for file in published[part]]


def _folder(name: str, to: Path | None) -> Path:
    from creme.files.cache_folder import cache_folder

    return (to or cache_folder() / "models" / name).expanduser().absolute()


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise ConfigError(
            "nothing was fetched: there is no terminal to ask on; --yes fetches without asking"
        )
    if not typer.confirm("Fetch?", err=True):
        typer.echo("Nothing was fetched.", err=True)
        raise typer.Exit(1)


@contextmanager
def _progress_bars() -> Iterator[Callable[[str], Callable[[int, int | None], None]]]:
    """Progress bars, or a line every half minute where standard error is no terminal."""
    from rich.filesize import decimal
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from creme.cli.terminal import display

    columns: tuple[Any, ...] = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    last_line, shown = time.monotonic(), display()
    with Progress(
        *columns, TransferSpeedColumn(), console=shown, disable=not shown.is_terminal
    ) as bar:

        def begin(name: str) -> Callable[[int, int | None], None]:
            job = bar.add_task(name, total=None)

            def update(done: int, size: int | None) -> None:
                nonlocal last_line
                bar.update(job, completed=done, total=size)
                if not shown.is_terminal and time.monotonic() - last_line > 30.0:
                    last_line = time.monotonic()
                    of_all = f" of {decimal(size)}" if size is not None else ""
                    shown.print(f"{name}: {decimal(done)}{of_all}")

            return update

        yield begin


models_app.add(
    tracks,
    """
creme models tracks synthetic
# those that a regular expression matches
creme models tracks borzoi "CAGE.*K562" \\
    --set targets=targets_human.txt
# of the [model] of a file
creme models tracks seqnn --from experiment.toml
""",
)
models_app.add(
    list_models,
    """
creme models list
creme models list --json
""",
    "list",
)
models_app.add(
    fetch_model,
    """
# all that is published for a model; asks first
creme models fetch borzoi
# two of its sets, without asking, into a folder
creme models fetch borzoi targets --yes --to weights
""",
    "fetch",
)
