"""Designed CREs: a table of them, and the loci that have them in their sequence."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from creme.errors import ConfigError
from creme.genome import Locus
from creme.sequence import Edit, Mutant, complement, encode

if TYPE_CHECKING:
    import pandas as pd

REFERENCES = ("native", "random")
"""Entries of the dimension ``design`` that are no designs."""
_COLUMNS = (
    *("score", "score_std", "score_se", "search_score", "choose_score", "curse"),
    *("gc", "edits", "kmer_distance", "kmer_rank", "nearest_identity"),
)


def design_table(dataset: xr.Dataset) -> pd.DataFrame:
    """The designs, one a row.

    Parameters
    ----------
    dataset : Dataset
        Of the design test.

    Returns
    -------
    DataFrame
        ``name`` (LOCUS_dRANK), ``locus``, ``design``, ``sequence``, ``length`` (bp), where it
        stands (``contig``, ``start``, ``end``, 0-based and half-open, ``orientation`` along the
        gene, ``distance`` of its centre from the TSS in bp), its scores, and its distance from
        natural sequence. Neither what it is compared with nor what was not found is in it.
    """
    import pandas as pd

    rows = []
    for locus in dataset["locus"].values:
        at_locus = dataset.sel(locus=locus)
        for design in dataset["design"].values:
            one = at_locus.sel(design=design)
            text = str(one["sequence"].values)
            if design in REFERENCES or not text:
                continue
            low, high = int(one["place_genomic_start"]), int(one["place_genomic_end"])
            centre = (low + high) // 2 - int(one["tss_position"])
            minus = str(one["strand"].values) == "-"
            rows.append(
                {
                    "name": f"{locus}_d{design}",
                    "locus": str(locus),
                    "design": str(design),
                    "sequence": text,
                    "length": len(text),
                    "contig": str(one["contig"].values),
                    "start": low,
                    "end": high,
                    "orientation": str(one["orientation"].values),
                    "distance": 1 - (high - low) % 2 - centre if minus else centre,
                    **{name: float(one[name]) for name in _COLUMNS},
                }
            )
    return pd.DataFrame(rows)


def by_design(dataset: xr.Dataset) -> xr.Dataset:
    """A Dataset without the course of the search, where it is of the design test.

    Tables have a row for each value of every dimension: rounds have a table of their own.
    """
    if not {"design", "round", "set"} <= set(dataset.dims):
        return dataset
    return dataset.drop_dims(["round", "set"])


def round_table(dataset: xr.Dataset) -> pd.DataFrame:
    """The course of the search, a row for each round.

    Parameters
    ----------
    dataset : Dataset
        Of the design test.

    Returns
    -------
    DataFrame
        ``locus``, ``round``, ``measured``, ``round_median``, and the score of the best sequence so
        far as ``best_search``, ``best_choose`` and ``best_report``.
    """
    names = {"round_median", "measured", "round_score"}
    part = dataset[sorted(names)].reset_coords(drop=True)
    best = part["round_score"].to_dataset(dim="set")
    columns = {str(name): f"best_{name}" for name in best.data_vars}
    frame = part[["measured", "round_median"]].merge(best.rename(columns)).to_dataframe()
    return frame.reset_index()


def designed_loci(
    dataset: xr.Dataset,
    loci: Iterable[Locus],
    designs: SequenceOf[str] = ("1",),
    *,
    everywhere: bool = False,
) -> tuple[list[Locus], dict[str, list[tuple[int, int]]]]:
    """Loci with designs in their sequence, on which any other test can be run.

    Parameters
    ----------
    dataset : Dataset
        Of the design test.
    loci : iterable of Locus
        As they are, without a design.
    designs : sequence of str
        Those that are put in, by their names along ``design``: ``"1"`` is the best one, and
        ``"native"`` and ``"random"`` are what it is compared with.
    everywhere : bool
        Whether each design also goes into the other loci, as far from their TSSs: a swap.

    Returns
    -------
    loci : list of Locus
        Called ``LOCUS+dRANK``, or ``TARGET+LOCUS_dRANK`` in another locus. They have a sequence of
        their own and no genome.
    tiles : dict of str to list of (int, int)
        The design's place by the name of the locus, as tests take ``tiles``.

    Raises
    ------
    ConfigError
        If a locus has no such design.
    """
    by_name = {locus.name: locus for locus in loci}
    made: list[Locus] = []
    tiles: dict[str, list[tuple[int, int]]] = {}
    for source in map(str, dataset["locus"].values):
        if source not in by_name and not everywhere:
            continue
        for design in designs:
            if design not in dataset["design"].values:
                raise ConfigError(f"there is no design {design!r}: there are {_names(dataset)}")
            one = dataset.sel(locus=source, design=design)
            codes = encode(str(one["sequence"].values))
            if not codes.size:
                raise ConfigError(f"locus {source!r} has no design {design!r}: none was found")
            if str(one["orientation"].values) == "reverse":
                codes = complement(codes[::-1])
            for target in by_name.values() if everywhere else (by_name[source],):
                # The window's length is the model's, and the TSS in its middle, in all loci.
                start = int(one["place_start"])
                own = target.name == source
                name = f"{target.name}+{'' if own else f'{source}_'}d{design}"
                sequence = Mutant(target.sequence, [Edit(start, codes)]).sequence
                made.append(Locus.from_sequence(sequence, name, target.tss))
                tiles[name] = [(start, start + len(codes))]
    return made, tiles


def _names(dataset: xr.Dataset) -> str:
    return ", ".join(map(str, np.atleast_1d(dataset["design"].values)))
