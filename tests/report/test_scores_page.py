"""A page of scores: what stands in it, and that it keeps to itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from read_page import Page, assert_closed

from creme.errors import ConfigError
from creme.report.scores_page import scores_page, standing

SCORES = pd.DataFrame(
    {
        "question": ["necessity", "necessity", "saturation", "additivity"],
        "score": ["enhancers <found>", "noise floor", "half ratio", "right"],
        "value": [0.9, 0.02, 1.5, np.nan],
        "low": [0.8, np.nan, 1.2, np.nan],
        "high": [0.95, np.nan, 1.8, np.nan],
        "floor": [0.1, 0.1, np.nan, 0.5],
        "ceiling": [1.0, 0.0, 1.01, 1.0],
        "better": ["higher", "lower", "one", "higher"],
        "n": [1200, 8, 8, 0],
        "sentence": ["Of all enhancers, the share that is called.", "", "", ""],
    }
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("scores") / "scores.html"
    path.write_text(
        scores_page(SCORES, title="mini & more", about="20 loci.", model="mini", floor="a guess"),
        encoding="utf-8",
    )
    return Page(path)


@pytest.mark.parametrize(
    ("value", "floor", "ceiling", "better", "expected"),
    [
        (0.75, 0.5, 1.0, "higher", 0.5),
        (0.02, 0.1, 0.0, "lower", 0.8),
        (1.25, 2.0, 1.0, "one", 0.75),
        (0.75, 0.0, 1.0, "one", 0.75),
        (0.4, 0.5, 1.0, "higher", -0.2),
        (0.4, 0.5, 0.5, "higher", np.nan),
        (0.4, np.nan, 1.0, "higher", np.nan),
        (0.4, 0.0, 1.0, "", np.nan),
    ],
)
def test_how_far_from_floor_to_ceiling(value, floor, ceiling, better, expected):
    row = {"value": value, "floor": floor, "ceiling": ceiling, "better": better}
    assert standing(row) == pytest.approx(expected, nan_ok=True)


def test_every_score_stands_in_the_page(page):
    assert page.within("h2") == ["Necessity", "Saturation", "Additivity"]
    assert page.within("caption") == [
        *("scores of necessity", "scores of saturation", "scores of additivity")
    ]
    assert "enhancers <found>" in page.words
    assert "Of all enhancers, the share that is called." in page.words
    assert "mini & more" in page.within("h1")
    assert "0.800 to 0.950" in page.words
    assert "1,200" in page.within("td")
    # (0.9 - 0.1) / 0.9, and 0.08 of 0.1.
    assert {"89 %", "80 %"} <= set(page.within("td"))
    # The score without a value has no line; the legend has three pictures.
    assert len(page.named("svg")) == 3 + 3


def test_marks_stand_in_the_order_of_their_values(page):
    words = "floor 0.100, ceiling 1.00, value 0.900"
    (drawn,) = [svg for svg in page.named("svg") if svg.get("aria-label") == words]
    assert drawn["role"] == "img"
    lines = [float(line["x1"]) for line in page.named("line")]
    dots = [float(dot["cx"]) for dot in page.named("circle")]
    # Of the first score, after the legend's three: the scale, floor, ceiling and interval.
    floor, ceiling, low = lines[4], lines[5], lines[6]
    assert floor < low < dots[1] < ceiling


def test_the_page_has_no_right_to_a_network_or_a_script(page):
    assert_closed(page)


def test_the_same_scores_give_the_same_page_and_wrong_ones_none():
    assert scores_page(SCORES, title="x", about="y") == scores_page(SCORES, title="x", about="y")
    with pytest.raises(ConfigError, match="lacks better, n"):
        scores_page(SCORES.drop(columns=["better", "n"]), title="x", about="y")
    with pytest.raises(ConfigError, match="better = larger: give higher, lower"):
        scores_page(SCORES.assign(better="larger"), title="x", about="y")


def test_columns_that_no_score_of_a_question_has_are_left_out(tmp_path):
    path = tmp_path / "scores.html"
    bare = SCORES.drop(columns=["ceiling"]).assign(floor=[0.1, np.nan, np.nan, np.nan])
    path.write_text(scores_page(bare, title="x", about="y", floor="a guess"), encoding="utf-8")
    page = Page(path)
    heads = page.within("th")
    assert heads.count("floor") == 1
    assert not {"ceiling", "from floor to ceiling"} & set(heads)
    assert "floor: a guess" in page.words
    assert "ceiling" not in page.words
