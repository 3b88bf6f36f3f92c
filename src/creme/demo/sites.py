"""The sites of a grammar's motifs in a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from creme.demo.rules import Grammar
from creme.sequence import Codes

_MER = 6
_PARTS = 3


@dataclass(frozen=True)
class Sites:
    """Sites by start; one a factor or promoter at a start, the one of the highest affinity.

    Attributes
    ----------
    start, width : numpy.ndarray
        (sites,) int64, bp.
    owner : numpy.ndarray
        (sites,) int64: the number of the factor, or that of factors plus the promoter's.
    minus : numpy.ndarray
        (sites,) bool: the reverse complement of the motif stands there.
    affinity : numpy.ndarray
        (sites,) float64, relative to the motif's best site.
    """

    start: NDArray[np.int64]
    width: NDArray[np.int64]
    owner: NDArray[np.int64]
    minus: NDArray[np.bool_]
    affinity: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, chosen: Any) -> Sites:
        """Some of them, by anything that numpy takes for an index of one dimension."""
        return Sites(*(values[chosen] for values in vars(self).values()))

    @property
    def centre(self) -> NDArray[np.float64]:
        """(sites,) float64, bp."""
        return self.start + self.width / 2

    def within(self, start: int, end: int) -> NDArray[np.bool_]:
        """(sites,) bool: any of its bases lies in ``[start, end)``."""
        return (self.start < end) & (self.start + self.width > start)


class Scanner:
    """Finds the sites of all motifs of a grammar, on both strands.

    Parameters
    ----------
    grammar : Grammar
    """

    def __init__(self, grammar: Grammar) -> None:
        matrices: list[NDArray[np.float64]] = []
        owners: list[int] = []
        turned: list[bool] = []
        kinds = [(one.motifs, True) for one in grammar.factors.values()]
        kinds += [(one.motifs, one.both_strands) for one in grammar.promoters.values()]
        for owner, (motifs, both) in enumerate(kinds):
            for motif in motifs:
                matrix = grammar.binding.matrix(motif)
                reverse = matrix[::-1, ::-1]
                for strand in (False, True)[: 1 + (both and not np.array_equal(matrix, reverse))]:
                    matrices.append(reverse if strand else matrix)
                    owners.append(owner)
                    turned.append(strand)
        self._widths = np.array([len(matrix) for matrix in matrices], dtype=np.int64)
        self._owners = np.array(owners, dtype=np.int64)
        self._turned = np.array(turned, dtype=np.bool_)
        self._tables = np.stack([_tables(matrix) for matrix in matrices])
        self._cut = grammar.binding.cut
        self._alike = grammar.binding.mismatches is not None

    def sites(self, codes: Codes) -> Sites:
        """The sites of a sequence.

        Parameters
        ----------
        codes : numpy.ndarray
            (length,) uint8; an N belongs to no site.
        """
        starts, patterns, scores = _scan(codes, self._tables, self._widths, self._cut)
        affinity = np.ones(len(scores)) if self._alike else np.exp(scores)
        owners = self._owners[patterns]
        # By start and owner, the best first; of equal ones the first pattern.
        order = np.lexsort((patterns, -affinity, owners, starts))
        starts, owners = starts[order], owners[order]
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = (starts[1:] != starts[:-1]) | (owners[1:] != owners[:-1])
        kept = order[first]
        return Sites(
            starts[first],
            self._widths[patterns[kept]],
            owners[first],
            self._turned[patterns[kept]],
            affinity[kept],
        )


def _tables(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of a matrix' values for all 6-mers of its parts, (3, 4096); each row counts once."""
    width = len(matrix)
    mers = np.stack(np.unravel_index(np.arange(4**_MER), (4,) * _MER), axis=1)
    tables = np.zeros((_PARTS, 4**_MER))
    counted = 0
    for part, offset in enumerate(_offsets(width)):
        for position in range(max(counted, offset), min(offset + _MER, width)):
            tables[part] += matrix[position][mers[:, position - offset]]
        counted = max(counted, min(offset + _MER, width))
    return tables


def _offsets(width: int) -> list[int]:
    """Starts of the parts, all of which lie within the motif."""
    return [min(part * _MER, width - _MER) for part in range(_PARTS)]


@njit(nogil=True, cache=True)
def _scan(codes, tables, widths, cut):  # type: ignore[no-untyped-def]
    n = max(0, codes.size - _MER + 1)
    mers = np.empty(n, dtype=np.int16)
    mer: Any = 0
    last_n = -1
    for i in range(codes.size):
        code: Any = np.int64(codes[i])
        if code > 3:
            last_n = i
            code = 0
        mer = ((mer << 2) | code) & (4**_MER - 1)
        if i >= _MER - 1:
            mers[i - _MER + 1] = mer if i - last_n >= _MER else -1
    starts = np.empty(256, dtype=np.int64)
    patterns = np.empty(256, dtype=np.int64)
    scores = np.empty(256, dtype=np.float64)
    total = 0
    for p in range(widths.size):
        second = min(_MER, widths[p] - _MER)
        third = min(2 * _MER, widths[p] - _MER)
        first_table, second_table, third_table = tables[p, 0], tables[p, 1], tables[p, 2]
        for i in range(codes.size - widths[p] + 1):
            mer = mers[i]
            if mer < 0:
                continue
            score = first_table[mer]
            if score < cut:
                continue
            mer = mers[i + second]
            if mer < 0:
                continue
            score += second_table[mer]
            if score < cut:
                continue
            mer = mers[i + third]
            if mer < 0:
                continue
            score += third_table[mer]
            if score < cut:
                continue
            if total == starts.size:
                starts = np.concatenate((starts, np.empty_like(starts)))
                patterns = np.concatenate((patterns, np.empty_like(patterns)))
                scores = np.concatenate((scores, np.empty_like(scores)))
            starts[total] = i
            patterns[total] = p
            scores[total] = score
            total += 1
    return starts[:total], patterns[:total], scores[:total]
