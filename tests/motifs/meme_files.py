"""Motifs for tests, and files of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def sharp(consensus: str, probability: float = 0.94) -> np.ndarray:
    """A matrix whose most probable bases are those of a consensus, (4, width)."""
    matrix = np.full((4, len(consensus)), (1 - probability) / 3)
    matrix[["ACGT".index(base) for base in consensus], np.arange(len(consensus))] = probability
    return matrix


def drawn(number: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Decoys: matrices that are drawn at random, 8 to 15 bp wide."""
    random = np.random.default_rng(seed)
    widths = random.integers(8, 16, number)
    return {
        f"decoy{k}": random.dirichlet([0.25] * 4, size=int(width)).T
        for k, width in enumerate(widths)
    }


def write(path: Path, motifs: Mapping[str, np.ndarray]) -> Path:
    """A file in the MEME format."""
    lines = ["MEME version 4", "", "ALPHABET= ACGT", ""]
    for name, matrix in motifs.items():
        lines += [f"MOTIF {name}", f"letter-probability matrix: alength= 4 w= {matrix.shape[1]}"]
        lines += [" ".join(f"{value:.6f}" for value in column) for column in matrix.T]
        lines.append("")
    path.write_text("\n".join(lines))
    return path
