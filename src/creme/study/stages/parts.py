"""The parts of tiles that a study's fine-tile search has kept, as tiles of a further stage."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.categories import texts, tiles_of
from creme.study.stages.stage import Found, Part

PART_OF = "part_of"
"""Column of the tile that a part is of, ``LOCUS:start-end``; empty for a whole tile."""

Intervals = dict[str, list[tuple[int, int]]]


@dataclass(frozen=True)
class PartsTaken:
    """The parts that a stage takes, and the whole tiles beside them.

    Attributes
    ----------
    tiles : dict of locus to list of (int, int)
        Both, sorted.
    groups : dict of str to list of str
        Their names, ``LOCUS:start-end``: ``CLASS``, and ``part of CLASS``.
    """

    tiles: Intervals
    groups: dict[str, list[str]]


def parts_of(dataset: xr.Dataset, track: str) -> list[Part]:
    """The parts that a fine-tile search has kept for one track, by locus and place.

    Parameters
    ----------
    dataset : Dataset
        Of the fine-tile search.
    track : str
    """
    order = ("locus", "tile", "sub_tile")
    kept = dataset[["sub_start", "sub_end"]].sel(track=track, drop=True)
    starts, ends = (kept[name].transpose(*order).values for name in ("sub_start", "sub_end"))
    tiles = [
        dataset[name].broadcast_like(kept["sub_start"].isel(sub_tile=0)).transpose(*order[:2])
        for name in ("tile_start", "tile_end")
    ]
    loci = [str(name) for name in dataset["locus"].values]
    return [
        Part(
            loci[row],
            (int(tiles[0].values[row, tile]), int(tiles[1].values[row, tile])),
            (int(starts[row, tile, part]), int(ends[row, tile, part])),
        )
        for row, tile, part in np.argwhere(np.isfinite(starts)).tolist()
    ]


def parts_taken(
    findings: Found,
    parts: Mapping[str, SequenceOf[str]],
    whole: Mapping[str, SequenceOf[str]],
) -> PartsTaken:
    """The parts of tiles of some classes, and whole tiles of some classes.

    Parameters
    ----------
    findings : Found
    parts, whole : mapping of category to CRE classes
        Each class in full.
    """
    groups: dict[str, list[str]] = {}
    tiles: dict[str, set[tuple[int, int]]] = {}

    def take(group: str, locus: str, span: tuple[int, int]) -> None:
        # A tile of which nothing was removed is its own part.
        if span not in tiles.setdefault(locus, set()):
            tiles[locus].add(span)
            groups.setdefault(group, []).append(f"{locus}:{span[0]}-{span[1]}")

    for kind, of in tiles_of_classes(findings, whole).items():
        for locus, spans in of.items():
            for span in spans:
                take(kind, locus, span)
    for kind, of in tiles_of_classes(findings, parts).items():
        for part in findings.parts:
            if part.tile in of.get(part.locus, ()):
                take(f"part of {kind}", part.locus, part.span)
    return PartsTaken({name: sorted(spans) for name, spans in tiles.items()}, groups)


def tiles_of_classes(
    findings: Found, classes: Mapping[str, SequenceOf[str]]
) -> dict[str, Intervals]:
    """The tiles of each class in the loci of each category, by class and locus."""
    by_class: dict[str, Intervals] = {}
    if findings.classes is None:
        return by_class
    there = {str(name) for name in findings.classes["locus"].values}
    for context, kinds in classes.items():
        names = [name for name in findings.categories.get(context, []) if name in there]
        for kind in kinds:
            tiles = tiles_of(findings.classes.sel(locus=names), [kind])
            by_class[kind] = {**by_class.get(kind, {}), **tiles}
    return by_class


def with_part_of(
    frame: pd.DataFrame, parts: SequenceOf[Part], classes: xr.DataArray | None
) -> pd.DataFrame:
    """A table of parts with the column ``part_of``, and the class of that tile.

    Parameters
    ----------
    frame : DataFrame
        With columns ``locus``, ``tile_start`` and ``tile_end``; or with ``enhancer``, whose group
        says of which class it is.
    parts : sequence of Part
    classes : DataArray of text, (locus, tile), optional
    """
    owners = _by_span(parts)
    if {"locus", "tile_start", "tile_end"} <= set(frame):
        keys = zip(frame["locus"], frame["tile_start"], frame["tile_end"], strict=True)
        rows = [owners.get((str(locus), int(start), int(end))) for locus, start, end in keys]
        by_tile = _class_by_tile(classes)
        kinds = ["" if one is None else by_tile.get((one.locus, *one.tile), "") for one in rows]
        at = list(frame).index("category") + 1 if "category" in frame else 1
        frame = frame.copy()
        frame.insert(at, "cre_class", kinds)
        frame.insert(list(frame).index("tile_end") + 1, PART_OF, _named(rows))
    elif "enhancer" in frame:
        by_name = {f"{locus}:{a}-{b}": part for (locus, a, b), part in owners.items()}
        rows = [by_name.get(str(name)) for name in frame["enhancer"]]
        frame = frame.copy()
        frame.insert(list(frame).index("enhancer") + 1, PART_OF, _named(rows))
    return frame


def pairs_with_part_of(frame: pd.DataFrame, parts: SequenceOf[Part]) -> pd.DataFrame:
    """A table of pairs of parts of loci with ``first_part_of`` and ``second_part_of``.

    Parameters
    ----------
    frame : DataFrame
        Of `creme.analysis.epistasis.pair_table`.
    parts : sequence of Part
    """
    owners = _by_span(parts)
    frame = frame.copy()
    for one in ("first", "second"):
        keys = zip(frame["locus"], frame[f"{one}_start"], frame[f"{one}_end"], strict=True)
        rows = [owners.get((str(locus), int(start), int(end))) for locus, start, end in keys]
        at = list(frame).index(f"{one}_end") + 1
        frame.insert(at, f"{one}_{PART_OF}", _named(rows))
    return frame


def _by_span(parts: SequenceOf[Part]) -> dict[tuple[str, int, int], Part]:
    return {(part.locus, *part.span): part for part in parts}


def _named(rows: SequenceOf[Part | None]) -> list[str]:
    return ["" if part is None or part.span == part.tile else part.part_of for part in rows]


def _class_by_tile(classes: xr.DataArray | None) -> dict[tuple[str, int, int], str]:
    if classes is None:
        return {}
    whole = classes.transpose("locus", "tile")
    starts, ends = (
        whole[name].broadcast_like(whole).transpose("locus", "tile").values
        for name in ("tile_start", "tile_end")
    )
    names, kinds = [str(name) for name in whole["locus"].values], texts(whole.values)
    return {
        (names[row], int(starts[row, tile]), int(ends[row, tile])): str(kinds[row, tile])
        for row, tile in np.argwhere(np.isfinite(starts.astype(float))).tolist()
    }
