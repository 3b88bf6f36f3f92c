from __future__ import annotations

import numpy as np

from creme.store.chunk_memory import ChunkMemory, Held


def rows(number, n=4):
    return Held(np.full((n, 1, 1), number, dtype=np.float32), number)


def test_the_chunks_used_last_stay():
    memory = ChunkMemory(most=3 * rows(0).rows.nbytes)
    for number in range(3):
        memory.add(number, rows(number))
    memory.add(1, rows(1))  # by another thread; its bytes count once
    assert memory.get([0, 7]).keys() == {0}
    memory.add(3, rows(3))
    memory.add(4, rows(4))
    assert set(memory.get(range(9))) == {0, 3, 4}
    values, seed = memory.get([4])[4]
    assert seed == 4
    assert (values == 4).all()
    assert not values.flags.writeable


def test_one_stays_however_large_it_is():
    memory = ChunkMemory(most=10)
    memory.add(1, rows(1, 100))
    assert list(memory.get([1])) == [1]
    memory.add(2, rows(2, 1))
    assert list(memory.get([1, 2])) == [2]
