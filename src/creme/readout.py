"""Readouts: what of a model's output is kept, and how activities are read from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from creme.errors import ModelError
from creme.parameters import Parameters
from creme.tracks import is_index, track_choices

_LARGEST_EXPONENT = float(np.log(np.finfo(np.float32).max))

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


Transform = Literal["exp", "expm1", "sigmoid", "log"]


class Readout(Parameters):
    """How an activity is read from the kept bins and tracks.

    A readout gives one activity for each of its tracks (``over_tracks = "each"``) or a single one
    (``"mean"``). TSS activity in the paper is one bin of one track.

    Activities are best on a scale where 0 is none at all: effects are shares of them. A
    ``transform`` brings a model's own scale there (``"exp"`` for log activities, ``"expm1"`` for
    log(1 + x), ``"sigmoid"`` for logits). In this order, in float64: the transform of each bin of
    each track; the mean or sum over bins; the mean over tracks.
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
    transform: Transform | None = Field(
        None,
        description="'exp', 'expm1', 'sigmoid' or 'log' of each bin of each track, before the mean "
        "or sum over bins and the mean over tracks",
    )
    pseudo_count: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="for transform = 'log', which needs it: log(value + pseudo_count)",
    )

    @model_validator(mode="after")
    def _check_pseudo_count(self) -> Self:
        if (self.transform == "log") != (self.pseudo_count is not None):
            raise ValueError(
                "pseudo_count belongs to transform = 'log', and to no other; 0 where no value is 0"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """The parameters; a transform only where there is one."""
        identity = super().identity()
        # Results of before there were transforms stay those of the same experiment.
        for name in ("transform", "pseudo_count"):
            if identity[name] is None:
                del identity[name]
        return identity


@dataclass(frozen=True)
class BoundReadout:
    """A readout with its positions in a selection, ready to be applied."""

    bins: tuple[int, ...]
    tracks: tuple[int, ...]
    over_bins: str
    over_tracks: str
    labels: tuple[str, ...] = field(default=())
    transform: Transform | None = None
    pseudo_count: float | None = None

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Activities of kept values, (n, bins, tracks) to (n, len(labels)) float32.

        The transform comes first, bin by bin. Sums run in float64, so that they do not depend on
        how many values are summed at once.

        Raises
        ------
        ModelError
            If the transform of a value is beyond float32, as exp of 89 is; a logarithm of what is
            below 0 is NaN.
        """
        part = values[:, _span(self.bins), :][:, :, _span(self.tracks)].astype(np.float64)
        if self.transform is not None:
            part = self._transformed(part)
        result = part.mean(axis=1) if self.over_bins == "mean" else part.sum(axis=1)
        if self.over_tracks == "mean":
            result = result.mean(axis=1, keepdims=True)
        return result.astype(np.float32)

    def _transformed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        match self.transform:
            case "exp" | "expm1":
                largest = float(np.max(values, initial=0, where=np.isfinite(values)))
                if largest > _LARGEST_EXPONENT:
                    raise ModelError(
                        f"transform = {self.transform!r} of the output {largest:.4g} is beyond "
                        f"float32: it is for outputs that are logarithms of activities"
                    )
                return np.exp(values) if self.transform == "exp" else np.expm1(values)
            case "sigmoid":
                from scipy.special import expit

                return np.asarray(expit(values))
            case _:
                assert self.pseudo_count is not None
                raised = values + self.pseudo_count
                return np.log(raised, out=np.full_like(raised, np.nan), where=raised > 0)
