"""Readouts: what of a model's output is kept, and how activities are read from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from creme.errors import ConfigError, ModelError
from creme.files.small import read_text
from creme.parameters import Parameters
from creme.selection import HeadPart, span
from creme.tracks import is_index, track_choices

_LARGEST_EXPONENT = float(np.log(np.finfo(np.float32).max))

_MOST_BINS = 2**24  # more than any model has


def _choice_of_tracks(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: track_choices(part) for name, part in value.items()}
    return None if value is None else track_choices(value)


def _choice_of_bins(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _bins_of_all(part) for name, part in value.items()}
    return None if value is None else _bins_of_all(value)


def _bins_of_all(value: Any) -> list[int] | str:
    return value if isinstance(value, str) else list(bin_choices(value, _MOST_BINS))


def tracks_of_file(path: Path) -> list[int | str]:
    """The tracks that a file lists: a name, an index or a regular expression a line.

    Empty lines, and those that begin with ``#``, are passed over.

    Raises
    ------
    ConfigError
        If it cannot be read, or lists none.
    """
    try:
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"tracks_file = {str(path)!r} cannot be read: {error}") from None
    words = [line.strip() for line in lines]
    tracks: list[int | str] = [
        int(word) if word.isascii() and word.isdigit() else word
        for word in words
        if word and not word.startswith("#")
    ]
    if not tracks:
        raise ConfigError(f"tracks_file = {str(path)!r} lists no track")
    return tracks


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
Bins = list[int] | str
Tracks = list[int | str]


class Readout(Parameters):
    """How an activity is read from the kept bins and tracks.

    A readout gives one activity for each of its tracks (``over_tracks = "each"``) or a single one
    (``"mean"``). TSS activity in the paper is one bin of one track.

    The bins are the same for all loci, or chosen by locus, or those of the exons of the locus's
    gene (``of = "exons"``), or those of every annotated TSS in the output window, an activity for
    each (``of = "neighbours"``).

    Activities are best on a scale where 0 is none at all: effects are shares of them. A
    ``transform`` brings a model's own scale there (``"exp"`` for log activities, ``"expm1"`` for
    log(1 + x), ``"sigmoid"`` for logits). In this order, in float64: the transform of each bin of
    each track; its weight, or the share of it that is exon; the mean, sum or maximum over bins; the
    mean over tracks; the difference from another readout, or the logarithm of their ratio.
    """

    name: str = Field("", description="label of the activity in results")
    head: str = Field(
        "", description="the head of the model that is read; the model's own grid unless given"
    )
    of: Literal["bins", "exons", "neighbours"] = Field(
        "bins",
        description="the bins that are read: those chosen; those of the exons of the locus's gene; "
        "or those of each annotated TSS in the output window, an activity for each",
    )
    tracks: Annotated[Tracks | dict[str, Tracks] | None, BeforeValidator(_choice_of_tracks)] = (
        Field(
            None,
            description="indices, names or regular expressions; all kept tracks unless given; or "
            "these for each locus by name, without the others",
        )
    )
    tracks_file: Path | None = Field(
        None, description="a file that lists them, one a line, in place of tracks"
    )
    strand: Literal["+", "-", "."] | None = Field(
        None,
        description="only tracks of this strand; '+' is the gene's: of neighbours, of each one's "
        "own, and that unless given",
    )
    bins: Annotated[Bins | dict[str, Bins] | None, BeforeValidator(_choice_of_bins)] = Field(
        None,
        description="'tss', 'all', a list of bins, or 'first-last'; all kept bins if absent; or "
        "these for each locus by name, without the others",
    )
    flank: int = Field(
        0, ge=0, description="bins on either side of the TSS's, for bins = 'tss' and neighbours"
    )
    weights: list[float] | None = Field(
        None,
        min_length=1,
        description="a weight for each bin, 5' to 3' along the gene that is read",
    )
    over_bins: Literal["mean", "sum", "max"] = Field(
        "mean", description="'mean', 'sum' or 'max'; unless given 'sum' of exons, else 'mean'"
    )
    over_tracks: Literal["each", "mean"] = "each"
    transform: Transform | None = Field(
        None,
        description="'exp', 'expm1', 'sigmoid' or 'log' of each bin of each track, before all else",
    )
    pseudo_count: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="for transform = 'log', which needs it: log(value + pseudo_count)",
    )
    transcripts: str | dict[str, str] | None = Field(
        None,
        description="of the annotation: 'all', the union of their exons or every TSS, unless "
        "given; 'representative', one a gene; for exons also the id of one, or one for each locus "
        "by name",
    )
    gtf: Path | None = Field(
        None,
        description="annotation of the exons or of the TSSs; the one that the loci come from "
        "unless given",
    )
    minus: str | None = Field(
        None, description="name of another readout, with which it is compared"
    )
    minus_scale: Literal["difference", "log_ratio"] = Field(
        "difference", description="this one - the other, or log2(this one / the other)"
    )

    @model_validator(mode="before")
    @classmethod
    def _exons_are_summed(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("of") == "exons":
            return {"over_bins": "sum", **values}
        return values

    @model_validator(mode="after")
    def _check_pseudo_count(self) -> Self:
        if (self.transform == "log") != (self.pseudo_count is not None):
            raise ValueError(
                "pseudo_count belongs to transform = 'log', and to no other; 0 where no value is 0"
            )
        return self

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.tracks is not None and self.tracks_file is not None:
            raise ValueError("give tracks or tracks_file, and not both")
        if self.minus is None and self.minus_scale != "difference":
            raise ValueError("minus_scale belongs to minus, the name of another readout")
        if self.minus is not None and self.minus == self.name:
            raise ValueError("minus is the name of another readout")
        if self.of == "bins":
            if self.transcripts is not None or self.gtf is not None:
                raise ValueError("transcripts and gtf belong to of = 'exons' and 'neighbours'")
            if self.flank and self.bins not in ("tss", "insulation"):
                raise ValueError("flank belongs to bins = 'tss' and to of = 'neighbours'")
        elif self.bins is not None:
            raise ValueError(f"bins has no meaning for of = {self.of!r}, which says which they are")
        if self.of == "neighbours" and self.transcripts not in (None, "all", "representative"):
            raise ValueError("transcripts is 'all' or 'representative' for of = 'neighbours'")
        if self.of == "exons" and (self.flank or self.over_bins == "max"):
            raise ValueError("exons are read by their shares of bins: as a sum or a mean, no flank")
        self._check_weights()
        return self

    def _check_weights(self) -> None:
        if self.weights is None:
            return
        if self.of == "exons" or self.over_bins == "max":
            raise ValueError(
                "weights belong to the mean or sum of chosen bins, or of those around a TSS: not "
                "to exons, which have their shares, nor to a maximum"
            )
        if not np.isfinite(self.weights).all() or (
            self.over_bins == "mean" and sum(self.weights) <= 0
        ):
            raise ValueError("weights are finite, and those of a mean add up to more than 0")
        if self.of == "neighbours" and len(self.weights) != 2 * self.flank + 1:
            raise ValueError(f"flank = {self.flank} makes {2 * self.flank + 1} bins: weigh each")
        chosen = self.bins.values() if isinstance(self.bins, dict) else [self.bins]
        for bins in chosen:
            if isinstance(bins, list) and any(b <= a for a, b in pairwise(bins)):
                raise ValueError("weights need the bins in ascending order, each once")

    @property
    def by_locus(self) -> bool:
        """Whether it reads other bins or tracks at one locus than at another."""
        return self.of != "bins" or isinstance(self.bins, dict) or isinstance(self.tracks, dict)

    def at(self, locus: str) -> Readout | None:
        """The readout with the bins and tracks of a locus; None if it has none for it."""
        chosen: dict[str, Any] = {}
        for field_name in ("bins", "tracks", "transcripts"):
            value = getattr(self, field_name)
            if isinstance(value, dict):
                if locus not in value:
                    return None
                chosen[field_name] = value[locus]
        return self.model_copy(update=chosen) if chosen else self

    def resolved(self, folder: Path) -> Readout:
        """The readout with the tracks of its file, and its annotation's path, from a folder.

        Raises
        ------
        ConfigError
            If the list of tracks cannot be read.
        """
        chosen: dict[str, Any] = {}
        if self.tracks_file is not None:
            tracks = tracks_of_file(folder / self.tracks_file.expanduser())
            chosen = {"tracks": tracks, "tracks_file": None}
        if self.gtf is not None:
            chosen["gtf"] = folder / self.gtf.expanduser()
        return self.model_copy(update=chosen) if chosen else self

    def configuration(self) -> dict[str, Any]:
        """The parameters; without the head where it is the model's own grid that is read."""
        configuration = super().configuration()
        # Results of before there were heads say the same of how they were read.
        if not self.head:
            del configuration["head"]
        return configuration

    def identity(self) -> dict[str, Any]:
        """The parameters; of those that came later only what is not usual."""
        identity = super().identity()
        # Results of before there were these stay those of the same experiment.
        for name in _LATER:
            if getattr(self, name) == type(self).model_fields[name].default:
                del identity[name]
        return identity


_LATER = (
    *("of", "tracks_file", "flank", "weights", "transform", "pseudo_count", "transcripts", "gtf"),
    *("minus", "minus_scale"),
)


@dataclass(frozen=True)
class BoundReadout:
    """A readout with its positions in a selection, ready to be applied.

    Attributes
    ----------
    bins, tracks : tuple of int
        Places in the selection.
    over_bins : {'mean', 'sum', 'max'}
    over_tracks : {'each', 'mean'}
    labels : tuple of str
        Of its activities.
    transform, pseudo_count
        Of each bin of each track.
    weights : tuple of float, optional
        Of the bins; a mean is divided by their sum.
    part : HeadPart, optional
        Where the values of its head are, if several are kept.
    """

    bins: tuple[int, ...]
    tracks: tuple[int, ...]
    over_bins: str
    over_tracks: str
    labels: tuple[str, ...] = field(default=())
    transform: Transform | None = None
    pseudo_count: float | None = None
    weights: tuple[float, ...] | None = None
    part: HeadPart | None = None

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
        return self.exact(values).astype(np.float32)

    def exact(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """The same in float64, as it is computed."""
        if self.part is not None:
            values = self.part.of(values)
        part = values[:, span(self.bins), :][:, :, span(self.tracks)].astype(np.float64)
        if self.transform is not None:
            part = self._transformed(part)
        result = self._over_bins(part)
        if self.over_tracks == "mean":
            result = result.mean(axis=1, keepdims=True)
        return result

    def _over_bins(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, bins, tracks) to (n, tracks)."""
        if self.weights is not None:
            weights = np.array(self.weights)
            total = (values * weights[:, None]).sum(axis=1)
            return np.asarray(total / weights.sum() if self.over_bins == "mean" else total)
        match self.over_bins:
            case "mean":
                return np.asarray(values.mean(axis=1))
            case "max":
                return np.asarray(values.max(axis=1))
            case _:
                return np.asarray(values.sum(axis=1))

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
