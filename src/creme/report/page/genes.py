"""The TSSs around a locus, from the study's ``loci.tsv``."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from creme.genome.records import TSS
from creme.results.csv_text import as_before

MOST = 150
"""Genes of a locus that the page has at most: those nearest to the TSS."""


@dataclass(frozen=True)
class Gene:
    """TSSs of one gene.

    Attributes
    ----------
    name : str
    contig, strand : str
    positions : list of int
        0-based, ascending, each once.
    """

    name: str
    contig: str
    strand: str
    positions: list[int]


class Neighbours:
    """All TSSs of an annotation by contig and position: arrays, however many there are.

    Parameters
    ----------
    content : bytes
        Of a study's ``loci.tsv``.
    """

    def __init__(self, content: bytes) -> None:
        table = pd.read_csv(
            io.BytesIO(content),
            sep="\t",
            usecols=["contig", "tss", "strand", "gene"],
            dtype={"contig": str, "tss": np.int64, "strand": str, "gene": str},
            keep_default_na=False,
        )
        table = as_before(table)
        codes, self._names = pd.factorize(table["gene"])
        self._of: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        position = table["tss"].to_numpy()
        forward = (table["strand"] == "+").to_numpy()
        for contig, of in table.groupby("contig").indices.items():
            rows = np.asarray(of)[np.argsort(position[of], kind="stable")]
            self._of[str(contig)] = (position[rows], codes[rows], forward[rows])

    def within(self, contig: str, start: int, end: int) -> list[Gene]:
        """The genes that have a TSS in [start, end), by their first one."""
        if contig not in self._of:
            return []
        position, code, forward = self._of[contig]
        by_gene: dict[tuple[int, bool], list[int]] = {}
        for k in range(*np.searchsorted(position, [start, end])):
            places = by_gene.setdefault((int(code[k]), bool(forward[k])), [])
            if position[k] not in places[-1:]:
                places.append(int(position[k]))
        return [
            Gene(str(self._names[gene]), contig, "+" if plus else "-", places)
            for (gene, plus), places in by_gene.items()
        ]

    def of_map(self, contig: str, start: int, end: int) -> list[TSS]:
        """The TSSs as `creme.report.tile_map` takes them; ends of genes are not known."""
        return [
            TSS(gene.name, "", "", contig, position, gene.strand)
            for gene in self.within(contig, start, end)
            for position in gene.positions
        ]

    def of_page(
        self, record: Mapping[Any, Any], span: list[int], most: int = MOST
    ) -> dict[str, Any]:
        """The genes of the page's map of a locus, ``genes``, and how many more there are.

        Parameters
        ----------
        record : mapping
            Of the locus: ``gene``, ``contig``, ``tss_position``, ``strand``.
        span : list of int
            Ends of its window, bp from the TSS in gene orientation.
        most : int
            Genes that are taken: those nearest to the TSS.

        Returns
        -------
        dict
            ``genes``, a list of [name, strand, whether it is the locus's own, distances of its TSSs
            (bp in gene orientation, ascending)], by distance; ``genes_more``, int. Empty without
            genes.
        """
        tss, sign = int(record["tss_position"]), 1 if record["strand"] == "+" else -1
        ends = sorted((tss + sign * span[0], tss + sign * (span[1] - 1)))
        genes = []
        for gene in self.within(str(record["contig"]), ends[0], ends[1] + 1):
            own = gene.name == str(record["gene"]) and gene.strand == str(record["strand"])
            distances = sorted(sign * (position - tss) for position in gene.positions)
            genes.append((gene.name, gene.strand, int(own), distances))
        if not genes:
            return {}
        genes.sort(key=lambda one: (-one[2], min(map(abs, one[3])), one[0]))
        taken = sorted(genes[:most], key=lambda one: (one[3], one[0]))
        return {"genes": [list(one) for one in taken], "genes_more": len(genes) - len(taken)}
