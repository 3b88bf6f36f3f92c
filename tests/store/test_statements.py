"""Statements of the index that are compiled once."""

from __future__ import annotations

import numpy as np
from stored import fill, held

from creme.store import Store, statements
from creme.store.schema import add_predictions, predictions


def test_a_second_store_compiles_nothing_and_nothing_is_remembered_for_each_use(tmp_path):
    sizes = []
    for k in range(3):
        with Store(tmp_path / str(k)) as store:
            source = fill(store, range(20))
            store.record_batch(source, 4, 1e-7 * k)
            store.environments.record(source, {"device": str(k)})
            assert store.holds_any(source)
            assert held(store) == set(range(20))
        sizes.append(statements._compiled.cache_info().currsize)
    assert sizes[0] > 0
    assert sizes == [sizes[0]] * 3


def test_lines_keep_their_columns(tmp_path):
    """The driver is handed tuples: each value has to stand in its own column."""
    with Store(tmp_path / "s") as store:
        source = fill(store, range(1))
        digest = np.random.default_rng(0).bytes(32)
        line = (source.id, digest, 71, 72, 73)
        store.index.write(lambda connection: add_predictions(connection, [line]))
        query = predictions.select().where(predictions.c.digest == digest)
        (row,) = store.index.read(lambda connection: connection.execute(query).all())
    assert (row.source_id, row.digest, row.chunk_id, row.row, row.tag) == line
