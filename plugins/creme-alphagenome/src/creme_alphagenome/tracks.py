"""The tracks that the service offers: what it says of them, kept on disk, as a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from creme import Track, TrackTable
from creme.adapters import cache_folder, write_text
from creme.errors import ConfigError, ModelError, listing, nearest

_FORMAT = 1


@dataclass(frozen=True)
class Record:
    """A track as the service describes it; empty or None where it does not."""

    name: str
    strand: str
    ontology: str = ""
    biosample: str = ""
    biosample_type: str = ""
    life_stage: str = ""
    assay: str = ""
    histone_mark: str = ""
    transcription_factor: str = ""
    gtex_tissue: str = ""
    data_source: str = ""
    endedness: str = ""
    genetically_modified: bool | None = None
    nonzero_mean: float | None = None


Offer = dict[str, tuple[Record, ...]]
"""Tracks by output (``cage``, ``rna_seq``, ...), in the service's order."""


def strand_of(value: int, model: Any) -> str:
    """'+', '-' or '.' of a strand in the SDK's protocol module."""
    return {model.STRAND_POSITIVE: "+", model.STRAND_NEGATIVE: "-"}.get(value, ".")


def read_metadata(responses: Iterable[Any], model: Any) -> Offer:
    """The tracks in replies to a request for metadata; outputs of other kinds are left out."""
    offer: Offer = {}
    for response in responses:
        for part in response.output_metadata:
            if part.WhichOneof("payload") == "tracks":
                output = _word(model.OutputType, part.output_type, "OUTPUT_TYPE_")
                records = tuple(_record(track, model) for track in part.tracks.metadata)
                offer[output] = offer.get(output, ()) + records
    return offer


def _record(track: Any, model: Any) -> Record:
    term, sample = track.ontology_term, track.biosample
    curie = ""
    if track.HasField("ontology_term"):
        kind = model.OntologyType.Name(term.ontology_type).removeprefix("ONTOLOGY_TYPE_")
        curie = f"{kind}:{term.id:07d}"
    has_sample = track.HasField("biosample")
    return Record(
        name=track.name,
        strand=strand_of(track.strand, model),
        ontology=curie,
        biosample=sample.name if has_sample else "",
        biosample_type=(
            _word(model.BiosampleType, sample.type, "BIOSAMPLE_TYPE_") if has_sample else ""
        ),
        life_stage=sample.stage,
        assay=track.assay,
        histone_mark=track.histone_mark_code,
        transcription_factor=track.transcription_factor_code,
        gtex_tissue=track.gtex_tissue,
        data_source=track.data_source,
        endedness=(
            _word(model.Endedness, track.endedness, "ENDEDNESS_")
            if track.HasField("endedness")
            else ""
        ),
        genetically_modified=(
            track.genetically_modified if track.HasField("genetically_modified") else None
        ),
        nonzero_mean=track.nonzero_mean if track.HasField("nonzero_mean") else None,
    )


def _word(enum: Any, value: int, prefix: str) -> str:
    names = {number: name for name, number in enum.items()}
    return str(names.get(value, value)).removeprefix(prefix).lower()


def choose(
    offer: Offer, output: str, terms: tuple[str, ...] | None, organism: str
) -> tuple[Record, ...]:
    """The tracks of an output that belong to one of the terms, in the service's order.

    Raises
    ------
    ConfigError
        If the output, or a term, has no tracks.
    """
    records = offer.get(output, ())
    if not records:
        raise ConfigError(
            f"alphagenome: the service has no tracks of {output} for {organism}; it has those of "
            f"{listing(sorted(offer), 20)}"
        )
    if terms is None:
        return records
    samples = {record.ontology: record.biosample for record in records if record.ontology}
    if not samples:
        raise ConfigError(
            f"alphagenome: the tracks of {output} belong to no sample: leave out ontology_terms"
        )
    for term in terms:
        if term not in samples:
            raise ConfigError(
                f"alphagenome: no track of {output} for {organism} belongs to {term}"
                f"{nearest(term, samples)}; {len(samples)} terms have some, such as "
                f"{listing((f'{curie} ({name})' for curie, name in samples.items()), 4)}"
            )
    return tuple(record for record in records if record.ontology in terms)


def digest(records: tuple[Record, ...]) -> str:
    """SHA-256 (hexadecimal) of all that the service says of tracks."""
    text = json.dumps([asdict(record) for record in records], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def table(records: tuple[Record, ...], output: str) -> TrackTable:
    """The track table: names end in their strand, and pairs are those of one name.

    Raises
    ------
    ModelError
        If two tracks have the same name and strand.
    """
    places = {(record.name, record.strand): place for place, record in enumerate(records)}
    if len(places) < len(records):
        raise ModelError(f"model alphagenome: two tracks of {output} have one name and strand")
    tracks = []
    for record in records:
        other = {"+": "-", "-": "+"}.get(record.strand, "")
        tracks.append(
            Track(
                name=f"{record.name} {record.strand}" if other else record.name,
                description=_described(record, output),
                assay=record.assay or output,
                cell_type=record.biosample or record.gtex_tissue,
                strand=record.strand,  # type: ignore[arg-type]
                pair=places.get((record.name, other)),
            )
        )
    return TrackTable(tuple(tracks))


def _described(record: Record, output: str) -> str:
    """Such as ``TF ChIP-seq CTCF: K562 (EFO:0002067)``."""
    what = [record.assay or output, record.transcription_factor, record.histone_mark]
    sample = [record.biosample or record.gtex_tissue, record.life_stage]
    of = " ".join(filter(None, sample))
    curie = f" ({record.ontology})" if record.ontology else ""
    return " ".join(filter(None, what)) + (f": {of}" if of else "") + curie


def _file(organism: str, address: str, sdk: str) -> Path:
    where = hashlib.sha256(address.encode()).hexdigest()[:12]
    return cache_folder() / "alphagenome" / f"{organism}-{sdk}-{where}.json"


def kept(organism: str, address: str, sdk: str) -> Offer | None:
    """The service's last reply on its tracks; None if that is not on disk."""
    try:
        content = json.loads(_file(organism, address, sdk).read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            return None
        offer = {
            output: tuple(Record(**record) for record in records)
            for output, records in content["outputs"].items()
        }
        whole = content["digests"] == _digests(offer)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # not there, or not ours: asked for again
    return offer if whole else None


def keep(offer: Offer, organism: str, address: str, sdk: str) -> None:
    """Keep on disk what the service offers, so that describing the model needs no network."""
    content = {
        "format": _FORMAT,
        "digests": _digests(offer),
        "outputs": {output: [asdict(r) for r in records] for output, records in offer.items()},
    }
    file = _file(organism, address, sdk)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(content))
    except OSError:
        pass  # a cache that cannot be written is no reason not to work


def _digests(offer: Offer) -> dict[str, str]:
    return {output: digest(records) for output, records in offer.items()}
