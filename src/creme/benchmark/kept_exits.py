"""The dinucleotide shuffle of the reference package, which keeps every letter's last exit."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from creme.kernels.arrangements import dinucleotide_arrangements
from creme.perturbation import Perturbation
from creme.perturbations.shuffle import Shuffle
from creme.seeds import derive
from creme.sequence import Codes, N
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency


class KeptExitsShuffle(Shuffle):
    """A dinucleotide shuffle that permutes each letter's exits but for the last one.

    So do the reference package and other libraries: dinucleotide counts are exact, and some
    arrangements are never drawn; the end of the interval tends to stay as it is. It is here to be
    measured, and is not registered.
    """

    name: ClassVar[str] = "kept_exits_shuffle"

    def arrangements(self, codes: Codes, seeds: Iterable[int]) -> NDArray[np.uint8]:
        """A row for each seed; N stay where they are."""
        bases = np.flatnonzero(codes != N)
        seeds = list(seeds)
        out = np.tile(codes, (len(seeds), 1))
        for row, seed in zip(out, seeds, strict=True):
            random = np.random.Generator(np.random.Philox(derive(seed, "kept exits")))
            row[bases] = _kept_exits(codes[bases], random)
        return out

    def distinct(self, codes: Codes) -> float:
        """That of the exact shuffle, which is no less."""
        return dinucleotide_arrangements(codes)


def _kept_exits(codes: Codes, random: np.random.Generator) -> Codes:
    """One shuffle: exits of each letter are permuted, the last excepted, and walked."""
    if len(codes) < 4:
        return codes
    exits = []
    for letter in range(4):
        following = codes[1:][codes[:-1] == letter]
        following[:-1] = random.permutation(following[:-1])
        exits.append(iter(following.tolist()))
    here = int(codes[0])
    walk = [here]
    for _ in range(len(codes) - 1):
        here = next(exits[here])
        walk.append(here)
    return np.array(walk, dtype=np.uint8)


class KeptExitsNecessity(Necessity):
    """Necessity with that shuffle."""

    @cached_property
    def _perturb(self) -> Perturbation:
        return KeptExitsShuffle()


class KeptExitsSufficiency(Sufficiency):
    """Sufficiency with that shuffle."""

    @cached_property
    def _perturb(self) -> Perturbation:
        return KeptExitsShuffle()
