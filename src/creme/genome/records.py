"""Transcription start sites, read line by line from GTF, BED and tables."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, replace
from functools import cache
from math import isfinite
from pathlib import Path

from creme.errors import CremeWarning, GenomeError, listing
from creme.genome.files import text_lines

CANONICAL = ("Ensembl_canonical", "MANE_Select", "appris_principal")
"""Tags of the transcript that stands for its gene, the first one first."""

# Possessive: a long word is looked at once, and not from each of its letters.
_ATTRIBUTE = re.compile(r'(?<!\w)([A-Za-z_]\w*+)\s++(?:"([^"]*+)"|([^\s;"]++))\s*+(?:;|$)')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TRACK_LINES = ("#", "track ", "browser ")
_GFF3 = re.compile(r"##gff-version\s+3")
_TO_GTF = "GFF3 can be turned into it by gffread -T"


@dataclass(frozen=True, slots=True)
class TSS:
    """A transcription start site of an annotation.

    Attributes
    ----------
    gene : str
        The gene's name; its id where it has none.
    gene_id, transcript : str
        Empty where the annotation has none.
    contig : str
    position : int
        The TSS base, 0-based.
    strand : {'+', '-'}
    tag : str
        The tag that recommends the transcript most, of those in `CANONICAL`; or empty.
    span : int
        Genomic length of the transcript, bp; 0 if unknown.
    inputs : tuple of float
        Values of further columns of a table.
    """

    gene: str
    gene_id: str
    transcript: str
    contig: str
    position: int
    strand: str
    tag: str = ""
    span: int = 0
    inputs: tuple[float, ...] = ()

    @property
    def place(self) -> tuple[str, int, str]:
        """Contig, position and strand."""
        return (self.contig, self.position, self.strand)


def read_gtf(path: Path) -> Iterator[TSS]:
    """The TSS of each ``transcript`` line: start - 1 on '+', end - 1 on '-'.

    The gene's name is the attribute ``gene_name``, else ``gene`` (as in RefSeq), else ``gene_id``.

    Raises
    ------
    GenomeError
        For a line that is not GTF, by file and line number, the last one being cut among them; if
        its header is that of GFF3; or if no line is of a transcript.
    """
    features: set[str] = set()
    names = _Names(path)
    number, line = 0, ""
    for number, line in text_lines(path):
        if number == 1 and _GFF3.match(line):
            raise _bad(path, number, f"the file is GFF3, and not GTF; {_TO_GTF}", line)
        # Of the millions of lines of a whole annotation few are taken apart.
        tabs = line.count("\t")
        if line.startswith(_TRACK_LINES) or (not tabs and not line.strip()):
            continue
        if tabs != 8:
            problem = f"{tabs + 1} instead of 9 tab-separated columns (GTF)"
            raise _bad(path, number, problem, line)
        feature = line.split("\t", 3)[2]
        features.add(feature)
        if feature == "transcript":
            yield _transcript(path, number, line, names)
    names.warn()
    # A line whose numbers are cut has too few columns; one whose attributes are looks whole.
    if line.count('"') % 2 and not line.startswith("#"):
        problem = "a quote is not closed in the last line: the file is cut short; get it again"
        raise _bad(path, number, problem, line)
    if "transcript" not in features:
        raise GenomeError(
            f"{path} has no lines of feature 'transcript', which the TSSs come from; its features "
            f"are {listing(sorted(features))}"
        )


def _transcript(path: Path, number: int, line: str, names: _Names) -> TSS:
    contig, _, _, first, last, _, strand, _, text = line.split("\t")
    start, end = _integer(first), _integer(last)
    if start is None or end is None or not 1 <= start <= end:
        problem = f"start {first!r} and end {last!r} are not integers with 1 <= start <= end"
        raise _bad(path, number, problem, line)
    if strand not in ("+", "-"):
        raise _bad(path, number, f"strand {strand!r} of a transcript is not '+' or '-'", line)
    values: dict[str, str] = {}
    tag = ""
    for name, quoted, bare in _ATTRIBUTE.findall(text):
        value = quoted or bare
        if name == "tag":
            # Of equals the first: a tag without a rank does not replace the empty one.
            tag = min(tag, value.replace(" ", "_"), key=tag_rank)
        else:
            values.setdefault(name, value)
    gene_id, transcript = values.get("gene_id"), values.get("transcript_id")
    if not gene_id or not transcript:
        missing = "transcript_id" if gene_id else "gene_id"
        problem = f'no attribute {missing} "..." (GTF; {_TO_GTF})'
        raise _bad(path, number, problem, line)
    return TSS(
        gene=names.plain(number, values.get("gene_name") or values.get("gene") or gene_id),
        gene_id=names.plain(number, gene_id),
        transcript=names.plain(number, transcript),
        contig=contig,
        position=start - 1 if strand == "+" else end - 1,
        strand=strand,
        tag=tag,
        span=end - start + 1,
    )


@cache
def tag_rank(tag: str) -> tuple[int, str]:
    """Sort key of tags: those that recommend a transcript most come first."""
    rank = next((i for i, name in enumerate(CANONICAL) if tag.startswith(name)), len(CANONICAL))
    return (rank, tag if rank < len(CANONICAL) else "")


def read_bed(path: Path) -> Iterator[TSS]:
    """The TSS of each line of a BED file with at least 6 columns: start on '+', end - 1 on '-'.

    A name of ``.`` is none: such a TSS goes by its place, ``contig:position:strand``.

    Raises
    ------
    GenomeError
        For a line that is not BED or has no strand, by file and line number.
    """
    names = _Names(path)
    for number, line in text_lines(path):
        if not line.strip() or line.startswith(_TRACK_LINES):
            continue
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) < 6:
            problem = (
                f"{len(columns)} instead of at least 6 columns (contig, start, end, name, score, "
                f"strand): the strand of a TSS is needed"
            )
            raise _bad(path, number, problem, line)
        contig, first, last, name, _, strand = (column.strip() for column in columns[:6])
        start, end = _integer(first), _integer(last)
        if start is None or end is None or not 0 <= start < end:
            problem = f"start {first!r} and end {last!r} are not integers with 0 <= start < end"
            raise _bad(path, number, problem, line)
        if strand not in ("+", "-"):
            problem = f"strand {strand!r} (column 6) is not '+' or '-', which a TSS needs"
            raise _bad(path, number, problem, line)
        position = start if strand == "+" else end - 1
        yield _named(names.plain(number, name), "", contig, position, strand)
    names.warn()


def read_table(path: Path, inputs: SequenceOf[str] = ()) -> Iterator[TSS]:
    """The TSSs of a table, comma- or tab-separated, with a header.

    Columns, in any order and either case: ``gene`` or ``name``; ``contig``, ``chrom`` or ``chr``;
    ``tss``, the 0-based position of the TSS base; ``strand``; and ``transcript`` if wanted. Others
    are passed over, and so are lines that start with ``#`` (but for a header that does).

    Parameters
    ----------
    path : Path
    inputs : sequence of str
        Further columns, of numbers, that are read.

    Raises
    ------
    GenomeError
        If a column is missing; or for a line that does not fit the header, by its number.
    """
    header: dict[str, int] | None = None
    width, delimiter = 0, ","
    names_read = _Names(path)
    for number, line in text_lines(path):
        if not line.strip():
            continue
        if header is None:
            delimiter = "\t" if "\t" in line else ","
            names = _cells(path, number, line.removeprefix("#"), delimiter)
            header, missing = _columns(names, inputs)
            width = len(names)
            if missing and line.startswith("#"):
                header = None
            elif missing:
                problem = (
                    f"the header lacks {' and '.join(missing)} (a table needs gene, contig, tss, "
                    f"which is 0-based, and strand)"
                )
                raise _bad(path, number, problem, line)
            continue
        if line.startswith("#"):
            continue
        values = _cells(path, number, line, delimiter)
        if len(values) != width:
            problem = f"{len(values)} instead of {width} columns, as the header has"
            raise _bad(path, number, problem, line)
        row = {name: values[at].strip() for name, at in header.items()}
        position = _integer(row["tss"])
        if position is None or position < 0:
            problem = f"tss {row['tss']!r} is not a 0-based position"
            raise _bad(path, number, problem, line)
        if row["strand"] not in ("+", "-"):
            raise _bad(path, number, f"strand {row['strand']!r} is not '+' or '-'", line)
        transcript = row.get("transcript", "")
        gene, transcript = (
            names_read.plain(number, row["gene"]),
            names_read.plain(number, transcript),
        )
        site = _named(gene, transcript, row["contig"], position, row["strand"])
        yield replace(site, inputs=_numbers(path, number, line, row, inputs)) if inputs else site
    names_read.warn()


def _numbers(
    path: Path, number: int, line: str, row: dict[str, str], columns: SequenceOf[str]
) -> tuple[float, ...]:
    """The values of columns of numbers."""
    values = []
    for column in columns:
        try:
            values.append(float(row[column]))
        except ValueError:
            values.append(float("nan"))
        if not isfinite(values[-1]):
            raise _bad(path, number, f"{column} {row[column]!r} is not a number", line)
    return tuple(values)


def _cells(path: Path, number: int, line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error as error:
        raise _bad(path, number, str(error), line) from None


_ALIASES = {
    "gene": ("gene", "name"),
    "contig": ("contig", "chrom", "chr"),
    "tss": ("tss",),
    "strand": ("strand",),
    "transcript": ("transcript",),
}


def _columns(names: list[str], inputs: SequenceOf[str] = ()) -> tuple[dict[str, int], list[str]]:
    """Positions of the columns of a table, and names of required ones that it lacks."""
    lower = [name.strip().lower() for name in names]
    positions = {
        field: lower.index(next(alias for alias in aliases if alias in lower))
        for field, aliases in _ALIASES.items()
        if any(alias in lower for alias in aliases)
    }
    required = [field for field in _ALIASES if field != "transcript"]
    missing = [" or ".join(map(repr, _ALIASES[f])) for f in required if f not in positions]
    own = [name.strip() for name in names]
    positions |= {name: own.index(name) for name in inputs if name in own}
    missing += [repr(name) for name in inputs if name not in own]
    return positions, missing


def _named(name: str, transcript: str, contig: str, position: int, strand: str) -> TSS:
    gene = name if name not in ("", ".") else f"{contig}:{position}:{strand}"
    return TSS(gene, "", transcript, contig, position, strand)


class _Names:
    """The names of a file, without control characters: tables and terminals take these for more.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed: dict[str, tuple[int, str]] = {}

    def plain(self, number: int, name: str) -> str:
        """The name, with a space for each run of control characters; `number` is the line's."""
        if name.isprintable() or not _CONTROL.search(name):  # the first is quicker
            return name
        plain = _CONTROL.sub(" ", name).strip()
        if not plain:
            raise GenomeError(
                f"{self._path}, line {number}: the name {name!r} is of control characters alone"
            )
        self._changed.setdefault(name, (number, plain))
        return plain

    def warn(self) -> None:
        """Warn of the names that were changed, in one sentence."""
        if not self._changed:
            return
        name, (number, plain) = next(iter(self._changed.items()))
        more = f", and {len(self._changed) - 1} more" if len(self._changed) > 1 else ""
        warnings.warn(
            f"{self._path}: control characters in names are read as a space: {name!r} as "
            f"{plain!r} in line {number}{more}",
            CremeWarning,
            stacklevel=3,
        )


def _integer(text: str) -> int | None:
    """The value of plain digits; int() alone also takes '1_000' and digits of other scripts."""
    text = text.strip()
    return int(text) if len(text) <= 15 and text.isascii() and text.isdigit() else None


def _bad(path: Path, number: int, problem: str, line: str) -> GenomeError:
    shown = line if len(line) <= 60 else line[:57] + "..."
    return GenomeError(f"{path}, line {number}: {problem}; the line is {shown!r}")
