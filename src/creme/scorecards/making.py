"""Making a panel's file from a list of loci."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from creme.errors import ConfigError, listing
from creme.files import small
from creme.genome import Genome, Locus
from creme.scorecards.loci import core_digest
from creme.scorecards.panel_file import PanelLocus, ScorecardPanel

_PLACE = ("contig", "tss", "strand")


def make_panel(
    table: Path, name: str, assembly: str, *, fasta: Path | None = None, **settings: Any
) -> ScorecardPanel:
    """A panel of the loci of a table.

    Parameters
    ----------
    table : Path
        TSV or CSV with the column ``gene``, and with ``contig``, ``tss`` (0-based) and ``strand``
        or without all three.
    name, assembly : str
    fasta : Path, optional
        Of the assembly: the panel keeps a digest of the bases of each TSS tile.
    **settings
        Fields of `ScorecardPanel`.

    Raises
    ------
    ConfigError
        If the table cannot be read, lacks a column, or a setting is not allowed.
    GenomeError
        If a locus is not in the FASTA.
    """
    try:
        text = small.read_text(table)
        separator = "\t" if "\t" in text.partition("\n")[0] else ","
        rows = pd.read_csv(StringIO(text), sep=separator, dtype=str, comment="#").fillna("")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{table} cannot be read as a table: {error}") from None
    there = [key for key in _PLACE if key in rows]
    if "gene" not in rows or (there and len(there) < len(_PLACE)):
        lacking = [key for key in ("gene", *_PLACE) if key not in rows]
        raise ConfigError(f"{table} lacks the columns {listing(lacking)}: it has {listing(rows)}")
    if fasta is not None and not there:
        raise ConfigError(f"{table} has genes alone: bases are of loci with contig, tss and strand")
    fields: list[dict[str, Any]] = []
    for row in rows.to_dict("records"):
        placed = {key: row[key] for key in there}
        if placed and not placed["tss"].isdigit():
            raise ConfigError(f"{table}: tss {placed['tss']!r} of {row['gene']} is no position")
        fields.append(
            {"gene": row["gene"], **placed} | ({"tss": int(placed["tss"])} if placed else {})
        )
    loci = [PanelLocus(**each) for each in fields]
    made = ScorecardPanel(name=name, assembly=assembly, loci=loci, **settings)
    if fasta is None:
        return made
    genome = Genome(fasta)
    cores = [_core(each, genome, made.tile) for each in made.loci]
    return made.model_copy(
        update={
            "loci": [
                each.model_copy(update={"core": core})
                for each, core in zip(made.loci, cores, strict=True)
            ]
        }
    )


def _core(each: PanelLocus, genome: Genome, tile: int) -> str:
    assert each.contig is not None
    assert each.tss is not None
    assert each.strand is not None
    return core_digest(Locus(each.gene, each.contig, each.tss, each.strand, tile, genome), tile)
