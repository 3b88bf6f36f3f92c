"""The page on known truth has the numbers of its tables."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import truth_figure
import truth_page

from creme.benchmark.experiments import EXPERIMENTS


def test_tables_and_numbers_are_those_of_the_results():
    """`make truth` writes them; so does `python benchmarks/truth.py --only none`, from the tables."""
    text = truth_page.PAGE.read_text(encoding="utf-8")
    assert truth_page.rewritten(text) == text
    for changed in (text.replace("0.936 (", "0.937 (", 1), text.replace("-->200<!--", "-->300<!--")):
        assert changed != text
        assert truth_page.rewritten(changed) == text


def test_the_noise_that_plans_fall_back_upon():
    noise = ROOT / "src/creme/analysis/benchmark_noise.csv"
    assert noise.read_text(encoding="utf-8") == truth_page.written_noise()


def test_the_figure_is_of_these_tables():
    assert truth_figure.digest_of_tables() in truth_figure.FIGURE.read_text(encoding="utf-8")


def test_loci_are_those_that_the_command_takes():
    for file in sorted(truth_page.TABLES.glob("*.csv")):
        rows = truth_page.read(file.stem)
        for name, loci in set(zip(rows["experiment"], rows["loci"], strict=True)):
            formulas = rows[(rows["experiment"] == name) & rows["model"].str.contains("oracle")]
            if len(formulas) and loci in set(formulas["loci"]):
                assert loci == EXPERIMENTS[name].loci, f"{file.name}: {name}"


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ("calls: experiment=calls | loci", "200"),
        ("searches: accept=tested; search=enhancers; score=set named | range 2", "0.92 to 0.97"),
        ("searches: accept=all; model=oracle; search=silencers; score=named that act | less 2", "0.84"),
        ("calibration: experiment=calls; q=0.05 | false 3", "0.021"),
    ],
)  # fmt: skip
def test_numbers_in_sentences(selector, text):
    assert truth_page.number(selector) == text


@pytest.mark.parametrize(
    ("selector", "words"),
    [("calls: test=necesity | loci", "no row"), ("calls: test=necessity | value 2", "rows of the")],
)
def test_selectors_that_mean_nothing(selector, words):
    with pytest.raises(ValueError, match=words):
        truth_page.number(selector)
