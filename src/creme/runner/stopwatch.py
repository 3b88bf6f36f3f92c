"""Where the time goes: seconds by kind of work."""

from __future__ import annotations

from time import perf_counter


class Spent:
    """Adds the seconds of a block to those of its kind; used again for each block.

    Parameters
    ----------
    seconds : dict of str to float
        By kind of work.
    what : str
        The kind. Blocks of one kind do not lie in one another.
    """

    __slots__ = ("_began", "_seconds", "_what")

    def __init__(self, seconds: dict[str, float], what: str) -> None:
        self._seconds = seconds
        self._what = what
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(self, *exception: object) -> None:
        self._seconds[self._what] += perf_counter() - self._began
