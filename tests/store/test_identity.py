"""An index and its directory: which are opened together, and that nothing is lost of others."""

from __future__ import annotations

import hashlib
import multiprocessing
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from creme.errors import CremeWarning, StoreError
from creme.store import Store
from creme.store.place import IDENTITY_FILE

SHAPE = (1, 1)
FINGERPRINT = "ab" * 32


def digest(i: int) -> bytes:
    return hashlib.sha256(str(i).encode()).digest()


def fill(path: Path, numbers: range, url: str | None = None) -> None:
    with Store(path, index_url=url) as store:
        source = store.source(FINGERPRINT, SHAPE)
        values = np.array(numbers, np.float32).reshape(-1, 1, 1)
        store.write(source, [digest(i) for i in numbers], values)


def held(path: Path, url: str | None = None) -> list[float]:
    """All predictions of the first hundred."""
    with Store(path, index_url=url) as store:
        found = store.read(store.source(FINGERPRINT, SHAPE), [digest(i) for i in range(100)])
        return sorted(float(values[0, 0]) for values in found.values())


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


def forget(index: Path, path: Path) -> None:
    """Make them what an earlier version has left."""
    with closing(sqlite3.connect(index)) as db, db:
        db.execute("DELETE FROM meta WHERE key = 'identity'")
    (path / IDENTITY_FILE).unlink(missing_ok=True)


def identity(index: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(index)) as db:
        return db.execute("SELECT value FROM meta WHERE key = 'identity'").fetchall()


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_store_may_be_moved_and_copied(tmp_path, elsewhere):
    url = url_of(tmp_path / "index.sqlite") if elsewhere else None
    fill(tmp_path / "s", range(5), url)
    (tmp_path / "s").rename(tmp_path / "moved")
    assert held(tmp_path / "moved", url) == [0, 1, 2, 3, 4]
    fill(tmp_path / "moved", range(5, 7), url)
    shutil.copytree(tmp_path / "moved", tmp_path / "copy")
    assert held(tmp_path / "copy", url) == held(tmp_path / "moved", url) == list(range(7))


def test_an_index_is_opened_with_its_directory_alone(tmp_path):
    url = url_of(tmp_path / "shared.sqlite")
    fill(tmp_path / "right", range(5), url)
    fill(tmp_path / "own", range(50, 60))
    for wrong in ("new", "own"):
        with pytest.raises(StoreError, match=r"shared\.sqlite do not belong together.*'index'"):
            fill(tmp_path / wrong, range(5, 9), url)
    assert held(tmp_path / "right", url) == list(range(5))
    assert held(tmp_path / "own") == list(range(50, 60))
    # A directory that was refused may have an index of its own.
    fill(tmp_path / "new", range(2))
    assert held(tmp_path / "new") == [0, 1]


def test_a_directory_has_one_index(tmp_path):
    """The chunks of another one would be written over its own."""
    url = url_of(tmp_path / "first.sqlite")
    fill(tmp_path / "s", range(5), url)
    with pytest.raises(StoreError, match="do not belong together"):
        fill(tmp_path / "s", range(50, 55), url_of(tmp_path / "second.sqlite"))
    with pytest.raises(StoreError, match="has its index elsewhere: give its URL as 'index'"):
        fill(tmp_path / "s", range(50, 55))
    assert not (tmp_path / "s" / "index.sqlite").exists()
    assert held(tmp_path / "s", url) == list(range(5))


def test_an_index_put_into_another_store_is_refused(tmp_path):
    fill(tmp_path / "a", range(5))
    fill(tmp_path / "b", range(5, 9))
    shutil.copy(tmp_path / "b" / "index.sqlite", tmp_path / "a" / "index.sqlite")
    with pytest.raises(StoreError, match="put back the index"):
        Store(tmp_path / "a")
    assert held(tmp_path / "b") == [5, 6, 7, 8]
    (tmp_path / "a" / "index.sqlite").unlink()
    with pytest.raises(StoreError, match="delete the whole directory"):
        Store(tmp_path / "a")


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_store_of_an_earlier_version_gets_an_identity(tmp_path, elsewhere):
    index = tmp_path / ("index.sqlite" if elsewhere else "s/index.sqlite")
    url = url_of(index) if elsewhere else None
    fill(tmp_path / "s", range(5), url)
    forget(index, tmp_path / "s")
    if elsewhere:
        with pytest.raises(StoreError, match="do not belong together"):
            fill(tmp_path / "wrong", range(5, 9), url)
        assert identity(index) == []
    assert held(tmp_path / "s", url) == list(range(5))
    assert identity(index) == [((tmp_path / "s" / IDENTITY_FILE).read_text().strip(),)]
    with pytest.raises(StoreError, match="do not belong together"):
        Store(tmp_path / "other", index_url=url_of(index))


def test_the_number_of_a_chunk_is_no_proof(tmp_path):
    """Two stores of one model number their chunks alike."""
    url = url_of(tmp_path / "index.sqlite")
    fill(tmp_path / "right", range(5), url)
    fill(tmp_path / "other", range(50, 55), url_of(tmp_path / "other.sqlite"))
    forget(tmp_path / "index.sqlite", tmp_path / "right")
    forget(tmp_path / "other.sqlite", tmp_path / "other")
    with pytest.raises(StoreError, match="do not belong together"):
        held(tmp_path / "other", url)
    with pytest.raises(StoreError, match="do not belong together"):
        held(tmp_path / "other", url_of(tmp_path / "new.sqlite"))
    assert held(tmp_path / "right", url) == list(range(5))
    assert held(tmp_path / "other", url_of(tmp_path / "other.sqlite")) == list(range(50, 55))


def test_an_earlier_store_whose_chunks_are_damaged_opens(tmp_path):
    fill(tmp_path / "s", range(5))
    forget(tmp_path / "s" / "index.sqlite", tmp_path / "s")
    for file in (tmp_path / "s").rglob("c/*/0/0"):
        file.write_bytes(b"damaged")
    with pytest.warns(CremeWarning, match="5 predictions will be made again"):
        assert held(tmp_path / "s") == []


def test_a_store_whose_making_was_cut_short_opens(tmp_path):
    for url in (None, url_of(tmp_path / "index.sqlite")):
        path = tmp_path / ("own" if url is None else "elsewhere")
        Store(path, index_url=url).close()
        (path / IDENTITY_FILE).unlink()
        fill(path, range(3), url)
        assert held(path, url) == [0, 1, 2]


def test_an_identity_that_was_lost_is_found_again(tmp_path):
    """As where a copy has left the file out."""
    url = url_of(tmp_path / "index.sqlite")
    fill(tmp_path / "s", range(5), url)
    before = (tmp_path / "s" / IDENTITY_FILE).read_text()
    (tmp_path / "s" / IDENTITY_FILE).unlink()
    assert held(tmp_path / "s", url) == list(range(5))
    assert (tmp_path / "s" / IDENTITY_FILE).read_text() == before


def _job(path: Path, url: str | None, numbers: range, said: object) -> None:
    try:
        fill(path, numbers, url)
        said.put((url, ""))  # type: ignore[attr-defined]
    except StoreError as error:
        said.put((url, str(error)))  # type: ignore[attr-defined]


def _at_once(path: Path, urls: list[str | None]) -> dict[str | None, list[str]]:
    """What processes say that open one directory at once, by the index of each."""
    context = multiprocessing.get_context("fork")
    said = context.Queue()
    jobs = [
        context.Process(target=_job, args=(path, url, range(10 * k, 10 * k + 10), said))
        for k, url in enumerate(urls)
    ]
    for job in jobs:
        job.start()
    found: dict[str | None, list[str]] = {}
    for _ in jobs:
        url, text = said.get(timeout=60)
        found.setdefault(url, []).append(text)
    for job in jobs:
        job.join()
    return found


@pytest.mark.parametrize("round_", range(4))
@pytest.mark.parametrize("earlier", [True, False])
def test_processes_that_open_a_store_at_once(tmp_path, round_, earlier):
    for url, index in (
        (None, tmp_path / "own" / "index.sqlite"),
        (url_of(tmp_path / "i.sqlite"), tmp_path / "i.sqlite"),
    ):
        path = tmp_path / ("own" if url is None else "elsewhere")
        if earlier:
            fill(path, range(100, 101), url)
            forget(index, path)
        assert _at_once(path, [url] * 4) == {url: [""] * 4}
        assert held(path, url) == list(range(40))


@pytest.mark.parametrize("round_", range(4))
def test_of_two_indexes_one_gets_the_directory(tmp_path, round_):
    urls = [url_of(tmp_path / f"{k}.sqlite") for k in range(2)]
    for url in urls:
        Store(tmp_path / "away", index_url=url).close()
        shutil.rmtree(tmp_path / "away")
    found = _at_once(tmp_path / "s", [*urls])
    refused = [url for url, (text,) in found.items() if text]
    (other,) = set(urls) - set(refused)
    assert all("do not belong together" in found[url][0] for url in refused)
    assert len(refused) == 1
    assert len(held(tmp_path / "s", other)) == 10
