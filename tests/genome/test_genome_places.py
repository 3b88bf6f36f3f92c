"""Intervals as people and genome browsers write them."""

from __future__ import annotations

import pytest

from creme.genome.places import interval_text, one_place

NAN = float("nan")


@pytest.mark.parametrize(
    ("start", "end", "written"),
    [
        (100, 200, "chr1:101-200"),
        (100, 101, "chr1:101"),
        (0, 10, "chr1:1-10"),
        (-5, 10, "chr1:1-10"),
        (NAN, 200, ""),
        (100, NAN, ""),
    ],
)
def test_intervals_count_from_one_and_hold_both_ends(start, end, written):
    assert interval_text("chr1", start, end) == written


def test_a_single_base():
    assert one_place("chr1", 100) == "chr1:101"
    assert one_place("chr1", NAN) == ""
