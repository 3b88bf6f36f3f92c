"""Seeds derived from names.

Everything random in an experiment comes from its seed and from names (the locus, the tile, the
replicate), never from an order, a time or a process: so an experiment that is run again requests
exactly the same sequences, and adding a locus changes no other locus's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

MAX_SEED = 2**128 - 1

Name = str | int | tuple["Name", ...]


def derive(seed: int, *names: Name) -> int:
    """A seed for the purpose that `names` describe, within the experiment of the given seed.

    Parameters
    ----------
    seed : int
        The experiment's seed, or one that was derived before.
    *names : str, int or tuples of these
        The purpose of the seed, such as ``"tile", 5000, 10000, replicate``. ``1`` and ``"1"`` are
        different names, and so are ``("a", "b")`` and ``("ab",)``.

    Returns
    -------
    int
        Between 0 and 2**128 - 1: the first 16 bytes of a SHA-256.
    """
    return int.from_bytes(hashlib.sha256(_canonical((seed, *names))).digest()[:16], "little")


def derive_each(seed: int, *names: Name, last: Iterable[int]) -> list[int]:
    """The same as `derive` for each number as the last name: ``derive(seed, *names, number)``."""
    begin = b"".join(map(_canonical, (seed, *names)))
    return [
        int.from_bytes(hashlib.sha256(_framed(b"t", begin + _of_one(n))).digest()[:16], "little")
        for n in last
    ]


def _canonical(name: Name) -> bytes:
    """An encoding that no two different names share: every part with its kind and length."""
    if isinstance(name, tuple):
        return _framed(b"t", b"".join(map(_canonical, name)))
    return _of_one(name)


# The replicates of a tile differ in their last name alone.
@lru_cache(maxsize=4096, typed=True)
def _of_one(name: str | int) -> bytes:
    if isinstance(name, str):
        return _framed(b"s", name.encode())
    return _framed(b"i", str(int(name)).encode())


def _framed(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(8, "little") + body
