"""Local networks of regulation: which tiles act on which genes, and on each other.

Edges are read from the predictions of the necessity test; the pairs of the interactions test join
tiles with tiles.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.evidence import evidence
from creme.analysis.noise import Q
from creme.errors import ConfigError

MINIMUM_EFFECT = 0.05
"""Share of an activity below which an effect is no edge."""
NEIGHBOUR, TARGET = "neighbour", "target"
EDGE_COLUMNS = (
    *("locus", "track", "kind", "contig", "source_start", "source_end", "distance"),
    *("target_gene", "target_transcript", "target_strand", "target_start", "target_end"),
    *("target_activity", "effect", "effect_se", "t", "q", "sign"),
)
"""Of `edges`. Places are 0-based and half-open on the contig."""


def edges(
    necessity: xr.Dataset,
    *,
    q_below: float = Q,
    minimum_effect: float = MINIMUM_EFFECT,
    minimum_activity: float = 0.0,
    apart: int = 0,
    all_pairs: bool = False,
) -> pd.DataFrame:
    """The effects of tiles on TSSs, or on the accessibility of other tiles, as edges.

    Parameters
    ----------
    necessity : Dataset
        Of the necessity test, with the dimension ``neighbour`` where a readout is of neighbours;
        else the locus's own TSS is the only target. Or of
        `creme.runner.tile_edges.tile_accessibility`, whose targets are tiles.
    q_below, minimum_effect : float
        An edge has a q of at most the first, over all effects of a track, and an effect of at least
        plus or minus the second, a share of the target's activity.
    minimum_activity : float
        Targets whose activity is below it have no edge: shares of little say little.
    apart : int
        bp. A tile that overlaps its target or lies within so many bases of it is left out: taking a
        promoter away is no regulation, nor is what a neighbour does to bins whose receptive field
        reaches into it.
    all_pairs : bool
        All effects that are not left out, whether they are edges or not.

    Returns
    -------
    DataFrame
        `EDGE_COLUMNS`, a row an edge, in the order of the loci and the genome. ``kind`` is ``tss``
        or ``accessibility``; ``distance`` is from the target's middle to that of the tile, bp, in
        the orientation of the locus, negative upstream; ``effect`` is positive where the tile
        activates, and so is ``sign``, ``+`` or ``-``.

    Raises
    ------
    ConfigError
        If the effects are on another scale than the share of the activity, which is needed to
        compare targets, or a place is unknown.
    """
    scale = necessity.attrs.get("effect_scale", "relative")
    if scale != "relative":
        raise ConfigError(f"edges are shares of an activity, and these effects are on {scale!r}")
    if missing := {"genomic_start", "genomic_end", "contig", "strand"} - set(necessity.coords):
        raise ConfigError(f"edges need places: the results have no {sorted(missing)[0]!r}")
    tested = evidence(necessity)
    along = next((dim for dim in (NEIGHBOUR, TARGET) if dim in necessity.dims), None)
    frames = []
    for place, locus in enumerate(necessity["locus"].values):
        one = necessity.isel(locus=place)
        for number, track in enumerate(necessity["track"].values):
            frame = _of_track(
                one.isel(track=number), tested.isel(locus=place, track=number), along, apart
            )
            frame.insert(0, "locus", str(locus))
            frame.insert(1, "track", str(track))
            frames.append(frame)
    if not frames:
        return pd.DataFrame(columns=EDGE_COLUMNS)
    table = pd.concat(frames, ignore_index=True)
    table = table[table["effect"].notna() & (table["target_activity"] >= minimum_activity)]
    if not all_pairs:
        table = table[(table["q"] <= q_below) & (table["effect"].abs() >= minimum_effect)]
    return table.reset_index(drop=True)[list(EDGE_COLUMNS)]


def _of_track(one: xr.Dataset, tested: xr.Dataset, along: str | None, apart: int) -> pd.DataFrame:
    """All effects of a locus and a track but those of tiles at their targets."""
    target = _targets(one, along)
    there = np.isfinite(one["genomic_start"].values.astype(np.float64))
    start = one["genomic_start"].values[there].astype(int)
    end = one["genomic_end"].values[there].astype(int)
    dims = ("tile", along) if along else ("tile",)

    def matrix(values: xr.DataArray) -> np.ndarray:
        array = values.transpose(*dims).values[there].astype(np.float64)
        return array.reshape(len(start), -1)[:, target.index]

    wild = np.atleast_1d(one["wild_type"].values)[target.index].astype(np.float64)
    first, last = (target[name].to_numpy() for name in ("target_start", "target_end"))
    far = (end[:, None] + apart <= first) | (start[:, None] - apart >= last)
    rows, columns = np.nonzero(far)
    middle = (start + end) / 2
    turn = -1 if str(one["strand"].item()) == "-" else 1
    distance = turn * (middle[rows] - ((first + last - 1) / 2)[columns])
    effect = matrix(one["effect"])[rows, columns]
    return target.iloc[columns].assign(
        contig=str(one["contig"].item()),
        source_start=start[rows],
        source_end=end[rows],
        distance=np.round(distance).astype(int),
        target_activity=wild[columns],
        effect=effect,
        effect_se=matrix(one["effect_se"])[rows, columns],
        t=matrix(tested["t"])[rows, columns],
        q=matrix(tested["q"])[rows, columns],
        sign=np.where(effect > 0, "+", "-"),
    )


def _targets(one: xr.Dataset, along: str | None) -> pd.DataFrame:
    """The targets of a locus; their index is the place along the dimension of targets."""
    columns: dict[str, Any]
    if along == NEIGHBOUR:
        position = one["neighbour_position"].values.astype(np.float64)
        here, kind = np.flatnonzero(np.isfinite(position)), "tss"
        columns = {
            f"target_{name}": [str(text) for text in one[f"neighbour_{name}"].values[here]]
            for name in ("gene", "transcript", "strand")
        }
        start = position[here].astype(int)
        end = start + 1
    elif along == TARGET:
        place = one["target_start"].values.astype(np.float64)
        here, kind = np.flatnonzero(np.isfinite(place)), "accessibility"
        start, end = (one[f"target_{at}"].values[here].astype(int) for at in ("start", "end"))
        columns = {"target_gene": "", "target_transcript": "", "target_strand": "."}
    else:
        here, kind = np.array([0]), "tss"
        start = np.array([int(one["tss_position"].item())])
        end = start + 1
        columns = {
            f"target_{name}": str(one[name].item()) for name in ("gene", "transcript", "strand")
        }
    frame = pd.DataFrame({"target_start": start, "target_end": end}, index=here)
    return frame.assign(kind=kind, **columns)


def hubs(table: pd.DataFrame) -> pd.DataFrame:
    """The tiles by the number of targets that they act on.

    Parameters
    ----------
    table : DataFrame
        Of `edges`.

    Returns
    -------
    DataFrame
        For each locus, track and tile with an edge ``genes``, the number of distinct genes, and
        ``gene_names``; ``tiles``, that of other tiles; ``activated`` and ``repressed``, edges by
        sign; ``total``, the sum of absolute effects. Those with most targets first.
    """
    keys = ["locus", "track", "contig", "source_start", "source_end"]
    rows = []
    for key, part in table.groupby(keys, sort=False):
        genes = sorted(set(part.loc[part["kind"] == "tss", "target_gene"]))
        rows.append(
            {
                **dict(zip(keys, key, strict=True)),
                "genes": len(genes),
                "gene_names": " ".join(genes),
                "tiles": int((part["kind"] == "accessibility").sum()),
                "activated": int((part["sign"] == "+").sum()),
                "repressed": int((part["sign"] == "-").sum()),
                "total": float(part["effect"].abs().sum()),
            }
        )
    columns = [*keys, "genes", "gene_names", "tiles", "activated", "repressed", "total"]
    frame = pd.DataFrame(rows, columns=columns)
    by = ["genes", "tiles", "total"]
    return frame.sort_values(by, ascending=False, kind="stable", ignore_index=True)


JOINED = ("redundant", "cooperative", "insulating")
"""Kinds of pairs that are edges between tiles."""


def joined_pairs(pairs: pd.DataFrame, kinds: Iterable[str] = JOINED) -> pd.DataFrame:
    """The pairs of tiles that stand in for one another, need one another, or insulate.

    Parameters
    ----------
    pairs : DataFrame
        Of `creme.analysis.epistasis.pair_table`.
    kinds : iterable of str

    Returns
    -------
    DataFrame
        Of a pair that insulates, ``source`` is the tile whose loss connects the other one with the
        TSS, and ``target`` the other one; of other pairs they are the first and the second.
        ``effect`` is the epistasis, log2.
    """
    chosen = pairs[pairs["kind"].isin(list(kinds))].reset_index(drop=True)
    # The insulator is the one whose loss raises the activity.
    turned = (chosen["kind"] == "insulating") & (chosen["second_change"] > chosen["first_change"])
    out = chosen[["locus", "track", "contig", "kind"]].copy()
    for name in ("start", "end"):
        first, second = (chosen[f"{one}_genomic_{name}"] for one in ("first", "second"))
        out[f"source_{name}"] = np.where(turned, second, first)
        out[f"target_{name}"] = np.where(turned, first, second)
    return out.assign(effect=chosen["epistasis"], q=chosen["epistasis_q"])
