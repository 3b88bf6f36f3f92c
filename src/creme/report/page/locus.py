"""One locus after another as plain data, with the row that it has in the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from creme.analysis.additive import additive_comparison
from creme.analysis.categories import cre_classes
from creme.analysis.normalise import fold_change
from creme.report.axis_labels import scale_of
from creme.report.page.certainty import data_of, of_effects
from creme.report.page.encode import Data, numbers
from creme.report.page.locus_measures import LocusMeasures
from creme.report.page.results import PageResults
from creme.report.page.swaps_and_fits import Fits, Swaps
from creme.report.page.windows import Windows
from creme.results.calibrated import compared
from creme.results.gaps import SHARE, without_bases

BLOCK = 32
"""Loci that are in memory at a time."""
MOST_TRACKS = 6
"""Activities that the page shows; the deciding one is the first."""
_MEASURED = ("wild_type", "effect", "fold_change")
_SPREAD = ("_std", "_se", "_replicates", "_std_members", "_std_positions")
_TILES = ("tile_start", "tile_end", "distance", "genomic_start", "genomic_end")
_TAKEN = {
    "context_dependence": (),
    "necessity": (*_TILES, SHARE),
    "sufficiency": (*_TILES, SHARE, "below_minimum"),
    "distance": (*_TILES, "position_distance"),
    "higher_order": (
        *(*_TILES, SHARE, "search", "selected", "selected_start", "tile_fold_change", "alone"),
    ),
    "multiplicity": (
        *(*_TILES, "search", "copies", "position_start", "position_distance", "selected_start"),
        *("control", "tss_control"),
    ),
    "fine_tile": (
        *(*_TILES, "kept_bp", "window", "score", "final_score"),
        *("sub_start", "sub_end", "sub_genomic_start", "sub_genomic_end"),
    ),
}
"""The tests of a locus's section, each with what it takes beside measures and their spread."""
_OF_LOCUS = ("locus", "track", "tss_position", "strand", "start", "end", "below_minimum")


@dataclass(frozen=True)
class PageLocus:
    """A locus of the page.

    Attributes
    ----------
    row : dict
        Its values in the table, by column.
    data : dict
        JSON values: what its section shows, by track.
    """

    row: Data
    data: Data


def each_locus(
    results: PageResults, measures: LocusMeasures, windows: Windows
) -> Iterator[PageLocus]:
    """The loci in the order of the study; a few are in memory at a time."""
    tracks = results.view.tracks[:MOST_TRACKS]
    opened = {test: _open(results, test) for test in _TAKEN if test in results.labels}
    rows = {
        test: {str(name): k for k, name in enumerate(data["locus"].values)}
        for test, data in opened.items()
    }
    certainty_of = {
        test: of_effects(results, test, tracks)
        for test in opened
        if test in ("necessity", "sufficiency")
    }
    swaps = Swaps(results, tracks)
    fits = Fits(results)
    records = results.view.loci.to_dict("records")
    for first in range(0, len(records), BLOCK):
        block = records[first : first + BLOCK]
        loaded: dict[str, tuple[list[xr.Dataset], list[str]]] = {}
        for test, data in opened.items():
            wanted = [r["locus"] for r in block if r["locus"] in rows[test]]
            if wanted:
                places_of = [rows[test][name] for name in wanted]
                part = data.isel(locus=places_of).sel(track=tracks).load()
                if test in certainty_of:
                    part = part.assign(certainty_of[test].isel(locus=places_of).data_vars)
                lost = without_bases(part)
                if lost is not None:
                    part = part.assign(without_bases=lost)
                part = _enriched(test, part, results)
                loaded[test] = ([part.sel(track=track, drop=True) for track in tracks], wanted)
        for record in block:
            at = {
                test: (parts, wanted.index(record["locus"]))
                for test, (parts, wanted) in loaded.items()
                if record["locus"] in wanted
            }
            by_track = {
                track: {test: parts[k].isel(locus=row) for test, (parts, row) in at.items()}
                for k, track in enumerate(tracks)
            }
            one = _locus(record, by_track, results, (swaps, fits, measures))
            one.data.update(windows.of(str(record["locus"])))
            yield one


def _open(results: PageResults, test: str) -> xr.Dataset:
    """A test without what a locus's section does not show: each label takes time at every locus."""
    opened = results.open(test)
    measures = [f"{name}{end}" for name in _MEASURED for end in ("", *_SPREAD)]
    taken = {*_OF_LOCUS, *_TAKEN[test], *measures}
    if test == "sufficiency" and results.view.limits[1].silencers_by == "control":
        taken |= {"control", "mutant"}
    return opened.drop_vars([name for name in opened.variables if name not in taken])


def _enriched(test: str, part: xr.Dataset, results: PageResults) -> xr.Dataset:
    """With what analyses say of each locus."""
    limits = results.view.limits[1]
    if test == "sufficiency":
        part = compared(part, results.view.panel)
        evidence = None if limits.q_below is None else results.evidence
        classes = cre_classes(part, **limits.of_tiles(), evidence=evidence)
        return part.assign(cre_class=classes)
    if test == "higher_order":
        comparison = additive_comparison(part, threshold=limits.additive)
        return part.assign({key: comparison[key] for key in ("additive", "interaction", "mse")})
    if test == "multiplicity":
        return part.assign(zero=fold_change(part, "tss_control", "control").mean("replicate"))
    return part


def _locus(
    record: Mapping[Any, Any],
    by_track: Mapping[str, Mapping[str, xr.Dataset]],
    results: PageResults,
    others: tuple[Swaps, Fits, LocusMeasures],
) -> PageLocus:
    name = str(record["locus"])
    swaps, fits, measures = others
    tiles = _Tiles(next(iter(by_track.values()), {}))
    data: Data = {
        "name": name,
        "gene": str(record["gene"]),
        "transcript": str(record["transcript"]),
        "contig": str(record["contig"]),
        "tss": int(record["tss_position"]),
        "strand": str(record["strand"]),
        "category": results.view.categories.get(name, ""),
        "span": tiles.span,
        "tiles": tiles.described,
        "tracks": [],
    }
    if tiles.shares:
        data["bases"] = tiles.shares
    if results.neighbours is not None and tiles.span is not None:
        data |= results.neighbours.of_page(record, tiles.span)
    if tiles.span is not None and results.lanes:
        data["lanes"] = [[one.name, one.of_page(record, tiles.span)] for one in results.lanes]
    for track, parts in by_track.items():
        measured = _measured(parts, tiles)
        if results.motifs is not None:
            for cre in measured.get("fine", []):
                places = [(data["contig"], low, high) for _, _, low, high in cre["parts"]]
                cre["motifs"] = [list(hit) for one in places for hit in results.motifs.of(*one)]
        for one in measured.get("copies", []):
            one.update(fits.of(name, one["start"], one["search"], track))
        more = {**swaps.of(name, track), **measures.of(name, track)}
        described = results.view.descriptions.get(track, "")
        data["tracks"].append({"track": track, "about": described, **measured, **more})
    return PageLocus(_row(record, data), data)


def _row(record: Mapping[Any, Any], data: Data) -> Data:
    """Of the deciding track."""
    first = data["tracks"][0] if data["tracks"] else {}
    classes = first.get("classes")
    context = first.get("context", {})
    searches = {one["search"]: one["interaction"] for one in first.get("greedy", [])}
    return {
        "gene": data["gene"],
        "locus": data["name"],
        "contig": data["contig"],
        "tss": data["tss"],
        "strand": data["strand"],
        "activity": numbers(record["activity"]),
        "category": data["category"],
        "effect": context.get("mean"),
        "enhancers": None if classes is None else sum(c.endswith("enhancer") for c in classes),
        "silencers": None if classes is None else sum(c.endswith("silencer") for c in classes),
        "necessity": _strongest(first.get("necessity")),
        "sufficiency": _strongest(first.get("sufficiency")),
        "interaction": searches.get("enhancers", ""),
    }


def _strongest(measured: Data | None) -> float | None:
    effects = [value for value in (measured or {"mean": []})["mean"] if value is not None]
    return max(effects, key=abs, default=None)


class _Tiles:
    """The tiles of a locus, of all tests that go through them, and where the TSS is."""

    def __init__(self, parts: Mapping[str, xr.Dataset]) -> None:
        by_ends: dict[tuple[int, int], list[int]] = {}
        for test in ("necessity", "sufficiency", "higher_order"):
            if test in parts:
                for place in places(parts[test]):
                    by_ends.setdefault(place[:2], list(place[2:]))
        self.keys = sorted(by_ends)
        self.index = {key: k for k, key in enumerate(self.keys)}
        self.described = [[*key, *by_ends[key]] for key in self.keys]
        shares: dict[tuple[int, int], float] = {}
        for part in parts.values():
            shares |= _shares(part)
        self.shares = [numbers(shares.get(key, np.nan)) for key in self.keys] if shares else []
        self.span = self._span(parts)

    @staticmethod
    def _span(parts: Mapping[str, xr.Dataset]) -> list[int] | None:
        """Ends of the locus sequence, bp from the TSS base, in gene orientation."""
        for part in parts.values():
            if "start" in part.coords:
                low, high, tss = (int(part[key]) for key in ("start", "end", "tss_position"))
                ends = (low - tss, high - tss)
                return (
                    list(ends) if str(part["strand"].item()) == "+" else [1 - ends[1], 1 - ends[0]]
                )
        return None


def places(part: xr.Dataset) -> list[tuple[int, int, int, int, int]]:
    """Start, end, distance, genomic start and end of each tile that is one; bp."""
    values = [np.asarray(part[name].values, dtype=np.float64) for name in _TILES]
    rows = zip(*values, strict=True)
    return [tuple(map(int, row)) for row in rows if np.isfinite(row).all()]  # type: ignore[misc]


def _shares(part: xr.Dataset) -> dict[tuple[int, int], float]:
    """The share of bases of each tile, by its ends; empty where none lacks so many."""
    if SHARE not in part:
        return {}
    values = [
        np.asarray(part[name].values, dtype=np.float64)
        for name in ("tile_start", "tile_end", SHARE)
    ]
    rows = zip(*values, strict=True)
    return {
        (int(start), int(end)): float(share)
        for start, end, share in rows
        if np.isfinite([start, end, share]).all()
    }


def _measured(parts: Mapping[str, xr.Dataset], tiles: _Tiles) -> Data:
    """The values of one track."""
    data: Data = {}
    for part in parts.values():
        data["activity"] = numbers(part["wild_type"].values)
        break
    if "context_dependence" in parts:
        data["context"] = _statistics(parts["context_dependence"], "effect")
    for test in ("necessity", "sufficiency"):
        if test in parts:
            along = _along(parts[test], tiles)
            scale = scale_of(test, parts[test].attrs)
            data[test] = {**_statistics(along, "effect"), "scale": scale, **data_of(along)}
            if "without_bases" in along:
                lost = np.flatnonzero(along["without_bases"].values == 1)
                data[test]["lost"] = lost.tolist()
    if "sufficiency" in parts:
        classes = _along(parts["sufficiency"], tiles)["cre_class"].values.tolist()
        data["classes"] = [name if isinstance(name, str) else "" for name in classes]
    for test, key, make in (
        ("distance", "distance", _distance),
        ("higher_order", "greedy", _greedy),
        ("multiplicity", "copies", _copies),
        ("fine_tile", "fine", _fine),
    ):
        if test in parts:
            data[key] = make(parts[test], tiles)
    return data


def _along(part: xr.Dataset, tiles: _Tiles) -> xr.Dataset:
    """A test's values along the tiles of the locus."""
    starts = part["tile_start"].values
    place_of = {
        (int(start), int(end)): place
        for place, (start, end) in enumerate(zip(starts, part["tile_end"].values, strict=True))
        if np.isfinite(start)
    }
    order = [place_of.get(key, -1) for key in tiles.keys]
    if order == list(range(part.sizes["tile"])):
        return part
    taken = part.isel(tile=order)
    there = xr.DataArray(np.array(order) >= 0, dims="tile")
    return taken.where(there.drop_vars("tile", errors="ignore")) if -1 in order else taken


def _statistics(part: xr.Dataset, measure: str) -> Data:
    """Mean, standard deviation, standard error and replicates; replicates along the last axis."""
    data: Data = {"mean": numbers(part[measure].values)}
    for key, variable in (("sd", f"{measure}_std"), ("se", f"{measure}_se")):
        if variable in part:
            data[key] = numbers(part[variable].values)
    if f"{measure}_replicates" in part:
        values = part[f"{measure}_replicates"]
        data["values"] = numbers(np.moveaxis(values.values, values.get_axis_num("replicate"), -1))
    return data


def _each_tile(part: xr.Dataset, tiles: _Tiles) -> Iterator[tuple[xr.Dataset, Data]]:
    """The CREs of a test of chosen tiles; ``tile`` is the place among the locus's tiles."""
    for place in range(part.sizes["tile"]):
        one = part.isel(tile=place)
        start, end = float(one["tile_start"]), float(one["tile_end"])
        if np.isfinite(start):
            where = {"start": int(start), "end": int(end), "at": int(one["distance"])}
            yield one, {"tile": tiles.index.get((int(start), int(end))), **where}


def _distance(part: xr.Dataset, tiles: _Tiles) -> list[Data]:
    cres = []
    for one, where in _each_tile(part, tiles):
        if not np.isfinite(one["fold_change"].values).any():
            continue
        measured = one.isel(position=np.flatnonzero(np.isfinite(one["position_distance"].values)))
        at = measured["position_distance"].values.astype(int).tolist()
        cres.append({**where, "positions": at, **_statistics(measured, "fold_change")})
    return cres


def _greedy(part: xr.Dataset, tiles: _Tiles) -> list[Data]:
    searches = []
    starts = {start: tiles.index[start, end] for start, end in tiles.keys}
    for search in part["search"].values:
        one = part.sel(search=search)
        tested = "alone" in one
        shown = one["alone"] if tested else one["fold_change"]
        one = one.isel(round=np.flatnonzero(np.isfinite(shown.values)))
        if not one.sizes["round"]:
            continue
        if tested:
            alone = one["alone"].values
        else:
            # The tile's own effect is that of the first round, where nothing else is shuffled.
            first = part.sel(search=search)["tile_fold_change"].isel(round=0).values
            alone = first[one["selected"].values.astype(int)]
        searches.append(
            {
                "search": str(search),
                "tiles": [starts.get(int(start)) for start in one["selected_start"].values],
                **_statistics(one, "fold_change"),
                "additive": numbers(one["additive"].values),
                "alone": numbers(alone),
                "interaction": str(one["interaction"].item()),
                "mse": numbers(one["mse"].values),
            }
        )
    return searches


def _copies(part: xr.Dataset, tiles: _Tiles) -> list[Data]:
    cres = []
    for one, where in _each_tile(part, tiles):
        start = np.asarray(one["position_start"].values, dtype=float)
        away = dict(zip(start.tolist(), one["position_distance"].values.tolist(), strict=True))
        for search in one["search"].values:
            of = one.sel(search=search)
            if not np.isfinite(of["fold_change"].values).any():
                continue
            placed = [away.get(float(place)) for place in of["selected_start"].values]
            cres.append(
                {
                    **where,
                    "search": str(search),
                    "copies": of["copies"].values.astype(int).tolist(),
                    "zero": numbers(of["zero"].values),
                    "placed": [None if p is None else int(p) for p in placed],
                    **_statistics(of, "fold_change"),
                }
            )
    return cres


def _fine(part: xr.Dataset, tiles: _Tiles) -> list[Data]:
    cres = []
    for one, where in _each_tile(part, tiles):
        there = np.isfinite(one["score"].values) & np.isfinite(one["kept_bp"].values)
        if not there.any():
            continue
        rounds = one.isel(round=np.flatnonzero(there))
        names = ("sub_start", "sub_end", "sub_genomic_start", "sub_genomic_end")
        sub = np.stack([np.asarray(one[name].values, dtype=float) for name in names], axis=-1)
        cres.append(
            {
                **where,
                "bp": rounds["kept_bp"].values.astype(int).tolist(),
                "window": rounds["window"].values.astype(int).tolist(),
                "score": numbers(rounds["score"].values),
                "final": numbers(one["final_score"].values),
                "parts": sub[np.isfinite(sub).all(axis=-1)].astype(int).tolist(),
            }
        )
    return cres
