"""How each activity is read, as text that two experiments can be compared by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as SequenceOf
from typing import Any

from creme.model import Model, Readout, Selection


def readings(
    model: Model, selection: Selection, readouts: SequenceOf[Readout], labels: Iterable[str]
) -> dict[str, Any]:
    """How each activity is read, by its label: JSON values.

    Bins are indices, so that two ways to ask for the same bins are the same; the track is that of
    the label, unless the activity is a mean over several.
    """
    described: dict[str, Any] = {}
    for label in labels:
        named = [r for r in readouts if r.name and f"{label}:".startswith(f"{r.name}:")]
        unnamed = [r for r in readouts if not r.name]
        readout = max(named, key=lambda r: len(r.name), default=(unnamed or [*readouts])[0])
        way = readout.configuration()
        grid = model.grid_of(readout.head)
        bins = selection.of_head(readout.head).bins if readout.bins is None else readout.bins
        if not isinstance(bins, Mapping):
            way["bins"] = list(grid.select_bins(bins))
        if readout.over_tracks == "each":
            del way["tracks"], way["strand"]
        described[label] = {key: value for key, value in way.items() if key != "name"}
    return json.loads(json.dumps(described))


def notes_on_strands(
    model: Model, selection: Selection, readouts: SequenceOf[Readout]
) -> list[str]:
    """A sentence where a readout of all loci alike reads tracks of both strands."""
    for readout in readouts:
        if readout.by_locus or readout.minus is not None:
            continue
        bound = model.bind(readout, selection)
        table, kept = model.grid_of(readout.head).tracks, selection.of_head(readout.head)
        read = [table[kept.tracks[place]] for place in bound.tracks]
        named = {track.strand: track.name for track in read}
        if {"+", "-"} <= set(named):
            mixed = ", and averages them" if bound.over_tracks == "mean" else ""
            return [
                f"a readout reads tracks of both strands ({named['+']!r}, {named['-']!r})"
                f"{mixed}. A locus is read along its gene, so that '+' is the gene's own strand, "
                f"and '-' antisense to it: strand = '+' in [model] or [[readouts]] takes the "
                f"gene's, and a readout for each strand keeps both without this note"
            ]
    return []
