"""Digests of weights."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from creme.errors import ModelError
from creme.files.digests import digest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def old(path, seconds=100.0):
    """Make a file look as if it had been written a while ago."""
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


def test_of_a_file(tmp_path):
    file = tmp_path / "weights.h5"
    file.write_bytes(b"numbers")
    assert digest(file) == hashlib.sha256(b"numbers").hexdigest()


def test_is_remembered_until_the_file_changes(tmp_path, cache):
    file = tmp_path / "weights.h5"
    file.write_bytes(b"numbers")
    old(file)
    first = digest(file)
    (note,) = (cache / "digests").iterdir()
    note.write_text(note.read_text().replace(first, "remembered"))
    assert digest(file) == "remembered"
    file.write_bytes(b"numberz")
    old(file, 50)
    assert digest(file) == hashlib.sha256(b"numberz").hexdigest()


def test_another_file_in_its_place_is_another_file(tmp_path, cache):
    """A copy or an archive may keep size and time of the one that it was made from."""
    file, other = tmp_path / "weights.h5", tmp_path / "other.h5"
    file.write_bytes(b"numbers")
    other.write_bytes(b"numberz")
    moment = time.time() - 100
    for path in (file, other):
        os.utime(path, (moment, moment))
    assert digest(file) == hashlib.sha256(b"numbers").hexdigest()
    other.replace(file)
    assert digest(file) == hashlib.sha256(b"numberz").hexdigest()
    time.sleep(0.05)  # some systems count time in steps
    file.write_bytes(b"numbera")
    os.utime(file, (moment, moment))
    assert digest(file) == hashlib.sha256(b"numbera").hexdigest()


def test_a_fresh_file_is_not_remembered(tmp_path, cache):
    file = tmp_path / "weights.h5"
    file.write_bytes(b"numbers")
    digest(file)
    assert not (cache / "digests").exists()


def test_a_broken_or_unwritable_cache_is_no_reason_not_to_work(tmp_path, cache):
    file = tmp_path / "weights.h5"
    file.write_bytes(b"numbers")
    old(file)
    first = digest(file)
    for note in (cache / "digests").iterdir():
        note.write_text("{")
    assert digest(file) == first
    for note in (cache / "digests").iterdir():
        note.unlink()
    (cache / "digests").rmdir()
    (cache / "digests").write_text("a file where the folder should be")
    assert digest(file) == first


def test_of_a_folder_covers_names_and_contents(tmp_path):
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"1")
    first = digest(folder)
    (folder / "variables" / "data").rename(folder / "variables" / "other")
    second = digest(folder)
    (folder / "variables" / "other").write_bytes(b"2")
    assert len({first, second, digest(folder)}) == 3


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"weights '.*absent.h5' cannot be read"):
        digest(tmp_path / "absent.h5")
