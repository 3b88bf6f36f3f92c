"""Designs for those who make them: FASTA with provenance, and a table to order from."""

from __future__ import annotations

import json
from pathlib import Path

import xarray as xr

from creme.analysis.designs import design_table, round_table
from creme.files.durable import write_text
from creme.genome.places import interval_text
from creme.results.csv_text import csv_text

_WIDTH = 60
_NATURAL = ("gc", "edits", "kmer_rank", "nearest_identity")


def write_designs(dataset: xr.Dataset, label: str, folder: Path) -> list[str]:
    """Write ``LABEL.fa``, ``LABEL.order.csv``, and the course of the search, ``LABEL.rounds.csv``.

    Parameters
    ----------
    dataset : Dataset
        Of the design test, of the loci's own TSSs.
    label : str
    folder : Path
        Where they go; it has to exist.

    Returns
    -------
    list of str
        Names of the files; none where no design was found.
    """
    table = design_table(dataset)
    if table.empty:
        return []
    write_text(folder / f"{label}.fa", fasta(dataset))
    write_text(folder / f"{label}.order.csv", csv_text(table))
    write_text(folder / f"{label}.rounds.csv", csv_text(round_table(dataset)))
    return [f"{label}.fa", f"{label}.order.csv", f"{label}.rounds.csv"]


def fasta(dataset: xr.Dataset) -> str:
    """The designs in FASTA; each header says where it comes from, as ``key=value``."""
    model = json.loads(dataset.attrs["model"])
    common = {
        "model": model["name"],
        "fingerprint": model["fingerprint"],
        **{key: dataset.attrs[key] for key in ("seed", "creme_version")},
    }
    lines = []
    for row in design_table(dataset).to_dict("records"):
        facts = {
            "place": interval_text(row["contig"], row["start"], row["end"]),
            **{key: row[key] for key in ("orientation", "distance")},
            **{key: f"{row[key]:.6g}" for key in ("score", "score_se", "curse", *_NATURAL)},
            **common,
        }
        words = " ".join(
            f"{key}={json.dumps(value) if ' ' in str(value) else value}"
            for key, value in facts.items()
        )
        lines.append(f">{row['name']} {words}")
        text = row["sequence"]
        lines += [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return "\n".join([*lines, ""])
