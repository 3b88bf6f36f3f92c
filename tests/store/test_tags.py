"""A prediction belongs to its sequence: a line of the index that was altered is not believed."""

from __future__ import annotations

import warnings
from itertools import combinations

import pytest
from stored import changed, digest, fill, held

from creme.errors import CremeWarning
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
