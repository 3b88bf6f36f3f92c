"""Mononucleotide shuffle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from creme.perturbations.shuffle import Shuffle
from creme.sequence import Codes


class MononucleotideShuffle(Shuffle):
    """Rearrange an interval so that the counts of all letters stay as they are.

    N is a fifth letter. All distinct arrangements are equally likely.
    """

    name: ClassVar[str] = "mononucleotide_shuffle"

    def arrangements(self, codes: Codes, seeds: Iterable[int]) -> NDArray[np.uint8]:
        """See `creme.kernels.shuffle.mononucleotide_shuffles`."""
        # numba takes half a second to import: only shuffles need it.
        from creme.kernels.shuffle import mononucleotide_shuffles

        return mononucleotide_shuffles(codes, seeds)
