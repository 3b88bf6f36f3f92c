"""A store's files in an object store: S3 and what speaks its language, and those of other clouds.

An object is there whole or not at all, and stays once the request that wrote it was answered. There
are no locks and no files on their way into place, and two hosts may use it at once; so the index is
in PostgreSQL. Credentials are those of the environment, and of AWS's profile: none is kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import ObjectStore

from creme.errors import StoreError
from creme.files.guarded_zarr import GuardedStore
from creme.files.zarr_thread import ensure_running
from creme.packages import lacking
from creme.passwords import masked
from creme.store.place import ARRAYS, Place

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Bucket

    from creme.store.index import Index

    OfBucket = ObjectStore[Bucket]
else:
    OfBucket = ObjectStore  # which takes no type before zarr 3.1.4

PATIENCE = timedelta(seconds=40)
"""A request that fails is repeated for so long, as where a server has gone for a moment."""

_PART = re.compile(r"[A-Za-z0-9._=-]+")
_ALLOWED = "give 's3://bucket/prefix' with an 'index' in PostgreSQL"


def _bucket_of_s3(url: str) -> Bucket:
    """A prefix of a bucket; the endpoint, region and keys are AWS's variables or profile."""
    return _bucket(url, "AWS_ENDPOINT_URL", credential_provider=_profile())


def _bucket_of_google(url: str) -> Bucket:
    """A prefix of a bucket; its keys are Google's variables."""
    return _bucket(url, "GOOGLE_BASE_URL")


def _bucket_of_azure(url: str) -> Bucket:
    """A prefix of a container; the endpoint, account and keys are Azure's variables."""
    # Where obstore has the account by the variable alone, to print its store ends the process.
    account = os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    config = {"account_name": account} if account else {}
    return _bucket(url, "AZURE_STORAGE_ENDPOINT", config=config)


def _bucket(url: str, endpoint: str, **more: Any) -> Bucket:
    """A prefix; a variable may name another server than the cloud's."""
    from obstore.store import from_url

    return from_url(
        url,
        client_options={"allow_http": os.environ.get(endpoint, "").startswith("http://")},
        retry_config={"retry_timeout": PATIENCE},
        **more,
    )


def _profile() -> Any:
    """The giver of the keys of AWS's profile, where the environment has none itself."""
    if "AWS_ACCESS_KEY_ID" in os.environ or not _has_profile():
        return None
    if find_spec("boto3") is None:
        raise StoreError(
            "AWS's profiles are read by boto3: pip install boto3, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, as 'aws configure export-credentials --format env' says them"
        )
    from boto3.session import Session
    from botocore.exceptions import BotoCoreError
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        return Boto3CredentialProvider(Session())
    except (BotoCoreError, ValueError) as error:
        raise StoreError(f"AWS's profile gives no credentials: {error}") from None


def _has_profile() -> bool:
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    return "AWS_PROFILE" in os.environ or Path(file).expanduser().is_file()


SCHEMES: dict[str, Callable[[str], Bucket]] = {
    "s3": _bucket_of_s3,
    "gs": _bucket_of_google,
    "az": _bucket_of_azure,
}
"""Opens a prefix, by the beginning of its URL."""


class ObjectPlace(Place):
    """A prefix of a bucket.

    Parameters
    ----------
    url : str
        ``s3://bucket/prefix``.

    Raises
    ------
    StoreError
        If it is another URL, holds a password or a key, or obstore is not installed.
    """

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        bucket, _, prefix = rest.rstrip("/").partition("/")
        if scheme not in SCHEMES:
            raise _refused(url, f"begins with none of {', '.join(f'{one}://' for one in SCHEMES)}")
        if "@" in rest or "?" in rest:
            raise _refused(
                url, "may hold no key and no setting: those are variables of the environment"
            )
        parts = [bucket, *prefix.split("/")] if scheme != "file" else prefix.split("/")
        if not all(_PART.fullmatch(part) and part.strip(".") for part in parts):
            raise _refused(
                url, "needs a bucket and a prefix, of letters, digits, '.', '_', '-' and '='"
            )
        if find_spec("obstore") is None:
            raise StoreError(
                lacking(f"store {url} needs obstore and psycopg", "objects", "postgres")
            )
        self.url = f"{scheme}://{bucket}/{prefix}"

    def __str__(self) -> str:
        return self.url

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectPlace) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    @property
    def path(self) -> Path:
        """No folder.

        Raises
        ------
        StoreError
        """
        raise StoreError(f"store {self} is in an object store, and has no folder")

    def check_file_index(self) -> None:
        """An index in SQLite does not serve.

        Raises
        ------
        StoreError
        """
        raise StoreError(
            f"store {self} is in an object store, where SQLite has no locks: its index is in "
            f"PostgreSQL; give 'index', as 'postgresql://user@host:5432/database', or the file of "
            f"an experiment that has it"
        )

    def recorded(self) -> str:
        """The URL."""
        return self.url

    def beside(self, suffix: str) -> Place:
        """None, since its index would be in SQLite.

        Raises
        ------
        StoreError
        """
        raise StoreError(
            f"a shard writes a store of its own with an index in SQLite, which {self} cannot have: "
            f"give a directory as 'store' for the shards, and merge them: creme cache merge "
            f"DIRECTORY --into FILE, where FILE has this store and its index"
        )

    def make(self) -> None:
        """Nothing: the bucket has to be there, and a prefix always is."""

    def arrays(self, *, read_only: bool) -> GuardedStore:
        """The store of the group of arrays."""
        ensure_running()
        with _in_sentences():
            bucket = SCHEMES[self.url.partition("://")[0]](f"{self.url}/{ARRAYS}")
        objects = _Objects(bucket, read_only=read_only)
        return GuardedStore(objects, StoreError, where=f"{self}/{ARRAYS}")

    def names(self, name: str = "") -> list[str]:
        """The names directly below one."""
        import obstore

        with _in_sentences():
            below = obstore.list_with_delimiter(self._bucket, name or None)
        paths = [*below["common_prefixes"], *(one["path"] for one in below["objects"])]
        return [path.rpartition("/")[2] for path in paths]

    def read(self, name: str) -> bytes:
        """The content of an object."""
        import obstore

        with _in_sentences():
            return bytes(obstore.get(self._bucket, name).bytes())

    def write_first(self, name: str, content: bytes) -> None:
        """Write an object; of several writers the first one's stands."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with _in_sentences():
            try:
                obstore.put(self._bucket, name, content, mode="create")
            except AlreadyExistsError:
                return

    def keep(self, name: str) -> None:
        """Nothing: what was answered is durable."""

    def remove(self, name: str) -> None:
        """Delete an object, or all below a name."""
        import obstore

        with _in_sentences():
            paths = [one["path"] for part in obstore.list(self._bucket, name) for one in part]
            # Some say that one was not there, and some do not.
            with suppress(FileNotFoundError):
                obstore.delete(self._bucket, paths or name)

    def changed(self, name: str) -> float:
        """When an object, or the last one below a name, was written."""
        return max(float(one["last_modified"].timestamp()) for one in self._all(name))

    def size(self, name: str) -> tuple[int, int]:
        """The objects below a name, and their bytes."""
        sizes = [int(one["size"]) for one in self._all(name, missing=True)]
        return len(sizes), sum(sizes)

    def cut_short(self, *, everywhere: bool = True) -> Iterator[str]:
        """None: an object is whole, or not there."""
        return iter(())

    def held(self, name: str, what: str, index: Index) -> AbstractContextManager[None]:
        """Hold a lock of the index's server."""
        return index.held(what)

    def lockable(self, name: str) -> None:
        """There are no locks."""

    @cached_property
    def _bucket(self) -> Bucket:
        with _in_sentences():
            return SCHEMES[self.url.partition("://")[0]](self.url)

    def _all(self, name: str, *, missing: bool = False) -> list[Any]:
        """The descriptions of an object, or of all below a name."""
        import obstore

        with _in_sentences():
            described = [one for part in obstore.list(self._bucket, name) for one in part]
            if not described and not missing:
                described = [obstore.head(self._bucket, name)]
        return described


class _Objects(OfBucket):
    """Zarr's store of objects, whose troubles are those of any other."""

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        with _in_sentences():
            return await super().get(key, prototype, byte_range)

    async def exists(self, key: str) -> bool:
        with _in_sentences():
            return await super().exists(key)

    async def set(self, key: str, value: Buffer) -> None:
        with _in_sentences():
            await super().set(key, value)


@contextmanager
def _in_sentences() -> Iterator[None]:
    """An error of the object store as one that a folder has, in its first sentence."""
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as error:
        raise OSError(_first_sentence(error)) from error
    except FileNotFoundError as error:
        raise FileNotFoundError(_first_sentence(error)) from error


def _first_sentence(error: Exception) -> str:
    text = str(error).partition("\n")[0].partition(": <?xml")[0]
    return masked(text.strip())


def _refused(url: str, why: str) -> StoreError:
    return StoreError(f"store = {masked(url)!r} {why}: {_ALLOWED}")
