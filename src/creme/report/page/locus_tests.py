"""The values of one track at a locus, test by test, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from creme.report.axis_labels import scale_of
from creme.report.page.certainty import data_of
from creme.report.page.encode import Data, numbers
from creme.report.page.locus_tiles import LocusTiles


def measured(parts: Mapping[str, xr.Dataset], tiles: LocusTiles) -> Data:
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


def _along(part: xr.Dataset, tiles: LocusTiles) -> xr.Dataset:
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


def _each_tile(part: xr.Dataset, tiles: LocusTiles) -> Iterator[tuple[xr.Dataset, Data]]:
    """The CREs of a test of chosen tiles; ``tile`` is the place among the locus's tiles."""
    for place in range(part.sizes["tile"]):
        one = part.isel(tile=place)
        start, end = float(one["tile_start"]), float(one["tile_end"])
        if np.isfinite(start):
            where = {"start": int(start), "end": int(end), "at": int(one["distance"])}
            yield one, {"tile": tiles.index.get((int(start), int(end))), **where}


def _distance(part: xr.Dataset, tiles: LocusTiles) -> list[Data]:
    cres = []
    for one, where in _each_tile(part, tiles):
        if not np.isfinite(one["fold_change"].values).any():
            continue
        measured = one.isel(position=np.flatnonzero(np.isfinite(one["position_distance"].values)))
        at = measured["position_distance"].values.astype(int).tolist()
        cres.append({**where, "positions": at, **_statistics(measured, "fold_change")})
    return cres


def _greedy(part: xr.Dataset, tiles: LocusTiles) -> list[Data]:
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


def _copies(part: xr.Dataset, tiles: LocusTiles) -> list[Data]:
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


def _fine(part: xr.Dataset, tiles: LocusTiles) -> list[Data]:
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
