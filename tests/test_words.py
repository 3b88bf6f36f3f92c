"""The words of names and of pages: plain ones, and one class to a name."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PRIVATE = {"asked", "elsewhere", "found", "given", "got", "known", "made_from", "said", "told"}
"""Words that do not say what a name holds."""

PUBLIC = {
    ("src/creme/genome/locus.py", "given"),
    ("src/creme/results/state_shape.py", "asked"),
    ("src/creme/results/state_shape.py", "made_from"),
    ("src/creme/runner/scheduler.py", "asked"),
    ("src/creme/runner/tasks.py", "asked"),
    ("src/creme/study/forecast/cost.py", "asked"),
}
"""Names that users write: a locus is made with ``given=``; and keys of stored counts."""

PLAIN = ["src/creme", *(f"plugins/{path.name}/src" for path in sorted(ROOT.glob("plugins/*")))]
"""Folders without private words."""

SHARED: set[str] = set()
"""Names that more than one class has. This list only gets shorter."""


def names(code: str) -> Iterator[str]:
    """The names that a module gives to variables, parameters, attributes, functions and classes."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def docstrings(code: str) -> Iterator[str]:
    """The docstrings of a module, of its classes and functions, and those behind its values."""
    for node in ast.walk(ast.parse(code)):
        body = getattr(node, "body", ())
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield str(statement.value.value)


def sources(place: str) -> list[Path]:
    path = ROOT / place
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


@pytest.mark.parametrize("place", PLAIN)
def test_names_are_plain_words(place):
    assert sources(place)
    private = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in sources(place)
        for name in names(path.read_text(encoding="utf-8"))
        if name.strip("_") in PRIVATE
    }
    assert private <= PUBLIC


def test_private_words_are_seen():
    code = "def f(known, *told): _said = self.got = [found for found in known]"
    assert set(names(code)) & PRIVATE == {"known", "told", "got", "found"}
    assert "_said" in set(names(code))


def test_one_class_to_a_name():
    places = defaultdict(set)
    for source in ("src", *(f"plugins/{path.name}/src" for path in ROOT.glob("plugins/*"))):
        for path in sources(source):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in tree.body:
                if isinstance(node, ast.ClassDef):
                    places[node.name].add(path.relative_to(ROOT).as_posix())
    shared = {name: where for name, where in places.items() if len(where) > 1}
    assert {name: where for name, where in shared.items() if name not in SHARED} == {}
    assert set(shared) >= SHARED, "names that are one class's by now leave the list"


@pytest.mark.parametrize("place", PLAIN)
def test_no_docstring_begins_as_a_question(place):
    """Such a sentence says at its end what it is about."""
    questions = {
        (path.relative_to(ROOT).as_posix(), text.split("\n")[0])
        for path in sources(place)
        for text in docstrings(path.read_text(encoding="utf-8"))
        if text.startswith(("What ", "Which "))
    }
    assert questions == set()


PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")]
    if "_build" not in path.parts and path.name not in ("CHANGELOG.md", "changelog.md")
)

_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_QUESTION = re.compile(r"(?:\A|\n\n|[.:] |- |\*\* )((?:What|Which)\s(?:[^.?|\n]|\.\w)*[.:])")


def questions_in(text: str) -> list[str]:
    """Sentences of a page that begin as questions and are none."""
    plain = re.sub(r"(?<!\n)\n(?!\n|- |#)", " ", _CODE.sub("", text))
    return _QUESTION.findall(plain)


def test_no_sentence_of_a_page_begins_as_a_question():
    questions = {
        path.relative_to(ROOT).as_posix(): questions_in(path.read_text(encoding="utf-8"))
        for path in PAGES
    }
    assert {page: sentences for page, sentences in questions.items() if sentences} == {}


def test_sentences_that_begin_as_questions_are_seen():
    text = (
        "A line. What is\nread counts. Which one? This.\n\nWhat comes: two.\n- Which file it is.\n"
    )
    assert [len(each.split()) for each in questions_in(text)] == [4, 3, 4]
    assert questions_in("```\nWhat runs.\n```\nWhich one? That one.") == []
