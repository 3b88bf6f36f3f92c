"""Greedy searches, several at a time.

The tracks of a model, and the search for enhancers and that for silencers, may choose differently
and so go different ways. Each search is written for itself; those that stand at the same place ask
the same question, which is put once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import AfterValidator, Field

from creme.sequence import Sequenceable
from creme.test import Activities, Request

Direction = Literal["enhancers", "silencers"]
Found = TypeVar("Found")


def _distinct(searches: tuple[Direction, ...]) -> tuple[Direction, ...]:
    if len(set(searches)) < len(searches):
        raise ValueError("each search is named once")
    return searches


Searches = Annotated[
    tuple[Direction, ...],
    AfterValidator(_distinct),
    Field(min_length=1, description="what to search for, one or both"),
]
BOTH: tuple[Direction, ...] = ("enhancers", "silencers")


@dataclass(frozen=True)
class Ask:
    """A question of a search.

    Attributes
    ----------
    key : hashable
        What is asked: two searches with the same key ask for the same sequences.
    sequences : iterable of Sequence or Mutant
        Consumed for one search of those with this key.
    """

    key: Hashable
    sequences: Iterable[Sequenceable] = field(compare=False)


Search = Generator[Ask, Activities, Found]
"""Yields questions, receives the activities of all tracks, (n, activities), returns its find."""


def together(searches: SequenceOf[Search[Found]]) -> Generator[Request, Activities, list[Found]]:
    """Run searches in step; every round goes out as one request.

    Parameters
    ----------
    searches : sequence of generators

    Returns
    -------
    list
        What each search returned, in their order.
    """
    found: dict[int, Found] = {}
    asks: dict[int, Ask] = {}

    def advance(number: int, answer: Activities | None) -> None:
        try:
            asks[number] = searches[number].send(answer)  # type: ignore[arg-type]
        except StopIteration as end:
            asks.pop(number, None)
            found[number] = end.value

    for number in range(len(searches)):
        advance(number, None)
    while asks:
        distinct = {ask.key: ask for ask in asks.values()}
        counts: dict[Hashable, int] = {}
        answers = yield _chained(distinct, counts)
        ends = np.cumsum([counts[key] for key in distinct])
        parts = dict(zip(distinct, np.split(answers, ends[:-1]), strict=True))
        for number, ask in list(asks.items()):
            advance(number, parts[ask.key])
    return [found[number] for number in range(len(searches))]


def _chained(asks: dict[Hashable, Ask], counts: dict[Hashable, int]) -> Iterator[Sequenceable]:
    """All sequences; fills in how many each question had, which is known when they are used up."""
    for key, ask in asks.items():
        counts[key] = 0
        for sequence in ask.sequences:
            counts[key] += 1
            yield sequence


def best(direction: Direction, *, lowest: Direction) -> Callable[[np.ndarray], int]:
    """Which of some values to choose: the first lowest, or the first highest.

    Parameters
    ----------
    direction : {'enhancers', 'silencers'}
    lowest : {'enhancers', 'silencers'}
        The direction that looks for low values: shuffling enhancers lowers the activity, adding
        silencers does.
    """

    def choose(values: np.ndarray) -> int:
        return int(np.argmin(values) if direction == lowest else np.argmax(values))

    return choose
