"""The reference says what is so: its generated pages are those of the code as it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path[:0] = [str(DOCS), str(DOCS / "_ext")]

import api_pages  # noqa: E402
import diagrams  # noqa: E402
import generate  # noqa: E402
import reference_pages  # noqa: E402
import words  # noqa: E402
from creme import registry  # noqa: E402
from creme.parameters import Parameters  # noqa: E402


@pytest.fixture(scope="module")
def made():
    return generate.pages()


def test_generated_pages_are_those_of_the_code(made):
    stale = [
        name
        for name, text in made.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run python docs/generate.py"


def test_no_generated_page_is_left_over(made):
    marked = {
        path.relative_to(DOCS).as_posix()
        for path in DOCS.rglob("*.md")
        if path.read_text(encoding="utf-8").startswith(reference_pages.MADE)
    }
    drawn = {path.relative_to(DOCS).as_posix() for path in DOCS.glob("images/diagrams/*.svg")}
    by_hand = {path.relative_to(DOCS).as_posix() for path in DOCS.glob("suite/*.md")}
    assert marked | drawn | by_hand == set(made)


def test_a_test_page_without_its_parameters_is_an_error(tmp_path):
    for path in DOCS.glob("suite/*.md"):
        text = path.read_text(encoding="utf-8").replace("<!-- parameters of necessity -->", "")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    with pytest.raises(LookupError, match=r"necessity\.md lacks <!-- parameters"):
        reference_pages.suite_pages(tmp_path)


def test_a_key_without_words_is_an_error():
    class Undocumented(Parameters):
        name: ClassVar[str] = "undocumented"

        size: int = 1

    with pytest.raises(LookupError, match=r"Undocumented\.size has no words"):
        reference_pages.fields_of(Undocumented)


def test_a_variable_without_words_is_an_error():
    with pytest.raises(LookupError, match="nothing is written on 'colour' of 'necessity'"):
        words.words_of("colour_se", "necessity", words.DATASET)


def test_a_test_has_words_of_its_own_where_a_name_has_several_meanings():
    common = words.words_of("mutant", "", words.DATASET)
    assert words.words_of("mutant", "sufficiency", words.DATASET) != common


def test_every_test_of_the_suite_has_a_page_a_diagram_and_a_figure():
    own = {n for n, p in registry.plugins("test").items() if p.target.startswith("creme.")}
    assert set(diagrams.DIAGRAMS) == own
    choice = (DOCS / "choose_a_test.md").read_text(encoding="utf-8")
    for test in own:
        page = (DOCS / "suite" / f"{test}.md").read_text(encoding="utf-8")
        for image in (f"../images/diagrams/{test}.svg", f"../images/figures/{test}.svg"):
            assert f"]({image})" in page
            assert (DOCS / "suite" / image).is_file()
        assert f"[{test}](suite/{test}.md)" in choice


def test_every_public_module_is_listed_or_inner():
    listed = {path for _, _, patterns in api_pages.ROOMS.values()
              for path in api_pages.modules(patterns)}  # fmt: skip
    others = [
        path.relative_to(api_pages.SOURCE).as_posix()
        for path in api_pages.SOURCE.rglob("*.py")
        if path not in listed and api_pages.public(path)
    ]
    assert [path for path in others if not path.startswith(api_pages.INNER)] == []
