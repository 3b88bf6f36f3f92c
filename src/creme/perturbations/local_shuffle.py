"""Local shuffle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from creme.perturbations.shuffle import Shuffle
from creme.sequence import Codes


class LocalShuffle(Shuffle):
    """Rearrange an interval window by window, so that each keeps its composition.

    Each window is shuffled as by `dinucleotide_shuffle`; its first and last base stay, and the
    counts of all dinucleotides are exact in each window and across windows. So GC-rich stretches,
    such as CpG islands, stay where they are; what is lost is order below the window's length. N
    stay where they are. All distinct arrangements are equally likely; see
    `creme.kernels.local_shuffle`.
    """

    name: ClassVar[str] = "local_shuffle"

    window: int = Field(
        1000, ge=4, description="length of a window, bp; the interval is divided evenly"
    )

    def arrangements(self, codes: Codes, seeds: Iterable[int]) -> NDArray[np.uint8]:
        """See `creme.kernels.local_shuffle.local_shuffles`."""
        # numba takes half a second to import: only shuffles need it.
        from creme.kernels.local_shuffle import local_shuffles

        return local_shuffles(codes, seeds, self.window)

    def distinct(self, codes: Codes) -> float:
        """See `creme.kernels.local_shuffle.local_arrangements`."""
        from creme.kernels.local_shuffle import local_arrangements

        return local_arrangements(codes, self.window)

    def altered(self, codes: Codes) -> int:
        """See `creme.kernels.shuffle.junctions`: N are cut out, and what is beside them joined."""
        from creme.kernels.shuffle import junctions

        return junctions(codes)
