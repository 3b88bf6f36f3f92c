"""The published table of AlphaGenome's tracks: what is in it, and those of one output."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creme import Track, TrackTable
from creme.errors import ConfigError, listing, nearest

_STRANDS = {"STRAND_POSITIVE": "+", "STRAND_NEGATIVE": "-"}
_PADDING = "padding"


@dataclass(frozen=True)
class ListedTrack:
    """A track of the table.

    Attributes
    ----------
    column : int
        Its place in the network's head, which has columns of no track besides.
    name, strand : str
    ontology : str
        Such as ``EFO:0002067``; empty where the track belongs to no sample.
    sample, assay, target : str
        The target is a factor or a mark.
    mean : float, optional
        Of the measured values that are not 0, by which the network's are multiplied.
    """

    column: int
    name: str
    strand: str
    ontology: str
    sample: str
    assay: str
    target: str
    mean: float | None


def read_tracks(path: Path, output: str) -> tuple[ListedTrack, ...]:
    """The tracks of one output, in the head's order, without padding.

    Parameters
    ----------
    path : Path
        ``OutputMetadataResponse_ORGANISM_*.textproto`` of alphagenome_research.
    output : str
        Such as ``rna_seq``.

    Raises
    ------
    ConfigError
        If the file cannot be read, or has no such output.
    """
    try:
        parts = _parsed(path.read_text(encoding="utf-8")).get("output_metadata", [])
        outputs = {
            str(part["output_type"][0]).removeprefix("OUTPUT_TYPE_").lower(): part for part in parts
        }
        rows = outputs[output]["tracks"][0]["metadata"] if output in outputs else []
        columns = [_record(column, row) for column, row in enumerate(rows)]
    except (OSError, ValueError, SyntaxError, KeyError, IndexError, TypeError) as error:
        raise ConfigError(
            f"the table of tracks {path} cannot be read ({error}): it is the .textproto that "
            f"creme models fetch alphagenome-torch targets brings"
        ) from None
    records = tuple(each for each in columns if each.name.lower() != _PADDING)
    if not records:  # or padding alone, as procap of the mouse
        raise ConfigError(
            f"the table of tracks {path} has no {output}: it has {listing(sorted(outputs), 20)}"
        )
    return records


def choose(
    records: tuple[ListedTrack, ...], output: str, terms: tuple[str, ...] | None
) -> tuple[ListedTrack, ...]:
    """Those that belong to one of the terms.

    Raises
    ------
    ConfigError
        If a term has none.
    """
    if terms is None:
        return records
    samples = {record.ontology: record.sample for record in records if record.ontology}
    for term in terms:
        if term not in samples:
            some = listing((f"{curie} ({name})" for curie, name in samples.items()), 4)
            raise ConfigError(
                f"alphagenome-torch: no track of {output} belongs to {term}"
                f"{nearest(term, samples)}; {len(samples)} terms have some"
                + (f", such as {some}" if some else ": leave out ontology_terms")
            )
    return tuple(record for record in records if record.ontology in terms)


def table(records: tuple[ListedTrack, ...], output: str) -> TrackTable:
    """The track table: names end in their strand, and pairs are those of one name."""
    places = {(record.name, record.strand): place for place, record in enumerate(records)}
    tracks = []
    for record in records:
        other = {"+": "-", "-": "+"}.get(record.strand, "")
        what = " ".join(filter(None, (record.assay or output, record.target)))
        sample = " ".join(filter(None, (record.sample, f"({record.ontology})")))
        tracks.append(
            Track(
                name=f"{record.name} {record.strand}" if other else record.name,
                description=f"{what}: {sample}" if record.ontology else what,
                assay=record.assay or output,
                cell_type=record.sample,
                strand=record.strand,  # type: ignore[arg-type]
                pair=places.get((record.name, other)),
            )
        )
    return TrackTable(tuple(tracks))


def digest(records: tuple[ListedTrack, ...]) -> str:
    """SHA-256 (hexadecimal) of all that the table says of tracks."""
    return hashlib.sha256(repr(records).encode()).hexdigest()


def _record(column: int, row: dict[str, list[Any]]) -> ListedTrack:
    def text(of: dict[str, list[Any]], key: str) -> str:
        return str(of.get(key, [""])[0])

    (term,) = row.get("ontology_term", [{}])
    (sample,) = row.get("biosample", [{}])
    kind = text(term, "ontology_type").removeprefix("ONTOLOGY_TYPE_")
    return ListedTrack(
        column=column,
        name=text(row, "name"),
        strand=_STRANDS.get(text(row, "strand"), "."),
        ontology=f"{kind}:{int(text(term, 'id')):07d}" if kind else "",
        sample=text(sample, "name") or text(row, "gtex_tissue"),
        assay=text(row, "assay"),
        target=text(row, "transcription_factor_code") or text(row, "histone_mark_code"),
        mean=float(row["nonzero_mean"][0]) if "nonzero_mean" in row else None,
    )


def _parsed(text: str) -> dict[str, list[Any]]:
    """Protocol buffers' text format, one field a line: values by field, in lists."""
    whole: dict[str, list[Any]] = {}
    open_ones = [whole]
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line == "}":
            open_ones.pop()
        elif line.endswith("{"):
            inner: dict[str, list[Any]] = {}
            open_ones[-1].setdefault(line.removesuffix("{").strip(), []).append(inner)
            open_ones.append(inner)
        elif line and not line.startswith("#"):
            key, colon, value = line.partition(": ")
            if not colon:
                raise ValueError(f"line {number}: {line[:40]!r}")
            # Bytes, as the format escapes them.
            quoted = value.startswith('"')
            open_ones[-1].setdefault(key, []).append(
                ast.literal_eval("b" + value).decode() if quoted else value
            )
    if len(open_ones) != 1:
        raise ValueError("it ends in the middle")
    return whole
