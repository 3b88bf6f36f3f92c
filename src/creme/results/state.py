"""A folder that one process at a time runs into, and the JSON file that holds its state."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Self

from creme.errors import ConfigError, CremeWarning, ResultsError
from creme.files import small
from creme.files.durable import alive, locked, write_text
from creme.results.kept_files import KeptFiles
from creme.results.state_shape import problem

CHECKSUM = "checksum"
"""The key of a state's own checksum in its file; a state without the key is read as it is."""

_SAVED = re.compile(r"\..+\.saved-[^.]+")
"""Folders in which a Dataset is written before it is moved into place."""


class StateFolder:
    """A folder with a state: a results directory, or the folder of a study.

    A subclass says what its files are called. Whatever stands in the folder stands whole, so
    reading needs no lock.

    Parameters
    ----------
    path : str or Path
    """

    state_file: ClassVar[str]
    """The JSON file that holds the state; a folder without it has not begun."""

    state_shape: ClassVar[Any]
    """The types in it; see `creme.results.state_shape`."""

    required: ClassVar[tuple[str, ...]]
    """Keys that it has from the beginning."""

    settings_file: ClassVar[str]
    """The TOML file that was run."""

    other_entries: ClassVar[frozenset[str]] = frozenset()
    """Names that a run which was killed while it began may have left, too."""

    kind: ClassVar[str]
    """Its name in an error: ``"a results directory"``."""

    made_by: ClassVar[str]
    """The command that makes one."""

    restored_by: ClassVar[str]
    """How a damaged file of it, but for Datasets, is made anew: a sentence."""

    def __init__(self, path: str | Path) -> None:
        # A model or a test may change the current directory while it runs.
        self.path = Path(path).absolute()

    @classmethod
    def existing(cls, path: str | Path) -> Self:
        """A folder that a run made.

        Raises
        ------
        ResultsError
            If it is not one.
        """
        folder = cls(path)
        if not folder.begun:
            raise ResultsError(
                f"{path} is not {cls.kind} (it has no {cls.state_file}); '{cls.made_by}' makes one"
            )
        return folder

    @property
    def begun(self) -> bool:
        """Whether a run has begun here."""
        return (self.path / self.state_file).is_file()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have the folder for this process alone, to run into it; it is made if needed.

        Raises
        ------
        InUseError
            If another process has it.
        ResultsError
            If something else stands here; nothing is changed then.
        """
        self.refuse_foreign()
        with held(self.path, self.state_file):
            self._remove_leftovers()
            yield

    def _remove_leftovers(self) -> None:
        """Remove what a killed run was about to move into place; only whoever has the folder."""
        lock = _lock_name(self.state_file)
        beginnings = (f".{self.state_file}.", f".{self.settings_file}.")
        for entry in self.path.iterdir():
            # What cannot be removed now is no hindrance.
            with suppress(OSError):
                if entry.name.startswith(beginnings) and entry.name != lock:
                    entry.unlink()
                elif _SAVED.fullmatch(entry.name):
                    shutil.rmtree(entry)

    def refuse_foreign(self) -> None:
        """An error if something stands here that no run, killed while it began, has left.

        Raises
        ------
        ResultsError
        """
        if self.begun or not self.path.exists():
            return
        ours = {self.settings_file, *self.other_entries}
        beginnings = (f".{self.settings_file}", f".{self.state_file}")
        if not self.path.is_dir() or any(
            entry.name not in ours and not entry.name.startswith(beginnings)
            for entry in self.path.iterdir()
        ):
            raise ResultsError(
                f"{self.path} exists and is not {self.kind}: give another with --output"
            )

    def read_state(self) -> dict[str, Any]:
        """The state as it stands in the file.

        Raises
        ------
        ResultsError
            If it cannot be read, or is not as it was written.
        """
        file = self.path / self.state_file
        try:
            state: dict[str, Any] = small.parse_json(small.read_text(file), "it")
        except (OSError, UnicodeDecodeError) as error:
            raise ResultsError(f"{file} cannot be read: {small.reason(error)}") from None
        except ConfigError as error:
            wrong: str | None = str(error).removeprefix("it ")
        else:
            wrong = problem(state, self.state_shape, self.required)
        if wrong:
            raise ResultsError(f"{file} was damaged or changed by hand: {wrong}")
        # An earlier version wrote none.
        checksum = state.pop(CHECKSUM, None)
        if checksum is not None and checksum != _checksum(state):
            raise ResultsError(
                f"{file} is damaged, or was edited: it is not as it was written. If you have "
                f"edited it, remove its line {CHECKSUM!r}; if not, its numbers are not to be "
                f"trusted, and running again into another directory takes every prediction from "
                f"the store"
            )
        return state

    @property
    def kept(self) -> KeptFiles:
        """The files that have their checksums in the state."""
        return KeptFiles(self, self.restored_by.format(self.path))

    def settings_text(self) -> str:
        """The TOML file as it was run; empty if it is gone.

        Raises
        ------
        ResultsError
            If it cannot be read.

        Warns
        -----
        CremeWarning
            If it is not as it was written.
        """
        file = self.path / self.settings_file
        try:
            text = small.read_text(file) if file.is_file() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise ResultsError(f"{file} cannot be read: {small.reason(error)}") from None
        self.check_settings()
        return text

    def check_settings(self) -> None:
        """Say so where the TOML file is not as it was written.

        It may be edited: what numbers come from stands in the state, too, which tells a file of
        other numbers.

        Warns
        -----
        CremeWarning
        """
        if not self.kept.intact(self.settings_file):
            warnings.warn(
                f"{self.path / self.settings_file} is not as it was written: unless you have "
                f"edited it, it is damaged, and '{self.made_by}' with your own file and --output "
                f"{self.path} writes it anew",
                CremeWarning,
                stacklevel=3,
            )

    def begin(self, state: Mapping[str, Any]) -> None:
        """Write the first state, or change the one that is there."""
        before = self.read_state() if self.begun else {}
        self._write({**before, **state})

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change the state in one step.

        Raises
        ------
        ResultsError
            If it was removed since the run began, or cannot be written.
        """
        if not self.begun:
            raise _removed(self.path)
        self._write({**self.read_state(), **changes})

    def _write(self, state: Mapping[str, Any]) -> None:
        state = {**state, **about()}
        with writing(self.path):
            text = json.dumps({CHECKSUM: _checksum(state), **state}, indent=1)
            write_text(self.path / self.state_file, text)


def _checksum(state: Mapping[str, Any]) -> str:
    """SHA-256 of a state as JSON, however that is laid out."""
    # Keys that are numbers become text, by which they are in order.
    read = json.loads(json.dumps(state))
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's errors while a folder is written into a sentence.

    Raises
    ------
    ResultsError
        That says whether the folder was removed, and what to do.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.exists():
            raise _removed(path) from None
        why = error.strerror or str(error)
        raise ResultsError(
            f"{path} cannot be written ({why}): run again once it can, or with another --output; "
            f"every prediction that was made is taken from the store"
        ) from error


def _removed(path: Path) -> ResultsError:
    return ResultsError(
        f"{path} was removed, or its state was, while a run wrote into it: run again; every "
        f"prediction that was made is taken from the store"
    )


@contextmanager
def held(folder: Path, state: str) -> Iterator[None]:
    """Have a folder for this process alone, by a lock named after its state; it is made if needed.

    Raises
    ------
    InUseError
        If another process has it.
    ResultsError
        If nothing can be written there.
    """
    lock = folder / _lock_name(state)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.touch()
    except OSError as error:
        raise ResultsError(
            f"{folder} cannot be written ({error.strerror}): give another with --output"
        ) from None
    advice = ": wait for its end, or stop it; what is there can be read meanwhile"
    with locked(lock, f"{folder} is being run", advice):
        yield


def _lock_name(state: str) -> str:
    return f".{state}.lock"


def about() -> dict[str, Any]:
    """The process that writes a state, and when."""
    return {"pid": os.getpid(), "host": socket.gethostname(), "updated": now()}


def gone(state: Mapping[str, Any]) -> bool:
    """Whether the process that wrote a state was one of this machine, and is no more."""
    return state.get("host") == socket.gethostname() and not alive(state.get("pid", 0))


def now() -> str:
    """The time, for people."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
