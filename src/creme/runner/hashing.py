"""Digests of many sequences, by several threads."""

from __future__ import annotations

import os
from collections.abc import Sequence as SequenceOf
from concurrent.futures import ThreadPoolExecutor

from creme.sequence import Sequenceable

THREADS = max(1, min(4, os.cpu_count() or 1))
"""Threads that hash, the caller's among them."""

SHARED = 32
"""Sequences to hash that are too few to be shared among threads."""


class Hashers:
    """Threads that hash for one other."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="creme-hash")

    def digests(self, sequences: SequenceOf[Sequenceable]) -> list[bytes]:
        """The digest of each sequence, which it remembers."""
        parts = THREADS if len(sequences) >= SHARED else 1
        shares = [sequences[part::parts] for part in range(parts)]
        others = [self._pool.submit(_hash, share) for share in shares[1:]]
        _hash(shares[0])
        for other in others:
            other.result()
        return [sequence.digest for sequence in sequences]

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def _hash(sequences: SequenceOf[Sequenceable]) -> None:
    for sequence in sequences:
        sequence.digest  # noqa: B018  # computed here, and remembered
