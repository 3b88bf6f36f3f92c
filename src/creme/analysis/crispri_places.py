"""The elements of a CRISPRi table in the sequences of loci."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.crispri_table import Pairs
from creme.errors import ConfigError, listing
from creme.genome.contigs import plain_contig
from creme.tiling import Tile

TSS_GAP = 10_000
"""Bases between the TSSs of a table and of a locus; further apart they are two promoters."""

NO_GENE = "gene not among the loci"


@dataclass(frozen=True)
class LocusWindow:
    """The genomic window of a locus sequence; see `creme.genome.Locus`."""

    name: str
    gene: str
    contig: str
    position: int
    strand: str
    start: int
    end: int

    @classmethod
    def of(cls, name: str, labels: Mapping[str, Any]) -> LocusWindow:
        """From the labels of a locus (`Locus.labels`), or the coordinates of its results."""
        numbers = (int(labels[key]) for key in ("start", "end"))
        return cls(
            name,
            str(labels["gene"]),
            str(labels["contig"]),
            int(labels["tss_position"]),
            str(labels["strand"]),
            *numbers,
        )

    @property
    def length(self) -> int:
        """Length of the sequence, bp."""
        return self.end - self.start

    @property
    def tss(self) -> int:
        """Index of the TSS base in the sequence."""
        return self.position - self.start if self.strand == "+" else self.end - 1 - self.position

    def local(self, start: int, end: int) -> tuple[int, int]:
        """A genomic interval in the sequence, 5' to 3'; the inverse of `Locus.interval`."""
        if self.strand == "+":
            return start - self.start, end - self.start
        return self.end - end, self.end - start


def windows(datasets: Iterable[xr.Dataset]) -> list[LocusWindow]:
    """The loci of results, each once."""
    labels = ("gene", "contig", "tss_position", "strand", "start", "end")
    by_name: dict[str, LocusWindow] = {}
    for dataset in datasets:
        columns = [dataset[label].values.tolist() for label in labels]
        for name, *values in zip(dataset["locus"].values.tolist(), *columns, strict=True):
            described = dict(zip(labels, values, strict=True))
            by_name.setdefault(str(name), LocusWindow.of(str(name), described))
    return list(by_name.values())


def tss_tile_of(datasets: SequenceOf[xr.Dataset]) -> int:
    """Length of the TSS tile that tests were run with, bp; 0 for none.

    Raises
    ------
    ConfigError
        If they differ, or their results do not record it.
    """
    sizes = set()
    for dataset in datasets:
        configuration = json.loads(dataset.attrs.get("configuration", "{}"))
        size = configuration.get("tss_tile")
        sizes.add(configuration.get("tile") if size is None else size)
    if len(sizes) != 1 or None in sizes:
        raise ConfigError(
            f"the TSS tiles of the tests have {listing(sorted(map(str, sizes)))} bp: one length is "
            f"needed"
        )
    return int(sizes.pop())


def place(pairs: Pairs, loci: SequenceOf[LocusWindow], tss_tile: int) -> pd.DataFrame:
    """Find the locus of each pair's gene, and the element in its sequence.

    A gene is found by its symbol, else by its Ensembl identifier; of several loci of a gene the one
    nearest to the table's TSS is taken. Contigs match with and without ``chr``.

    Parameters
    ----------
    pairs : Pairs
    loci : list of Window
    tss_tile : int
        Length of the TSS tile, bp.

    Returns
    -------
    DataFrame
        The table with ``locus``; ``element_start`` and ``element_end`` in the locus sequence,
        ``distance`` from the locus's TSS to the element's centre in gene orientation, and
        ``tss_gap`` from the table's TSS to the locus's, bp, NaN where there is none; and
        ``missing`` filled in for ``gene not among the loci``, ``several loci of the gene``,
        ``gene on another contig``, ``outside the window``, ``overlaps the TSS tile``.
    """
    by_name: dict[str, list[LocusWindow]] = {}
    for window in loci:
        names = {_unversioned(name) for name in (window.gene, window.name.partition("@")[0])}
        for name in names - {""}:
            by_name.setdefault(name, []).append(window)
    rows = []
    for pair in pairs.table.itertuples():
        candidates = by_name.get(_unversioned(str(pair.gene))) or by_name.get(
            _unversioned(str(pair.gene_id)), []
        )
        rows.append(_locate(pair, candidates, tss_tile))
    located = pd.DataFrame(
        rows,
        columns=["locus", "element_start", "element_end", "distance", "tss_gap", "reason"],
        index=pairs.table.index,
    )
    table = pd.concat([pairs.table.drop(columns="missing"), located.drop(columns="reason")], axis=1)
    reasons = pairs.table["missing"]
    return table.assign(missing=reasons.where(reasons != "", located["reason"]))


def _locate(pair: Any, candidates: list[LocusWindow], tss_tile: int) -> tuple[Any, ...]:
    unknown = (np.nan, np.nan, np.nan, np.nan)
    if not candidates:
        return ("", *unknown, NO_GENE)
    on_contig = [w for w in candidates if plain_contig(w.contig) == plain_contig(pair.contig)]
    if not on_contig:
        return (candidates[0].name, *unknown, "gene on another contig")
    if len(on_contig) > 1 and np.isnan(pair.tss):
        return ("", *unknown, "several loci of the gene")
    window = min(on_contig, key=lambda w: abs(w.position - pair.tss) if len(on_contig) > 1 else 0)
    start, end = window.local(pair.start, pair.end)
    # As the distance of a tile: to its centre.
    distance = (start + end) // 2 - window.tss
    reason = ""
    if start < 0 or end > window.length:
        reason = "outside the window"
    elif (
        tss_tile
        and start < end
        and Tile(start, end).overlaps(Tile.centred(window.tss, tss_tile, window.length))
    ):
        reason = "overlaps the TSS tile"
    return (window.name, start, end, distance, abs(window.position - pair.tss), reason)


def _unversioned(name: str) -> str:
    """An Ensembl identifier without its version; other names stay."""
    return name.partition(".")[0] if name.startswith("ENS") else name


def check_build(placed: pd.DataFrame, build: str = "", gap: int = TSS_GAP) -> tuple[int, int]:
    """Check that table and results are of one genome build, by the TSSs of their genes.

    Returns
    -------
    (int, int)
        The number of loci whose TSS is further than `gap` from the table's, and the number of
        loci with both. Another promoter of the gene does that; another build does it to most.

    Raises
    ------
    ConfigError
        If that is so for more than half of the loci.
    """
    gaps = placed.dropna(subset=["tss_gap"]).groupby("locus")["tss_gap"].min()
    far = int((gaps > gap).sum())
    if 2 * far > len(gaps):
        raise ConfigError(
            f"{far} of {len(gaps)} genes have their TSS more than {gap} bp from that of the table "
            f"(build {build or 'not stated'}; {int(gaps.median())} bp in the middle): the results "
            f"are of another genome build, or of other promoters; if they are right, allow a "
            f"larger gap"
        )
    return far, len(gaps)


def element_tiles(placed: pd.DataFrame) -> list[dict[str, list[tuple[int, int]]]]:
    """The elements themselves as tiles of the necessity test.

    Parameters
    ----------
    placed : DataFrame
        Of `place`.

    Returns
    -------
    list of dict of locus to list of (start, end)
        The ``tiles`` of the test: in the locus sequence, each distinct element once, sorted.
        Elements of a locus that overlap (of different screens) go to different dicts, each for a
        test of its own, as few as are needed; empty where no element can be measured.
    """
    usable = placed[placed["missing"] == ""]
    layers: list[dict[str, list[tuple[int, int]]]] = []
    for name, part in usable.groupby("locus", sort=False):
        locus = str(name)
        elements = sorted(
            {(int(s), int(e)) for s, e in zip(part.element_start, part.element_end, strict=True)}
        )
        for start, end in elements:
            layer = next((k for k in layers if k.get(locus, [(0, 0)])[-1][1] <= start), None)
            if layer is None:
                layer = {}
                layers.append(layer)
            layer.setdefault(locus, []).append((start, end))
    return layers
