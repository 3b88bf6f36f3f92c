"""Tiles that were not measured for lack of bases: in a gap, or past the contig's end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from creme.tiling import MIN_BASES

if TYPE_CHECKING:
    import xarray as xr

SHARE = "share_of_bases"
"""The variable of tests of tiles, (locus, tile), where any tile was left out."""

REASON = "N: a gap of the assembly, or past the contig's end"


def without_bases(dataset: xr.Dataset) -> xr.DataArray | None:
    """The tiles that were not measured because too few of their bases are known.

    Parameters
    ----------
    dataset : Dataset
        Of any test, as it is stored.

    Returns
    -------
    DataArray of bool, (locus, tile), or None
        False where a locus has fewer tiles than others. None where every tile was measured.
    """
    if SHARE not in dataset.data_vars:
        return None
    # Results of before there was a limit lack it.
    least = json.loads(dataset.attrs.get("configuration", "{}")).get("min_bases", MIN_BASES)
    lost = dataset[SHARE] < least
    return lost if bool(lost.any()) else None


def gap_sentence(dataset: xr.Dataset) -> str:
    """How many tiles of how many loci were not measured; empty where all were."""
    lost = without_bases(dataset)
    if lost is None:
        return ""
    tiles = int(lost.sum())
    loci = int(np.asarray(lost.any("tile")).sum())
    were = "1 tile" if tiles == 1 else f"{tiles:,} tiles"
    return (
        f"{were} of {loci:,} {'locus' if loci == 1 else 'loci'} not measured, for lack of bases "
        f"({REASON})"
    )
