"""The store of predictions: said, verified, made smaller, joined, emptied, exported, sealed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creme.cli.commands import Commands
from creme.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from creme.store import Source, Store
    from creme.store.merge import MergedSource

Counted = Callable[[int, int], None]

cache_app = Commands(help="The store of predictions.")

StorePath = Annotated[Path, typer.Argument(help="a store's directory, or an experiment file")]
Grace = Annotated[
    float, typer.Option("--grace", min=0, help="minutes for which replaced files stay")
]


def info(store: StorePath) -> None:
    """Say what a store holds."""
    from creme.cli.tables import of_batches
    from creme.cli.terminal import show_table

    with _reading(store) as opened:
        rows = [
            [
                info.source.description.get("model", "?"),
                info.source.fingerprint[:12],
                " x ".join(map(str, info.source.shape)),
                info.predictions,
                info.chunks,
                info.files,
                round(info.bytes / 2**20, 3),
                of_batches(info.batches),
            ]
            for info in opened.info()
        ]
        columns = ["model", "fingerprint", "bins x tracks", "predictions", "chunks", "files", "MiB"]
        columns.append("batch against alone")
        title = f"{opened.path} (schema version {opened.schema_version})"
        show_table("sources", columns, rows, title)


def verify(
    store: StorePath,
    repair: Annotated[
        bool, typer.Option("--repair", help="take out what is damaged, delete what nobody needs")
    ] = False,
    grace: Grace = 10.0,
) -> None:
    """Compare all of a store with its checksums.

    The exit status is 1 where something is damaged and not repaired."""
    from creme.cli.terminal import out
    from creme.store.verify import verify as go_through

    with _writing(store) as opened, _progress("verified") as counted:
        findings = go_through(opened, repair=repair, grace=60 * grace, progress=counted)
    gone = "taken out" if repair else "--repair takes them out"
    deleted = "deleted" if repair else "--repair deletes them"
    out.print(f"{findings.predictions:,} predictions in {findings.chunks:,} chunks are whole")
    if findings.damaged_chunks:
        n = len(findings.damaged_chunks)
        out.print(f"{n:,} chunks are missing or damaged: {gone}, and they are predicted again")
    if findings.lost_lines:
        out.print(f"{findings.lost_lines:,} predictions of damaged chunks: {gone}")
    if findings.damaged_lines:
        out.print(f"{findings.damaged_lines:,} lines of the index are damaged: {gone}")
    if findings.unused_chunks:
        out.print(f"{findings.unused_chunks:,} chunks that no line of the index needs: {deleted}")
    if findings.orphans:
        out.print(f"{len(findings.orphans):,} files of writers that were killed: {deleted}")
    if findings.temporary:
        out.print(f"{len(findings.temporary):,} temporary files: {deleted}")
    if findings.damage and not repair:
        raise typer.Exit(1)


def compact(store: StorePath, grace: Grace = 10.0) -> None:
    """Make few large files of many small ones.

    Runs do so as they end."""
    from creme.cli.terminal import out
    from creme.store.compact import compact as copy

    with _writing(store) as opened, _progress("copied") as counted:
        done = copy(opened, grace=60 * grace, progress=counted)
    out.print(
        f"{done.rows:,} predictions of {done.chunks:,} chunks are in {done.shards:,} new files; "
        f"the old files of {done.removed:,} were deleted"
    )
    if done.waiting:
        out.print(
            f"those of {done.waiting:,} stay for {grace:g} minutes, for who reads them; the next "
            f"compaction deletes them"
        )


def merge(
    stores: Annotated[list[Path], typer.Argument(help="stores, or experiment files")],
    into: Annotated[Path, typer.Option("--into", help="the store that gets all, or a new one")],
) -> None:
    """Add the predictions of stores to another one.

    Where they contradict each other is said, and the exit status is 1."""
    from creme.cli.terminal import out
    from creme.store import Store
    from creme.store.compact import compact_at_the_end
    from creme.store.merge import conflicting
    from creme.store.merge import merge as add

    if into.suffix == ".toml" and not into.exists():
        raise ConfigError(f"there is no experiment file {into}, and a store is a directory")
    path, url = _place(into)
    sources = [_place(store) for store in stores]
    # Before a new store is made for them.
    for place, _ in sources:
        _check_is_there(place)
    if path.resolve() in [each.resolve() for each, _ in sources]:
        raise ConfigError(f"{path} is to be merged into itself: name it with --into alone")
    conflicts = damaged = 0
    with Store(path, index_url=url) as target:
        for store in stores:
            with _reading(store) as opened, _progress(f"of {store} merged") as counted:
                merged = add(target, opened, progress=counted)
            conflicts += conflicting(merged)
            damaged += sum(each.damaged for each in merged)
            out.print(
                f"{store}: {sum(each.added for each in merged):,} added, "
                f"{sum(each.same + each.rounded for each in merged):,} were there"
            )
            for each in merged:
                _say_differences(each, store)
        compact_at_the_end(target, seconds=60.0)
    if damaged:
        out.print(f"{damaged:,} damaged predictions were left out: creme cache verify says where")
    if conflicts:
        raise typer.Exit(1)


def prune(
    store: StorePath,
    model: Annotated[str | None, typer.Option(help="its name, or how a fingerprint begins")] = None,
    older_than: Annotated[
        float | None, typer.Option("--older-than", min=0, help="days since it was stored")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="name of the one that it was predicted for")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="do it; otherwise it is said")] = False,
    grace: Grace = 10.0,
) -> None:
    """Delete predictions of a model, an age, an experiment.

    Without --delete it is only said what would go."""
    from creme.cli.terminal import out, show_table
    from creme.store.prune import Choice
    from creme.store.prune import prune as take_out

    before = None if older_than is None else time.time() - 86_400 * older_than
    choice = Choice(model, before, experiment)
    with _writing(store) as opened, _progress("deleted") as counted:
        chosen = take_out(opened, choice, delete=delete, grace=60 * grace, progress=counted)
    rows = [
        [
            each.source.description.get("model", "?"),
            each.source.fingerprint[:12],
            each.predictions,
            each.chunks,
        ]
        for each in chosen
    ]
    if not rows:
        out.print("nothing of that is stored")
        return
    show_table("chosen", ["model", "fingerprint", "predictions", "chunks"], rows)
    undated = sum(each.undated for each in chosen)
    if undated:
        out.print(f"{undated:,} chunks stay: it is not known when they were written")
    if experiment is not None:
        out.print("other experiments may use them as well, and would predict them again")
    out.print(
        f"deleted; their files go after {grace:g} minutes, at the next compaction"
        if delete
        else "nothing was changed: --delete deletes them"
    )


def export(
    store: StorePath,
    to: Annotated[Path, typer.Option(help="a new .zarr folder or .parquet file")],
    model: Annotated[str | None, typer.Option(help="its name, or how a fingerprint begins")] = None,
) -> None:
    """Write the predictions of a model.

    Each has the digest of its sequence."""
    from creme.cli.terminal import out
    from creme.store.export import export_source

    with _reading(store) as opened, _progress("written") as counted:
        n = export_source(opened, _one_source(opened, model), to, progress=counted)
    out.print(f"Wrote {n:,} predictions to {to}")


def seal(
    store: StorePath,
    undo: Annotated[bool, typer.Option("--undo", help="let it be added to again")] = False,
) -> None:
    """Finish a store, for others to read.

    It can be read from any file system then, and nothing is added to it."""
    from creme.cli.terminal import out
    from creme.store.seal import seal as finish
    from creme.store.seal import unseal

    path, url = _place(store)
    _check_is_there(path)
    (unseal if undo else finish)(path, url)
    out.print(f"{path} {'can be added to again' if undo else 'is sealed'}")


def unlock(store: StorePath) -> None:
    """Take away the lock of a process that is gone.

    There are locks on file systems of several hosts."""
    from creme.cli.terminal import out
    from creme.store.location import directory, index_url
    from creme.store.store_lock import unlock as take_away

    path, url = _place(store)
    _check_is_there(path)
    file = index_url(directory(path), url)
    if file.get_backend_name() != "sqlite":
        raise StoreError(f"store {path} has its index on a server, which has no lock")
    holder = take_away(Path(str(file.database)))
    out.print(
        f"store {path} was not locked" if holder is None else f"the lock of {holder} was taken away"
    )


def _place(path: Path) -> tuple[Path, str | None]:
    """A store's directory, and the URL of its index; the path may be an experiment file."""
    from creme.results.kind import Kind, kind_of, mistaken
    from creme.runner.experiment import Experiment

    if kind_of(path) in (Kind.STUDY_FILE, Kind.STUDY, Kind.RESULTS):
        raise StoreError(str(mistaken(path, "a store or an experiment file")))
    if path.is_file():
        experiment = Experiment.from_file(path)
        return experiment.store_path, experiment.index
    return path, None


def _check_is_there(path: Path) -> None:
    if not path.is_dir():
        raise StoreError(f"there is no store {path}")


@contextmanager
def _writing(path: Path) -> Iterator[Store]:
    """A store that is there, to change it."""
    from creme.store import Store

    path, url = _place(path)
    _check_is_there(path)
    with Store(path, index_url=url) as store:
        yield store


@contextmanager
def _reading(path: Path) -> Iterator[Store]:
    """A store that is there; one that is sealed, or on a server, without writing to it."""
    from creme.store import Store

    path, url = _place(path)
    _check_is_there(path)
    try:
        store = Store(path, index_url=url, read_only=True)
    except StoreError:
        store = Store(path, index_url=url)
    with store:
        yield store


@contextmanager
def _progress(done: str) -> Iterator[Counted]:
    """How far it is, on a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from creme.cli.terminal import display

    columns = (
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=display(), transient=True, disable=not display().is_terminal
    ) as bar:
        task = bar.add_task(done, total=0)
        yield lambda n, of: bar.update(task, completed=n, total=of)


def _one_source(store: Store, model: str | None) -> Source:
    """The source of a model; the only one unless a model is named."""
    from creme.store.prune import sources_of_model

    sources = sources_of_model(store, model)
    if len(sources) == 1:
        return sources[0]
    if not sources:
        raise StoreError(f"store {store.path} holds nothing")
    names = ", ".join(
        f"{each.fingerprint[:12]} ({each.description.get('model', '?')}, "
        f"{each.shape[0]} x {each.shape[1]})"
        for each in sources
    )
    raise StoreError(
        f"store {store.path} has several of that: {names}; say how the fingerprint begins: --model"
    )


def _say_differences(merged: MergedSource, store: Path) -> None:
    from creme.cli.terminal import out

    name = f"{merged.source.description.get('model', '?')} {merged.source.fingerprint[:12]}"
    where = "one machine" if merged.one_machine else "machines that may differ"
    if merged.rounded:
        out.print(
            f"  {name}: {merged.rounded:,} differ by up to {merged.largest:.1e} of their largest "
            f"value, which passes for rounding on {where} ({merged.allowed:.1e} is allowed)"
        )
    if merged.conflicts:
        out.print(
            f"  {name}: {merged.conflicts:,} CONFLICTS: values in {store} differ by up to "
            f"{merged.largest:.1e} of their largest value, and {merged.allowed:.1e} is allowed on "
            f"{where}; those that were there stay. Two networks may bear one fingerprint. "
            f"Sequences: {', '.join(digest.hex()[:16] for digest in merged.digests)}"
        )


cache_app.add(
    info,
    """
creme cache info predictions
# that of an experiment file
creme cache info experiment.toml
""",
)
cache_app.add(
    verify,
    """
creme cache verify predictions
creme cache verify predictions --repair
""",
)
cache_app.add(compact, "creme cache compact predictions")
cache_app.add(
    merge,
    """
# what two machines have predicted, into one store
creme cache merge gpu1/predictions gpu2/predictions \\
    --into predictions
""",
)
cache_app.add(
    prune,
    """
# say what would go
creme cache prune predictions --older-than 90
creme cache prune predictions --model enformer --delete
""",
)
cache_app.add(
    export,
    """
creme cache export predictions --to predictions.parquet
creme cache export predictions --model 3f2a \\
    --to out.zarr
""",
)
cache_app.add(
    seal,
    """
creme cache seal predictions
creme cache seal predictions --undo
""",
)
cache_app.add(unlock, "creme cache unlock predictions")
