"""The predictions that an ensemble takes the mean of: members, shifts, and both strands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.grid import OutputGrid
from creme.model import Model, Selection
from creme.sequence import N, complement


@dataclass(frozen=True)
class Variant:
    """One of the predictions whose mean is taken.

    Attributes
    ----------
    member : Model
    shift : int
        Of the input, bp.
    turned : bool
        Whether the reverse complement is predicted.
    """

    member: Model
    shift: int
    turned: bool

    def input(self, onehot: NDArray[Any]) -> NDArray[Any]:
        """The member's input, (B, w, 4) or codes; N comes in where bases would have to."""
        codes = onehot.dtype == np.uint8
        if self.shift:
            moved = np.full_like(onehot, N if codes else self.member.n_value)
            to, of = (slice(self.shift, None), slice(None, -self.shift))
            if self.shift < 0:
                to, of = slice(None, self.shift), slice(-self.shift, None)
            moved[:, to] = onehot[:, of]
            onehot = moved
        if not self.turned:
            return onehot
        if codes:
            return np.ascontiguousarray(complement(onehot[:, ::-1]))
        return np.ascontiguousarray(onehot[:, ::-1, ::-1])

    def needed(self, selection: Selection) -> Selection:
        """The part of the member's output that a selection needs."""
        if not self.turned:
            return selection
        own = self._turned(selection, "")
        heads = tuple((name, self._turned(its, name)) for name, its in selection.heads)
        return Selection(own.bins, own.tracks, heads)

    def output(self, values: NDArray[np.float32], selection: Selection) -> NDArray[np.float32]:
        """The member's prediction of `needed`, in the order of the selection."""
        if not self.turned:
            return values
        heads = ("", *dict(selection.heads))
        return selection.joined(
            {head: self._turned_back(selection, values, head) for head in heads}
        )

    def _turned(self, selection: Selection, head: str) -> Selection:
        bins, tracks = self._exchanged(selection, head)
        return Selection(tuple(sorted(bins)), tuple(sorted(tracks)))

    def _turned_back(
        self, selection: Selection, values: NDArray[np.float32], head: str
    ) -> NDArray[np.float32]:
        # `needed` has the same sizes: the heads' values lie where the selection's do.
        own = selection.values(values, head)
        for axis, indices in enumerate(self._exchanged(selection.of_head(head), head), start=1):
            places = {index: place for place, index in enumerate(sorted(indices))}
            own = own.take([places[index] for index in indices], axis=axis)
        return own

    def _exchanged(self, selection: Selection, head: str) -> tuple[list[int], list[int]]:
        """Bins and tracks of the turned input's output, in the order of the selection's."""
        grid = self.member.grid_of(head)
        tracks = [grid.tracks.of_other_strand(index) for index in selection.tracks]
        return grid.turned(selection.bins), tracks


def check_both_strands(grid: OutputGrid) -> None:
    """Check that predictions of both strands lie on the same bases and tracks.

    Raises
    ------
    ValueError
        If they do not, or it is not known of which strand the tracks are.
    """
    start, end = grid.output_start, grid.output_end
    if start != grid.input_length - end:
        raise ValueError(
            f"reverse_complement needs bins that are centred on the input; those of "
            f"{grid.title} cover [{start}, {end}) of {grid.input_length} bp"
        )
    if grid.tss not in ((grid.input_length - 1) // 2, grid.input_length // 2):
        raise ValueError(
            f"reverse_complement needs the TSS in the middle of the input; {grid.title} has it at "
            f"{grid.tss} of {grid.input_length} bp"
        )
    if not grid.tracks.strands_known:
        raise ValueError(
            f"reverse_complement: which tracks of {grid.title} are of one strand is not known: "
            f"give 'targets', its table of tracks, or a table for each track of its grid, such as "
            f'{{ name = "donor", strand = "+" }}; \'.\' is of both'
        )
    wrong = grid.tracks.mispaired()
    if wrong is not None:
        track = grid.tracks[wrong]
        raise ValueError(
            f"reverse_complement: track {track.name} has pair {track.pair}: a pair is the "
            f"index of the same track of the other strand, which has this one as its own"
        )
    for track in grid.tracks:
        if track.strand != "." and track.pair is None:
            raise ValueError(
                f"reverse_complement: track {track.name} of strand {track.strand} has no pair "
                f"to be exchanged with"
            )
