"""A page of several models' scores: what stands in it, and in a browser, by keyboard and axe."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from read_page import Page, assert_closed
from test_page_saves_browser import axe

from creme.errors import ConfigError
from creme.report.scores_side_by_side import scores_side_by_side

pytest_plugins = ["page_fixtures"]
MODELS = ["old <1>", "new"]
SCORES = pd.DataFrame(
    {
        "question": ["context", "context", "crispri"],
        "score": ["context effect", "contexts that matter", "AUPRC"],
        "better": ["", "", "higher"],
        "floor": [np.nan, np.nan, 0.25],
        "sentence": ["(WT - shuffled) / WT.", "", "How well elements are ranked."],
        "value old <1>": [0.5, 0.75, 0.5],
        "low old <1>": [0.4, 0.6, np.nan],
        "high old <1>": [0.6, 0.9, np.nan],
        "n old <1>": [24, 24, 12],
        "why old <1>": ["", "", ""],
        "value new": [0.7, 0.75, np.nan],
        "low new": [0.65, 0.6, np.nan],
        "high new": [0.8, 0.9, np.nan],
        "n new": [1024, 24, 0],
        "why new": ["", "", "no CRISPRi table is given"],
    }
)
DIFFERENCES = pd.DataFrame(
    {
        "question": ["context", "context"],
        "score": ["context effect", "contexts that matter"],
        "card": ["new", "new"],
        "difference": [0.2, 0.0],
        "low": [0.1, -0.1],
        "high": [0.3, 0.1],
        "n": [24, 24],
        "noise": [0.025, np.nan],
        "says": ["higher", "not told apart"],
    }
)
WORDS = {"title": "old & new", "about": "Two cards.", "differ": "In pairs."}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("side") / "scorecards.html"
    text = scores_side_by_side(SCORES, DIFFERENCES, MODELS, notes=["One note."], **WORDS)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page(file):
    return Page(file)


def test_every_score_and_difference_stands_in_it(page):
    assert page.within("h2") == ["Context", "Crispri", "Differences from old <1>"]
    heads = page.within("th")
    assert heads.count("old <1>") == heads.count("new") == 2
    assert heads.count("floor") == 1  # no score of context has one
    for words in (
        *("0.400 to 0.600", "0.650 to 0.800", "n = 1,024", "n = 12*", "n = 24"),
        *("not applicable: no CRISPRi table is given", "(higher is better)", "(describes)"),
        *("0.100 to 0.300", "not told apart", "context; new", "One note.", "In pairs."),
        "lines from the top: 1 old <1>, 2 new",
    ):
        assert words in page.words, words
    assert "nan" not in page.words.lower()


def test_marks_stand_where_their_values_are(page):
    labels = [svg["aria-label"] for svg in page.named("svg")]
    assert "old <1> 0.500, new 0.700" in labels
    assert "old <1> 0.500, new not applicable, floor 0.250" in labels
    dots = [float(dot["cx"]) for dot in page.named("circle")]
    # After the legend's: 0.5 and 0.7 from 0.4 to 0.8, on a scale from 22 to 212.
    assert dots[1:3] == pytest.approx([22 + 190 / 4, 22 + 190 * 3 / 4], abs=0.06)
    # The last two are differences around 0, of which the first is two thirds of its interval's end.
    assert dots[-2:] == pytest.approx([117 + 95 * 2 / 3, 117], abs=0.06)
    shades = [float(each["width"]) for each in page.named("rect")]
    assert shades[1:] == pytest.approx([190 * 0.05 / 0.3], abs=0.11)


def test_it_has_no_right_to_a_network_or_a_script(page):
    assert_closed(page)


def test_the_same_scores_give_the_same_page_and_wrong_ones_none():
    both = [scores_side_by_side(SCORES, DIFFERENCES, MODELS, **WORDS) for _ in range(2)]
    assert both[0] == both[1]
    with pytest.raises(ConfigError, match="lacks sentence, why new"):
        scores_side_by_side(
            SCORES.drop(columns=["sentence", "why new"]), DIFFERENCES, MODELS, **WORDS
        )
    nothing = scores_side_by_side(SCORES, DIFFERENCES[:0], MODELS, **WORDS)
    assert "No score has a value on loci that two cards share" in nothing


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_by_keyboard_and_axe(file, browser, scheme):
    context = browser.new_context(
        viewport={"width": 500, "height": 900}, color_scheme=scheme, offline=True, bypass_csp=True
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(file.resolve().as_uri())
    reached = []
    for _ in range(3):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert reached == ["scores of context", "scores of crispri", "differences"]
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    # A wide table scrolls in its own box, by the keyboard too; the page does not.
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.evaluate(axe())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    context.close()
    assert len(found["passes"]) > 10
    faults = [(each["id"], each["nodes"][0]["target"]) for each in found["violations"]]
    assert faults == []


def test_marks_are_seen_on_both_grounds(file):
    """At least 3 to 1 between a drawing's marks and the page, as letters of its size need not."""
    style = re.search(r"<style>(.*?)</style>", file.read_text(), re.DOTALL)
    assert style is not None
    light, dark = style[1].split("prefers-color-scheme: dark", 1)
    for grounds in (light, dark):
        ground = _colour(grounds, "ground")
        for name in ("faint", "enhancing"):
            colour = _colour(grounds, name) or _colour(light, name)
            assert _contrast(colour, ground) >= 3, name


def _colour(style: str, name: str) -> str:
    found = re.search(rf"--{name}:\s*(#\w{{6}})", style)
    return found[1] if found else ""


def _contrast(one: str, other: str) -> float:
    high, low = sorted(map(_luminance, (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
