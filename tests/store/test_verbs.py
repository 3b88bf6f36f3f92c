"""What compaction, pruning, verification, merging and export do beyond the contract of a store."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from creme.errors import CremeWarning, StoreError
from creme.files.durable import InUseError, locked
from creme.store import Store, reader
from creme.store.compact import LOCK, compact, compact_at_the_end
from creme.store.export import export_source
from creme.store.merge import merge
from creme.store.packed import Shards, shard_rows
from creme.store.prune import Choice, prune
from creme.store.seal import seal
from creme.store.verify import verify
from creme.testing.stores import SHAPE, digest, ensure_holds, fill, forget, rows

MODEL = "ab" * 32


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "s") as store:
        yield store


def inodes(path: Path) -> int:
    return sum(1 + len(files) for _, _, files in os.walk(path / "predictions.zarr"))


def loose(path: Path) -> list[Path]:
    return sorted(path.rglob("c/*/0/0"))


def shards(path: Path) -> list[Path]:
    return sorted((path / "predictions.zarr").glob("*-packed/c.*"))


# Compaction


def test_three_inodes_for_ten_thousand_rows(store):
    """Of one source: 10,000 rows written in small chunks add two files at most to an empty one."""
    source = store.source(MODEL, (1, 2))
    values = np.random.default_rng(0).normal(size=(10_000, 1, 2)).astype(np.float32)
    for start in range(0, 10_000, 100):
        part = slice(start, start + 100)
        store.write(source, [digest(n) for n in range(10_000)[part]], values[part])
    compact(store, grace=0)
    assert len(shards(store.path)) <= 2
    assert loose(store.path) == []
    # Two folders of arrays, one of chunks, and three files that describe them.
    assert inodes(store.path) <= 2 + 1 + 3 + 1 + 2
    assert sum(file.stat().st_size for file in shards(store.path)) < 1.5 * values.nbytes
    forget(store)
    held = store.read(source, [digest(n) for n in range(10_000)])
    assert all(np.array_equal(held[digest(n)], values[n]) for n in range(10_000))


@pytest.mark.parametrize(
    ("shape", "rows_of_shard"),
    [((1, 1), 10_240), ((1, 1680), 10_240), ((16, 1000), 1072 - 1072 % 65), ((896, 5313), 4)],
)
def test_shards_have_ten_thousand_rows_or_64_mib(store, shape, rows_of_shard):
    source = store.source(MODEL, shape)
    rows_of_one = shard_rows(source)
    assert rows_of_one % source.chunk_rows == 0
    row_bytes = 4 * shape[0] * shape[1]
    assert rows_of_one >= min(10_000, 64 * 2**20 // row_bytes)
    assert rows_of_one <= rows_of_shard + source.chunk_rows


def test_old_files_stay_for_a_while(store):
    source = fill(store, range(30))
    before = loose(store.path)
    done = compact(store)
    assert (done.chunks, done.removed, done.waiting) == (5, 0, 5)
    assert loose(store.path) == before
    assert compact(store).chunks == 0
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE chunks SET retired = retired - 1000")
    assert compact(store).removed == 5
    assert loose(store.path) == []
    ensure_holds(store, source, range(30))


def test_half_empty_shards_are_made_one(store):
    for start in range(0, 60, 20):
        source = fill(store, range(start, start + 20))
        compact(store, grace=0)
    assert len(shards(store.path)) == 1
    (shard,) = Shards(store.arrays, source).numbers()
    assert shards(store.path)[0].name == f"c.{shard}.0.0"
    ensure_holds(store, source, range(60), 5)


def test_a_full_shard_is_left_alone(store, monkeypatch):
    monkeypatch.setattr("creme.store.packed.SHARD_ROWS", 256)
    monkeypatch.setattr("creme.store.store._MAX_CHUNK_ROWS", 64)
    source = fill(store, range(250), 50)
    compact(store, grace=0)
    (full,) = shards(store.path)
    stamp = full.stat().st_mtime_ns
    fill(store, range(250, 300), 5)
    compact(store, grace=0)
    assert full in shards(store.path)
    assert full.stat().st_mtime_ns == stamp
    assert len(shards(store.path)) == 2
    ensure_holds(store, source, range(300))


def test_one_compaction_at_a_time(store):
    fill(store, range(300), 3)
    with locked(store.path / LOCK, "another"):
        with pytest.raises(InUseError, match="is being compacted by another process"):
            compact(store)
        compact_at_the_end(store)  # leaves it to the other one
        assert shards(store.path) == []
    compact_at_the_end(store)
    assert len(shards(store.path)) == 1


def test_a_compaction_ends_in_time(store, monkeypatch):
    monkeypatch.setattr("creme.store.packed.SHARD_ROWS", 80)
    monkeypatch.setattr("creme.store.store._MAX_CHUNK_ROWS", 40)
    source = fill(store, range(1000), 40)
    done = compact(store, seconds=0.0, grace=0)
    assert not done.finished
    assert done.shards == 1
    ensure_holds(store, source, range(1000))
    assert compact(store, grace=0).finished


def test_what_a_killed_compaction_leaves_is_deleted_by_the_next(store):
    source = fill(store, range(30))
    compact(store, grace=0)
    (shard,) = shards(store.path)
    cut_short = [shard.with_name("c.99.0.0"), shard.with_name("c.98.0.abcd.partial")]
    for file in cut_short:
        shutil.copy(shard, file)
    assert compact(store).waiting == 1
    assert all(file.exists() for file in cut_short)
    assert compact(store, grace=0).removed == 2
    assert not any(file.exists() for file in cut_short)
    forget(store)
    ensure_holds(store, source, range(30))


def test_compactions_between_look_up_and_read(store, monkeypatch):
    """Each time that a chunk is read its file has just been deleted."""
    source = fill(store, range(30))
    read = reader.read_chunks
    removed: list[int] = []

    def late(*args):
        if len(removed) < 5:
            with Store(store.path) as other:
                fill(other, range(30 + 30 * len(removed), 60 + 30 * len(removed)))
                removed.append(compact(other, grace=0).removed)
        return read(*args)

    monkeypatch.setattr(reader, "read_chunks", late)
    forget(store)
    ensure_holds(store, source, range(30))
    assert len(removed) == 5
    assert all(removed)
    ensure_holds(store, source, range(180))
    assert store.count() == 180


def test_packed_chunks_belong_to_their_index(store):
    fill(store, range(30))
    compact(store, grace=0)
    store.close()
    for file in [*store.path.glob("index.sqlite*"), store.path / "store.id"]:
        file.unlink()
    with pytest.raises(StoreError, match="has its index elsewhere"):
        Store(store.path)


def test_few_chunks_are_left_alone_at_a_runs_end(store):
    fill(store, range(30))
    compact_at_the_end(store)
    assert shards(store.path) == []


def test_a_full_disk_does_not_fail_a_run(store, monkeypatch):
    source = fill(store, range(200))

    def refuse(*_args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("creme.store.place.sync", refuse)
        with pytest.warns(CremeWarning, match="was not compacted: .*No space left"):
            compact_at_the_end(store)
    assert shards(store.path) == []
    ensure_holds(store, source, range(200))


@pytest.mark.parametrize("whole_file", [True, False])
def test_a_damaged_chunk_is_not_copied(store, whole_file):
    fill(store, range(70))
    files = loose(store.path)
    files[3].write_bytes(files[4].read_bytes() if whole_file else b"damaged")
    assert compact(store, grace=0).chunks == 9
    forget(store)
    with pytest.warns(CremeWarning, match="missing or damaged; its 7 predictions"):
        assert len(store.read(store.source(MODEL, SHAPE), map(digest, range(70)))) == 63


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "remove"])
def test_a_damaged_shard_costs_its_predictions_alone(store, damage):
    source = fill(store, range(600), 100)
    compact(store, grace=0)
    fill(store, range(600, 620))
    (file,) = shards(store.path)
    content = bytearray(file.read_bytes())
    if damage == "remove":
        file.unlink()
    elif damage == "flip":
        content[20] ^= 0xFF  # of the first rows
        file.write_bytes(content)
    else:
        file.write_bytes(content[:1000] if damage == "cut" else b"")
    forget(store)
    with pytest.warns(CremeWarning, match="missing or damaged"):
        held = store.read(source, map(digest, range(620)))
    assert all(np.array_equal(held[digest(n)], rows([n])[0]) for n in range(600, 620))
    if damage == "flip":  # a part of a shard is read by itself
        assert len(held) == 620 - 300
        assert digest(599) in held
    else:
        assert len(held) == 20
    fill(store, range(600))
    ensure_holds(store, source, range(620), 5)


def test_trouble_is_no_damage(store, monkeypatch):
    source = fill(store, range(100))
    compact(store, grace=0)
    forget(store)

    def refuse(*_args):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("zarr.Array.__getitem__", refuse)
        with pytest.raises(StoreError, match="not enough memory"):
            store.read(source, map(digest, range(100)))
    ensure_holds(store, source, range(100))


def version_2(path: Path) -> None:
    """A store as version 2 of the schema left it."""
    shutil.copytree(Path(__file__).parent / "data" / "version-2", path)
    with closing(sqlite3.connect(path / "index.sqlite")) as db:
        db.executescript((path / "index.sql").read_text())
    (path / "index.sql").unlink()


def test_a_store_of_version_2_is_compacted_and_dated(tmp_path):
    version_2(tmp_path / "s")
    then = time.time() - 100 * 86_400
    for file in loose(tmp_path / "s"):
        os.utime(file, (then, then))
    with Store(tmp_path / "s") as store:
        before = {}
        for source in store.sources():
            held = store.read(source, _digests(store, source.id))
            before[source.id] = {d: v.copy() for d, v in held.items()}
        assert sum(map(len, before.values())) == store.count() > 0
        compact(store, grace=0)
        forget(store)
        for source in store.sources():
            held = store.read(source, list(before[source.id]))
            assert all(np.array_equal(held[d], v) for d, v in before[source.id].items())
        assert prune(store, Choice(before=time.time() - 101 * 86_400)) == []
        chosen = prune(store, Choice(before=time.time() - 99 * 86_400))
        assert sum(each.predictions for each in chosen) == store.count()


def _digests(store: Store, source: int) -> list[bytes]:
    with store._engine.connect() as connection:
        query = f"SELECT digest FROM predictions WHERE source_id = {source}"
        return [bytes(line[0]) for line in connection.exec_driver_sql(query)]


# Pruning


def test_pruned_by_experiment_and_age(tmp_path):
    for name, numbers in (("one", range(20)), ("two", range(10, 40))):
        with Store(tmp_path / "s", origin=name) as store:
            fill(store, numbers, 10)
    with Store(tmp_path / "s") as store:
        source = store.source(MODEL, SHAPE)
        with store._engine.begin() as connection:
            connection.exec_driver_sql("UPDATE chunks SET written = written - 500 WHERE id = 1")
        compact(store, grace=0)
        old = Choice(before=time.time() - 400)
        assert [each.predictions for each in prune(store, old)] == [10]
        assert [each.predictions for each in prune(store, Choice(experiment="two"))] == [20]
        assert prune(store, Choice(experiment="three")) == []
        assert prune(store, Choice(before=time.time() - 400, experiment="two")) == []
        ensure_holds(store, source, range(40))
        prune(store, Choice(experiment="two"), delete=True, grace=0)
        ensure_holds(store, source, range(20))
        assert store.count() == 20
        prune(store, old, delete=True, grace=0)
        forget(store)
        ensure_holds(store, source, range(10, 20))
        assert store.count() == 10
        assert not verify(store, grace=0).damage


def test_nothing_to_prune_and_a_model_that_is_not_there(store):
    fill(store, range(3))
    with pytest.raises(StoreError, match="say what to prune"):
        prune(store, Choice())
    with pytest.raises(StoreError, match="nothing of a model 'x': it has mab abababababab"):
        prune(store, Choice(model="x"))
    assert [each.predictions for each in prune(store, Choice(model="abab"))] == [3]


# Verification


def test_what_killed_writers_leave_is_found_and_deleted(store):
    source = fill(store, range(20))
    with store._engine.begin() as connection:  # of a writer that was killed before its commit
        connection.exec_driver_sql("INSERT INTO chunks (source_id) VALUES (1)")
    orphans = [store.arrays.folder(source.fingerprint, number) for number in (4, 77)]
    for orphan in orphans:
        shutil.copytree(
            store.path / store.arrays.folder(source.fingerprint, 1), store.path / orphan
        )
    temporary = [".store.id.abc", "predictions.zarr/c.1.0.abcd.partial"]
    for name in temporary:
        (store.path / name).touch()
    young = verify(store)
    assert young.orphans == young.temporary == []
    findings = verify(store, grace=0)
    assert findings.orphans == orphans
    assert findings.temporary == temporary
    assert not findings.damage
    verify(store, repair=True, grace=0)
    assert not any((store.path / name).exists() for name in [*orphans, *temporary])
    ensure_holds(store, source, range(20))


def test_damaged_lines_are_found_and_taken_out(store):
    source = fill(store, range(30), 10)
    with store._engine.begin() as connection:
        for place, change in enumerate(("row = 1 - row", "row = 99", "chunk_id = 55")):
            connection.exec_driver_sql(
                f"UPDATE predictions SET {change} WHERE chunk_id = {place + 1} AND row = 0"
            )
        connection.exec_driver_sql("UPDATE predictions SET tag = NULL WHERE row = 5")
    findings = verify(store)
    assert (findings.damaged_lines, findings.lost_lines) == (2, 1)
    assert (findings.predictions, findings.untagged_lines) == (27, 3)
    verify(store, repair=True)
    after = verify(store)
    assert not after.damage
    assert (after.predictions, after.untagged_lines) == (27, 0)
    forget(store)
    fill(store, range(30))
    ensure_holds(store, source, range(30))


def test_chunks_that_nobody_needs(store):
    """Two processes have predicted the same."""
    source = fill(store, range(20), 10)
    fill(store, range(20), 10)
    compact(store, grace=0)
    assert verify(store).unused_chunks == 2
    verify(store, repair=True)
    assert verify(store).unused_chunks == 2  # the writer may be about to add the lines
    verify(store, repair=True, grace=0)
    assert verify(store).unused_chunks == 0
    ensure_holds(store, source, range(20))


# Merging


def test_the_tolerance_depends_on_what_is_recorded(tmp_path):
    """On one machine four times the recorded difference between batches, else 1e-2."""
    base = rows([1])[0]
    with Store(tmp_path / "a") as one, Store(tmp_path / "b") as other:
        for store, factor in ((one, 1.0), (other, 1 + 2e-5)):
            source = store.source(MODEL, SHAPE)
            store.write(source, [digest(1)], (base * np.float32(factor))[None])
        with Store(tmp_path / "unknown") as into:
            merge(into, one)
            (outcome,) = merge(into, other)
            assert (outcome.rounded, outcome.conflicts, outcome.one_machine) == (1, 0, False)
        for store in (one, other):
            store.environments.record(source, {"device": "cpu"})
        with Store(tmp_path / "alike") as into:
            merge(into, one)
            (outcome,) = merge(into, other)
            assert (outcome.rounded, outcome.conflicts, outcome.one_machine) == (0, 1, True)
            assert outcome.digests == [digest(1)]
        other.record_batch(source, 8, 1e-5)
        with Store(tmp_path / "batches") as into:
            merge(into, one)
            (outcome,) = merge(into, other)
            assert (outcome.rounded, outcome.conflicts) == (1, 0)
            assert outcome.largest == pytest.approx(2e-5, rel=0.1)
            assert into.batches(source) == {8: 1e-5}


def test_damaged_predictions_are_left_out_of_a_merge(tmp_path):
    with Store(tmp_path / "a") as store:
        fill(store, range(50), 10)
    loose(tmp_path / "a")[2].write_bytes(b"damaged")
    with Store(tmp_path / "a") as store, Store(tmp_path / "into") as into:
        (outcome,) = merge(into, store)
        assert (outcome.added, outcome.damaged) == (40, 10)
        ensure_holds(into, outcome.source, [*range(20), *range(30, 50)])


def test_a_merge_keeps_the_experiment(tmp_path):
    for name, numbers in (("one", range(10)), ("two", range(10, 30)), (None, range(30, 35))):
        with Store(tmp_path / "a", origin=name) as store:
            fill(store, numbers)
    with Store(tmp_path / "a") as store, Store(tmp_path / "into", origin="mine") as into:
        merge(into, store)
        for name, n in (("one", 10), ("two", 20), ("mine", 5)):
            (chosen,) = prune(into, Choice(experiment=name))
            assert (chosen.predictions, chosen.chunks) == (n, 1)


def test_a_sealed_store_of_version_2_is_merged_and_exported(tmp_path):
    version_2(tmp_path / "s")
    seal(tmp_path / "s")
    before = (tmp_path / "s" / "index.sqlite").read_bytes()
    with Store(tmp_path / "s", read_only=True) as store, Store(tmp_path / "into") as into:
        assert store.schema_version == 2
        merged = merge(into, store)
        assert sum(each.added for each in merged) == store.count() > 0
        source = store.sources()[0]
        export_source(store, source, tmp_path / "x.parquet")
    assert (tmp_path / "s" / "index.sqlite").read_bytes() == before


def test_a_sealed_store_is_merged(tmp_path):
    with Store(tmp_path / "a") as store:
        fill(store, range(50))
        compact(store, grace=0)
    seal(tmp_path / "a")
    with Store(tmp_path / "a", read_only=True) as store, Store(tmp_path / "into") as into:
        (outcome,) = merge(into, store)
        ensure_holds(into, outcome.source, range(50))


def test_many_chunks_are_merged_in_ranges(tmp_path, monkeypatch):
    monkeypatch.setattr("creme.store.rows._ROWS_A_SCAN", 40)
    monkeypatch.setattr("creme.store.rows._CHUNKS_A_STEP", 2)
    with Store(tmp_path / "a") as store, Store(tmp_path / "into") as into:
        fill(store, range(200))
        compact(store, grace=0)
        fill(store, range(200, 230))
        steps: list[tuple[int, int]] = []
        (outcome,) = merge(into, store, progress=lambda done, of: steps.append((done, of)))
        ensure_holds(into, outcome.source, range(230), 5)
        assert steps[-1] == (230, 230)
        assert len(steps) > 10
        # In the order in which they were stored, in chunks that are as large as they may be.
        assert into.info()[0].chunks == 1


# Export


def test_exported_to_zarr(tmp_path, store):
    import xarray as xr

    source = store.source(MODEL, (2, 3), {"model": "m", "bins": [4, 5], "tracks": ["a", "é", "c"]})
    store.write(source, [digest(n) for n in range(600)], rows(range(600)))
    assert export_source(store, source, tmp_path / "x.zarr") == 600
    with xr.open_zarr(tmp_path / "x.zarr") as dataset:
        assert dataset.value.dims == ("prediction", "bin", "track")
        assert dataset.bin.values.tolist() == [4, 5]
        assert dataset.track.values.tolist() == ["a", "é", "c"]
        digests = [bytes.fromhex(each.decode()) for each in dataset.digest.values]
        values = dict(zip(digests, dataset.value.values, strict=True))
    assert all(np.array_equal(values[digest(n)], rows([n])[0]) for n in range(600))
    with pytest.raises(StoreError, match="exists"):
        export_source(store, source, tmp_path / "x.zarr")
    with pytest.raises(StoreError, match=r"give \.zarr or \.parquet"):
        export_source(store, source, tmp_path / "x.npy")


@pytest.mark.parametrize("name", ["x.zarr", "x.parquet"])
def test_an_export_after_one_that_was_killed(tmp_path, store, name):
    """That one has left what it had written, under the name that it has until it is whole."""
    source = store.source(MODEL, (2, 3))
    store.write(source, [digest(n) for n in range(5)], rows(range(5)))
    export_source(store, source, tmp_path / name)
    (tmp_path / name).rename(tmp_path / f".{name}.partial")
    assert export_source(store, source, tmp_path / name) == 5
    assert not (tmp_path / f".{name}.partial").exists()


def test_a_prediction_of_zero_is_exported_as_zero(tmp_path, store):
    import xarray as xr

    source = store.source(MODEL, (2, 1), {"model": "m", "bins": [0, 1], "tracks": ["a"]})
    store.write(source, [digest(0)], np.array([[[0.0], [2.0]]], dtype=np.float32))
    export_source(store, source, tmp_path / "x.zarr")
    with xr.open_zarr(tmp_path / "x.zarr") as dataset:
        assert dataset.value.values.tolist() == [[[0.0], [2.0]]]
        assert dataset.bin.values.tolist() == [0, 1]


def test_exported_to_parquet(tmp_path, store):
    import pyarrow.parquet as pq

    source = store.source(MODEL, (2, 3), {"model": "m", "bins": [4, 5], "tracks": ["a", "b", "c"]})
    store.write(source, [digest(n) for n in range(300)], rows(range(300)))
    assert export_source(store, source, tmp_path / "x.parquet") == 300
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.column_names[:3] == ["digest", "a bin 4", "b bin 4"]
    frame = table.to_pandas().set_index("digest")
    for n in (0, 77, 299):
        line = frame.loc[digest(n).hex()].to_numpy(np.float32)
        assert np.array_equal(line.reshape(2, 3), rows([n])[0])
    assert table.schema.metadata[b"model"] == b"m"
    wide = store.source("cd" * 32, (896, 10))
    with pytest.raises(StoreError, match="more than 2000 columns"):
        export_source(store, wide, tmp_path / "y.parquet")
    assert not list(tmp_path.glob(".y*"))
