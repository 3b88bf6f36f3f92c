"""Annotations beside results: genes, intervals of BED files, motifs, and the assembly.

Nothing of it changes a number: it is no part of an experiment's identity, and may be given when a
report or an export is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creme.errors import ConfigError, ResultsError
from creme.files.small import parse_toml

if TYPE_CHECKING:  # xarray takes a while, and who reads an experiment needs only the description
    from creme.results.view import ResultsView

ASSEMBLY, GENES, MOTIFS = "assembly", "genes", "meme"
"""Keys of ``[annotate]`` that have a meaning of their own; any other is the name of a lane."""

_UCSC = {"GRCh38": "hg38", "GRCh37": "hg19", "GRCm39": "mm39", "GRCm38": "mm10"}

DESCRIPTION = (
    "what reports and exports lay beside the results: assembly, its name, such as hg38; genes, a "
    "GTF; meme, a file of motifs; and BED files by any other name, such as ccre"
)


@dataclass(frozen=True)
class Annotate:
    """The table ``[annotate]`` of an experiment or study file, with paths from its folder.

    Attributes
    ----------
    assembly : str
        The name of the genome, such as ``hg38``; "" where it is not stated. It is never guessed.
    genes : Path or None
        The GTF of genes; that of the loci unless given.
    genes_named : bool
        Whether `genes` stands in the table, and is not that of the loci.
    meme : Path or None
        Motifs in the MEME format.
    lanes : dict of str to Path
        BED files by the names that they are shown under.
    """

    assembly: str = ""
    genes: Path | None = None
    genes_named: bool = False
    meme: Path | None = None
    lanes: dict[str, Path] = field(default_factory=dict)

    @property
    def ucsc(self) -> str:
        """UCSC's name of the assembly."""
        return _UCSC.get(self.assembly, self.assembly)

    @classmethod
    def of(cls, view: ResultsView, more: Mapping[str, str] | None = None) -> Annotate:
        """That of results, by the file as it was run.

        Parameters
        ----------
        view : ResultsView
        more : mapping of str to str, optional
            Keys and values as of ``[annotate]``, which come before those of the file. Their paths
            start from the current directory.

        Raises
        ------
        ConfigError
            If a file of `more` is missing, or a value is empty.
        """
        table, loci, folder = _of_file(view)
        values: dict[str, str | Path] = {}
        for key, value in table.items():
            values[key] = value if key == ASSEMBLY else folder / Path(value).expanduser()
        for key, value in (more or {}).items():
            if not value:
                raise ConfigError(f"annotate {key!r} is empty: give KEY=VALUE")
            values[key] = value
            if key != ASSEMBLY:
                values[key] = Path(value).expanduser()
                if not Path(value).expanduser().is_file():
                    raise ConfigError(f"annotate {key}: there is no file {value}")
        named = GENES in values
        if not named and loci.get("gtf"):
            values[GENES] = folder / Path(str(loci["gtf"])).expanduser()
        assembly = str(values.pop(ASSEMBLY, ""))
        genes, meme = values.pop(GENES, None), values.pop(MOTIFS, None)
        return cls(
            assembly,
            None if genes is None else Path(genes),
            named,
            None if meme is None else Path(meme),
            {name: Path(path) for name, path in values.items()},
        )


def fasta_of(view: ResultsView) -> Path | None:
    """The FASTA that the loci were read from, as the file names it; it may be gone."""
    _, loci, folder = _of_file(view)
    named = loci.get("fasta")
    return folder / Path(str(named)).expanduser() if named else None


def _of_file(view: ResultsView) -> tuple[dict[str, str], dict[str, Any], Path]:
    """``[annotate]``, ``[loci]``, and the folder that their paths start from."""
    folder = Path(str(view.raw.get("folder", ".")))
    try:
        whole = parse_toml(view.configuration, "it")
    except (ConfigError, ResultsError):
        return {}, {}, folder  # results of an earlier version may have no file
    tables = [whole.get(key) for key in ("annotate", "loci")]
    annotate, loci = (one if isinstance(one, dict) else {} for one in tables)
    return {str(key): str(value) for key, value in annotate.items()}, loci, folder
