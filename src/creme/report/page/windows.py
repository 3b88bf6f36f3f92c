"""Windows of loci as far as they are no bases: padding, N, and tiles that were not measured."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from creme.report.marks import loci as loci_of
from creme.report.page.encode import Data, Html, joined, name, tag
from creme.report.page.results import SELECTION, PageResults
from creme.report.page.table import count, table
from creme.results.gaps import REASON, SHARE, without_bases
from creme.results.neighbours import own
from creme.study.folder import LOCI

MOST_NAMED = 20
"""Loci that the summary names."""
MOST_LISTED = 200
"""Loci in its table."""

_Tile = tuple[int, int, int]


@dataclass
class _Window:
    """One locus.

    Attributes
    ----------
    length : int
        bp.
    padding : tuple of int
        bp past the contig's ends, upstream and downstream of the TSS.
    n : float or None
        Share of N, padding among it; None where the results do not say it.
    covered : float
        bp of tiles that `n` is the share of, where it is that of tiles.
    lost : set
        Start, end and distance of each tile that a test has not measured.
    """

    length: int
    padding: tuple[int, int]
    n: float | None = None
    covered: float = 0.0
    lost: set[_Tile] = field(default_factory=set)

    @property
    def padded(self) -> float:
        return sum(self.padding) / self.length

    @property
    def whole(self) -> bool:
        return not (self.padded or self.n or self.lost)


class Windows:
    """The windows of all loci of some results.

    Parameters
    ----------
    results : PageResults
    """

    def __init__(self, results: PageResults) -> None:
        self._windows: dict[str, _Window] = {}
        self._of_tiles = results.view.kind == "experiment"
        for label in results.view.tests:
            if results.view.kind == "study" and label == SELECTION:
                continue
            dataset = own(results.view.open(label))
            if {"padding_left", "padding_right", "start", "end"} <= set(dataset.coords):
                self._add(dataset)
        if not self._of_tiles:
            self._read_selection(results)

    def _add(self, dataset: xr.Dataset) -> None:
        if "source" in dataset.coords:  # its units are pairs of loci
            return
        names = [str(one) for one in dataset["locus"].values]
        columns = [dataset[key].values for key in ("start", "end", "padding_left", "padding_right")]
        for locus, start, end, left, right in zip(names, *columns, strict=True):
            window = _Window(int(end - start), (int(left), int(right)))
            self._windows.setdefault(locus, window)
        lost = without_bases(dataset)
        if SHARE not in dataset:
            return
        places = [
            np.broadcast_to(dataset[key].values, dataset[SHARE].shape).astype(float)
            for key in ("tile_start", "tile_end", "distance")
        ]
        shares = dataset[SHARE].transpose("locus", "tile").values
        for row, locus in enumerate(names):
            window = self._windows[locus]
            start, end, distance = (values[row] for values in places)
            there = np.isfinite(shares[row])
            size = (end - start)[there]
            # Of several tests, the one whose tiles cover most of the window.
            if self._of_tiles and size.sum() > window.covered:
                window.covered = float(size.sum())
                window.n = float((size * (1 - shares[row][there])).sum() / window.covered)
            for k in [] if lost is None else np.flatnonzero(lost.values[row]):
                window.lost.add((int(start[k]), int(end[k]), int(distance[k])))

    def _read_selection(self, results: PageResults) -> None:
        """The share of N that a study's first stage has recorded."""
        if not (results.view.path / LOCI).is_file():
            return
        sites = results.view.table("loci")
        of_site = {
            (str(site["contig"]), int(site["used"]), str(site["strand"])): float(site["n"])
            for site in sites[sites["step"] == "selected"].to_dict("records")
        }
        for one in results.view.loci.to_dict("records"):
            place = (str(one["contig"]), int(one["tss_position"]), str(one["strand"]))
            window = self._windows.get(str(one["locus"]))
            if window is not None:
                window.n = of_site.get(place)

    def of(self, locus: str) -> Data:
        """The part of a locus's section, ``window``; empty where all of it are bases."""
        window = self._windows.get(locus)
        if window is None or window.whole:
            return {}
        tiles = sorted(window.lost, key=lambda tile: (tile[0] - tile[1], tile[0]))
        lost = [[distance, end - start] for start, end, distance in tiles]
        data: Data = {"length": window.length, "padding": list(window.padding), "lost": lost}
        return {"window": {**data, "n": window.n, "of_tiles": self._of_tiles}}

    def summary(self) -> Html | None:
        """The parts of windows that are no bases, over all loci; None where all are."""
        some = {locus: one for locus, one in self._windows.items() if not one.whole}
        if not some:
            return None
        sentences = [*self._of_lost(), *self._of_padding()]
        by_n = sorted(some.items(), key=lambda item: -(item[1].n or item[1].padded))
        rows = [
            (
                name(locus),
                f"{one.padded:.1%}",
                "" if one.n is None else f"{one.n:.1%}",
                count(len(one.lost)),
            )
            for locus, one in by_n[:MOST_LISTED]
        ]
        of = "tiles" if self._of_tiles else "window"
        columns = ("locus", "past the contig's end", f"N of its {of}", "tiles not measured")
        more = f"; {count(len(by_n) - MOST_LISTED)} more" if len(by_n) > MOST_LISTED else ""
        caption = f"Windows that are not bases alone{more}"
        whole = tag(
            "details",
            tag("summary", f"Padding and N of {loci_of(len(some))}"),
            table(columns, rows, caption=caption, numeric=" nnn"),
        )
        note = tag("div", *sentences, class_="missing", role="note") if sentences else None
        return joined([note, whole])

    def _of_lost(self) -> list[Html]:
        lost = {locus: len(one.lost) for locus, one in self._windows.items() if one.lost}
        if not lost:
            return []
        total = sum(lost.values())
        named = [
            part
            for locus, tiles in list(lost.items())[:MOST_NAMED]
            for part in (", ", name(locus), f" ({tiles})")
        ][1:]
        if len(lost) > MOST_NAMED:
            named.append(f", and {count(len(lost) - MOST_NAMED)} more loci")
        were = "1 tile was" if total == 1 else f"{count(total)} tiles were"
        return [
            tag(
                "p",
                f"{were} not measured, for lack of bases ({REASON}): ",
                *named,
                ". Such tiles have no value, are hatched in the maps, and are counted nowhere.",
            )
        ]

    def _of_padding(self) -> list[Html]:
        padded = [one.padded for one in self._windows.values() if one.padded]
        if not padded:
            return []
        reach = "reaches" if len(padded) == 1 else "reach"
        share = f"{padded[0]:.1%} of it is" if len(padded) == 1 else (
            f"{min(padded):.1%} to {max(padded):.1%} of each is"
        )  # fmt: skip
        return [
            tag(
                "p",
                f"The window of {len(padded):,} of {loci_of(len(self._windows))} {reach} past the "
                f"contig's end: {share} padding, which the model sees as N.",
            )
        ]
