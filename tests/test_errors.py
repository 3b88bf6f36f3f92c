"""Messages: whatever somebody else's file puts into them, they can be read and printed."""

from __future__ import annotations

import pickle

import pytest

from creme.errors import (
    LONGEST_MESSAGE,
    ConfigError,
    CremeError,
    GenomeError,
    MeasurementError,
    legible,
    reason,
)


@pytest.mark.parametrize("kind", [CremeError, ConfigError, GenomeError, MeasurementError])
def test_a_message_is_printable(kind):
    assert str(kind("a\x1b[2Jb\rc\nd")) == "a\\x1b[2Jb\\rc\nd"
    assert str(kind("gène β")) == "gène β"


def test_a_long_word_is_cut_and_both_ends_are_kept():
    text = str(ConfigError(f"the line is {'A' * 40_000}Z: mend it"))
    assert len(text) < 300
    assert text.startswith("the line is AAAA")
    assert text.endswith("Z: mend it")


def test_a_long_message_is_cut():
    text = legible("word " * 100_000)
    assert len(text) == LONGEST_MESSAGE


def test_the_reason_of_an_unforeseen_error_is_cut_too():
    assert len(reason(ValueError("x " * 10_000))) == LONGEST_MESSAGE
    assert reason(ConfigError("as it is")) == "as it is"


def test_an_error_may_travel_between_processes():
    error = pickle.loads(pickle.dumps(GenomeError("chr1 is missing")))
    assert type(error) is GenomeError
    assert str(error) == "chr1 is missing"
