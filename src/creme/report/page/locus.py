"""One locus after another as plain data, with the row that it has in the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

from creme.analysis.additive import additive_comparison
from creme.analysis.categories import cre_classes
from creme.analysis.normalise import fold_change
from creme.report.page.certainty import of_effects
from creme.report.page.encode import Data, numbers
from creme.report.page.locus_measures import LocusMeasures
from creme.report.page.locus_tests import measured as measured_of
from creme.report.page.locus_tiles import TILES, LocusTiles
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
_TAKEN = {
    "context_dependence": (),
    "necessity": (*TILES, SHARE),
    "sufficiency": (*TILES, SHARE, "below_minimum"),
    "distance": (*TILES, "position_distance"),
    "higher_order": (
        *(*TILES, SHARE, "search", "selected", "selected_start", "tile_fold_change", "alone"),
    ),
    "multiplicity": (
        *(*TILES, "search", "copies", "position_start", "position_distance", "selected_start"),
        *("control", "tss_control"),
    ),
    "fine_tile": (
        *(*TILES, "kept_bp", "window", "score", "final_score"),
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
    tiles = LocusTiles(next(iter(by_track.values()), {}))
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
        measured = measured_of(parts, tiles)
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
