"""Matches of motifs in sequences: FIMO as memelite has it, and how many places it looked at."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from creme.motifs.meme import Matrices
from creme.sequence import Codes, N

P = 1e-4
"""Matches have a smaller p, FIMO's own default."""
COLUMNS = ["motif", "start", "end", "strand", "score", "p"]

Span = tuple[int, int, int]
"""Start and end of a stretch, and where the last place begins at the latest, exclusive."""

_BIN, _EPS = 0.1, 1e-4  # bits of a bin, and the pseudo-count: memelite's own
_IN_FIMO = {"motif_name": "motif", "p-value": "p"}


def matches(
    motifs: Matrices, codes: Codes, spans: SequenceOf[Span], p: float = P
) -> tuple[pd.DataFrame, dict[int, int]]:
    """The matches of motifs, on both strands.

    FIMO (Grant, Bailey and Noble 2011) as memelite has it: the score is the log2 ratio of a motif's
    probability to that of the uniform background, and p that of a random sequence of the motif's
    length to score as high.

    Parameters
    ----------
    motifs : dict of str to array (4, width)
    codes : Codes
        Bases, of several stretches of a genome one behind the other.
    spans : sequence of (start, end, stop)
        The stretches that are scanned; they may overlap. A match lies in one of them as a whole,
        begins before its `stop`, and holds no N.
    p : float
        Matches have a smaller one.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row for each match: the name of the motif, [start, end) in `codes`, the strand
        whose bases, read 5' to 3', match, the score in bits, and p.
    dict of int to int
        By the width of motifs, the number of places of a motif of that width on both strands: the
        tests that each such motif was put to.
    """
    from memelite import fimo

    starts = _starts(codes, spans, {matrix.shape[1] for matrix in motifs.values()})
    tests = {width: 2 * int(of.sum()) for width, of in starts.items()}
    rows = []
    if any(tests.values()):
        onehot = (codes == np.arange(4, dtype=np.uint8)[:, None]).astype(np.int8)
        frames = fimo(motifs, onehot[None], bin_size=_BIN, eps=_EPS, threshold=p)
        rows = [frame for frame in frames if len(frame)]
    if not rows:
        return pd.DataFrame(columns=COLUMNS), tests
    frame = pd.concat(rows, ignore_index=True).rename(columns=_IN_FIMO)[COLUMNS]
    first = frame["start"].to_numpy(dtype=np.int64)
    width = frame["end"].to_numpy(dtype=np.int64) - first
    inside = np.zeros(len(frame), dtype=bool)
    for each, allowed in starts.items():
        of_width = width == each
        inside[of_width] = allowed[first[of_width]]
    frame = frame.astype({"start": np.int64, "end": np.int64})
    # Scores are binned by column and sums of them are not, so that the best ones may lie above all
    # bins, where FIMO's table has 0.
    least = {name: _least(matrix) for name, matrix in motifs.items()}
    frame["p"] = np.maximum(frame["p"].to_numpy(), frame["motif"].map(least).to_numpy())
    inside &= (frame["p"] < p).to_numpy()
    return frame[inside].reset_index(drop=True), tests


def _least(matrix: NDArray[np.float64]) -> float:
    """The share of all sequences that have the highest score, in the bins of FIMO."""
    bins = np.round((np.log2(matrix + _EPS) - np.log2(0.25)) / _BIN)
    return float(np.prod((bins == bins.max(axis=0)).sum(axis=0) / 4))


def _starts(
    codes: Codes, spans: SequenceOf[Span], widths: set[int]
) -> dict[int, NDArray[np.bool_]]:
    """For each width, whether a place of that width begins there: in a span, and without N."""
    before = np.concatenate([[0], np.cumsum(codes == N)])
    starts = {}
    for width in widths:
        allowed = np.zeros(len(codes), dtype=bool)
        for start, end, stop in spans:
            allowed[start : max(start, min(stop, end - width + 1))] = True
        last = max(0, len(codes) - width + 1)
        allowed[:last] &= before[width:][:last] == before[:last]
        starts[width] = allowed
    return starts
