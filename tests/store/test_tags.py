"""A prediction belongs to its sequence: a line of the index that was altered is not believed."""

from __future__ import annotations

import os
import shutil
import warnings
from itertools import combinations

import numpy as np
import pytest
from stored import FINGERPRINT, SHAPE, changed, digest, fill, held, value

from creme.errors import CremeWarning, StoreError
from creme.store import Store
from creme.store.tags import fits, seed_of, tag_of


def test_a_tag_depends_on_all_that_it_covers():
    tags = [
        tag_of(seed_of(fingerprint, chunk, checksum), digest(number), row)
        for fingerprint in ("ab", "cd")
        for chunk in (1, 2)
        for checksum in ("00", "11")
        for number in (1, 2)
        for row in (0, 1, 256)
    ]
    assert all(a != b for a, b in combinations(tags, 2))
    assert all(-(2**31) <= tag < 2**31 for tag in tags)
    # What is stored depends on it: another value would make every line a damaged one.
    assert tag_of(seed_of("ab" * 32, 7, "cd" * 32), digest(1), 3) == -1008763994


@pytest.mark.parametrize("row", [-1, 10, 2**40, None, b"1", 1.0, "1"])
def test_a_row_that_is_none_does_not_fit(row):
    assert not fits(1, 10, digest(1), row, None)
    assert not fits(1, 10, digest(1), row, 5)


def test_a_damaged_tag_does_not_fit():
    tag = tag_of(1, digest(1), 3)
    assert fits(1, 10, digest(1), 3, tag)
    assert fits(1, 10, digest(1), 3, None)
    assert not any(fits(1, 10, digest(1), 3, other) for other in (tag + 1, -tag, b"x", "5", 0.5))


FLIPS = int(os.environ.get("CREME_TEST_FLIPS", "40"))
"""More of them in the suite of faults."""

DAMAGE = {
    "row": ('UPDATE predictions SET "row" = "row" + 1 WHERE digest = ?', 1),
    "row out of range": ('UPDATE predictions SET "row" = 700 WHERE digest = ?', 1),
    "no row": ("UPDATE predictions SET \"row\" = 'x' WHERE digest = ?", 1),
    "chunk": ("UPDATE predictions SET chunk_id = 2 WHERE digest = ?", 1),
    "no such chunk": ("UPDATE predictions SET chunk_id = 900 WHERE digest = ?", 1),
    "no chunk's number": ("UPDATE predictions SET chunk_id = x'07' WHERE digest = ?", 1),
    "source": ("UPDATE predictions SET source_id = 1 WHERE source_id = 2 AND digest = ?", 200),
    "tag": ("UPDATE predictions SET tag = tag + 1 WHERE digest = ?", 1),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_line_that_was_altered_is_dropped_alone(tmp_path, damage):
    statement, number = DAMAGE[damage]
    with Store(tmp_path / "s") as store:
        fill(store, range(10))
        fill(store, range(10, 20))
        # Rows of another source, which would be taken for those of the first.
        fill(store, range(200, 210), "cd" * 32)
    changed(tmp_path / "s", statement, digest(number))
    with Store(tmp_path / "s") as store:
        with pytest.warns(CremeWarning, match="1 lines of its index are damaged"):
            assert held(store) == set(range(20)) - {number}
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it is said once
            assert held(store) == set(range(20)) - {number}
        fill(store, range(number, number + 1))
        assert held(store) == {*range(20), number}


def test_damaged_lines_are_found_though_their_chunk_is_in_memory(tmp_path):
    with Store(tmp_path / "s") as store:
        fill(store, range(10))
        changed(tmp_path / "s", 'UPDATE predictions SET "row" = 4 WHERE digest = ?', digest(3))
        with pytest.warns(CremeWarning, match="1 lines"):
            assert held(store) == set(range(10)) - {3}


def test_no_flipped_byte_of_an_index_gives_another_value(tmp_path):
    """Each is read whole or not at all; some make the index unreadable, which is an error."""
    with Store(tmp_path / "s") as store:
        source = store.source(FINGERPRINT, SHAPE)
        for start in range(0, 240, 12):
            numbers = range(start, start + 12)
            values = np.stack([value(i) for i in numbers])
            store.write(source, [digest(i) for i in numbers], values)
    random = np.random.Generator(np.random.Philox(11))
    whole = (tmp_path / "s" / "index.sqlite").read_bytes()
    refused = served = 0
    for _ in range(FLIPS):
        path = tmp_path / "flipped"
        shutil.copytree(tmp_path / "s", path, copy_function=_linked)
        data = bytearray(whole)
        data[int(random.integers(len(data)))] ^= int(random.integers(1, 256))
        (path / "index.sqlite").unlink()
        (path / "index.sqlite").write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CremeWarning)
            try:
                with Store(path) as store:
                    served += len(held(store))
            except StoreError:
                refused += 1
        shutil.rmtree(path)
    assert served > FLIPS * 120
    assert refused < FLIPS / 2


def _linked(source: str, target: str) -> None:
    """Chunks are not changed: a second name is enough."""
    import os

    os.link(source, target)
