"""Sources of a store: a model with the bins and tracks that are kept of its output."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from typing import Any

import numpy as np

from creme.model import Model, Selection
from creme.store import Source, Store


def source_description(model: Model, selection: Selection) -> dict[str, Any]:
    """The store's record of a source, for people and for `recorded_selection` to read."""
    heads = heads_kept(model, selection)
    for name, its in heads.items():
        head = model.heads[name]
        its["bin_size"] = head.bin_size
        if head.pairs is not None:  # whose bins are pairs of bins
            its["pairs"] = [head.n_bins, head.pairs]
    return {
        "model": model.name,
        "version": model.version,
        "model_fingerprint": model.fingerprint,
        "bins": list(selection.bins),
        "tracks": [model.tracks[index].name for index in selection.tracks],
        "track_indices": list(selection.tracks),
        "bin_size": model.bin_size,
        **({"heads": heads} if heads else {}),
        **({"inputs": list(model.inputs)} if model.inputs else {}),
        "configuration": model.configuration(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def heads_kept(model: Model, selection: Selection) -> dict[str, Any]:
    """JSON values of the further heads that are kept: bins, and tracks by name and index."""
    return {
        name: {
            "bins": list(its.bins),
            "tracks": [model.heads[name].tracks[index].name for index in its.tracks],
            "track_indices": list(its.tracks),
        }
        for name, its in selection.heads
    }


def source_fingerprint(model: Model, selection: Selection) -> str:
    """SHA-256 (hexadecimal) of the model's fingerprint and of what is kept of its output."""
    kept: list[Any] = [model.fingerprint, selection.bins, selection.tracks]
    if selection.heads:
        kept.append([[name, its.bins, its.tracks] for name, its in selection.heads])
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
        heads = tuple(
            (name, Selection(tuple(its["bins"]), tuple(its["track_indices"])))
            for name, its in recorded.get("heads", {}).items()
        )
        selection = Selection(tuple(recorded["bins"]), tuple(indices), heads)
    except (AttributeError, KeyError, TypeError):
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
    pairs = [(wide, narrow)]
    heads = dict(wide.heads)
    for name, its in narrow.heads:
        if name not in heads:
            return False
        pairs.append((heads[name], its))
    return all(
        set(more.bins) >= set(less.bins) and set(more.tracks) >= set(less.tracks)
        for more, less in pairs
    )


def places(wide: Selection, narrow: Selection) -> Any:
    """An index that takes a selection's part out of a row of a wider one, ``wide.shape``."""
    if not wide.heads:
        return _ix(wide, narrow)
    numbers: Any = np.arange(np.prod(wide.shape)).reshape(1, *wide.shape)
    parts = {
        head: wide.values(numbers, head)[0][_ix(wide.of_head(head), narrow.of_head(head))][None]
        for head in ("", *dict(narrow.heads))
    }
    return np.zeros(narrow.shape, dtype=np.intp), narrow.joined(parts)[0]


def _ix(wide: Selection, narrow: Selection) -> tuple[Any, ...]:
    bins = {index: place for place, index in enumerate(wide.bins)}
    tracks = {index: place for place, index in enumerate(wide.tracks)}
    return np.ix_([bins[index] for index in narrow.bins], [tracks[i] for i in narrow.tracks])
