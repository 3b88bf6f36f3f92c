"""Published tables of a model's tracks: ``targets.txt`` of Basenji, Enformer and Borzoi."""

from __future__ import annotations

import csv
import gzip
import zlib
from pathlib import Path
from typing import IO, Literal

from creme.errors import ConfigError, listing
from creme.files.fetch import Download
from creme.files.small import require_file
from creme.model import Track, TrackTable

_BASENJI = (
    "https://raw.githubusercontent.com/calico/basenji/74b867105a235a3e0eb663022cee2fbf430deaf0"
    "/manuscripts/cross2020"
)

ENFORMER_TARGETS = (
    Download(
        "targets_human.txt",
        f"{_BASENJI}/targets_human.txt",
        "5,313 human tracks",
        "d90233175a9fec389e5ac04cc4aac8cfc08c4aa86217e2e5c10221de78023580",
    ),
    Download(
        "targets_mouse.txt",
        f"{_BASENJI}/targets_mouse.txt",
        "1,643 mouse tracks",
        "f76c869a38bfc79690d7a43e86f155db9b8ac8085ff5a717f99358b3253cd230",
    ),
)
"""The tables of Enformer's tracks as published; the same for every implementation."""


def track_table(path: Path | None, n_tracks: int, *, stranded: bool = True) -> TrackTable:
    """A table of tracks as `read_targets`; without a file ``track0``, ``track1`` and so on.

    Parameters
    ----------
    path : Path, optional
    n_tracks : int
    stranded : bool
        Whether there may be tracks of one strand, which only the file can tell.
    """
    if path is None:
        named = tuple(Track(f"track{index}") for index in range(n_tracks))
        return TrackTable(named, strands_known=not stranded)
    return read_targets(path, n_tracks)


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
    columns, rows = _read(path, n_tracks, ("identifier", "description"))
    places = {row[columns[0]]: place for place, row in enumerate(rows)}
    tracks = []
    for place, row in enumerate(rows):
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


def read_columns(path: Path, n_tracks: int, names: tuple[str, ...]) -> dict[str, list[str]]:
    """Further columns of a table of tracks, as text.

    Raises
    ------
    ConfigError
        As `read_targets`; also where the table lacks one of the columns.
    """
    _, rows = _read(path, n_tracks, names)
    return {name: [row[name] for row in rows] for name in names}


def _read(
    path: Path, n_tracks: int, needed: tuple[str, ...]
) -> tuple[list[str], list[dict[str, str]]]:
    """Names of the columns, and the rows."""
    try:
        require_file(path)
        with _open(path) as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            columns = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise ConfigError(f"The table of tracks {str(path)!r} cannot be read: {error}.") from None
    missing = [name for name in needed if name not in columns]
    if missing:
        raise ConfigError(
            f"{path} lacks the columns {listing(missing)}; a tab-separated table of tracks with a"
            f" header is expected, and it has {listing(columns)}."
        )
    if len(rows) != n_tracks:
        raise ConfigError(
            f"{path} has {len(rows)} tracks, but the head of the network has {n_tracks} outputs."
        )
    for place, row in enumerate(rows):
        if None in row.values() or None in row:
            raise ConfigError(f"{path}: the row of track {place} has not {len(columns)} columns.")
    return columns, rows


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
    place = TrackTable(tuple(tracks)).mispaired()
    if place is None:
        return
    pair = tracks[place].pair
    assert pair is not None
    raise ConfigError(
        f"{path}: tracks {place} ({tracks[place].name}) and {pair} ({tracks[pair].name}) are not"
        " each other's pair on opposite strands."
    )


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")
