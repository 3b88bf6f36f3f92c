"""The store of predictions: said, verified, made smaller, joined, emptied, exported, sealed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creme.cli.choices import add_table, add_values
from creme.cli.commands import Commands
from creme.cli.stores import (
    check_is_there,
    one_source,
    place_of,
    reading_store,
    shown_progress,
    writing_store,
)
from creme.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from creme.store.merge import MergedSource

Counted = Callable[[int, int], None]

cache_app = Commands(help="The store of predictions.")

StoreName = Annotated[str, typer.Argument(help="a store's directory, or an experiment file")]
Grace = Annotated[
    float, typer.Option("--grace", min=0, help="minutes for which replaced files stay")
]


def info(store: StoreName) -> None:
    """Say what a store holds."""
    from creme.cli.tables import of_batches
    from creme.cli.terminal import show_table

    with reading_store(store) as opened:
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
        title = f"{opened.place} (schema version {opened.schema_version})"
        show_table("sources", columns, rows, title)


def verify(
    store: StoreName,
    repair: Annotated[
        bool, typer.Option("--repair", help="take out what is damaged, delete what nobody needs")
    ] = False,
    grace: Grace = 10.0,
) -> None:
    """Compare all of a store with its checksums.

    The exit status is 1 where something is damaged and not repaired."""
    from creme.cli.terminal import out
    from creme.store.verify import verify as go_through

    with writing_store(store) as opened, shown_progress("verified") as counted:
        findings = go_through(opened, repair=repair, grace=60 * grace, progress=counted)
    add_values(
        predictions=findings.predictions,
        chunks=findings.chunks,
        damaged_chunks=len(findings.damaged_chunks),
        lost_lines=findings.lost_lines,
        damaged_lines=findings.damaged_lines,
        unused_chunks=findings.unused_chunks,
        orphans=len(findings.orphans),
        temporary=len(findings.temporary),
        repaired=repair,
    )
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


def compact(store: StoreName, grace: Grace = 10.0) -> None:
    """Make few large files of many small ones.

    Runs do so as they end."""
    from creme.cli.terminal import out
    from creme.store.compact import compact as copy

    with writing_store(store) as opened, shown_progress("copied") as counted:
        done = copy(opened, grace=60 * grace, progress=counted)
    add_values(predictions=done.rows, chunks=done.chunks, shards=done.shards)
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
    stores: Annotated[list[str], typer.Argument(help="stores, or experiment files")],
    into: Annotated[str, typer.Option("--into", help="the store that gets all, or a new one")],
) -> None:
    """Add the predictions of stores to another one.

    Where they contradict each other is said, and the exit status is 1."""
    from creme.cli.terminal import out
    from creme.store import Store
    from creme.store.compact import compact_at_the_end
    from creme.store.merge import conflicting
    from creme.store.merge import merge as add

    if into.endswith(".toml") and not Path(into).exists():
        raise ConfigError(f"there is no experiment file {into}, and a store is a directory")
    target_place, url = place_of(into)
    sources = [place_of(store) for store in stores]
    # Before a new store is made for them.
    for place, _ in sources:
        check_is_there(place)
    if target_place.recorded() in [each.recorded() for each, _ in sources]:
        raise ConfigError(f"{target_place} is to be merged into itself: name it with --into alone")
    conflicts = damaged = 0
    rows: list[list[object]] = []
    with Store(target_place, index_url=url) as target:
        for store in stores:
            with reading_store(store) as opened, shown_progress(f"of {store} merged") as counted:
                merged = add(target, opened, progress=counted)
            conflicts += conflicting(merged)
            damaged += sum(each.damaged for each in merged)
            out.print(
                f"{store}: {sum(each.added for each in merged):,} added, "
                f"{sum(each.same + each.rounded for each in merged):,} were there"
            )
            rows.append(
                [
                    store,
                    sum(each.added for each in merged),
                    sum(each.same + each.rounded for each in merged),
                    conflicting(merged),
                    sum(each.damaged for each in merged),
                ]
            )
            for each in merged:
                _say_differences(each, store)
        compact_at_the_end(target, seconds=60.0)
    add_table("stores", ["store", "added", "there", "conflicts", "damaged"], rows)
    if damaged:
        out.print(f"{damaged:,} damaged predictions were left out: creme cache verify says where")
    if conflicts:
        raise typer.Exit(1)


def prune(
    store: StoreName,
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
    with writing_store(store) as opened, shown_progress("deleted") as counted:
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
    store: StoreName,
    to: Annotated[Path, typer.Option(help="a new .zarr folder or .parquet file")],
    model: Annotated[str | None, typer.Option(help="its name, or how a fingerprint begins")] = None,
) -> None:
    """Write the predictions of a model.

    Each has the digest of its sequence."""
    from creme.cli.terminal import out
    from creme.store.export import export_source

    with reading_store(store) as opened, shown_progress("written") as counted:
        n = export_source(opened, one_source(opened, model), to, progress=counted)
    add_values(file=to, predictions=n)
    out.print(f"Wrote {n:,} predictions to {to}")


def seal(
    store: StoreName,
    undo: Annotated[bool, typer.Option("--undo", help="let it be added to again")] = False,
) -> None:
    """Finish a store, for others to read.

    It can be read from any file system then, and nothing is added to it."""
    from creme.cli.terminal import out
    from creme.store.seal import seal as finish
    from creme.store.seal import unseal

    place, url = place_of(store)
    check_is_there(place)
    (unseal if undo else finish)(place, url)
    out.print(f"{place} {'can be added to again' if undo else 'is sealed'}")


def unlock(store: StoreName) -> None:
    """Take away the lock of a process that is gone.

    There are locks on file systems of several hosts."""
    from creme.cli.terminal import out
    from creme.store.location import index_url
    from creme.store.store_lock import unlock as take_away

    place, url = place_of(store)
    check_is_there(place)
    file = index_url(place, url)
    if file.get_backend_name() != "sqlite":
        raise StoreError(f"store {place} has its index on a server, which has no lock")
    holder = take_away(Path(str(file.database)))
    out.print(
        f"store {place} was not locked"
        if holder is None
        else f"the lock of {holder} was taken away"
    )


def _say_differences(merged: MergedSource, store: str) -> None:
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
