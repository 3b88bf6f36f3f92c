"""The sentences below a map of pairs: which are called, and which classes prefer one another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from creme.report.page.pairs import _calls, _classes, _shares


def test_pairs_that_are_called_are_named():
    rows = pd.DataFrame(
        {
            "enhancer": ["E1", "E2", "E3"],
            "promoter": ["P1", "P1", "P2"],
            "deviation": [0.82, -1.234, 0.1],
            "compatible": [1, -1, 0],
        }
    )
    assert _calls(rows) == "2 of 3 pairs are called: E1 with P1 (+0.82), E2 with P1 (-1.23)."
    assert _calls(rows.assign(compatible=0)) == "No pair is called."


def classes(promoters: list[int], enhancers: list[int], subclasses: list[int]) -> xr.Dataset:
    """Those of four promoters and four enhancers, the second ones of which may be split."""
    dims = ("distance", "track")
    of = lambda values: (("promoter", *dims), np.array(values)[:, None, None])  # noqa: E731
    split = np.zeros((2, 4), dtype=int)
    split[1, 2:] = subclasses[2:]
    return xr.Dataset(
        {
            "promoter_class": of(promoters),
            "promoter_subclass": of(subclasses),
            "enhancer_class": (("enhancer", *dims), np.array(enhancers)[:, None, None]),
            "enhancer_subclass": (("class", "enhancer", *dims), split[..., None, None]),
        },
        {
            "promoter": ["P1", "P2", "P3", "P4"],
            "enhancer": ["E1", "E2", "E3", "E4"],
            "class": [1, 2],
            "distance": [-5000],
            "track": ["t"],
        },
    )


def test_classes_are_named_with_those_that_they_prefer():
    none = classes([0] * 4, [0] * 4, [0] * 4)
    assert _classes(none, -5000, "t") == "No classes hold against the shuffled enhancers."
    two = classes([1, 1, 2, 2], [1, 1, 2, 2], [0] * 4)
    assert _classes(two, -5000, "t") == (
        "Classes that prefer one another: E1, E2 with P1, P2; E3, E4 with P3, P4."
    )
    # A class without enhancers of its own is none.
    assert "P3" not in _classes(classes([1, 1, 2, 2], [1, 1, 0, 0], [0] * 4), -5000, "t")
    split = classes([1, 1, 2, 2], [1, 1, 2, 2], [0, 0, 1, 2])
    assert _classes(split, -5000, "t").endswith("Within one of them: E3 with P3; E4 with P4.")


def test_shares_that_cannot_be_estimated_are_left_out():
    parts = ["carrier", "promoter", "enhancer", "interaction", "noise"]
    nothing = xr.Dataset({"share": ("part", np.full(len(parts), np.nan))}, {"part": parts})
    assert _shares(nothing) == ""
