"""A study like `mini_study`'s with a gap in one window, and another past its contig's end."""

from __future__ import annotations

from pathlib import Path

import pytest

import mini_study as mini
from creme.study import StudyResults, run_study

GAP = (1200, 3300)
"""Of the first gene, bp downstream of its TSS: its tiles at 2 and 3 kb have too few bases."""
CUT = 3000
"""bp that the last gene, which is on the minus strand, lacks upstream."""
LOST = {"GENE1": [2000, 3000], "GENE6": [-5000, -4000]}
"""Distances of the tiles that are not measured."""

_MADE: list[StudyResults] = []


def write(folder: Path) -> None:
    """Write the genome and the annotation."""
    genes = mini.write(folder)
    whole = (folder / "genome.fa").read_text().split("\n", 1)[1].replace("\n", "")
    low, high = (genes[0].position + at for at in GAP)
    whole = whole[:low] + "N" * (high - low) + whole[high:]
    last = genes[-1]
    assert last.strand == "-"
    mini.write_fasta(
        folder / "genome.fa", {"mini1": whole[: last.position + mini.LENGTH // 2 - CUT]}
    )


def gapped_study(folders: pytest.TempPathFactory) -> StudyResults:
    """A finished study of all stages; not to be changed."""
    if not _MADE:
        folder = folders.mktemp("gapped")
        write(folder)
        limit = ("activity = 5.0", "activity = 5.0\nmax_n = 0.5")
        _MADE.append(run_study(mini.study(folder, limit)))
    return _MADE[0]
