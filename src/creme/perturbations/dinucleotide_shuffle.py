"""Dinucleotide shuffle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from creme.perturbations.shuffle import Shuffle
from creme.sequence import Codes


class DinucleotideShuffle(Shuffle):
    """Rearrange an interval so that the counts of all dinucleotides stay exactly as they are.

    Its first and last base stay too. N is a fifth letter. All distinct arrangements are equally
    likely; see `creme.kernels.shuffle`.
    """

    name: ClassVar[str] = "dinucleotide_shuffle"

    def arrangements(self, codes: Codes, seeds: Iterable[int]) -> NDArray[np.uint8]:
        """See `creme.kernels.shuffle.dinucleotide_shuffles`."""
        # numba takes half a second to import: only shuffles need it.
        from creme.kernels.shuffle import dinucleotide_shuffles

        return dinucleotide_shuffles(codes, seeds)
