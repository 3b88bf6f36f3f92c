"""Readouts: what of a model's output is kept, and how activities are read from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from creme.parameters import Parameters
from creme.tracks import is_index, track_choices

_MOST_BINS = 2**24  # more than any model has


@dataclass(frozen=True)
class Selection:
    """The part of a model's output that is kept: some bins of some tracks.

    Attributes
    ----------
    bins, tracks : tuple of int
        Indices into the model's output, ascending.
    """

    bins: tuple[int, ...]
    tracks: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of bins and of tracks."""
        return len(self.bins), len(self.tracks)

    def take(self, output: NDArray[np.float32]) -> NDArray[np.float32]:
        """The selection's part of whole outputs, (B, n_bins, n_tracks) to (B, *shape)."""
        part = output[:, _span(self.bins), :][:, :, _span(self.tracks)]
        return np.ascontiguousarray(part, dtype=np.float32)


def _span(indices: tuple[int, ...]) -> slice | list[int]:
    """A slice where the indices are consecutive, so that nothing is gathered."""
    if indices == tuple(range(indices[0], indices[-1] + 1)):
        return slice(indices[0], indices[-1] + 1)
    return list(indices)


def _choice_of_tracks(value: Any) -> list[int | str] | None:
    return None if value is None else track_choices(value)


def _choice_of_bins(value: Any) -> list[int] | str | None:
    if value is None or isinstance(value, str):
        return value
    return list(bin_choices(value, _MOST_BINS))


def bin_choices(value: Any, end: int) -> Iterator[int]:
    """The bins of a list, or a single one, up to the first that is no bin below `end`.

    They are looked at one by one: a range may be longer than there is memory.

    Raises
    ------
    ValueError
        If something else stands in it.
    """
    items = [value] if is_index(value) else value
    if not isinstance(items, Iterable) or isinstance(items, Mapping | str | bytes):
        items = [None]
    for item in items:
        if not is_index(item):
            raise ValueError("give 'tss', 'all', 'first-last', a bin or a list of bins")
        yield int(item)
        if not 0 <= item < end:
            return


class Readout(Parameters):
    """How an activity is read from the kept bins and tracks.

    A readout gives one activity for each of its tracks (``over_tracks = "each"``) or a single one
    (``"mean"``). TSS activity in the paper is one bin of one track.
    """

    name: str = Field("", description="label of the activity in results")
    tracks: Annotated[list[int | str] | None, BeforeValidator(_choice_of_tracks)] = Field(
        None, description="indices, names or regular expressions; all kept tracks unless given"
    )
    strand: Literal["+", "-", "."] | None = Field(
        None, description="only tracks of this strand; '+' is the gene's"
    )
    bins: Annotated[list[int] | str | None, BeforeValidator(_choice_of_bins)] = Field(
        None, description="'tss', 'all', a list of bins, or 'first-last'; all kept bins if absent"
    )
    over_bins: Literal["mean", "sum"] = "mean"
    over_tracks: Literal["each", "mean"] = "each"


@dataclass(frozen=True)
class BoundReadout:
    """A readout with its positions in a selection, ready to be applied."""

    bins: tuple[int, ...]
    tracks: tuple[int, ...]
    over_bins: str
    over_tracks: str
    labels: tuple[str, ...] = field(default=())

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Activities of kept values, (n, bins, tracks) to (n, len(labels)) float32.

        Sums run in float64, so that they do not depend on how many values are summed at once.
        """
        part = values[:, _span(self.bins), :][:, :, _span(self.tracks)].astype(np.float64)
        result = part.mean(axis=1) if self.over_bins == "mean" else part.sum(axis=1)
        if self.over_tracks == "mean":
            result = result.mean(axis=1, keepdims=True)
        return result.astype(np.float32)
