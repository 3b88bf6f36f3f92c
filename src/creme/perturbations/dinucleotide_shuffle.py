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

    Its first and last base stay too, and N stay where they are: the other bases are shuffled as one
    string, and laid back around them. All distinct arrangements are equally likely; see
    `creme.kernels.shuffle`.
    """

    name: ClassVar[str] = "dinucleotide_shuffle"

    def arrangements(self, codes: Codes, seeds: Iterable[int]) -> NDArray[np.uint8]:
        """See `creme.kernels.shuffle.dinucleotide_shuffles`."""
        # numba takes half a second to import: only shuffles need it.
        from creme.kernels.shuffle import dinucleotide_shuffles

        return dinucleotide_shuffles(codes, seeds)

    def distinct(self, codes: Codes) -> float:
        """See `creme.kernels.arrangements.dinucleotide_arrangements`."""
        from creme.kernels.arrangements import dinucleotide_arrangements

        return dinucleotide_arrangements(codes)

    def altered(self, codes: Codes) -> int:
        """See `creme.kernels.shuffle.junctions`: N are cut out, and what is beside them joined."""
        from creme.kernels.shuffle import junctions

        return junctions(codes)
