"""Greedy searches, several at a time.

The tracks of a model, and the search for enhancers and that for silencers, may choose differently
and so go different ways. Each search is written for itself; searches that have chosen the same
have the same query, which is measured once.
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
Result = TypeVar("Result")


def _distinct(searches: tuple[Direction, ...]) -> tuple[Direction, ...]:
    if len(set(searches)) < len(searches):
        raise ValueError("each search may be named once only")
    return searches


Searches = Annotated[
    tuple[Direction, ...],
    AfterValidator(_distinct),
    Field(min_length=1, description="what to search for, one or both"),
]
BOTH: tuple[Direction, ...] = ("enhancers", "silencers")


@dataclass(frozen=True)
class Query:
    """A request of a search.

    Attributes
    ----------
    key : hashable
        Identifies the sequences: two searches with the same key request the same ones.
    sequences : iterable of Sequence or Mutant
        Consumed once for all searches with this key.
    """

    key: Hashable
    sequences: Iterable[Sequenceable] = field(compare=False)


Search = Generator[Query, Activities, Result]
"""Yields queries, receives the activities of all tracks, (n, activities), returns its result."""


def together(searches: SequenceOf[Search[Result]]) -> Generator[Request, Activities, list[Result]]:
    """Run searches in step; every round goes out as one request.

    Parameters
    ----------
    searches : sequence of generators

    Returns
    -------
    list
        The results of the searches, in their order.
    """
    results: dict[int, Result] = {}
    queries: dict[int, Query] = {}

    def advance(number: int, response: Activities | None) -> None:
        try:
            queries[number] = searches[number].send(response)  # type: ignore[arg-type]
        except StopIteration as end:
            queries.pop(number, None)
            results[number] = end.value

    for number in range(len(searches)):
        advance(number, None)
    while queries:
        distinct = {query.key: query for query in queries.values()}
        counts: dict[Hashable, int] = {}
        responses = yield _chained(distinct, counts)
        ends = np.cumsum([counts[key] for key in distinct])
        parts = dict(zip(distinct, np.split(responses, ends[:-1]), strict=True))
        for number, query in list(queries.items()):
            advance(number, parts[query.key])
    return [results[number] for number in range(len(searches))]


def _chained(queries: dict[Hashable, Query], counts: dict[Hashable, int]) -> Iterator[Sequenceable]:
    """All sequences; writes the number of each query to `counts` when they are used up."""
    for key, query in queries.items():
        counts[key] = 0
        for sequence in query.sequences:
            counts[key] += 1
            yield sequence


def best(direction: Direction, *, lowest: Direction) -> Callable[[np.ndarray], int]:
    """A function that chooses one of several values: the first lowest or the first highest.

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
