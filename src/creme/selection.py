"""The part of a model's output that is kept: bins and tracks, of one grid or of several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from creme.errors import ConfigError, ModelError, listing

Values = NDArray[np.float32]


class HeadPart(NamedTuple):
    """Where the kept values of one head lie among those of all: ``n = bins * tracks`` from `start`.

    Within them tracks run fastest.
    """

    start: int
    bins: int
    tracks: int

    def of(self, values: Values) -> Values:
        """The head's part of kept values of several heads, (n, 1, K) to (n, bins, tracks)."""
        end = self.start + self.bins * self.tracks
        return values[:, 0, self.start : end].reshape(len(values), self.bins, self.tracks)


@dataclass(frozen=True)
class Selection:
    """The part of a model's output that is kept: some bins of some tracks.

    Attributes
    ----------
    bins, tracks : tuple of int
        Indices into the model's output, ascending.
    heads : tuple of (str, Selection)
        Bins and tracks of further heads that are kept, by name; see `creme.heads.OutputHead`. With
        any, a sequence's kept values are one row, (1, K): those of the model's own grid, and then
        those of each head, each by bin and within it by track.
    """

    bins: tuple[int, ...]
    tracks: tuple[int, ...]
    heads: tuple[tuple[str, Selection], ...] = ()

    def __post_init__(self) -> None:
        # Whoever names them, in whatever order: the same values are kept, in the same places.
        object.__setattr__(self, "heads", tuple(sorted(self.heads, key=lambda one: one[0])))

    @property
    def shape(self) -> tuple[int, int]:
        """Of a sequence's kept values: number of bins and of tracks; (1, K) with further heads."""
        own = len(self.bins), len(self.tracks)
        if not self.heads:
            return own
        counts = [len(each.bins) * len(each.tracks) for each in (self, *dict(self.heads).values())]
        return 1, sum(counts)

    def of_head(self, head: str) -> Selection:
        """The kept bins and tracks of one head; of the model's own grid for an empty name.

        Raises
        ------
        ConfigError
            If nothing of it is kept.
        """
        if not head:
            return Selection(self.bins, self.tracks) if self.heads else self
        kept = dict(self.heads)
        if head not in kept:
            also = f"; kept are {listing(kept)}" if kept else ""
            raise ConfigError(
                f"nothing of head {head!r} is kept: add [model.heads] {head} = {{}}, or with bins "
                f"and tracks{also}"
            )
        return kept[head]

    def part(self, head: str) -> HeadPart | None:
        """Where the values of a head are; None where there are no further heads.

        Raises
        ------
        ConfigError
            If nothing of it is kept.
        """
        if not self.heads:
            self.of_head(head)
            return None
        start = 0
        for name, each in (("", self), *self.heads):
            if name == head:
                return HeadPart(start, len(each.bins), len(each.tracks))
            start += len(each.bins) * len(each.tracks)
        self.of_head(head)
        return None

    def values(self, kept: Values, head: str = "") -> Values:
        """The kept values of one head, ``(n, *shape)`` to (n, bins, tracks)."""
        part = self.part(head)
        return kept if part is None else part.of(kept)

    def joined(self, parts: Mapping[str, Values]) -> Values:
        """Kept values of the heads by name, each (n, bins, tracks), as ``(n, *shape)``."""
        if not self.heads:
            return parts[""]
        names = ["", *(name for name, _ in self.heads)]
        flat = [parts[name].reshape(len(parts[name]), 1, -1) for name in names]
        return np.concatenate(flat, axis=2)

    def take(self, output: Values | Mapping[str, Values]) -> Values:
        """The selection's part of whole outputs, (B, n_bins, n_tracks) to ``(B, *shape)``.

        Parameters
        ----------
        output : array, or dict of str to array
            With further heads that of each by name, and of the model's own grid under ``""``.

        Raises
        ------
        ModelError
            If they are complex numbers, or masked, or the output of a kept head is missing.
        """
        if not isinstance(output, Mapping):
            if self.heads:
                raise ModelError("a model with heads gives the output of each by its name")
            return self._taken(output)
        for name, _ in (("", self), *self.heads):
            if name not in output:
                raise ModelError(f"the model returned no output of head {name!r}")
        own = {name: each._taken(output[name]) for name, each in (("", self), *self.heads)}
        return self.joined(own)

    def _taken(self, output: Values) -> Values:
        require_real(output)
        part = output[:, span(self.bins), :][:, :, span(self.tracks)]
        return np.ascontiguousarray(part, dtype=np.float32)


def require_real(output: Any) -> None:
    """Refuse an output that would be cast to real numbers silently.

    Raises
    ------
    ModelError
    """
    if isinstance(output, np.ma.MaskedArray):
        raise ModelError("the model returned masked values: an output is an array of real numbers")
    if np.iscomplexobj(output):
        raise ModelError("the model returned complex numbers: an output is of real numbers")


def span(indices: tuple[int, ...]) -> slice | list[int]:
    """A slice where the indices are consecutive, so that nothing is gathered."""
    if indices == tuple(range(indices[0], indices[-1] + 1)):
        return slice(indices[0], indices[-1] + 1)
    return list(indices)


def whole(grids: Iterable[tuple[str, int, int]]) -> Selection:
    """All bins and tracks of a model's own grid, which comes first, and of its heads.

    Parameters
    ----------
    grids : iterable of (name, bins, tracks)
    """
    own, *heads = [(name, Selection(tuple(range(n)), tuple(range(k)))) for name, n, k in grids]
    return Selection(own[1].bins, own[1].tracks, tuple(heads))
