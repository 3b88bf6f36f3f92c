"""Where a store and its index may be: any letters in a path, and URLs that are refused."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from stored import fill, held

import creme
from creme.errors import StoreError
from creme.models.synthetic import SyntheticModel
from creme.runner.experiment import Experiment
from creme.store import Store
from creme.store.location import index_url
from creme.store.place import LocalPlace

NAMES = [
    "que?stion",
    "100%",
    "%3F",
    "ha#sh",
    "quo'te",
    'dou"ble',
    "spa ce",
    "ümläut",
    "a&b=c",
    "x\n",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_directory_may_have_any_letters(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name / "store"
    with Store(path) as store:
        fill(store, range(5))
    with Store(path) as store:
        assert held(store) == set(range(5))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [name]
    assert {"index.sqlite", "predictions.zarr"} <= {entry.name for entry in path.iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_an_index_elsewhere_may_have_any_letters(tmp_path, name):
    (tmp_path / name).mkdir()
    file = tmp_path / name / "i.sqlite"
    with Store(tmp_path / "s", index_url=f"sqlite:///{quote(str(file))}") as store:
        fill(store, range(5))
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as index:
        assert index.execute("SELECT count(*) FROM predictions").fetchone() == (5,)


REFUSED = {
    "sqlite://": "is in memory",
    "sqlite:": "is in memory",
    "sqlite:///": "is in memory",
    "sqlite:///:memory:": "is in memory",
    "sqlite:///file::memory:?cache=shared&uri=true": "is in memory",
    "sqlite://host/file": "is no URL of a file",
    "sqlite+aiosqlite:///file": "is no URL of a file",
    "sqlite:///some?thing/index.sqlite": "write %3F",
    "mysql://user:secret@host/db": "names 'mysql', and the index is in SQLite or PostgreSQL",
    "postgresql+asyncpg://user:secret@host/db": "names 'postgresql.asyncpg'",
    "nonsense": "is no URL",
    "": "is no URL",
    "postgresql://user:secret@host:port/db": "is no URL",
    "postgresql://${CREME_NO_SUCH}@host/db": "CREME_NO_SUCH}, which is not set",
}


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_index_is_refused_before_anything_is_made(tmp_path, monkeypatch, url):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match=REFUSED[url].replace("+", ".")) as refusal:
        Store(tmp_path / "s", index_url=url)
    assert "'postgresql://user@host:5432/database'" in str(refusal.value)
    assert "secret" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_homes_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for path in ("~/s", "s", tmp_path / "s"):
        with Store(path) as store:
            assert store.path == tmp_path / "s"
    with Store("~/t", index_url="sqlite:///~/i.sqlite"):
        assert (tmp_path / "i.sqlite").exists()
    with pytest.raises(StoreError, match=r"store ~nobody-here/s: there is no home folder"):
        Store("~nobody-here/s")
    with pytest.raises(StoreError, match="no home folder"):
        Store("~nobody-here")
    assert not any("~" in entry.name for entry in tmp_path.iterdir())


def test_the_home_of_a_user_who_is_not_here_is_refused_in_a_file(experiment):
    path = experiment(("seed = 7", 'store = "~nobody-here"'))
    with pytest.raises(StoreError, match="no home folder"):
        _ = Experiment.from_file(path).store_place


def test_a_variable_of_the_environment_stands_for_itself(monkeypatch):
    monkeypatch.setenv("CREME_TEST_PART", "a/b@c:d %")
    url = index_url(LocalPlace(Path("/x")), "postgresql://me:${CREME_TEST_PART}@host/db")
    assert (url.password, url.host, url.database) == ("a/b@c:d %", "host", "db")
    url = index_url(LocalPlace(Path("/x")), "sqlite:////data/${CREME_TEST_PART}/i.sqlite")
    assert url.database == "/data/a/b@c:d %/i.sqlite"


@pytest.fixture
def wanderer(tmp_path, monkeypatch):
    """The synthetic model changes the current directory when it is made, and when it predicts."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / "away" / name).mkdir(parents=True)
    made, predicts = SyntheticModel.__init__, SyntheticModel.predict

    def make(self, **parameters):
        os.chdir(tmp_path / "away" / "one")
        made(self, **parameters)

    def predict(self, onehot):
        os.chdir(tmp_path / "away" / "two")
        return predicts(self, onehot)

    monkeypatch.setattr(SyntheticModel, "__init__", make)
    monkeypatch.setattr(SyntheticModel, "predict", predict)
    yield
    assert Path.cwd() == tmp_path / "away" / "two"
    assert [list((tmp_path / "away" / name).iterdir()) for name in ("one", "two")] == [[], []]


@pytest.mark.usefixtures("wanderer")
@pytest.mark.parametrize("output", [None, "mine.results"])
def test_a_model_that_changes_the_directory_diverts_nothing(tmp_path, experiment, output):
    experiment(name="w.toml")
    results = Experiment.from_file("w.toml").run(output, progress=False)
    assert results.path == tmp_path / (output or "small.results")
    assert results.dataset("necessity").sizes["locus"] == 3
    assert results.raw["folder"] == str(tmp_path.resolve())
    assert results.raw["store"] == str((tmp_path / "predictions").resolve())
    with Store(tmp_path / "predictions") as store:
        assert store.count() > 100
        chunks = list((tmp_path / "predictions").rglob("c/*/0/0"))
        assert len(chunks) == sum(info.chunks for info in store.info())


@pytest.mark.usefixtures("wanderer")
def test_nor_one_that_is_measured_with(tmp_path, genome):
    model = creme.load_model("synthetic", length=24576)
    os.chdir(tmp_path)
    loci = creme.load_loci(model, fasta=genome.fasta, bed=genome.bed)
    creme.measure("necessity", model, loci, tile=1000, replicates=1, store="mine", bins="tss")
    with Store(tmp_path / "mine") as store:
        assert store.count() > 50
