"""When two names are of one contig."""

from __future__ import annotations

from creme.genome.contigs import plain_contig


def test_contigs_with_and_without_chr():
    assert [plain_contig(n) for n in ("chr1", "1", "Chr1", "chrM", "MT", "chrX", "chr")] == [
        *("1", "1", "1", "MT", "MT", "X", "chr")
    ]
