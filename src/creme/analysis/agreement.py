"""Agreement of two experiments on the same loci: of two models, or of two settings of one."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
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
    """Two results have no locus, tile or search in common, although they could be compared."""


@dataclass(frozen=True)
class Overlap:
    """The loci and tiles that two Datasets have in common.

    Attributes
    ----------
    loci : int
        In both; see `creme.analysis.pairing.named_as`.
    renamed : list of (str, str)
        Names in A and in B of loci that have two, and are paired by contig, TSS and strand.
    only_a, only_b : list of str
        Names of loci that one of them lacks.
    tiles, tiles_only_a, tiles_only_b : int
        Of the loci in both: tiles of the same place and length relative to the TSS, or whatever
        else is `counted`; 0 for tests with one value a locus.
    undefined : int
        Values that are NaN in one of the two at least; they are left out.
    counted : str
        What ``tiles`` are: "tiles", or "values" where a measure has other dimensions.
    """

    loci: int
    renamed: list[tuple[str, str]] = field(default_factory=list)
    only_a: list[str] = field(default_factory=list)
    only_b: list[str] = field(default_factory=list)
    tiles: int = 0
    tiles_only_a: int = 0
    tiles_only_b: int = 0
    undefined: int = 0
    counted: str = "tiles"

    def sentences(self, title: str) -> list[str]:
        """Loci with two names, and what only one of the two has, after the title of the test."""
        sentences = []
        if self.renamed:
            names_of = listing([f"{of_a} ({of_b})" for of_a, of_b in self.renamed])
            sentences.append(
                f"{_loci(len(self.renamed))} with another name in B, paired by contig, TSS and "
                f"strand: {names_of}."
            )
        for side, names, tiles in (
            ("A", self.only_a, self.tiles_only_a),
            ("B", self.only_b, self.tiles_only_b),
        ):
            if names:
                sentences.append(f"{_loci(len(names))} only in {side}: {listing(names)}.")
            if tiles:
                of = "the common locus" if self.loci == 1 else f"the {self.loci:,} common loci"
                sentences.append(f"{tiles:,} {self.counted} of {of} only in {side}.")
        if self.undefined:
            sentences.append(f"{self.undefined:,} values are undefined in A or B, and left out.")
        moved = sorted(set(self.only_a) & set(self.only_b))
        if moved:
            sentences.append(f"of one name but another TSS: {listing(moved)}.")
        return [f"{title}: {sentence}" for sentence in sentences]


def _loci(n: int) -> str:
    return f"{n:,} {'locus' if n == 1 else 'loci'}"


def paired_tracks(
    a: xr.Dataset, b: xr.Dataset, track_a: str | None = None, track_b: str | None = None
) -> list[tuple[str, str]]:
    """The tracks of the two that are compared with each other.

    Tracks of the same name, unless two are given, or each has one only.

    Raises
    ------
    ConfigError
        If no two go together, or a requested one does not exist.
    """
    in_a, in_b = ([str(name) for name in dataset["track"].values] for dataset in (a, b))
    for name, tracks, side in ((track_a, in_a, "A"), (track_b, in_b, "B")):
        if name is not None and name not in tracks:
            raise ConfigError(f"{side} has no track {name!r}; it has {listing(tracks)}")
    if track_a is not None or track_b is not None:
        return [(_only(track_a or track_b, in_a, "A"), _only(track_b or track_a, in_b, "B"))]
    if len(in_a) == len(in_b) == 1:
        return [(in_a[0], in_b[0])]
    shared = [(name, name) for name in in_a if name in in_b]
    if not shared:
        raise ConfigError(
            f"A and B have no track of the same name, {listing(in_a)} and {listing(in_b)}: choose "
            f"one of each"
        )
    return shared


def _only(requested: str | None, tracks: list[str], side: str) -> str:
    if requested in tracks:
        return str(requested)
    if len(tracks) == 1:
        return tracks[0]
    raise ConfigError(f"choose a track of {side} too: it has {listing(tracks)}")


def check_tile_sizes(a: xr.Dataset, b: xr.Dataset) -> None:
    """Check that both have tiles of one length, and TSS tiles of one length.

    Raises
    ------
    ConfigError
        If they differ: effects of tiles of different lengths, or beside different TSS tiles, are
        not effects of the same thing.
    """
    sizes = []
    for dataset in (a, b):
        configuration = json.loads(dataset.attrs.get("configuration", "{}"))
        tile = configuration.get("tile")
        size = {"tile": tile, "TSS tile": _tss_tile(configuration)}
        chosen = configuration.get("tiles") is not None
        if _has_tiles(dataset) and not chosen:
            lengths = np.unique(tile_lengths(dataset).values)
            size["tile"] = tile or listing(lengths[np.isfinite(lengths)].astype(int))
        elif chosen:
            del size["tile"]  # chosen tiles have lengths of their own, and are matched by them
        sizes.append(size)
    for name in sizes[0]:
        if name in sizes[1] and sizes[0][name] != sizes[1][name]:
            raise ConfigError(
                f"A has a {name} of {sizes[0][name]} bp and B one of {sizes[1][name]} bp: run both "
                f"with the same"
            )


def _tss_tile(configuration: dict[str, Any]) -> Any:
    """bp; 0 where there is none."""
    size = configuration.get("tss_tile")
    return configuration.get("tile") if size is None else size


def why_not_paired(a: xr.Dataset, b: xr.Dataset, measures: tuple[str, str]) -> str:
    """The reason why the values of two Datasets cannot be paired; empty if they can.

    Parameters
    ----------
    a, b : Dataset
        Of one test each.
    measures : (str, str)
        The measure of each.
    """
    if measures[0] != measures[1]:
        return f"A measures {measures[0]!r} and B {measures[1]!r}"
    dims = []
    for dataset, side in ((a, "A"), (b, "B")):
        if measures[0] not in dataset.data_vars:
            return f"{side} has no measure that can be compared"
        if not set(PLACE) <= set(dataset.variables):
            return f"the units of {side} are no loci"
        dims.append(sorted(map(str, dataset[measures[0]].dims)))
        if not {"locus", "track"} <= set(dims[-1]):
            return f"{measures[0]!r} of {side} is not along loci and tracks"
    if dims[0] != dims[1]:
        return f"{measures[0]!r} is along {listing(dims[0])} in A and along {listing(dims[1])} in B"
    return ""


def paired_effects(
    a: xr.Dataset, b: xr.Dataset, tracks: Tracks, measure: str = "effect"
) -> tuple[pd.DataFrame, Overlap]:
    """The effects, or values of another measure, of the same loci and tiles in both.

    Tiles are the same if they have the same length and the same distance from the TSS, so that
    models with inputs of different lengths can be compared. Along a further dimension ``DIM`` (of
    positions, copies, motifs) values belong together that have the same ``DIM_distance`` from the
    TSS, or else the same genomic interval, or else the same coordinate.

    Parameters
    ----------
    a, b : Dataset
        Of one test, with the measure along locus, track, and maybe more dimensions, the same in
        both; see `why_not_paired`. Values that are neutral by definition are left out: swaps into
        the own context, and bases that are exchanged for themselves.
    tracks : list of (str, str)
        Of `paired_tracks`.
    measure : str
        The variable that is paired.

    Returns
    -------
    DataFrame
        ``locus``, ``contig``, ``tss_position``, ``strand`` as they are in A, and ``locus_b``, the
        locus's name in B; ``source`` and ``target`` of swaps;
        ``distance`` and ``tile_length`` where there are tiles; a column or two for each further
        dimension; ``track_a``, ``track_b``, ``a``, ``b``; without NaN.
    Overlap

    Raises
    ------
    ConfigError
        If the tiles differ in size; a `NothingInCommonError` if there is nothing in common.
    """
    check_tile_sizes(a, b)
    b, renamed = named_as(a, b)
    columns = _key_columns(a, measure)
    parts = []
    for of_a, of_b in tracks:
        frames = [
            _values(a, of_a, measure, columns, "a"),
            _values(b, of_b, measure, columns, "b"),
        ]
        keys = [*PLACE, *(name for name in SWAP if name in frames[0]), *columns]
        both = frames[0].merge(frames[1], on=keys, how="outer", indicator="present_in")
        parts.append(both.assign(track_a=of_a, track_b=of_b))
    merged = pd.concat(parts, ignore_index=True)
    both = merged[merged["present_in"] == "both"]
    undefined = int(both[["a", "b"]].isna().any(axis=1).sum())
    overlap = overlap_of(parts[0], undefined, columns)
    table = both.dropna(subset=["a", "b"])
    if not overlap.loci or (columns and not overlap.tiles):
        inside = f"{overlap.counted.removesuffix('s')} of a locus"
        shared = inside if overlap.loci else "locus (contig, TSS and strand)"
        raise NothingInCommonError(
            f"A and B have no {shared} in common; only in A: {listing(overlap.only_a)}; only in B: "
            f"{listing(overlap.only_b)}"
        )
    table = table.drop(columns="present_in").reset_index(drop=True)
    return table, replace(overlap, renamed=renamed)


def _key_columns(dataset: xr.Dataset, measure: str) -> dict[str, str]:
    """Columns that tell the values of a locus and track apart, each with its dimension."""
    columns: dict[str, str] = {}
    for dim in map(str, dataset[measure].dims):
        if dim in ("locus", "track"):
            continue
        if dim == "tile" and _has_tiles(dataset) and "distance" in dataset.coords:
            names = TILE
        elif f"{dim}_distance" in dataset.coords:
            names = [f"{dim}_distance"]
        elif "genomic_start" in dataset.coords and dim in dataset["genomic_start"].dims:
            names = [name for name in ("genomic_start", "genomic_end") if name in dataset.coords]
        else:
            names = [dim]
        columns |= dict.fromkeys(names, dim)
    return columns


def _values(
    dataset: xr.Dataset, track: str, measure: str, columns: Mapping[str, str], name: str
) -> pd.DataFrame:
    chosen = dataset.sel(track=track)
    swap = SWAP if "source" in dataset.coords else []
    if swap:
        chosen = chosen.isel(locus=np.flatnonzero(dataset["source"] != dataset["target"]))
    values = chosen[measure]
    if {"reference", "base"} <= set(chosen.coords) and "base" in values.dims:
        values = values.where(chosen["reference"] != chosen["base"])
    kept = {name: values.variable}
    kept |= {label: chosen[label].variable for label in (*PLACE, *swap)}
    if "locus_b" in dataset.coords:
        kept |= {"locus_b": chosen["locus_b"].variable}
    for column, dim in columns.items():
        if column == "tile_length":
            kept[column] = tile_lengths(chosen).variable
        elif column not in chosen.variables and column != dim:
            raise NothingInCommonError(f"the positions along {dim!r} are not described in both")
        else:
            kept[column] = chosen[column].variable
    frame = xr.Dataset(kept).reset_coords(drop=False).to_dataframe().reset_index()
    optional = (*swap, *columns, "locus_b")
    names = [*PLACE, *(n for n in optional if n in frame), name]
    # Loci with fewer tiles than others are filled up with NaN.
    return frame[names].dropna(subset=list(columns))


def _has_tiles(dataset: xr.Dataset) -> bool:
    """Whether tiles lie along the dimension of the name."""
    return "tile" in dataset.dims and {"tile_start", "tile_end"} <= set(dataset.coords)


def tile_lengths(dataset: xr.Dataset) -> xr.DataArray:
    """Lengths of the tiles, bp; by locus too where loci have different tiles."""
    return dataset["tile_end"] - dataset["tile_start"]


def overlap_of(
    merged: pd.DataFrame, undefined: int = 0, columns: Collection[str] = TILE
) -> Overlap:
    """Count what an outer merge by loci, and by tiles if any, finds on both sides and on one.

    Parameters
    ----------
    merged : DataFrame
        With the columns `PLACE`, those of `columns`, and ``present_in``, the merge's indicator.
    undefined : int
        Of the `Overlap`.
    columns : collection of str
        Those that tell the values of a locus apart; none where it has one value.
    """
    present = pd.DataFrame(
        {
            "a": (merged["present_in"] != "right_only").to_numpy(),
            "b": (merged["present_in"] != "left_only").to_numpy(),
        },
        index=pd.MultiIndex.from_frame(merged[PLACE]),
    )
    loci = present.groupby(level=PLACE, sort=False).any()
    in_a, in_b = loci["a"].to_numpy(), loci["b"].to_numpy()
    names = loci.index.get_level_values("locus").to_numpy(dtype=str)
    tiles = present[(loci["a"] & loci["b"]).reindex(present.index).to_numpy(dtype=bool)]
    if not columns:
        tiles = tiles.iloc[:0]
    return Overlap(
        loci=int((in_a & in_b).sum()),
        only_a=names[in_a & ~in_b].tolist(),
        only_b=names[in_b & ~in_a].tolist(),
        tiles=int((tiles["a"] & tiles["b"]).sum()),
        tiles_only_a=int((tiles["a"] & ~tiles["b"]).sum()),
        tiles_only_b=int((tiles["b"] & ~tiles["a"]).sum()),
        undefined=undefined,
        counted="tiles" if set(columns) <= set(TILE) else "values",
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
            draw_seed = derive(seed, "agreement", "effects", str(of_a), str(of_b))
            by = SWAP if "source" in part else ["locus"]
            statistics = correlation(
                part, "a", "b", method=method, by=by, seed=draw_seed, **options
            )
            rows.append({"track_a": of_a, "track_b": of_b, "method": method, **statistics})
    return pd.DataFrame(rows)
