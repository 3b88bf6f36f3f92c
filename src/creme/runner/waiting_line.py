"""The sequences that wait for a model, and which of them goes where."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterable
from heapq import heapify, heappop, heappush

from creme.engines.engine import BASES, DEPTH, Slot
from creme.sequence import Sequenceable

OVERTAKING = 256
"""A sequence is overtaken only by those that came fewer places after it."""

_Base = Hashable
"""The digest, by which bases travel; of a single slot the object's `id`, as rows tell them."""

_Row = tuple[_Base, Sequenceable | None]
"""A base, and a sequence that keeps it where it is known by its `id`."""


class WaitingLine:
    """Sequences in the order in which they came, by base.

    A batch is written over an earlier one, row by row, and little is to be written where the base
    stays the same. So a batch takes on the bases of that earlier one, with their oldest sequences.

    A base is at home at the slots that were given sequences of it: they have its bases, and may
    have its features. A slot is given the oldest sequences of its own bases and of those that are
    nowhere at home, and where there are none, those of the base of which most wait: no slot is
    without work as long as there is any. A single slot is at home to all; it is given those first
    whose bases stand in none of its rows, so that soon most rows have a base to stay with.

    Parameters
    ----------
    by_base : bool
        Whether there are several slots.
    """

    def __init__(self, *, by_base: bool) -> None:
        self._by_base = by_base
        self._lines: dict[_Base, deque[tuple[int, Sequenceable]]] = {}
        self._homeless: OrderedDict[_Base, None] = OrderedDict()
        self._homes: dict[_Base, set[Slot]] = {}
        self._bases: dict[Slot, OrderedDict[_Base, None]] = {}
        self._rooms: dict[Slot, deque[list[_Row]]] = {}
        self._number = self._length = 0

    def __len__(self) -> int:
        return self._length

    def push(self, sequence: Sequenceable) -> None:
        """Put a sequence at the end."""
        base = self._base(sequence)
        line = self._lines.get(base)
        if line is None:
            line = self._lines[base] = deque()
            if self._by_base and base not in self._homes:
                self._homeless[base] = None
        line.append((self._number, sequence))
        self._number += 1
        self._length += 1

    def take(self, slot: Slot, n: int) -> list[Sequenceable]:
        """A batch for a slot, of `n` sequences at most, none of them at home at others alone."""
        rooms = self._rooms_of(slot)
        waiting = self._waiting_for(slot)
        late = min(map(self._first, waiting), default=0) + OVERTAKING
        taken: list[tuple[_Base, Sequenceable]] = []
        for base, _ in rooms[0][:n]:
            if base in self._lines and self._first(base) < late:
                taken.append(self._pop(base, slot))
        if len(taken) < n:
            written = {base for room in rooms for base, _ in room}

            def rank(base: _Base) -> tuple[bool, int, _Base]:
                first = self._first(base)
                later = base in written or first >= late
                return later and not self._by_base, first, base

            ranks = [rank(base) for base in waiting if base in self._lines]
            heapify(ranks)
            while len(taken) < n:
                stray = next(iter(self._homeless), None)
                if stray is not None and (not ranks or rank(stray) < ranks[0]):
                    base = stray
                elif ranks:
                    base = heappop(ranks)[-1]
                else:
                    break
                taken.append(self._pop(base, slot))
                written.add(base)
                if base in self._lines:
                    heappush(ranks, rank(base))
        return self._written(taken, slot)

    def take_from_others(self, slot: Slot, n: int, least: int = 0) -> list[Sequenceable]:
        """A batch of the base of which most wait, if more than `least` do."""
        base = max(self._lines, key=lambda base: len(self._lines[base]), default=None)
        if base is None or len(self._lines[base]) <= least:
            return []
        taken = [self._pop(base, slot) for _ in range(min(n, len(self._lines[base])))]
        return self._written(taken, slot)

    def keep_homes(self, slots: Iterable[Slot]) -> None:
        """Forget slots that are no longer there."""
        there = set(slots)
        for slot in self._bases.keys() - there:
            for base in self._bases.pop(slot):
                self._leave(slot, base)
        for slot in self._rooms.keys() - there:
            del self._rooms[slot]

    def _base(self, sequence: Sequenceable) -> _Base:
        return sequence.base.digest if self._by_base else id(sequence.base)

    def _rooms_of(self, slot: Slot) -> deque[list[_Row]]:
        """The rows that a slot's batches are written into, those of the next one first.

        A worker has room for one batch. In this process one is written while the model is at
        another.
        """
        if slot not in self._rooms:
            self._rooms[slot] = deque([] for _ in range(1 if self._by_base else DEPTH))
        return self._rooms[slot]

    def _written(self, batch: list[tuple[_Base, Sequenceable]], slot: Slot) -> list[Sequenceable]:
        """The sequences of a batch, which is written over the first rows of its room."""
        if batch:
            rooms = self._rooms_of(slot)
            rows = [(base, None) for base, _ in batch] if self._by_base else batch
            rooms.append([*rows, *rooms.popleft()[len(rows) :]])
        return [sequence for _, sequence in batch]

    def _waiting_for(self, slot: Slot) -> list[_Base]:
        """The bases at home at a slot of which sequences wait."""
        if not self._by_base:
            return list(self._lines)
        return [base for base in self._bases.get(slot, ()) if base in self._lines]

    def _first(self, base: _Base) -> int:
        return self._lines[base][0][0]

    def _pop(self, base: _Base, slot: Slot) -> tuple[_Base, Sequenceable]:
        line = self._lines[base]
        _, sequence = line.popleft()
        if not line:
            del self._lines[base]
        self._length -= 1
        if self._by_base:
            self._settle(base, slot)
        return base, sequence

    def _settle(self, base: _Base, slot: Slot) -> None:
        """Make a base at home at a slot, and perhaps another one no longer."""
        self._homeless.pop(base, None)
        own = self._bases.setdefault(slot, OrderedDict())
        own[base] = None
        own.move_to_end(base)
        self._homes.setdefault(base, set()).add(slot)
        if len(own) > BASES:
            self._leave(slot, own.popitem(last=False)[0])

    def _leave(self, slot: Slot, base: _Base) -> None:
        homes = self._homes[base]
        homes.discard(slot)
        if not homes:
            del self._homes[base]
            if base in self._lines:
                self._homeless[base] = None
