"""Bodies and exons of the genes around loci, from an annotation."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from creme.errors import CremeWarning, GenomeError
from creme.genome import TSS, Annotation
from creme.genome.exons import ExonTable, merged
from creme.report.page.genes import MOST, Neighbours

_REACH = 500_000
"""bp beyond a window in which the TSSs of genes that reach into it are looked for."""


class GeneModels:
    """The genes of a GTF, with what their transcripts span and their exons.

    Parameters
    ----------
    path : Path
    beside : Neighbours, optional
        TSSs that a study has used, which are shown as they are: they may be from an annotation
        that was another one then, or be moved.

    Attributes
    ----------
    path : Path

    Raises
    ------
    GenomeError
        If the file cannot be read, or is no GTF. One without exons has bodies alone.
    """

    def __init__(self, path: Path, beside: Neighbours | None = None) -> None:
        self.path = path
        self._beside = beside
        with warnings.catch_warnings():
            # Of names that are read otherwise than they stand: the run has said so.
            warnings.simplefilter("ignore", CremeWarning)
            self._annotation = Annotation.from_gtf(path)
        self._exons: ExonTable | None
        try:
            self._exons = ExonTable.read(path)
        except GenomeError:
            self._exons = None

    def of_page(self, record: Mapping[Any, Any], span: list[int]) -> dict[str, Any]:
        """The genes of the page's map of a locus, as `Neighbours.of_page` has them, and more.

        Returns
        -------
        dict
            ``genes``, each with its body, [from, to), and its exons beside name, strand, whether it
            is the locus's own, and the distances of its TSSs; all in bp from the locus's TSS, in
            gene orientation. ``genes_more``, int.
        """
        tss, sign = int(record["tss_position"]), 1 if record["strand"] == "+" else -1
        contig = str(record["contig"])
        low, high = sorted((tss + sign * span[0], tss + sign * (span[1] - 1)))
        high += 1
        genes: dict[tuple[str, str, str], list[TSS]] = {}
        for site in self._annotation.within(contig, max(0, low - _REACH), high + _REACH):
            genes.setdefault((site.gene_id, site.gene, site.strand), []).append(site)

        def away(start: int, end: int) -> list[int]:
            """An interval of the genome in gene orientation, from the TSS base, half-open."""
            return [start - tss, end - tss] if sign > 0 else [tss - end + 1, tss - start + 1]

        genes_here: list[list[Any]] = []
        for (gene_id, name, strand), sites in genes.items():
            bodies = [_body(site) for site in sites]
            start, end = min(body[0] for body in bodies), max(body[1] for body in bodies)
            if end <= low or start >= high:
                continue
            own = name == str(record["gene"]) and strand == str(record["strand"])
            at = sorted({sign * (s.position - tss) for s in sites if low <= s.position < high})
            exons = self._exons_of(gene_id, contig)
            inside = sorted(away(*one) for one in exons if one[0] < high and one[1] > low)
            genes_here.append([name, strand, int(own), at, away(start, end), inside])
        if self._beside is not None:
            used = self._beside.of_page(record, span, sys.maxsize)
            genes_here = _together(used.get("genes", []), genes_here)
        if not genes_here:
            return {}
        genes_here.sort(key=lambda one: (-one[2], _nearest(one), one[0]))
        taken = sorted(genes_here[:MOST], key=lambda one: (one[3] or one[4], one[0]))
        return {"genes": taken, "genes_more": len(genes_here) - len(taken)}

    def of_map(self, contig: str, start: int, end: int) -> list[TSS]:
        """The TSSs in [start, end) as `creme.report.tile_map` takes them."""
        if self._beside is not None:
            return self._beside.of_map(contig, start, end)
        return self._annotation.within(contig, start, end)

    def _exons_of(self, gene_id: str, contig: str) -> list[tuple[int, int]]:
        if self._exons is None:
            return []
        try:
            return merged(self._exons.union(gene_id, contig))
        except GenomeError:  # transcripts without exons
            return []


def _body(site: TSS) -> tuple[int, int]:
    """The interval that a transcript spans, [start, end)."""
    span = max(1, site.span)
    if site.strand == "-":
        return site.position - span + 1, site.position + 1
    return site.position, site.position + span


def _together(used: list[list[Any]], annotated: list[list[Any]]) -> list[list[Any]]:
    """Genes with the TSSs that a study has used, and bodies and exons from an annotation."""
    models = {(one[0], one[1]): one for one in annotated}
    names = {(one[0], one[1]) for one in used}
    with_models = [[*one[:4], *models.get((one[0], one[1]), [])[4:]] for one in used]
    # Without a TSS in the window: genes that reach into it.
    return [*with_models, *(one for key, one in models.items() if key not in names)]


def _nearest(gene: list[Any]) -> int:
    """How far a gene's nearest TSS, or else its body, is from the locus's TSS."""
    return min(map(abs, gene[3] or gene[4]))
