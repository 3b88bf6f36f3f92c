"""Where a store and its index are: paths and URLs checked, passwords taken in and kept out."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, unquote

import sqlalchemy as sa

from creme.errors import StoreError
from creme.packages import lacking
from creme.passwords import HIDDEN, VARIABLE, masked
from creme.store.place import INDEX_FILE, LocalPlace, Place

_ALLOWED = (
    "give 'sqlite:////folder/index.sqlite' or 'postgresql://user@host:5432/database', with its "
    "password in PGPASSWORD, a service file, or as ${VARIABLE}"
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_SERVERS = ("postgresql", "postgresql+psycopg")


def place_at(path: str | Path | Place, folder: Path | None = None) -> Place:
    """The place of a store: a folder, or that of a URL.

    Parameters
    ----------
    path : str, Path or Place
        A directory, or ``s3://bucket/prefix``.
    folder : Path, optional
        Where a relative path starts from; the current directory unless given.

    Raises
    ------
    StoreError
        If it is a URL that cannot serve, or as `directory`.
    """
    if isinstance(path, Place):
        return path
    if isinstance(path, str) and _URL.match(path):
        from creme.store.objects import ObjectPlace  # which needs zarr

        return ObjectPlace(path)
    if isinstance(path, Path) and path.parts[:1] and path.parts[0] in ("s3:", "gs:", "az:"):
        raise StoreError(f"store {path}: a URL has to be a text, since a Path has no '//'")
    return LocalPlace(directory(path, folder))


def directory(path: str | Path, folder: Path | None = None) -> Path:
    """The absolute path of a store's directory, which no later change of folder diverts.

    Parameters
    ----------
    path : str or Path
        ``~`` and ``~user`` at its beginning are homes.
    folder : Path, optional
        Where a relative path starts from; the current directory unless given.

    Raises
    ------
    StoreError
        If it begins with the home of a user who is not here.
    """
    try:
        expanded = Path(path).expanduser()
    except RuntimeError:
        raise StoreError(
            f"store {path}: there is no home folder of that name here; write the whole path, or "
            f"./{path} for a folder whose name begins with ~"
        ) from None
    return ((folder or Path()) / expanded).absolute()


def index_url(place: Place, text: str | None) -> sa.URL:
    """The URL of a store's index.

    Parameters
    ----------
    place : Place
        The store's.
    text : str, optional
        As given; ``${VARIABLE}`` stands for a variable of the environment. The default is
        ``index.sqlite`` in the directory.

    Raises
    ------
    StoreError
        If it is no URL, of no database that serves the place, or names a variable that is not
        set. The error shows no password.
    """
    if text is None or text.startswith("sqlite"):
        place.check_file_index()
    if text is None:
        return sa.URL.create("sqlite", database=str(place.path / INDEX_FILE))
    if text.startswith("sqlite"):
        return sa.URL.create("sqlite", database=str(_file(text)))
    try:
        url = sa.make_url(_with_variables(text))
    except (sa.exc.ArgumentError, ValueError):
        raise _refused(text, "is no URL") from None
    if url.drivername not in _SERVERS:
        raise _refused(text, f"names {url.drivername!r}, and the index is in SQLite or PostgreSQL")
    if find_spec("psycopg") is None:
        raise StoreError(lacking("an index in PostgreSQL needs psycopg", "postgres"))
    if url.password == HIDDEN:
        # A copy of an experiment's file has none: then PGPASSWORD or a password file has it.
        url = url._replace(password=None)
    return url.set(drivername="postgresql+psycopg")


def read_only(url: sa.URL) -> sa.URL:
    """The URL that opens SQLite's file as one that nobody changes."""
    if url.get_backend_name() != "sqlite":
        return url
    query = {"mode": "ro", "immutable": "1", "uri": "true"}
    return sa.URL.create("sqlite", database=f"file:{quote(str(url.database))}", query=query)


def shown(url: sa.URL) -> str:
    """A URL for people, without its password."""
    plain = url.set(drivername=url.get_backend_name())
    return masked(plain.render_as_string(hide_password=True))


def _file(text: str) -> Path:
    """The file of a URL of SQLite, in which any letter may be written as %XX."""
    begins, _, rest = text.partition(":///")
    if begins not in ("sqlite", "sqlite+pysqlite"):
        kind = "is in memory" if text in ("sqlite:", "sqlite://") else "is no URL of a file"
        raise _refused(text, kind)
    name, asks, _ = rest.partition("?")
    name = unquote(_with_variables(name))
    if name in ("", ":memory:") or name.startswith("file:"):
        raise _refused(text, "is in memory" if name != "file:" else "names no file")
    if asks:
        raise _refused(text, "has settings after '?': write %3F for a '?' in a name")
    return directory(name)


def _with_variables(text: str) -> str:
    def value(one: re.Match[str]) -> str:
        if one[1] not in os.environ:
            raise _refused(text, f"names ${{{one[1]}}}, which is not set in the environment")
        return quote(os.environ[one[1]], safe="")

    return VARIABLE.sub(value, text)


def _refused(text: str, why: str) -> StoreError:
    return StoreError(f"index = {masked(text)!r} {why}: {_ALLOWED}")
