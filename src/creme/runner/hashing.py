"""Digests of many sequences: by several threads, and of many mutants of a base at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence as SequenceOf
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from creme.sequence import Mutant, Sequenceable

THREADS = max(1, min(4, os.cpu_count() or 1))
"""Threads that hash, the caller's among them."""

SHARED = 32
"""Sequences to hash that are too few to be shared among threads."""

TOGETHER = 16
"""Mutants of a base that are hashed at once, and no fewer."""

LONG = 2**20
"""Bases, of all of them, from which hashing at once is worth while."""

T = TypeVar("T")


class Hashers:
    """Threads that hash for one other."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="creme-hash")

    def digests(self, sequences: SequenceOf[Sequenceable]) -> list[bytes]:
        """The digest of each sequence, which it remembers."""
        groups = _groups(sequences)
        several = {id(mutant) for group in groups for mutant in group}
        others = [one for one in sequences if id(one) not in several] if groups else sequences
        work = [partial(_hash, share) for share in _shares(others, SHARED)]
        for group in groups:
            work += [partial(_hash_together, share) for share in _shares(group, 4 * TOGETHER)]
        pending = [self._pool.submit(one) for one in work[1:]]
        work[0]()
        for one in pending:
            one.result()
        return [sequence.digest for sequence in sequences]

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def _groups(sequences: SequenceOf[Sequenceable]) -> list[list[Mutant]]:
    """Mutants of one base that are worth to be hashed at once."""
    # The kernels need numba, which takes half a second to import: shuffles have it.
    if "numba" not in sys.modules:
        return []
    by_base: dict[int, list[Mutant]] = {}
    for one in sequences:
        if isinstance(one, Mutant) and one.edits and not one.hashed:
            by_base.setdefault(id(one.base), []).append(one)
    groups = [
        group
        for group in by_base.values()
        if len(group) >= TOGETHER
        and sum(len(one.base) - one.edits[0].start for one in group) >= LONG
    ]
    if groups:
        from creme.kernels.digests import suits

        return groups if suits() else []
    return groups


def _shares(sequences: SequenceOf[T], least: int) -> list[SequenceOf[T]]:
    parts = THREADS if len(sequences) >= least else 1
    return [sequences[part::parts] for part in range(parts)]


def _hash(sequences: SequenceOf[Sequenceable]) -> None:
    for sequence in sequences:
        sequence.digest  # noqa: B018  # computed here, and remembered


def _hash_together(mutants: SequenceOf[Mutant]) -> None:
    from creme.kernels.digests import digests

    for mutant, digest in zip(mutants, digests(mutants[0].base, mutants), strict=True):
        mutant.remember(digest)
