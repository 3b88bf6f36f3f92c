"""Where the files of a store lie: what a folder and an object store can both do, and a folder.

Names are relative to the place, their parts separated by ``/``. What needs a file system, as locks
do and an index in SQLite, belongs to a folder alone.
"""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from creme.errors import StoreError
from creme.files.durable import locked, sync, write_first
from creme.files.guarded_zarr import GuardedStore

if TYPE_CHECKING:
    from creme.store.index import Index

ARRAYS = "predictions.zarr"
IDENTITY_FILE = "store.id"
INDEX_FILE = "index.sqlite"

FILES = frozenset({INDEX_FILE, f"{INDEX_FILE}.lock", ARRAYS, IDENTITY_FILE})
"""Names of which a place has one, if it is a store's."""

_CUT_SHORT = (".*.partial", "*.partial", f".{IDENTITY_FILE}.*", f".{INDEX_FILE}.lock.*")
"""Names of files on their way into place; those of zarr end in ``.partial``."""


class Place(ABC):
    """Where the files of a store lie.

    What cannot be done now is an `OSError`, `FileNotFoundError` where a file is missing.
    """

    @property
    @abstractmethod
    def path(self) -> Path:
        """The folder.

        Raises
        ------
        StoreError
            If it is none.
        """

    @abstractmethod
    def check_file_index(self) -> None:
        """See that an index in SQLite can serve.

        Raises
        ------
        StoreError
        """

    @abstractmethod
    def recorded(self) -> str:
        """The place as results name it, wherever links lead later."""

    @abstractmethod
    def beside(self, suffix: str) -> Place:
        """The place of another store, whose name has this at its end.

        Raises
        ------
        StoreError
            If there can be none that has no index elsewhere.
        """

    @abstractmethod
    def make(self) -> None:
        """Make the place, if it has to be made."""

    @abstractmethod
    def arrays(self, *, read_only: bool) -> GuardedStore:
        """The store of the group of arrays, as zarr reads it.

        Raises
        ------
        RuntimeError, MemoryError
            If zarr's thread cannot be started now.
        """

    @abstractmethod
    def names(self, name: str = "") -> list[str]:
        """The names directly below one; none where it is missing."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The content of a file."""

    @abstractmethod
    def write_first(self, name: str, content: bytes) -> None:
        """Write a small file in one step, and durably; of several writers the first's stands."""

    @abstractmethod
    def keep(self, name: str) -> None:
        """Make a file that zarr has written durable."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Delete a file, or all that lies below a name, if it is there."""

    @abstractmethod
    def changed(self, name: str) -> float:
        """When a file, or what lies below a name, was changed last: seconds since 1970."""

    @abstractmethod
    def size(self, name: str) -> tuple[int, int]:
        """The files below a name, and their bytes."""

    @abstractmethod
    def cut_short(self, *, everywhere: bool = True) -> Iterator[str]:
        """Files of writes that were killed, or that are on their way.

        Parameters
        ----------
        everywhere : bool
            Otherwise not those among the chunks, of which there may be many.
        """

    @abstractmethod
    def held(self, name: str, what: str, index: Index) -> AbstractContextManager[None]:
        """Hold a lock for as long as that takes; it goes with the process, however that ends.

        Parameters
        ----------
        name : str
            Of the lock's file.
        what : str
            Begins the error: see `creme.files.durable.locked`.
        index : Index
            Of the store.

        Raises
        ------
        InUseError
            If another process holds it.
        """

    @abstractmethod
    def lockable(self, name: str) -> int | None:
        """A file opened to be locked; None where there are no locks."""

    def is_there(self) -> bool:
        """Whether there is anything.

        Raises
        ------
        StoreError
            If that cannot be seen now.
        """
        try:
            return bool(self.names())
        except OSError as error:
            raise StoreError(f"store {self} cannot be read now: {error}") from None

    def refuse_other(self) -> None:
        """Refuse a place that holds something else.

        Raises
        ------
        StoreError
        """
        inside: Collection[str] = self.names()
        if inside and not FILES & set(inside):
            raise StoreError(
                f"{self} is not a store and not empty (it holds {sorted(inside)[0]!r}): give an "
                f"empty directory or a new name"
            )


@dataclass(frozen=True)
class LocalPlace(Place):
    """A folder.

    Parameters
    ----------
    folder : Path
        Absolute.
    """

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def path(self) -> Path:
        """The folder."""
        return self.folder

    def check_file_index(self) -> None:
        """An index in SQLite serves."""

    def recorded(self) -> str:
        """The path without links."""
        return str(self.folder.resolve())

    def beside(self, suffix: str) -> LocalPlace:
        """A folder beside this one."""
        return LocalPlace(self.folder.with_name(f"{self.folder.name}{suffix}"))

    def make(self) -> None:
        """Make the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def arrays(self, *, read_only: bool) -> GuardedStore:
        """The store of the group of arrays."""
        return GuardedStore.at(self.folder / ARRAYS, StoreError, read_only=read_only)

    def names(self, name: str = "") -> list[str]:
        """The names directly below one."""
        try:
            return [entry.name for entry in (self.folder / name).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return (self.folder / name).read_bytes()

    def write_first(self, name: str, content: bytes) -> None:
        """Write a small file in one step, and durably."""
        write_first(self.folder / name, content)

    def keep(self, name: str) -> None:
        """Make a file, and its name, durable: zarr replaces it in one step, without fsync."""
        sync(self.folder / name)
        sync((self.folder / name).parent)

    def remove(self, name: str) -> None:
        """Delete a file, or a folder."""
        path = self.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def changed(self, name: str) -> float:
        """When a file or a folder was changed last."""
        return (self.folder / name).stat().st_mtime

    def size(self, name: str) -> tuple[int, int]:
        """The files below a folder, and their bytes."""
        files = size = 0
        for folder, _, names in os.walk(self.folder / name):
            files += len(names)
            for each in names:
                with suppress(FileNotFoundError):
                    size += Path(folder, each).stat().st_size
        return files, size

    def cut_short(self, *, everywhere: bool = True) -> Iterator[str]:
        """Files that were to be moved into place."""
        arrays = self.folder / ARRAYS
        for pattern in _CUT_SHORT:
            yield from map(self._name, self.folder.glob(pattern))
        if everywhere:
            yield from map(self._name, arrays.rglob("*.partial"))
            return
        for folder in (arrays, *arrays.glob("source-*")):
            yield from map(self._name, folder.glob("*.partial"))

    def held(self, name: str, what: str, index: Index) -> AbstractContextManager[None]:
        """Hold a lock file."""
        return locked(self.folder / name, what)

    def lockable(self, name: str) -> int | None:
        """A file opened to be locked."""
        with suppress(OSError):
            return os.open(self.folder / name, os.O_RDONLY)
        return None

    def refuse_other(self) -> None:
        """Refuse a folder that holds something else, and a file.

        Raises
        ------
        StoreError
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise StoreError(f"store {self} is a file: give a directory, or a new name")
        super().refuse_other()

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
