"""The sequences that wait for a model, and which of them goes where."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from creme.engines.engine import BASES, Slot
from creme.sequence import Sequenceable

ANYWHERE = b""
"""The line of all sequences where there is a single slot."""


class WaitingLine:
    """Sequences in the order in which they came, by base.

    A base is at home at the slots that were given sequences of it: they have its bases, and may
    have its features. A slot is given the oldest sequences of its own bases and of those that are
    nowhere at home, and where there are none, those of the base of which most wait: no slot is
    without work as long as there is any. With a single slot that is the order in which they came.

    Parameters
    ----------
    by_base : bool
        Whether there are several slots.
    """

    def __init__(self, *, by_base: bool) -> None:
        self._by_base = by_base
        self._lines: dict[bytes, deque[tuple[int, Sequenceable]]] = {}
        self._homeless: OrderedDict[bytes, None] = OrderedDict()
        self._homes: dict[bytes, set[Slot]] = {}
        self._bases: dict[Slot, OrderedDict[bytes, None]] = {}
        self._number = self._length = 0

    def __len__(self) -> int:
        return self._length

    def push(self, sequence: Sequenceable) -> None:
        """Put a sequence at the end."""
        base = sequence.base.digest if self._by_base else ANYWHERE
        line = self._lines.get(base)
        if line is None:
            line = self._lines[base] = deque()
            if base not in self._homes:
                self._homeless[base] = None
        line.append((self._number, sequence))
        self._number += 1
        self._length += 1

    def take(self, slot: Slot, n: int) -> list[Sequenceable]:
        """The oldest sequences for a slot, `n` at most, without those at home at others alone."""
        if not self._by_base:
            line = self._lines.get(ANYWHERE)
            number = min(n, self._length)
            self._length -= number
            return [line.popleft()[1] for _ in range(number)] if line else []
        own = self._bases.setdefault(slot, OrderedDict())
        heads = [(self._lines[base][0][0], base) for base in own if base in self._lines]
        heapify(heads)
        taken: list[Sequenceable] = []
        while len(taken) < n:
            stray = next(iter(self._homeless), None)
            if stray is not None and (not heads or self._lines[stray][0][0] < heads[0][0]):
                base = stray
            elif heads:
                base = heappop(heads)[1]
            else:
                break
            taken.append(self._pop(base, slot))
            if base in self._lines:
                heappush(heads, (self._lines[base][0][0], base))
        return taken

    def take_from_others(self, slot: Slot, n: int, least: int = 0) -> list[Sequenceable]:
        """Sequences of the base of which most wait, if more than `least` do."""
        if not self._by_base:
            return self.take(slot, n) if self._length > least else []
        base = max(self._lines, key=lambda base: len(self._lines[base]), default=None)
        if base is None or len(self._lines[base]) <= least:
            return []
        return [self._pop(base, slot) for _ in range(min(n, len(self._lines[base])))]

    def keep_homes(self, slots: Iterable[Slot]) -> None:
        """Forget slots that are no longer there."""
        for slot in self._bases.keys() - set(slots):
            for base in self._bases.pop(slot):
                self._leave(slot, base)

    def _pop(self, base: bytes, slot: Slot) -> Sequenceable:
        line = self._lines[base]
        _, sequence = line.popleft()
        if not line:
            del self._lines[base]
        self._length -= 1
        self._homeless.pop(base, None)
        own = self._bases[slot]
        own[base] = None
        own.move_to_end(base)
        self._homes.setdefault(base, set()).add(slot)
        if len(own) > BASES:
            self._leave(slot, own.popitem(last=False)[0])
        return sequence

    def _leave(self, slot: Slot, base: bytes) -> None:
        homes = self._homes[base]
        homes.discard(slot)
        if not homes:
            del self._homes[base]
            if base in self._lines:
                self._homeless[base] = None
