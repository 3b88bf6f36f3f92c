"""From a labelled Dataset to tables: a row for each locus, tile, track and what else varies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    import pandas as pd


def tidy(dataset: xr.Dataset, *, replicates: bool = False) -> pd.DataFrame:
    """A table with one row for each locus, tile, track and what else the test varies.

    Parameters
    ----------
    dataset : xarray.Dataset
        A test's results.
    replicates : bool
        One row a replicate, with its activities and effect, instead of the statistics.
    """
    chosen = [
        name
        for name, values in dataset.data_vars.items()
        if ("replicate" in values.dims) == replicates or (replicates and name == "wild_type")
        if not {"member", "shift_tss"} & set(values.dims)  # their spread has a column
    ]
    part = dataset[chosen].drop_vars(["member", "shift_tss"], errors="ignore")
    # Without an order of its own, a loaded Dataset lists its dimensions differently each time.
    dims = sorted(part.sizes, key=_dimension_place)
    frame = part.to_dataframe(dim_order=dims).reset_index()
    if PLACE in frame:
        # Loci with fewer neighbours than others are filled up.
        frame = frame[frame[PLACE].notna()].reset_index(drop=True)
        frame = frame.astype(dict.fromkeys({PLACE, "neighbour_distance"} & set(frame), np.int64))
    first = [column for column in tidy_columns(dataset) if column in frame]
    return frame[[*first, *sorted(str(column) for column in frame if column not in first)]]


def _dimension_place(dim: object) -> tuple[int, str]:
    name = str(dim)
    return (_COLUMNS.index(name) if name in _COLUMNS else len(_COLUMNS), name)


def tidy_columns(dataset: xr.Dataset) -> list[str]:
    """The labels of a Dataset in the order of tables; what only one test has is not named."""
    return [name for name in _COLUMNS if name in dataset.variables]


PLACE = "neighbour_position"

# A stored Dataset does not keep the order of its variables.
_COLUMNS = [
    "locus",
    "gene",
    "transcript",
    "contig",
    "tss_position",
    "strand",
    "start",
    "end",
    "padding_left",
    "padding_right",
    "source",
    "target",
    "source_category",
    "target_category",
    "motif",
    "tile",
    "tile_start",
    "tile_end",
    "genomic_start",
    "genomic_end",
    "distance",
    "search",
    "round",
    "selected",
    "selected_start",
    "kept",
    "copy",
    "copies",
    "position",
    "position_start",
    "position_distance",
    "reference",
    "base",
    "sub_tile",
    "replicate",
    "neighbour",
    "neighbour_gene",
    "neighbour_transcript",
    "neighbour_position",
    "neighbour_strand",
    "neighbour_distance",
    "track",
    "wild_type",
]
