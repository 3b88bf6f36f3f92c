"""bigWig and bigBed: the same tracks in the binary files that genome browsers read in part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from creme.errors import ConfigError, GenomeError
from creme.export.tracks import bed
from creme.genome import Genome
from creme.packages import lacking
from creme.results.annotate import fasta_of
from creme.results.view import ResultsView


@dataclass(frozen=True)
class BigTrack:
    """A file that was written.

    Attributes
    ----------
    file : str
        Its name.
    title, about : str
        What a browser calls it, and one line on it.
    low, high : float
        The least and the largest value; NaN for intervals with names.
    """

    file: str
    title: str
    about: str
    low: float = float("nan")
    high: float = float("nan")

    @property
    def is_values(self) -> bool:
        """Whether it is bigWig, and not bigBed."""
        return self.file.endswith(".bw")


class BigTracks:
    """Writes tracks as bigWig (values) and bigBed (intervals with names and colours).

    Made as `creme.export.tracks.write_tracks` makes its writers.

    Parameters
    ----------
    sizes : mapping of str to int
        Length of each contig, bp.

    Attributes
    ----------
    written : list of BigTrack

    Raises
    ------
    ConfigError
        If pybigtools is missing.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        try:
            import pybigtools
        except ImportError:
            how = lacking("bigWig needs pybigtools", "bigwig")
            raise ConfigError(f"{how}; or export tracks") from None
        self._open = pybigtools.open
        self._sizes = dict(sizes)
        self.written: list[BigTrack] = []

    def bed(self, path: Path, name: str, about: str, part: pd.DataFrame) -> str | None:
        """Write intervals in the place of a BED file; None where there are none."""
        if part.empty:
            return None
        self._check(part)
        rows = (line.rstrip("\n").split("\t", 3) for line in bed(part))
        lines = ((contig, int(start), int(end), rest) for contig, start, end, rest in rows)
        file = path.with_name(f"{path.name}.bb")
        self._open(str(file), "w").write(self._sizes, lines)
        self.written.append(BigTrack(file.name, name, about))
        return file.name

    def graph(self, path: Path, name: str, about: str, part: pd.DataFrame) -> str | None:
        """Write values, of which none overlap. None where there are none."""
        if part.empty:
            return None
        self._check(part)
        file = path.with_name(f"{path.name}.bw")
        self._open(str(file), "w").write(self._sizes, _values(part))
        value = part["value"]
        ends = float(value.min()), float(value.max())
        self.written.append(BigTrack(file.name, name, about, *ends))
        return file.name

    def _check(self, part: pd.DataFrame) -> None:
        """Every interval lies on a contig whose length is known: the format has these lengths."""
        for contig, end in part.groupby("contig")["end"].max().items():
            size = self._sizes.get(str(contig))
            if size is None or end > size:
                where = "is not there" if size is None else f"has {size:,} bp"
                raise ConfigError(
                    f"bigWig needs the length of every contig: {contig} {where} in the FASTA or "
                    f"the file of sizes, and a track reaches to {end:,}"
                )


def _values(part: pd.DataFrame) -> Iterator[tuple[str, int, int, float]]:
    columns = ("contig", "start", "end", "value")
    yield from zip(*(part[name].tolist() for name in columns), strict=True)


def sizes_of(view: ResultsView, file: Path | None = None) -> dict[str, int]:
    """The length of each contig, by a file of sizes or the FASTA of the loci.

    Parameters
    ----------
    view : ResultsView
    file : Path, optional
        Lines of a contig and its length, as UCSC's ``hg38.chrom.sizes`` or a ``.fai``.

    Raises
    ------
    ConfigError
        If neither can be read.
    """
    if file is None:
        fasta = fasta_of(view)
        try:
            if fasta is None:
                raise GenomeError("no file is named")
            return dict(Genome(fasta).contigs)
        except GenomeError as error:
            raise ConfigError(
                f"bigWig needs the lengths of contigs, and the FASTA of {view.path} cannot be "
                f"read ({error}): give --sizes FILE, of a contig and its length a line"
            ) from None
    sizes = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None
    for number, line in enumerate(lines, start=1):
        columns = line.split()
        if not columns:
            continue
        if len(columns) < 2 or not (columns[1].isascii() and columns[1].isdigit()):
            raise ConfigError(f"{file}, line {number}: a contig and its length, not {line[:60]!r}")
        sizes[columns[0]] = int(columns[1])
    return sizes
