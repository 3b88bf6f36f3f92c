"""Tracks: what a model's output channels are, and how they are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict

from creme.errors import ConfigError, listing, nearest

_PATIENCE = 1.0
"""Seconds that one search of a regular expression may take."""

_SHOWN = 4
"""Tracks that an error names."""


@dataclass(frozen=True, slots=True)
class Track:
    """One output track of a model.

    Attributes
    ----------
    name : str
        The identifier in the model's table, unique within it.
    description, assay, cell_type : str
        Empty where the table does not say.
    strand : {'+', '-', '.'}
        The strand that the track covers, relative to the input sequence; '.' is both. A locus
        sequence runs 5' to 3' along its gene, so the '+' track of a pair is the gene's strand for
        genes of either strand.
    pair : int, optional
        Index of the track of the other strand.
    """

    # In a file a track is a table of these.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    description: str = ""
    assay: str = ""
    cell_type: str = ""
    strand: Literal["+", "-", "."] = "."
    pair: int | None = None


@dataclass(frozen=True)
class TrackTable:
    """The tracks of a model in the order of its output.

    Attributes
    ----------
    tracks : tuple of Track
    strands_known : bool
        Whether '.' says that a track is of both strands, or that nobody said which it is of.
    """

    tracks: tuple[Track, ...]
    strands_known: bool = True

    def mispaired(self) -> int | None:
        """Index of the first track whose pair is not the other strand's; None where all are."""
        for index, track in enumerate(self.tracks):
            if track.pair is None:
                continue
            if not 0 <= track.pair < len(self.tracks):
                return index
            other = self.tracks[track.pair]
            if other.pair != index or {track.strand, other.strand} != {"+", "-"}:
                return index
        return None

    def unpaired(self, indices: Iterable[int]) -> bool:
        """Whether one of some tracks is of one strand, and has no pair of the other."""
        tracks = [self.tracks[index] for index in indices]
        return any(track.strand != "." and track.pair is None for track in tracks)

    def of_other_strand(self, index: int) -> int:
        """Index of a track's pair; its own where it has none."""
        pair = self.tracks[index].pair
        return index if pair is None else pair

    def __len__(self) -> int:
        return len(self.tracks)

    def __iter__(self) -> Iterator[Track]:
        return iter(self.tracks)

    def __getitem__(self, index: int) -> Track:
        return self.tracks[index]

    def select(
        self, choices: int | str | Iterable[int | str], strand: str | None = None
    ) -> tuple[int, ...]:
        """Indices of the chosen tracks, ascending, each once.

        Parameters
        ----------
        choices : int, str, or iterable of these
            Indices, exact names, or regular expressions that are searched for in a track's name
            and description; ``"all"`` is every track.
        strand : {'+', '-', '.'}, optional
            Keep only the tracks of this strand ('+' keeps unstranded ones as well, since they
            cover the gene's strand too; so does '-').

        Raises
        ------
        ConfigError
            If a choice is neither an index nor text, or matches no track; the message names the
            nearest tracks.
        """
        try:
            requested = track_choices(choices)
        except ValueError as error:
            raise ConfigError(f"tracks = {shortened(choices)} is not allowed: {error}") from None
        chosen: set[int] = set()
        names = {track.name: index for index, track in enumerate(self.tracks)}
        for choice in [""] if requested == ["all"] else requested:
            matches = self._matching(choice, names)
            if strand is not None:
                matches = [i for i in matches if self.tracks[i].strand in (strand, ".")]
            if not matches:
                suffix = f" on strand {strand!r}" if strand is not None else ""
                shown = listing((track.name for track in self.tracks), _SHOWN)
                which = (
                    f"does not match the model's only track{suffix}, {shown}"
                    if len(self) == 1
                    else f"matches none of the model's {len(self)} tracks{suffix}"
                    f"{nearest(str(choice), names)}: {shown}"
                )
                more = "; 'creme models tracks PLUGIN REGEX' searches them"
                raise ConfigError(f"tracks: {choice!r} {which}{more if len(self) > _SHOWN else ''}")
            chosen.update(matches)
        return tuple(sorted(chosen))

    def _matching(self, choice: int | str, names: dict[str, int]) -> list[int]:
        if isinstance(choice, int):
            return [choice] if 0 <= choice < len(self) else []
        if choice in names:
            return [names[choice]]
        # Not the standard library's: some expressions take it longer than a lifetime.
        import regex

        try:
            pattern = regex.compile(choice)
            return [
                index
                for index, track in enumerate(self.tracks)
                if pattern.search(track.name, timeout=_PATIENCE)
                or pattern.search(track.description, timeout=_PATIENCE)
            ]
        except TimeoutError:
            raise ConfigError(
                f"tracks: {choice!r} takes over {_PATIENCE:g} s a track: write it without nested "
                f"repeats"
            ) from None
        except (regex.error, RecursionError, OverflowError, MemoryError) as error:
            raise ConfigError(
                f"tracks: {choice!r} is neither a track's name nor a regular expression ({error})"
            ) from None


def track_choices(value: Any) -> list[int | str]:
    """A choice of tracks as a list; of a single index or name as well.

    Raises
    ------
    ValueError
        If something else stands in it.
    """
    items = [value] if isinstance(value, int | str | np.integer) else value
    if not isinstance(items, Iterable) or isinstance(items, Mapping | bytes):
        items = [None]
    choices: list[int | str] = []
    for item in items:
        if isinstance(item, str):
            choices.append(item)
        elif is_index(item):
            choices.append(int(item))
        else:
            raise ValueError("give indices, names or regular expressions: one, or a list of them")
    if not choices:
        raise ValueError("choose at least one, or 'all'")
    return choices


def is_index(value: Any) -> bool:
    """Whether a value is an integer; True and False do not count."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def shortened(value: Any) -> str:
    """A value as it is written, for a message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
