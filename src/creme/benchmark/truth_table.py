"""Truth that stands in a table: the elements of loci, and how they act together."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from creme.errors import ConfigError, listing
from creme.genome import Locus

if TYPE_CHECKING:
    import xarray as xr

KINDS = ("enhancer", "silencer", "decoy")
CLASSES = ("additive", "multiplicative", "cooperative", "redundant")
NEEDED = ("locus", "start", "end", "kind", "strength")


class TruthTable:
    """The elements of loci.

    Parameters
    ----------
    elements : DataFrame
        A row for each element: ``locus``, its name; ``start`` and ``end``, 0-based, half-open, in
        the locus sequence, or on the contig if there is a column ``contig``; ``kind``, one of
        `KINDS`; ``strength``, the share of the activity that goes without it, positive also for
        silencers, 0 for decoys. Optional: ``sufficiency``, what it adds to the TSS tile alone as a
        share of the wild type's activity; ``set``, a name that the members of an interaction share,
        and ``interaction``, one of `CLASSES`, which members of a set have in common.

    Raises
    ------
    ConfigError
        If a column lacks, or a value is not allowed.
    """

    def __init__(self, elements: pd.DataFrame) -> None:
        missing = [name for name in NEEDED if name not in elements]
        if missing:
            raise ConfigError(f"the table of truth lacks {listing(missing)}: it has {NEEDED}")
        self.elements = elements.reset_index(drop=True)
        for name, allowed in (("kind", KINDS), ("interaction", CLASSES)):
            if name not in elements:
                continue
            wrong = set(elements[name].dropna()) - set(allowed)
            if wrong:
                raise ConfigError(f"{name} = {listing(sorted(map(str, wrong)))}: give {allowed}")
        for name in ("start", "end", "strength", *(["sufficiency"] * self.tells_sufficiency)):
            try:
                self.elements[name] = pd.to_numeric(self.elements[name])
            except (TypeError, ValueError):
                raise ConfigError(f"the table of truth: {name} has what is no number") from None
        if (self.elements["strength"] < 0).any() or self.elements["strength"].isna().any():
            raise ConfigError("strength: 0 or more, of each element; kind says the direction")
        if (self.elements["end"] <= self.elements["start"]).any():
            raise ConfigError("an element's end is above its start")

    @classmethod
    def read(cls, path: str | Path) -> TruthTable:
        """Read a CSV file, or a TSV file by its ending.

        Raises
        ------
        ConfigError
            If it cannot be read, or as of the class.
        """
        path = Path(path)
        try:
            table = pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",")
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read as a table: {error}") from None
        try:
            return cls(table)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    @property
    def tells_sufficiency(self) -> bool:
        """Whether there is a column of it."""
        return "sufficiency" in self.elements

    def in_loci(self, loci: Iterable[Locus]) -> pd.DataFrame:
        """The elements of some loci with ``start`` and ``end`` in their sequences.

        Raises
        ------
        ConfigError
            If none of the elements lies in the sequence of a locus.
        """
        parts = []
        for locus in loci:
            rows = self.elements[self.elements["locus"] == locus.name].copy()
            if "contig" in rows:
                rows = rows[rows["contig"] == locus.contig]
                spans = [
                    locus.span_of(int(start), int(end))
                    for start, end in zip(rows["start"], rows["end"], strict=True)
                ]
                rows["start"] = [start for start, _ in spans]
                rows["end"] = [end for _, end in spans]
            parts.append(rows[(rows["start"] >= 0) & (rows["end"] <= locus.length)])
        table = pd.concat(parts, ignore_index=True) if parts else self.elements.iloc[:0]
        if table.empty:
            names = listing(sorted(set(self.elements["locus"])), 5)
            raise ConfigError(f"no element of the table lies in a locus; it names {names}")
        return table

    def true_effects(
        self, loci: SequenceOf[Locus], dataset: xr.Dataset, test: str
    ) -> NDArray[np.float64]:
        """The effect of each tile, (locus, tile): the sum over the elements within it.

        0 where no element is. NaN where a tile cuts an element, and so where the truth is not
        known, and for loci that the table does not name. Two elements within a tile count as if
        they added up.

        Parameters
        ----------
        loci : sequence of Locus
            Those of the Dataset, in its order.
        dataset : Dataset
        test : str
            ``necessity`` or ``sufficiency``.
        """
        elements = self.in_loci(loci)
        sign = elements["kind"].map({"enhancer": 1.0, "silencer": -1.0, "decoy": 0.0})
        strength = elements["strength"] if test == "necessity" else elements["sufficiency"].abs()
        worth = (sign * strength).to_numpy()
        limits = elements[["start", "end"]].to_numpy()
        starts, ends = dataset["tile_start"].values, dataset["tile_end"].values
        out = np.zeros((len(loci), dataset.sizes["tile"]))
        for place, locus in enumerate(loci):
            mine = (elements["locus"] == locus.name).to_numpy()
            if not mine.any():
                out[place] = np.nan
            lows, highs = starts, ends
            if starts.ndim == 2:
                lows, highs = starts[place], ends[place]
            for row in np.flatnonzero(mine):
                start, end = limits[row]
                touched = (lows < end) & (highs > start)
                out[place, touched] += worth[row]
                out[place, touched & ~((lows <= start) & (highs >= end))] = np.nan
        return out

    def pairs(self, loci: Iterable[Locus]) -> dict[str, tuple[list[tuple[int, int]], str]]:
        """By locus, the intervals and the class of its first interaction of two elements."""
        if not {"set", "interaction"} <= set(self.elements):
            return {}
        pairs: dict[str, tuple[list[tuple[int, int]], str]] = {}
        elements = self.in_loci(loci)
        for (locus, _), rows in elements.dropna(subset=["set"]).groupby(["locus", "set"]):
            if len(rows) == 2 and rows["interaction"].nunique() == 1 and locus not in pairs:
                spans = zip(rows["start"].astype(int), rows["end"].astype(int), strict=True)
                pairs[str(locus)] = (sorted(spans), str(rows["interaction"].iloc[0]))
        return pairs
