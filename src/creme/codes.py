"""Codes of bases: their composition, and checks of what stands for codes or for a position."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.errors import SequenceError

IUPAC = {
    **{"A": "A", "C": "C", "G": "G", "T": "T"},
    **{"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
    **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"},
}
"""The bases that a letter stands for."""


def share_of_gc(codes: NDArray[np.uint8]) -> float:
    """The share of G and C in the bases, N left out; NaN without any."""
    bases = codes.size - np.count_nonzero(codes == 4)
    gc = np.count_nonzero(codes == 1) + np.count_nonzero(codes == 2)
    return gc / bases if bases else float("nan")


def share_of_n(codes: NDArray[np.uint8]) -> float:
    """The share of N; NaN of no codes."""
    return np.count_nonzero(codes == 4) / codes.size if codes.size else float("nan")


def position(start: Any) -> int:
    """An integer of whatever type as Python's own."""
    try:
        if isinstance(start, bool | np.bool_):
            raise TypeError
        return operator.index(start)
    except TypeError:
        raise SequenceError(
            f"an edit cannot start at {start!r}: a position is an integer, counted from 0"
        ) from None


def as_array(codes: Any) -> NDArray:
    """Codes that are no array yet: a list, say."""
    try:
        if isinstance(codes, list | tuple | range):
            # Of truth values and integers together numpy would make integers.
            if {bool, np.bool_}.isdisjoint(map(type, codes)):
                return np.asarray(codes)
        elif hasattr(codes, "__array__"):
            return np.asarray(codes)
    except (ValueError, TypeError, OverflowError):
        pass  # lists of unlike lengths, say
    raise SequenceError(no_codes(codes))


def no_codes(value: Any) -> str:
    shown = repr(value)
    shown = shown if len(shown) <= 40 else f"{shown[:37]}..."
    return (
        f"{shown} are no codes: give integers from 0 to 4 (A C G T N), or letters to "
        f"Sequence.from_string"
    )


def sealed(codes: NDArray) -> bool:
    """Whether these are bytes in a row in memory that nobody can write, as those of a sequence."""
    memory: Any = codes
    while isinstance(memory, np.ndarray) and not memory.flags.writeable:
        memory = memory.base
    owner = memory.obj if isinstance(memory, memoryview) else memory
    away = isinstance(owner, np.ndarray) and owner is not memory and not owner.flags.writeable
    whole = codes.dtype == np.uint8 and codes.flags.c_contiguous
    return whole and (away or isinstance(owner, bytes))


_TABLES: dict[float, NDArray[np.float32]] = {}


def onehot_table(n_value: float) -> NDArray[np.float32]:
    """Rows of the one-hot encoding by code, shape (5, 4): ``table.take(codes, axis=0)``."""
    table = _TABLES.get(n_value)
    if table is None:
        table = np.vstack([np.eye(4, dtype=np.float32), np.full((1, 4), n_value, np.float32)])
        table.flags.writeable = False
        _TABLES[n_value] = table
    return table
