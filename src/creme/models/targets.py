"""Published tables of a model's tracks: ``targets.txt`` of Basenji, Enformer and Borzoi."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import IO, Literal

from creme.errors import ConfigError, listing
from creme.model import Track, TrackTable


def read_targets(path: Path, n_tracks: int) -> TrackTable:
    """Read a table of tracks.

    It is tab-separated with a header, and may be gzipped; its first column is the track's index,
    and the columns ``identifier``, ``description`` and (for stranded tracks) ``strand_pair`` are
    used. A track with another as its pair is stranded, and the last letter of its identifier says
    on which strand.

    Parameters
    ----------
    path : Path
        The file.
    n_tracks : int
        The number of tracks that the model has.

    Raises
    ------
    ConfigError
        Where the file is missing or malformed, or has another number of tracks.
    """
    try:
        with _open(path) as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            columns = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"The table of tracks {str(path)!r} cannot be read: {error}.") from None
    missing = [name for name in ("identifier", "description") if name not in columns]
    if missing:
        raise ConfigError(
            f"{path} lacks the columns {listing(missing)}; a tab-separated table of tracks with a"
            f" header is expected, and it has {listing(columns)}."
        )
    if len(rows) != n_tracks:
        raise ConfigError(
            f"{path} has {len(rows)} tracks, but the head of the network has {n_tracks} outputs."
        )
    places = {row[columns[0]]: place for place, row in enumerate(rows)}
    tracks = []
    for place, row in enumerate(rows):
        if None in row.values() or None in row:
            raise ConfigError(f"{path}: the row of track {place} has not {len(columns)} columns.")
        pair = places.get(row.get("strand_pair", row[columns[0]]))
        if pair is None:
            raise ConfigError(
                f"{path}: the strand pair {row['strand_pair']!r} of track {place}"
                f" ({row['identifier']}) is not in the table."
            )
        assay, _, cell_type = row["description"].partition(":")
        if assay == "CHIP":
            # The antibody's target stands between the two.
            cell_type = cell_type.partition(":")[2]
        tracks.append(
            Track(
                name=row["identifier"],
                description=row["description"],
                assay=assay if cell_type else "",
                cell_type=cell_type,
                strand="." if pair == place else _strand(path, place, row["identifier"]),
                pair=None if pair == place else pair,
            )
        )
    _check_pairs(path, tracks)
    return TrackTable(tuple(tracks))


def _strand(path: Path, place: int, identifier: str) -> Literal["+", "-"]:
    match identifier[-1:]:
        case "+":
            return "+"
        case "-":
            return "-"
    raise ConfigError(
        f"{path}: track {place} ({identifier}) has a strand pair, but its identifier does not end"
        " with '+' or '-'."
    )


def _check_pairs(path: Path, tracks: list[Track]) -> None:
    for place, track in enumerate(tracks):
        if track.pair is None:
            continue
        other = tracks[track.pair]
        if other.pair != place or other.strand == track.strand:
            raise ConfigError(
                f"{path}: tracks {place} ({track.name}) and {track.pair} ({other.name}) are not"
                " each other's pair on opposite strands."
            )


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")
