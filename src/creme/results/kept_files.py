"""Files beside a state that have their checksums in it: tables, and the file that was run.

The key ``sha256`` of ``run.json`` and ``study.json`` has them by the files' names. A file without
one is of an earlier version, and read as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from creme.errors import ResultsError
from creme.files.digests import FileState, file_state
from creme.files.durable import write_text

SUMS = "sha256"
"""The key of a state."""

_TRIES = 100
"""How often a file is read that is written anew again and again."""


class KeepsState(Protocol):
    """A folder with a state; see `creme.results.state.StateFolder`."""

    path: Path

    @property
    def begun(self) -> bool:
        """Whether there is a state."""

    def read_state(self) -> dict[str, Any]:
        """The state."""

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change it."""


class KeptFiles:
    """Files of a folder, read and written by the checksums in its state.

    Parameters
    ----------
    folder : StateFolder
    way_out : str
        Ends the error about a file that is damaged.
    """

    def __init__(self, folder: KeepsState, way_out: str) -> None:
        self._folder = folder
        self._way_out = way_out

    @property
    def sums(self) -> dict[str, str]:
        """SHA-256 of each file that has one, hexadecimal, by its path in the folder."""
        return dict(self._folder.read_state().get(SUMS, {})) if self._folder.begun else {}

    @contextmanager
    def written(self, names: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """Write texts to files, each whole; gives all checksums, which belong into the state next.

        A process that is killed in between leaves a file without a checksum, and never one with
        that of another.
        """
        sums = self.sums
        new = {name: _sum(text.encode()) for name, text in names.items()}
        kept = {name: each for name, each in sums.items() if new.get(name, each) == each}
        if kept != sums:
            self._folder.update({SUMS: kept})
        for name, text in names.items():
            write_text(self._folder.path / name, text)
        yield {**kept, **new}

    def write(self, names: Mapping[str, str]) -> None:
        """Write texts to files, each whole, and their checksums into the state."""
        with self.written(names) as sums:
            self._folder.update({SUMS: sums})

    def content(self, name: str) -> bytes:
        """A file, by its checksum.

        Raises
        ------
        OSError
            If it cannot be read.
        ResultsError
            If it is not as it was written.
        """
        wanted = self.sums.get(name)
        for _ in range(_TRIES):
            content = (self._folder.path / name).read_bytes()
            if wanted is None or wanted == _sum(content):
                return content
            # It may have been written anew between the two.
            before, wanted = wanted, self.sums.get(name)
            if before == wanted:
                break
        raise ResultsError(
            f"{self._folder.path / name} is damaged, or was edited: its bytes are not those that "
            f"were written. {self._way_out}"
        )

    def intact(self, name: str, sums: Mapping[str, str] | None = None) -> bool:
        """Whether a file that is there is as it was written, as far as its checksum is known.

        Parameters
        ----------
        name : str
        sums : mapping, optional
            `sums`, where they are read already.
        """
        wanted = (self.sums if sums is None else sums).get(name)
        path = self._folder.path / name
        try:
            return wanted is None or wanted == _sum_of(path, file_state(path))
        except FileNotFoundError:  # it is being replaced
            return True


@lru_cache(maxsize=256)
def _sum_of(path: Path, _version: FileState) -> str:
    """Remembered by the state of the file: it is asked for again and again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
