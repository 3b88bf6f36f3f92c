"""Mononucleotide shuffle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from creme.perturbations.shuffle import Shuffle
from creme.sequence import Codes


class MononucleotideShuffle(Shuffle):
    """Rearrange an interval so that the counts of all bases stay as they are.

    N stay where they are. All distinct arrangements are equally likely.
    """

    name: ClassVar[str] = "mononucleotide_shuffle"

    def arrangements(self, codes: Codes, seeds: Iterable[int]) -> NDArray[np.uint8]:
        """See `creme.kernels.shuffle.mononucleotide_shuffles`."""
        # numba takes half a second to import: only shuffles need it.
        from creme.kernels.shuffle import mononucleotide_shuffles

        return mononucleotide_shuffles(codes, seeds)

    def distinct(self, codes: Codes) -> float:
        """See `creme.kernels.arrangements.mononucleotide_arrangements`."""
        from creme.kernels.arrangements import mononucleotide_arrangements

        return mononucleotide_arrangements(codes)
