"""The code of the pages runs as it stands, and prints what they show."""

from __future__ import annotations

import os

import pytest

from page_code import DOCS, assert_printed, commands, run

LONG = ["start/first_study.md"]
"""Pages that take minutes: `make test-docs` runs them."""

PAGES = [
    *LONG,
    "start/install.md",
    "start/your_gene.md",
    "howto/coordinates.md",
    "howto/read_effects.md",
    "tutorials/write_a_test.md",
    "tutorials/add_a_model.md",
    "tutorials/use_a_cluster.md",
]


SUITE = sorted(path.name for path in DOCS.glob("suite/*.md"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One folder for the examples of all tests, which have files and results of their own."""
    return tmp_path_factory.mktemp("suite")


@pytest.mark.parametrize("page", SUITE)
def test_the_example_of_each_test_runs(page, shared, monkeypatch, capsys):
    run(f"suite/{page}", shared, monkeypatch, capsys)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs(page, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    if page in LONG and not os.environ.get("CREME_TEST_LONG"):
        pytest.skip("it takes minutes: make test-docs, or CREME_TEST_LONG=1")
    run(page, tmp_path, monkeypatch, capsys)


def test_every_page_with_code_that_runs_is_in_a_list():
    others = {"python.md", "models.md", "tutorials/real_network.md"}  # by tests of their own
    own = [
        path.relative_to(DOCS).as_posix()
        for folder in ("start", "tutorials", "howto")
        for path in DOCS.glob(f"{folder}/*.md")
        if "```python" in path.read_text(encoding="utf-8")
        or "```console" in path.read_text(encoding="utf-8")
    ]
    assert set(own) <= {*PAGES, *others}


def test_what_a_page_shows_is_compared():
    assert_printed("a  b\n\n12 s\nend\n", "a b\n... s\nend", "")
    assert_printed("a\nb\nc\n", "a\n...\n", "")
    assert_printed("a\n", "a\n...\n", "")
    with pytest.raises(AssertionError, match="printed"):
        assert_printed("a\nb\n", "...\na\n", "")
    with pytest.raises(AssertionError, match="printed"):
        assert_printed("a b\n", "a c\n", "")
    assert commands("$ creme run x\n...\n$ ls\n") == [("creme run x", "...\n"), ("ls", "")]
