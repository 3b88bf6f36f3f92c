"""What the tests share: real data where it is at hand, and small synthetic experiments."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import small
from services.postgres import Missing, Postgres, server

# A shell ignores Ctrl-C in what it starts in the background, and so would the commands that are
# interrupted here: what ignores a signal hands that on, what handles it does not.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real models and sequences; tests that need it skip where it is absent."""
    here = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("CREME_TEST_DATA", here.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set CREME_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def genome(tmp_path_factory):
    """A synthetic genome of three genes."""
    from creme.demo.genome import write_genome

    return write_genome(tmp_path_factory.mktemp("genome"), genes=3)


@pytest.fixture
def experiment(genome, tmp_path):
    """Writes an experiment file on the synthetic genome and returns its path.

    Parts of the text may be exchanged: ``experiment(("seed = 7", "seed = 8"))``.
    """

    def write(*changes: tuple[str, str], name: str = "small.toml") -> Path:
        text = small.text(genome)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; tests that need it skip where there is none."""
    try:
        running = server()
        with running as answer:
            yield answer
    except Missing as error:
        if os.environ.get("CREME_TEST_SERVICES") == "required":
            raise
        pytest.skip(f"{error}")


@pytest.fixture(params=["sqlite", "postgresql"])
def index(request: pytest.FixtureRequest) -> str | None:
    """The URL of a new index: None for the file in the store's directory."""
    if request.param == "sqlite":
        return None
    return request.getfixturevalue("postgres").url()
