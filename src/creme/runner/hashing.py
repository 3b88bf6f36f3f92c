"""Digests of many sequences: by several threads, and of many mutants of a base at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from creme.sequence import Mutant, Sequenceable

THREADS = max(1, min(4, os.cpu_count() or 1))
"""Threads that hash, the caller's among them."""

SHARED = 32
"""Sequences to hash that are too few to be shared among threads."""

TOGETHER = 16
"""Mutants of a base that are hashed at once, and no fewer."""

RUN = 2 * TOGETHER
"""Neighbours that one thread hashes: the kernel has two groups at a time."""

LONG = 2**20
"""Bases, of all of them, from which hashing at once is worth while."""


class Hashers:
    """Threads that hash for one other."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="creme-hash")

    def digests(self, sequences: SequenceOf[Sequenceable]) -> list[bytes]:
        """The digest of each sequence, which it remembers."""
        groups = _groups(sequences)
        several = {id(mutant) for group in groups for mutant in group}
        others = [one for one in sequences if id(one) not in several] if groups else sequences
        parts = THREADS if len(others) >= SHARED else 1
        work: list[Callable[[], None]] = [
            partial(_hash, others[part::parts]) for part in range(parts)
        ]
        for group in groups:
            work += [partial(_hash_together, share) for share in _shares(group)]
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


def _shares(mutants: list[Mutant]) -> list[list[Mutant]]:
    """A share for each thread, of runs of mutants whose first edits are near one another.

    Those that are hashed by one instruction all wait where one of them has an edit.
    """
    ordered = sorted(mutants, key=lambda mutant: mutant.edits[0].start)
    parts = THREADS if len(ordered) >= 2 * RUN else 1
    runs = [ordered[start : start + RUN] for start in range(0, len(ordered), RUN)]
    shares = [[one for run in runs[part::parts] for one in run] for part in range(parts)]
    return [share for share in shares if share]


def _hash(sequences: SequenceOf[Sequenceable]) -> None:
    for sequence in sequences:
        sequence.digest  # noqa: B018  # computed here, and remembered


def _hash_together(mutants: SequenceOf[Mutant]) -> None:
    from creme.kernels.digests import digests

    for mutant, digest in zip(mutants, digests(mutants[0].base, mutants), strict=True):
        mutant.remember(digest)
