"""What the tests share: real data where it is at hand, and small synthetic experiments."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import small
from services.postgres import Postgres, server
from services.process import Missing

# A shell ignores Ctrl-C in what it starts in the background, and so would the commands that are
# interrupted here: what ignores a signal hands that on, what handles it does not.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Workers of pytest-xdist are given the width of a terminal; tables are those of a pipe.
os.environ.pop("COLUMNS", None)

# No example fails by the time that it takes: another program may have the machine.
settings.register_profile("any-pace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-pace")


@pytest.fixture(scope="session", autouse=True)
def _state_of_its_own(tmp_path_factory):
    """The Python files that tests run are not remembered as the user's."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CREME_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _temporary_files_of_its_own(tmp_path_factory):
    """Temporary files of processes that tests kill go with the tests' folders."""
    # A short name: the paths of sockets have a limit.
    folder = tmp_path_factory.mktemp("t", numbered=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", str(folder))
        patched.setattr("tempfile.tempdir", None)
        yield


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
