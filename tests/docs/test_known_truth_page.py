"""The page on known truth has the numbers of its tables."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from creme.benchmark.experiments import EXPERIMENTS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def page() -> Any:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("truth_page")


@pytest.fixture(scope="module")
def figure(page) -> Any:
    return importlib.import_module("truth_figure")


CHANGES = {
    "known_truth.md": {"0.936 (": "0.937 (", "-->200<!--": "-->300<!--"},
    "trust.md": {"-->0.35<!--": "-->0.36<!--"},
    "mini_network.md": {"-->0.96 to 0.99<!--": "-->0.97 to 0.99<!--"},
}
"""By page, numbers and others that are put in their place."""


@pytest.mark.parametrize("name", CHANGES)
def test_tables_and_numbers_are_those_of_the_results(page, name):
    """They are written by ``python benchmarks/truth.py --only none``, from the tables."""
    assert {one.name for one in page.CITING} == set(CHANGES)
    (path,) = [one for one in page.CITING if one.name == name]
    text = path.read_text(encoding="utf-8")
    assert page.rewritten(text) == text
    for old, new in CHANGES[name].items():
        changed = text.replace(old, new, 1)
        assert changed != text
        assert page.rewritten(changed) == text


def test_the_noise_that_plans_fall_back_upon(page):
    noise = ROOT / "src/creme/analysis/benchmark_noise.csv"
    assert noise.read_text(encoding="utf-8") == page.written_noise()


def test_the_figure_is_of_these_tables(figure):
    assert figure.digest_of_tables() in figure.FIGURE.read_text(encoding="utf-8")


def test_loci_are_those_that_the_command_takes(page):
    """Of the formulas; networks take a share of them."""
    for file in sorted(page.TABLES.glob("*.csv")):
        rows = page.read(file.stem)
        rows = rows[rows["model"].isin(["oracle", "noisy oracle"])]
        assert len(rows), file.name
        for name, loci in set(zip(rows["experiment"], rows["loci"], strict=True)):
            assert loci == EXPERIMENTS[name].loci, f"{file.name}: {name}"


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ("calls: experiment=calls | loci", "200"),
        ("searches: accept=tested; search=enhancers; score=set named | range 2", "0.92 to 0.97"),
        ("searches: accept=all; search=silencers; model=oracle; score=named that act | less 2", "0.84"),  # noqa: E501
        ("calibration: experiment=calls; q=0.05 | false 3", "0.021"),
        ("network: of=distance, kb; first=2 to 5; column=slope | value 2", "0.96"),
        ("network: of=rule; nth=2; first=silencer; column=elements | value 0", "335"),
        ("network: of=rule; nth=1; first=decoy; column=typical error | percent 1", "1.5"),
        ("network: of=pair; first=all; column=slope | missed 0", "4"),
    ],
)  # fmt: skip
def test_numbers_in_sentences(page, selector, text):
    assert page.number(selector) == text


@pytest.mark.parametrize(
    ("selector", "words"),
    [("calls: test=necesity | loci", "no row"), ("calls: test=necessity | value 2", "rows of the")],
)
def test_selectors_that_mean_nothing(page, selector, words):
    with pytest.raises(ValueError, match=words):
        page.number(selector)
