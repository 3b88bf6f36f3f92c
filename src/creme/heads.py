"""Heads: further outputs of a model, from the same forward pass, on grids of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from creme.errors import ConfigError
from creme.grid import OutputGrid
from creme.tracks import TrackTable, shortened


@dataclass(frozen=True)
class OutputHead:
    """A further output of a model, on a grid of its own, from the same forward pass.

    Attributes
    ----------
    bin_size : int
        Length of a bin, bp.
    n_bins : int
        Number of bins.
    tracks : TrackTable
    output_start : int, optional
        Input position of the first base of bin 0; the output is centred unless given.
    pairs : int, optional
        For contact maps. The head's values are then not of bins but of the pairs (i, j) of bins
        with ``j - i >= pairs``, in the order of ``numpy.triu_indices(n_bins, pairs)``.
    """

    bin_size: int
    n_bins: int
    tracks: TrackTable
    output_start: int | None = None
    pairs: int | None = None

    @property
    def size(self) -> int:
        """Number of values of each track: of bins, or of pairs of them."""
        if self.pairs is None:
            return self.n_bins
        left = max(0, self.n_bins - self.pairs)
        return left * (left + 1) // 2


class HeadGrid(OutputGrid):
    """The grid of a model's head.

    Parameters
    ----------
    model : OutputGrid
        Whose head it is.
    name : str
    head : OutputHead
    """

    def __init__(self, model: OutputGrid, name: str, head: OutputHead) -> None:
        self._model, self._name, self._of = model, name, head

    @property
    def title(self) -> str:
        """The head and its model."""
        return f"head {self._name!r} of {self._model.title}"

    @property
    def head_name(self) -> str:
        """The head's name."""
        return self._name

    @property
    def input_length(self) -> int:
        """The model's."""
        return self._model.input_length

    @property
    def tss(self) -> int:
        """The model's."""
        return self._model.tss

    @property
    def bin_size(self) -> int:
        """Length of a bin, bp."""
        return self._of.bin_size

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return self._of.n_bins

    @property
    def output_start(self) -> int:
        """Input position of the first base of bin 0."""
        start = self._of.output_start
        return super().output_start if start is None else start

    @property
    def tracks(self) -> TrackTable:
        """The head's."""
        return self._of.tracks


class PairGrid(HeadGrid):
    """The grid of a head whose values belong to pairs of bins, such as a contact map.

    Its "bins" are the pairs. Besides ``'all'`` and indices there are ``'tss'``, the pairs of which
    one is the TSS's bin; ``'i:j'``, one or several with commas, where either may be ``tss``; and
    ``'insulation'``, the pairs of a bin before the TSS's and one after it, with ``flank`` no
    further away than so many bins: the contacts that cross the TSS.
    """

    @property
    def n_bins(self) -> int:
        """Number of pairs."""
        return self._of.size

    @property
    def output_start(self) -> int:
        """Input position of the first base of the first bin that is paired."""
        start = self._of.output_start
        span = self._of.n_bins * self.bin_size
        return (self.input_length - span) // 2 if start is None else start

    @property
    def output_end(self) -> int:
        """Input position after the last base of the last bin that is paired."""
        return self.output_start + self._of.n_bins * self.bin_size

    def turned(self, bins: Iterable[int]) -> list[int]:
        """The pairs that have the same bases where the reverse complement is predicted."""
        first, second = self.pairs()
        last = self._of.n_bins - 1
        places = {
            pair: place
            for place, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True))
        }
        return [places[last - int(second[k]), last - int(first[k])] for k in bins]

    def tss_bin(self) -> int:
        """The bin that holds the TSS base: of those that are paired.

        Raises
        ------
        ModelError
            If the TSS lies outside the output.
        """
        return HeadGrid(self._model, self._name, self._of).tss_bin()

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The two bins of each pair."""
        return np.triu_indices(self._of.n_bins, self._of.pairs or 0)

    def _named_bins(self, bins: str, flank: int = 0) -> tuple[int, ...]:
        first, second = self.pairs()
        if bins == "all" or re.fullmatch(r"\s*\d+\s*-\s*\d+\s*", bins):
            return super()._named_bins(bins, flank)
        tss = self.tss_bin()
        if bins == "tss":
            read = (abs(first - tss) <= flank) | (abs(second - tss) <= flank)
        elif bins == "insulation":
            read = (first < tss) & (second > tss)
            if flank:
                read &= (first >= tss - flank) & (second <= tss + flank)
        else:
            read = np.zeros(len(first), dtype=bool)
            for text in bins.split(","):
                low, high = self._pair(text, tss)
                read |= (first == low) & (second == high)
                if not ((first == low) & (second == high)).any():
                    raise ConfigError(
                        f"bins = {shortened(bins)}: {self.title} has no pair {text.strip()}: it "
                        f"has those of {self._of.n_bins} bins that are {self._of.pairs} or more "
                        f"apart"
                    )
        if not read.any():
            raise ConfigError(f"bins = {shortened(bins)}: {self.title} has no such pair")
        return tuple(np.flatnonzero(read).tolist())

    def _pair(self, text: str, tss: int) -> tuple[int, int]:
        match = re.fullmatch(r"\s*(\d{1,9}|tss)\s*:\s*(\d{1,9}|tss)\s*", text)
        if not match:
            raise ConfigError(
                f"bins = {shortened(text)} is not allowed: {self.title} has pairs of bins: give "
                f"'tss', 'insulation', 'all', or pairs such as '3:8, tss:12'"
            )
        low, high = sorted(tss if one == "tss" else int(one) for one in match.groups())
        return low, high
