"""Motifs of a file in the MEME format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from creme.errors import ConfigError
from creme.files.small import read_text
from creme.packages import lacking

_SUM = 0.02
"""Tolerated distance of a column's sum from 1: files have few decimals."""

Matrices = dict[str, NDArray[np.float64]]
"""By the name of a motif, the probabilities of A, C, G and T at each position, (4, width)."""


def read_motifs(path: str | Path) -> Matrices:
    """The motifs of a file, in its order.

    Parameters
    ----------
    path : str or Path
        In the MEME format, with letter-probability matrices of DNA. The name of a motif is the
        rest of its line: ``MA0139.2 CTCF``.

    Raises
    ------
    ConfigError
        If memelite is missing, there is no such file, it has no motifs, two have one name, or a
        matrix does not hold probabilities.
    """
    try:
        from memelite.io import read_meme
    except ImportError:
        raise ConfigError(lacking("motifs need memelite", "motifs")) from None
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"there is no file {path} of motifs")
    try:
        names = [
            " ".join(line[5:].split())
            for line in read_text(path).splitlines()
            if line.startswith("MOTIF")
        ]
        motifs: Matrices = read_meme(str(path))
    except Exception as error:  # whatever a file that is no MEME raises in there
        raise ConfigError(f"{path} cannot be read as motifs in the MEME format: {error}") from None
    if not motifs:
        raise ConfigError(f"{path} has no motifs in the MEME format")
    # The reader keeps the last of those that have one name, and says nothing.
    if repeated := [name for name in motifs if names.count(name) > 1]:
        raise ConfigError(f"{path} has two motifs {repeated[0]!r}: names are unique")
    for name, matrix in motifs.items():
        if not matrix.size or (matrix < 0).any() or (abs(matrix.sum(axis=0) - 1) > _SUM).any():
            raise ConfigError(
                f"{path}: the matrix of motif {name!r} is not of probabilities, which add up to 1 "
                f"at each position"
            )
    return motifs
