"""Numbers of distinct arrangements that a shuffle draws from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from creme.sequence import Codes, N


def dinucleotide_arrangements(codes: Codes) -> float:
    """The natural logarithm of the number of sequences with the same dinucleotides and ends.

    They are the Eulerian paths from the first to the last base, of which the BEST theorem counts
    those with labelled edges; edges between the same two bases are one.

    Parameters
    ----------
    codes : array of uint8
        N are left out: they stay where they are.

    Returns
    -------
    float
        About 0 where the sequence itself is the only one, as all below 4 bases are.
    """
    bases = codes[codes < N].astype(np.intp)
    if len(bases) < 2:
        return 0.0
    edges = np.bincount(4 * bases[:-1] + bases[1:], minlength=16).reshape(4, 4).astype(float)
    circuit = edges.copy()
    circuit[bases[-1], bases[0]] += 1
    used = np.flatnonzero(circuit.sum(axis=1))
    leaving = circuit[used].sum(axis=1)
    laplacian = np.diag(leaving) - circuit[np.ix_(used, used)]
    _, trees = np.linalg.slogdet(laplacian[1:, 1:])
    return float(trees + gammaln(leaving).sum() - gammaln(edges + 1).sum())


def mononucleotide_arrangements(codes: Codes) -> float:
    """The natural logarithm of the number of sequences with the same bases; N are left out."""
    counts: NDArray[np.int64] = np.bincount(codes[codes < N], minlength=4)
    return float(gammaln(counts.sum() + 1) - gammaln(counts + 1).sum())
