"""Searches in step."""

from __future__ import annotations

import numpy as np
import pytest

from creme.errors import ConfigError
from creme.sequence import Sequence
from creme.suite.higher_order import HigherOrder
from creme.suite.search import Query, best, together


def asked(text: str) -> Sequence:
    return Sequence.from_string(text)


def drive(steps):
    """Answers each request with its sequences' lengths; returns the requests and the result."""
    requests: list[list[str]] = []
    answer = None
    while True:
        try:
            request = [str(sequence) for sequence in steps.send(answer)]
        except StopIteration as end:
            return requests, end.value
        requests.append(request)
        lengths = [[len(text), -len(text)] for text in request]
        answer = np.array(lengths, dtype=np.float32).reshape(-1, 2)


def searching(*rounds):
    """A search that asks the given rounds and returns all answers."""
    answers = []
    for texts in rounds:
        answers.append((yield Query(tuple(texts), (asked(text) for text in texts))))
    return [answer[:, 0].tolist() for answer in answers]


def test_each_search_gets_its_own_answers():
    requests, found = drive(
        together([searching(["A", "AA"], ["C"]), searching(["AAA"], ["CC", "CCC"], ["G"])])
    )
    assert requests == [["A", "AA", "AAA"], ["C", "CC", "CCC"], ["G"]]
    assert found == [[[1, 2], [1]], [[3], [2, 3], [1]]]


def test_the_same_question_is_put_once():
    requests, found = drive(together([searching(["A", "AA"], ["C"]), searching(["A", "AA"])]))
    assert requests == [["A", "AA"], ["C"]]
    assert found == [[[1, 2], [1]], [[1, 2]]]


def test_searches_that_ask_nothing_or_are_none():
    assert drive(together([])) == ([], [])
    assert drive(together([searching()])) == ([], [[]])
    requests, found = drive(together([searching(), searching([], ["A"])]))
    assert requests == [[], ["A"]]
    assert found == [[], [[], [1]]]


def test_best_takes_the_first_of_equals():
    values = np.array([2.0, 1.0, 1.0, 2.0])
    assert best("enhancers", lowest="enhancers")(values) == 1
    assert best("silencers", lowest="enhancers")(values) == 0
    assert best("enhancers", lowest="silencers")(values) == 0
    assert best("silencers", lowest="silencers")(values) == 1


@pytest.mark.parametrize("searches", [[], ["enhancers", "enhancers"], ["promoters"]])
def test_directions_are_checked(searches):
    with pytest.raises(ConfigError, match="searches"):
        HigherOrder(searches=searches)
