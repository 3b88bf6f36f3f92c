"""How far two experiments on the same loci agree: two models, or two settings of one."""

from __future__ import annotations

import json
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.comparison import correlation
from creme.analysis.pairing import PLACE, SWAP, named_as
from creme.errors import ConfigError, listing
from creme.seeds import derive

TILE = ["distance", "tile_length"]
Tracks = SequenceOf[tuple[str, str]]


class NothingInCommonError(ConfigError):
    """Two results share no locus, tile or search, though they could be compared."""


@dataclass(frozen=True)
class Overlap:
    """What two Datasets have in common.

    Attributes
    ----------
    loci : int
        In both; see `creme.analysis.pairing.named_as`.
    renamed : list of (str, str)
        Names in A and in B of loci that have two, and are paired by contig, TSS and strand.
    only_a, only_b : list of str
        Names of loci that one of them lacks.
    tiles, tiles_only_a, tiles_only_b : int
        Of the loci in both: tiles of the same place and length relative to the TSS; 0 for tests
        without tiles.
    undefined : int
        Values in both of which one at least is NaN; they are left out.
    """

    loci: int
    renamed: list[tuple[str, str]] = field(default_factory=list)
    only_a: list[str] = field(default_factory=list)
    only_b: list[str] = field(default_factory=list)
    tiles: int = 0
    tiles_only_a: int = 0
    tiles_only_b: int = 0
    undefined: int = 0


def paired_tracks(
    a: xr.Dataset, b: xr.Dataset, track_a: str | None = None, track_b: str | None = None
) -> list[tuple[str, str]]:
    """Which track of one is compared with which of the other.

    Tracks of the same name, unless two are given, or each has one only.

    Raises
    ------
    ConfigError
        If none goes with another, or a given one is not there.
    """
    in_a, in_b = ([str(name) for name in dataset["track"].values] for dataset in (a, b))
    for name, known, which in ((track_a, in_a, "A"), (track_b, in_b, "B")):
        if name is not None and name not in known:
            raise ConfigError(f"{which} has no track {name!r}; it has {listing(known)}")
    if track_a is not None or track_b is not None:
        return [(_only(track_a or track_b, in_a, "A"), _only(track_b or track_a, in_b, "B"))]
    if len(in_a) == len(in_b) == 1:
        return [(in_a[0], in_b[0])]
    shared = [(name, name) for name in in_a if name in in_b]
    if not shared:
        raise ConfigError(
            f"A and B have no track of one name, {listing(in_a)} and {listing(in_b)}: choose one "
            f"of each"
        )
    return shared


def _only(wanted: str | None, known: list[str], which: str) -> str:
    if wanted in known:
        return str(wanted)
    if len(known) == 1:
        return known[0]
    raise ConfigError(f"choose a track of {which} too: it has {listing(known)}")


def check_tile_sizes(a: xr.Dataset, b: xr.Dataset) -> None:
    """Both have the same tile and TSS tile.

    Raises
    ------
    ConfigError
        If not: effects of tiles of different lengths, or beside different TSS tiles, are effects
        of different things.
    """
    sizes = []
    for dataset in (a, b):
        given = json.loads(dataset.attrs.get("configuration", "{}"))
        tile = given.get("tile")
        size = {"tile": tile, "TSS tile": given.get("tss_tile") or tile}
        if "tile" in dataset.dims and given.get("tiles") is None:
            lengths = np.unique(tile_lengths(dataset).values)
            size["tile"] = tile or listing(lengths[np.isfinite(lengths)].astype(int))
        elif "tile" in dataset.dims:
            del size["tile"]  # chosen tiles have lengths of their own, and are matched by them
        sizes.append(size)
    for name in sizes[0]:
        if name in sizes[1] and sizes[0][name] != sizes[1][name]:
            raise ConfigError(
                f"A has a {name} of {sizes[0][name]} bp and B one of {sizes[1][name]} bp: run both "
                f"with the same"
            )


def paired_effects(a: xr.Dataset, b: xr.Dataset, tracks: Tracks) -> tuple[pd.DataFrame, Overlap]:
    """The effects of the same loci and tiles in both.

    Tiles are the same if they have the same length and the same distance from the TSS, so that
    models with inputs of different lengths can be compared.

    Parameters
    ----------
    a, b : Dataset
        Of one test, with ``effect`` along locus, track, and maybe tile. Of the context swap test
        the swaps into the own context are left out: their effect is 0 by definition.
    tracks : list of (str, str)
        Of `paired_tracks`.

    Returns
    -------
    DataFrame
        ``locus``, ``contig``, ``tss_position``, ``strand`` as they are in A, and ``locus_b``, the
        locus's name in B; ``source`` and ``target`` of swaps;
        ``distance`` and ``tile_length`` where there are tiles; ``track_a``, ``track_b``, ``a``,
        ``b``; without NaN.
    Overlap

    Raises
    ------
    ConfigError
        If the tiles differ in size; a `NothingInCommonError` if there is nothing in common.
    """
    check_tile_sizes(a, b)
    b, renamed = named_as(a, b)
    parts = []
    for of_a, of_b in tracks:
        frames = [_effects(a, of_a, "a"), _effects(b, of_b, "b")]
        keys = [*PLACE, *(name for name in (*SWAP, *TILE) if name in frames[0])]
        both = frames[0].merge(frames[1], on=keys, how="outer", indicator="found")
        parts.append(both.assign(track_a=of_a, track_b=of_b))
    found = pd.concat(parts, ignore_index=True)
    both = found[found["found"] == "both"]
    undefined = int(both[["a", "b"]].isna().any(axis=1).sum())
    overlap = replace(overlap_of(parts[0], undefined), renamed=renamed)
    table = both.dropna(subset=["a", "b"])
    if not overlap.loci or ("tile_length" in table and not overlap.tiles):
        what = "tile of a locus" if overlap.loci else "locus (contig, TSS and strand)"
        raise NothingInCommonError(
            f"A and B have no {what} in common; only in A: {listing(overlap.only_a)}; only in B: "
            f"{listing(overlap.only_b)}"
        )
    return table.drop(columns="found").reset_index(drop=True), overlap


def _effects(dataset: xr.Dataset, track: str, name: str) -> pd.DataFrame:
    chosen = dataset.sel(track=track)
    if "source" in dataset.coords:
        chosen = chosen.isel(locus=np.flatnonzero(dataset["source"] != dataset["target"]))
    kept = {name: chosen["effect"].variable}
    swap = SWAP if "source" in dataset.coords else []
    kept |= {label: chosen[label].variable for label in (*PLACE, *swap)}
    if "locus_b" in dataset.coords:
        kept |= {"locus_b": chosen["locus_b"].variable}
    if "tile" in dataset.dims:
        kept |= {"distance": chosen["distance"].variable}
        kept |= {"tile_length": tile_lengths(chosen).variable}
    frame = xr.Dataset(kept).reset_coords(drop=False).to_dataframe().reset_index()
    more = (*SWAP, *TILE, "locus_b")
    wanted = [*PLACE, *(n for n in more if n in frame), name]
    # Loci with fewer tiles than others are filled up with NaN.
    return frame[wanted].dropna(subset=[n for n in TILE if n in frame])


def tile_lengths(dataset: xr.Dataset) -> xr.DataArray:
    """bp, by tile, and by locus where loci have different tiles."""
    return dataset["tile_end"] - dataset["tile_start"]


def overlap_of(merged: pd.DataFrame, undefined: int = 0) -> Overlap:
    """What an outer merge by loci, and tiles where there are, says of both sides.

    Parameters
    ----------
    merged : DataFrame
        With the columns `PLACE`, maybe ``tile_length``, and ``found``, the merge's indicator.
    undefined : int
        Of the `Overlap`.
    """
    there = pd.DataFrame(
        {
            "a": (merged["found"] != "right_only").to_numpy(),
            "b": (merged["found"] != "left_only").to_numpy(),
        },
        index=pd.MultiIndex.from_frame(merged[PLACE]),
    )
    loci = there.groupby(level=PLACE, sort=False).any()
    in_a, in_b = loci["a"].to_numpy(), loci["b"].to_numpy()
    names = loci.index.get_level_values("locus").to_numpy(dtype=str)
    tiles = there[(loci["a"] & loci["b"]).reindex(there.index).to_numpy(dtype=bool)]
    if "tile_length" not in merged:
        tiles = tiles.iloc[:0]
    return Overlap(
        loci=int((in_a & in_b).sum()),
        only_a=names[in_a & ~in_b].tolist(),
        only_b=names[in_b & ~in_a].tolist(),
        tiles=int((tiles["a"] & tiles["b"]).sum()),
        tiles_only_a=int((tiles["a"] & ~tiles["b"]).sum()),
        tiles_only_b=int((tiles["b"] & ~tiles["a"]).sum()),
        undefined=undefined,
    )


def effect_agreement(table: pd.DataFrame, *, seed: int = 0, **options: Any) -> pd.DataFrame:
    """Pearson's and Spearman's correlation of paired effects, with intervals over loci.

    Swaps of one source, and those into one target, are not independent: both loci are drawn.

    Parameters
    ----------
    table : DataFrame
        Of `paired_effects`.
    seed : int
    **options
        Of `creme.analysis.comparison.correlation`.

    Returns
    -------
    DataFrame
        A row for each pair of tracks and method: ``track_a``, ``track_b``, ``method``,
        ``correlation``, ``low``, ``high``, ``loci``, ``n``.
    """
    rows: list[dict[str, Any]] = []
    for (of_a, of_b), part in table.groupby(["track_a", "track_b"], sort=False):
        for method in ("pearson", "spearman"):
            drawn = derive(seed, "agreement", "effects", str(of_a), str(of_b))
            by = SWAP if "source" in part else ["locus"]
            found = correlation(part, "a", "b", method=method, by=by, seed=drawn, **options)
            rows.append({"track_a": of_a, "track_b": of_b, "method": method, **found})
    return pd.DataFrame(rows)
