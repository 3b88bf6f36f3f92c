from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creme.errors import ConfigError
from creme.tiling import Tile, Tiling


def test_the_papers_tiling():
    tiling = Tiling.around(196_608, 98_304, 5000)
    assert tiling.tss is not None
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
    assert tiling.tss is not None
    covered = sorted([*tiling.context, tiling.tss])
    assert all(a.end == b.start for a, b in pairwise(covered))
    assert 0 <= covered[0].start < size
    assert length - size < covered[-1].end <= length


@given(st.integers(50, 3000), st.integers(1, 200), st.data())
def test_without_a_tss_tile_every_base_has_its_tile(length, size, data):
    site = data.draw(st.integers(0, length - 1))
    if max(site, length - site) < size:
        with pytest.raises(ConfigError, match="on either side of the site"):
            Tiling.around(length, site, size, 0)
        return
    tiling = Tiling.around(length, site, size, 0)
    assert tiling.tss is None
    owner = np.full(length, -1)
    for number, tile in enumerate(tiling):
        assert (owner[tile.start : tile.end] == -1).all()
        owner[tile.start : tile.end] = number
    assert (owner >= 0).all()
    # One begins with the site, and all but the outermost two are as long as said.
    assert site in [tile.start for tile in tiling]
    lengths = [len(tile) for tile in tiling]
    assert set(lengths[1:-1]) <= {size}
    assert max(lengths) < 2 * size
    for end, room in ((0, site), (-1, length - site)):
        assert lengths[end] >= min(size, room or size)


def test_chosen_tiles():
    tss = Tile(40, 60)
    assert [t.start for t in Tiling.of(100, tss, (Tile(70, 80), Tile(0, 10)))] == [0, 70]
    assert [t.start for t in Tiling.of(100, None, (Tile(45, 80), Tile(0, 45)))] == [0, 45]
    for bad, message in (
        (Tile(55, 65), "overlaps the TSS tile"),
        (Tile(95, 105), "outside the sequence of 100 bp"),
    ):
        with pytest.raises(ConfigError, match=message):
            Tiling.of(100, tss, (bad,))
    with pytest.raises(ConfigError, match=r"\[0, 10\) and \[5, 15\) overlap"):
        Tiling.of(100, tss, (Tile(0, 10), Tile(5, 15)))
