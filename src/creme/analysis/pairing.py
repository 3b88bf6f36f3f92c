"""The same loci in two experiments."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from creme.genome.contigs import plain_contig

PLACE = ["locus", "contig", "tss_position", "strand"]
SWAP = ["source", "target"]

_Place = tuple[str, int, str]
"""Contig without its style, TSS, strand."""


def named_as(a: xr.Dataset, b: xr.Dataset) -> tuple[xr.Dataset, list[tuple[str, str]]]:
    """Rename the loci of `b` to the names that the same loci have in `a`.

    Loci are the same if their names, contigs, TSSs and strands are; and where that leaves one locus
    of each at a place of the genome, if their contigs, TSSs and strands are. Contigs match with and
    without ``chr``. A locus without a genome is on no contig, and is identified by its name.

    Parameters
    ----------
    a, b : Dataset
        With `PLACE` along ``locus``, and `SWAP` where they are swaps.

    Returns
    -------
    Dataset
        `b` with the names and contigs of `a`, and with its own names as ``locus_b``. A swap into a
        locus that has the name of one of `a`, but another TSS, gets that TSS into its name.
    list of (str, str)
        Names in `a` and in `b` of the loci that have two.
    """
    in_a, in_b = _places(a), _places(b)
    same = {name: name for name, place in in_b.items() if in_a.get(name) == place}
    unpaired = [_by_place(places, same) for places in (in_a, in_b)]
    renamed = [
        (names[0], unpaired[1][place][0])
        for place, names in unpaired[0].items()
        if place[0] and len(names) == len(unpaired[1].get(place, ())) == 1
    ]
    same |= {of_b: of_a for of_a, of_b in renamed}
    contigs = dict(zip(*(a[key].values.tolist() for key in (_of(a), "contig")), strict=True))
    own, sources = (b[key].values.tolist() for key in ("locus", _of(b)))
    new: dict[str, list[str]] = {
        "locus_b": own,
        "contig": [
            contigs[same[name]] if name in same else contig
            for name, contig in zip(sources, b["contig"].values.tolist(), strict=True)
        ],
    }
    if "source" not in b.coords:
        new["locus"] = [same.get(name, name) for name in own]
    else:
        targets = b["target"].values.tolist()
        new["source"], new["target"] = (
            [same.get(name, name) for name in names] for names in (sources, targets)
        )
        new["locus"] = []
        for name, source, target in zip(own, sources, targets, strict=True):
            called = f"{same.get(source, source)} in {same.get(target, target)}"
            if target in in_a and target in in_b and target not in same:
                called += f" ({':'.join(map(str, in_b[target]))})"
            new["locus"].append(called if called != f"{source} in {target}" else name)
    coords = {key: ("locus", np.array(values, dtype=object)) for key, values in new.items()}
    return b.assign_coords(coords), renamed


def _of(dataset: xr.Dataset) -> str:
    """The coordinate whose contig and TSS the labels are: in swaps the source."""
    return "source" if "source" in dataset.coords else "locus"


def _places(dataset: xr.Dataset) -> dict[str, _Place]:
    columns = [dataset[key].values.tolist() for key in (_of(dataset), *PLACE[1:])]
    return {
        name: (plain_contig(contig), int(tss), strand)
        for name, contig, tss, strand in zip(*columns, strict=True)
    }


def _by_place(places: Mapping[str, _Place], same: Mapping[str, str]) -> dict[_Place, list[str]]:
    """Names by place, of the loci without a partner of their name."""
    names: dict[_Place, list[str]] = {}
    for name, place in places.items():
        if name not in same:
            names.setdefault(place, []).append(name)
    return names
