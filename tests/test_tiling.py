from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creme.errors import ConfigError
from creme.tiling import Tile, Tiling


def test_the_papers_tiling():
    tiling = Tiling.around(196_608, 98_304, 5000)
    assert (tiling.tss.start, tiling.tss.end) == (95_804, 100_804)
    starts = [804 + 5000 * i for i in range(39)]
    starts.remove(95_804)
    assert [tile.start for tile in tiling] == starts


@given(st.integers(50, 3000), st.integers(1, 200), st.data())
def test_whole_tiles_outwards(length, size, data):
    tss = data.draw(st.integers(0, length - 1))
    start = tss - size // 2
    if start < 0 or start + size > length or (start < size and length - start - size < size):
        with pytest.raises(ConfigError):
            Tiling.around(length, tss, size)
        return
    tiling = Tiling.around(length, tss, size)
    covered = sorted([*tiling.context, tiling.tss])
    assert all(a.end == b.start for a, b in pairwise(covered))
    assert 0 <= covered[0].start < size
    assert length - size < covered[-1].end <= length


def test_chosen_tiles():
    tss = Tile(40, 60)
    assert [t.start for t in Tiling.of(100, tss, (Tile(70, 80), Tile(0, 10)))] == [0, 70]
    for bad, message in (
        (Tile(55, 65), "overlaps the TSS tile"),
        (Tile(95, 105), "outside the sequence of 100 bp"),
    ):
        with pytest.raises(ConfigError, match=message):
            Tiling.of(100, tss, (bad,))
    with pytest.raises(ConfigError, match=r"\[0, 10\) and \[5, 15\) overlap"):
        Tiling.of(100, tss, (Tile(0, 10), Tile(5, 15)))
