"""CRISPRi tables for tests, and the planted elements of the synthetic genome as one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HEADER = ["chrom", "chromStart", "chromEnd", "measuredGeneSymbol", "EffectSize", "Significant"]
HEADER += ["Regulated", "startTSS"]


def write(path: Path, rows, header=HEADER) -> Path:
    """Rows in the order of the header, as a TSV."""
    pd.DataFrame(rows, columns=header).to_csv(path, sep="\t", index=False)
    return path


def planted(genome, windows, size: int = 600):
    """What CRISPRi would find if the plan of the genome were true.

    Planted enhancers are regulated, and planted silencers significant but not regulated; so that
    nothing else is, an element stands in every 5 kb away from those.
    """
    tss = {window.gene: window.position for window in windows}
    rows = [
        (
            *(element.contig, element.start, element.end, element.gene),
            -0.4 if element.kind == "enhancer" else 0.3,
            *(True, element.kind == "enhancer", tss[element.gene]),
        )
        for element in genome.elements
    ]
    for window in windows:
        for away in range(-45_000, 45_001, 5000):
            start = window.position + away - size // 2
            taken = any(
                e.contig == window.contig and e.start < start + 5000 and start - 5000 < e.end
                for e in genome.elements
            )
            if away and not taken:
                place = (window.contig, start, start + size, window.gene)
                rows.append((*place, 0.01, False, False, window.position))
    return rows
