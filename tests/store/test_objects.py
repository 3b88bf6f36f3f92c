"""Stores in an object store: URLs, errors, and the contract through obstore's own files.

A real S3-compatible server is in tests/services.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from stored import fill, held

from creme.errors import StoreError
from creme.store import Store
from creme.store.location import place_at
from creme.store.objects import SCHEMES, ObjectPlace
from creme.testing import store_checks

pytest.importorskip("obstore")


@pytest.fixture
def files(monkeypatch) -> Callable[[Path], str]:
    """Gives URLs of folders as object stores, which users have no use for: they are not fsynced."""
    from obstore.store import LocalStore

    monkeypatch.setitem(
        SCHEMES, "file", lambda url: LocalStore(Path(url.removeprefix("file://")), mkdir=True)
    )
    return lambda folder: f"file://{folder}"


@pytest.mark.parametrize("check", store_checks(), ids=str)
def test_contract(tmp_path, check, postgres, files):
    index = postgres.url()
    check(lambda: lambda: Store(files(tmp_path / "s"), index_url=index))


REFUSED = {
    "s3://": "needs a bucket and a prefix",
    "s3://bucket": "needs a bucket and a prefix",
    "s3://bucket/": "needs a bucket and a prefix",
    "s3://bucket/a//b": "needs a bucket and a prefix",
    "s3://bucket/../b": "needs a bucket and a prefix",
    "s3://bucket/a b": "needs a bucket and a prefix",
    "s3://bucket/a?region=x": "may hold no key and no setting",
    "s3://KEY:SECRET@bucket/prefix": "may hold no key and no setting",
    "http://host/prefix": "begins with none of s3://, gs://, az://",
    "postgresql://me:SECRET@host/db": "begins with none of",
}


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_that_cannot_serve_is_refused(url):
    with pytest.raises(StoreError, match=REFUSED[url]) as error:
        place_at(url)
    assert "s3://bucket/prefix" in str(error.value)
    assert "SECRET" not in str(error.value)


def test_a_path_is_no_url():
    with pytest.raises(StoreError, match="has to be a text"):
        place_at(Path("s3://bucket/prefix"))


@pytest.mark.parametrize("index", [None, "sqlite:////tmp/index.sqlite"])
def test_an_index_in_sqlite_is_refused(tmp_path, index, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="SQLite has no locks: its index is in PostgreSQL"):
        Store("s3://bucket/prefix", index_url=index)
    assert list(tmp_path.iterdir()) == []


def test_places_are_the_same_by_their_urls():
    urls = ("s3://bucket/a", "s3://bucket/a/", "gs://bucket/a")
    assert len({place_at(url) for url in urls}) == 2
    assert {place_at(url).recorded() for url in urls} == {"s3://bucket/a", "gs://bucket/a"}


def test_no_shard_lies_beside_it():
    with pytest.raises(StoreError, match="give a directory as 'store' for the shards"):
        place_at("s3://bucket/a").beside(".shard-1-of-2")


def test_it_has_no_folder(tmp_path, postgres, files):
    with (
        Store(files(tmp_path / "s"), index_url=postgres.url()) as store,
        pytest.raises(StoreError, match="is in an object store, and has no folder"),
    ):
        _ = store.path


def test_another_index_and_another_place_are_refused(tmp_path, postgres, files):
    url, other = postgres.url(), postgres.url()
    with Store(files(tmp_path / "s"), index_url=url) as store:
        fill(store, range(5))
    for place, index in ((tmp_path / "s", other), (tmp_path / "t", url)):
        with pytest.raises(StoreError, match="do not belong together"):
            Store(files(place), index_url=index)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").touch()
    with pytest.raises(StoreError, match=r"is not a store and not empty \(it holds 'one.jpg'\)"):
        Store(files(tmp_path / "photos"), index_url=postgres.url())


def test_a_folder_may_become_one(tmp_path, postgres, files):
    """The files are the same, wherever they lie: a store with its index on a server moves."""
    url = postgres.url()
    with Store(tmp_path / "s", index_url=url) as store:
        fill(store, range(20))
    with Store(files(tmp_path / "s"), index_url=url) as store:
        assert held(store) == set(range(20))
        fill(store, range(20, 30))
    with Store(tmp_path / "s", index_url=url) as store:
        assert held(store) == set(range(30))


def test_one_compaction_at_a_time(tmp_path, postgres, files):
    from creme.files.durable import InUseError
    from creme.store.compact import compact

    url = postgres.url()
    with (
        Store(files(tmp_path / "s"), index_url=url) as one,
        Store(files(tmp_path / "s"), index_url=url) as other,
    ):
        fill(one, range(5))
        fill(one, range(5, 9))
        with one.index.held("it"), pytest.raises(InUseError, match="is being compacted by another"):
            compact(other)
        assert compact(other).rows == 9
        assert compact(one).rows == 0


def test_a_store_that_does_not_answer_loses_nothing(tmp_path, postgres, files, monkeypatch):
    """What cannot be read now may be whole: it is no damage."""
    from zarr.storage import ObjectStore

    url = postgres.url()
    with Store(files(tmp_path / "s"), index_url=url) as store:
        fill(store, range(5))

    async def get(*_arguments: object) -> None:
        from obstore.exceptions import GenericError

        raise GenericError("Generic S3 error: no route to host\n\nDebug source:\nmuch more")

    with Store(files(tmp_path / "s"), index_url=url) as store:
        held(store)
    with Store(files(tmp_path / "s"), index_url=url) as store:
        (source,) = store.sources()
        store.arrays.read(source, 1, 1)
        with monkeypatch.context() as patched:
            patched.setattr(ObjectStore, "get", get)
            with pytest.raises(StoreError, match=r"cannot be read now: .* no route to host; noth"):
                held(store)
        assert held(store) == set(range(5))


def test_a_failed_write_is_a_sentence(tmp_path, postgres, files, monkeypatch):
    from zarr.storage import ObjectStore

    async def put(*_arguments: object) -> None:
        from obstore.exceptions import PermissionDeniedError

        raise PermissionDeniedError("The operation lacked the privileges: store.id")

    with Store(files(tmp_path / "s"), index_url=postgres.url()) as store:
        fill(store, range(5))
        with monkeypatch.context() as patched:
            patched.setattr(ObjectStore, "set", put)
            with pytest.raises(StoreError, match=r"cannot be written to store file:.* lacked the"):
                fill(store, range(5, 9))
        fill(store, range(5, 9))
        assert held(store) == set(range(9))


def test_without_boto3_a_profile_is_a_sentence(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setenv("AWS_PROFILE", "lab")
    monkeypatch.setattr("creme.store.objects.find_spec", lambda name: None)
    from creme.store.objects import _profile

    with pytest.raises(StoreError, match="are read by boto3"):
        _profile()


def test_without_obstore_it_is_a_sentence(monkeypatch):
    monkeypatch.setattr("creme.store.objects.find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"pip install 'obstore>=\S+' 'psycopg\[binary\]>="):
        ObjectPlace("s3://bucket/prefix")
