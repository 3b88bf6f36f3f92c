"""Sources of a store: a model with the bins and tracks that are kept of its output."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from typing import Any

from creme.model import Model, Selection
from creme.store import Source, Store


def source_description(model: Model, selection: Selection) -> dict[str, Any]:
    """The store's record of a source, for people and for `recorded_selection` to read."""
    return {
        "model": model.name,
        "version": model.version,
        "model_fingerprint": model.fingerprint,
        "bins": list(selection.bins),
        "tracks": [model.tracks[index].name for index in selection.tracks],
        "track_indices": list(selection.tracks),
        "bin_size": model.bin_size,
        "configuration": model.configuration(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def source_fingerprint(model: Model, selection: Selection) -> str:
    """SHA-256 (hexadecimal) of the model's fingerprint and of what is kept of its output."""
    kept = [model.fingerprint, selection.bins, selection.tracks]
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()


def recorded_selection(source: Source, model: Model) -> Selection | None:
    """The bins and tracks of a source; None if its description does not agree with it.

    Earlier versions recorded the names of tracks and no indices: the model's table has these. The
    source's fingerprint, computed again, shows whether they are the right ones.
    """
    recorded = source.description
    try:
        indices = recorded.get("track_indices")
        if indices is None:
            places = {track.name: index for index, track in enumerate(model.tracks)}
            indices = [places[name] for name in recorded["tracks"]]
        selection = Selection(tuple(recorded["bins"]), tuple(indices))
    except (KeyError, TypeError):
        return None
    same = source_fingerprint(model, selection) == source.fingerprint
    return selection if same else None


@dataclass(frozen=True)
class NarrowerSource:
    """A source of the same model that lacks bins or tracks of a selection.

    Attributes
    ----------
    bins, tracks : int
        How many of them it has.
    predictions : int
    """

    bins: int
    tracks: int
    predictions: int


def narrower_sources(store: Store, model: Model, selection: Selection) -> list[NarrowerSource]:
    """Sources of a model in the store that a selection cannot use; empty if there is one it can.

    Parameters
    ----------
    store : Store
        With those of others that are read before it.
    model : Model
    selection : Selection

    Returns
    -------
    list of NarrowerSource
        Those with predictions that lack bins or tracks of the selection, the largest first.
    """
    narrower = []
    for each in (*store.others, store):
        for source, its in sources_of(each, model):
            if contains(its, selection):
                if each.holds_any(source):
                    return []
            elif n := each.count(source):
                narrower.append(NarrowerSource(len(its.bins), len(its.tracks), n))
    return sorted(narrower, key=lambda one: -one.predictions)


def sources_of(store: Store, model: Model) -> list[tuple[Source, Selection]]:
    """The store's sources of a model, with their bins and tracks."""
    sources = store.sources_of(model.fingerprint)
    pairs = [(source, recorded_selection(source, model)) for source in sources]
    return [(source, selection) for source, selection in pairs if selection is not None]


def contains(wide: Selection, narrow: Selection) -> bool:
    """Whether a selection has all bins and tracks of another one."""
    return set(wide.bins) >= set(narrow.bins) and set(wide.tracks) >= set(narrow.tracks)
