"""Necessity effects compared with regulation measured by CRISPRi."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.crispri_table import Pairs, called
from creme.analysis.ranking import compare_scores, undefined
from creme.analysis.resampling import FEW
from creme.errors import ConfigError, listing
from creme.genome.contigs import plain_contig
from creme.seeds import derive
from creme.tiling import Tile

EDGES = (0, 10_000, 30_000, 100_000)
"""First distances of the evaluation's bins, bp; the last bin has no end."""
BASELINE = "1/distance"
TSS_GAP = 10_000
_NO_GENE = "gene not among the loci"
_WHY = {
    "": "",
    "empty": "no pair",
    "nothing is true": "no pair is regulated",
    "nothing is false": "every pair is regulated",
}


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
    for pair in _rows(pairs.table):
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
        return ("", *unknown, _NO_GENE)
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


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    return table.itertuples()


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


def join(datasets: SequenceOf[xr.Dataset], placed: pd.DataFrame, track: str) -> pd.DataFrame:
    """The necessity effect of the tile that each element lies in.

    Parameters
    ----------
    datasets : list of Dataset
        Of the necessity test: all tiles, or chosen ones such as the elements themselves.
    placed : DataFrame
        Of `place`.
    track : str

    Returns
    -------
    DataFrame
        The pairs with ``track``; ``tile_start``, ``tile_end`` and ``overlap``, the share of the
        element that the tile holds; ``effect`` and ``effect_se``; and ``missing`` filled in for
        ``no tile holds half of it`` and ``effect not defined``.

    Notes
    -----
    An element that lies in two tiles is given the one that holds more of it; where several hold
    it whole, the shortest, so that a tile of its own is preferred.
    """
    tiles: dict[str, list[tuple[int, int, float, float]]] = {}
    for dataset in datasets:
        _collect(dataset, track, tiles)
    rows = []
    for pair in _rows(placed):
        of_tile: tuple[float, ...] = (np.nan, np.nan, np.nan, np.nan, np.nan)
        reason = str(pair.missing)
        if not reason:
            start, end = int(pair.element_start), int(pair.element_end)
            shares = [
                (max(0, min(end, tile[1]) - max(start, tile[0])) / (end - start), tile)
                for tile in tiles.get(str(pair.locus), [])
            ]
            share, tile = max(
                shares, key=lambda s: (s[0], s[1][0] - s[1][1]), default=(0.0, (0, 0, 0.0, 0.0))
            )
            if share < 0.5:
                reason = "no tile holds half of it"
            else:
                of_tile = (tile[0], tile[1], share, tile[2], tile[3])
                reason = "" if np.isfinite(tile[2]) else "effect not defined"
        rows.append((*of_tile, reason))
    columns = ["tile_start", "tile_end", "overlap", "effect", "effect_se", "missing"]
    joined = pd.DataFrame(rows, columns=columns, index=placed.index)
    return pd.concat([placed.drop(columns="missing"), joined], axis=1).assign(track=track)


def _collect(
    dataset: xr.Dataset, track: str, tiles: dict[str, list[tuple[int, int, float, float]]]
) -> None:
    chosen = dataset.sel(track=track)
    effect = chosen["effect"].transpose("locus", "tile")
    names = ("tile_start", "tile_end", "effect", "effect_se")
    values = [chosen[n].broadcast_like(effect).transpose("locus", "tile").values for n in names]
    for row, locus in enumerate(effect["locus"].values):
        of_locus = tiles.setdefault(str(locus), [])
        for start, end, value, error in zip(*(v[row] for v in values), strict=True):
            if np.isfinite(start):  # loci with fewer tiles than others are filled up with NaN
                of_locus.append((int(start), int(end), float(value), float(error)))


def missing_counts(joined: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Pairs without an effect by reason, and how many of them are regulated; most first."""
    reasons = joined[joined["missing"] != ""]
    regulated = Counter(reasons.loc[reasons["regulated"], "missing"])
    counts = Counter(reasons["missing"]).most_common()
    return {str(reason): (count, regulated[reason]) for reason, count in counts}


def evaluate(
    joined: pd.DataFrame,
    *,
    missing: Literal["left out", "lowest"] = "left out",
    by: str = "gene",
    edges: SequenceOf[int] = EDGES,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Score how well the effect ranks regulated pairs above others, against distance alone.

    The score is the effect itself: what is lost without the element. So a silencer ranks lowest,
    as it should: CRISPRi of an enhancer lowers the gene's expression.

    Parameters
    ----------
    joined : DataFrame
        Of `join`.
    missing : {'left out', 'lowest'}
        Leave out the pairs with a reason in ``missing``; or score those lowest that have a valid
        call and whose gene is among the loci, as the ENCODE benchmark does for the genes of a
        predictor: a regulated element outside the window then counts as one that was not found.
    by : {'gene', 'element'}
        The groups that the bootstrap draws. Effects at a gene share its wild type, its promoter
        and whatever the model gets wrong there: genes are independent and their pairs are not.
    edges : list of int
        First distances of the bins, bp, ascending.
    confidence : float
    resamples, seed : int

    Returns
    -------
    DataFrame
        For all distances and for each bin that has a pair, a row for each score (``necessity``,
        ``1/distance``) and metric, as `creme.analysis.ranking.compare_scores`; with ``distances``,
        ``pairs``, ``regulated``, ``genes``, ``prevalence`` (AUPRC of a random score),
        ``why``, why there is no value, and ``few``, whether so few groups were drawn (fewer than
        `creme.analysis.resampling.FEW`) that the intervals are too narrow.
    """
    if missing not in ("left out", "lowest"):
        raise ConfigError(f"missing = {missing!r}: choose 'left out' or 'lowest'")
    if by not in ("gene", "element"):
        raise ConfigError(f"by = {by!r}: draw 'gene' or 'element'")
    if not edges or list(edges) != sorted(set(edges)) or edges[0] < 0:
        raise ConfigError(f"edges = {list(edges)}: ascending distances are needed, none negative")
    usable = joined[joined["missing"] == ""]
    if missing == "lowest":
        usable = joined[called(joined["missing"]) & (joined["missing"] != _NO_GENE)]
        # Of several loci of a gene none was chosen: its pairs are drawn together all the same.
        usable = usable.assign(
            effect=usable["effect"].where(usable["missing"] == "", -np.inf),
            locus=usable["locus"].where(usable["locus"] != "", usable["gene"]),
        )
    separation = usable["distance"].abs()
    parts = [("all", usable)]
    for low, high in zip(edges, [*edges[1:], np.inf], strict=True):
        part = usable[(separation >= low) & (separation < high)]
        if len(part):
            parts.append((f"{low}+" if high == np.inf else f"{low}-{high}", part))
    tables = []
    for name, part in parts:
        element = part["contig"] + ":" + part["start"].astype(str) + "-" + part["end"].astype(str)
        scores = {
            "necessity": part["effect"].to_numpy(dtype=np.float64),
            # A pair without a distance is the furthest.
            BASELINE: 1 / np.maximum(separation[part.index].fillna(np.inf).to_numpy(float), 1),
        }
        groups = part["locus"] if by == "gene" else element
        comparison = compare_scores(
            part["regulated"],
            scores,
            groups,
            confidence=confidence,
            resamples=resamples,
            seed=derive(seed, "crispri", by, name),
        )
        counts: dict[str, Any] = {
            "distances": name,
            "pairs": len(part),
            "regulated": int(part["regulated"].sum()),
            "genes": part["locus"].nunique(),
            "prevalence": part["regulated"].mean() if len(part) else np.nan,
            "why": _WHY[undefined(part["regulated"])],
            "few": groups.nunique() < FEW,
        }
        tables.append(comparison.assign(**counts))
    return pd.concat(tables, ignore_index=True)
