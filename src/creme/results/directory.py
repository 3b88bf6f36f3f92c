"""The results directory of an experiment: its file, its state and its Datasets."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creme.errors import ResultsError, listing, nearest
from creme.files.durable import alive, locked, put_in_place, write_text

if TYPE_CHECKING:
    import xarray as xr

EXPERIMENT = "experiment.toml"
STATE = "run.json"


class Results:
    """A results directory.

    It belongs to one experiment: ``experiment.toml`` is its file as it was run, ``run.json`` its
    identity and state, and ``TEST.zarr`` the Dataset of each test, moved into place when whole.

    Parameters
    ----------
    path : str or Path
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def existing(cls, path: str | Path) -> Results:
        """A directory that a run made.

        Raises
        ------
        ResultsError
            If it is not one.
        """
        results = cls(path)
        if not (results.path / STATE).is_file():
            raise ResultsError(
                f"{path} is not a results directory (it has no {STATE}); 'creme run FILE' makes one"
            )
        return results

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have the directory for this process alone, to run into it; it is made if needed.

        Reading needs no such thing: whatever is in it stands whole.

        Raises
        ------
        InUseError
            If another process has it.
        ResultsError
            If something else stands here; nothing is changed then.
        """
        self._refuse_foreign()
        with held(self.path, STATE):
            yield

    def claim(
        self, text: str, folder: Path, identity: dict[str, Any], *, anew: bool = False
    ) -> None:
        """Make the directory this experiment's, or find that it is.

        Parameters
        ----------
        text : str
            The experiment file.
        folder : Path
            Where its relative paths start from.
        identity : dict
            JSON values, by section, that make it this experiment and no other.
        anew : bool
            Whether another experiment's results are removed; for a directory of a study, which
            knows that they are outdated.

        Raises
        ------
        ResultsError
            If it holds another experiment's results, or something else; nothing is changed.
        """
        if (self.path / STATE).is_file():
            known = self.state()["identity"]
            # An earlier version may have known fewer sections.
            differing = sorted(key for key in known if known[key] != identity.get(key))
            if differing and anew:
                self._clear()
            elif differing:
                raise ResultsError(
                    f"{self.path} holds the results of another experiment (it differs in "
                    f"{listing(differing)}): give another directory with --output; predictions "
                    f"that both need are reused from the store"
                )
        self._refuse_foreign()
        self.path.mkdir(parents=True, exist_ok=True)
        # The file may differ in what is no part of the identity, such as its store.
        write_text(self.path / EXPERIMENT, text)
        changes = {"identity": identity, "folder": str(folder.resolve())}
        new = {} if (self.path / STATE).is_file() else {"state": "new"}
        self.update({**changes, **new})

    def _clear(self) -> None:
        """Remove all Datasets, and what is said of their run."""
        self.update({"state": "new", "counts": {}, "failures": [], "error": ""})
        for label in self.labels():
            aside = Path(tempfile.mkdtemp(dir=self.path, prefix=f".{label}.saved-"))
            (self.path / f"{label}.zarr").replace(aside / "old")
            shutil.rmtree(aside)

    def _refuse_foreign(self) -> None:
        """An error if something stands here that no run, killed while it began, has left."""
        if (self.path / STATE).is_file() or not self.path.exists():
            return
        if not self.path.is_dir() or any(
            entry.name != EXPERIMENT
            and not entry.name.startswith(f".{EXPERIMENT}")
            and not entry.name.startswith(f".{STATE}")
            for entry in self.path.iterdir()
        ):
            raise ResultsError(
                f"{self.path} exists and is not a results directory: give another with --output"
            )

    def state(self) -> dict[str, Any]:
        """What ``run.json`` says; a run whose process is gone is called stopped."""
        try:
            state = json.loads((self.path / STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ResultsError(f"{self.path / STATE} cannot be read: {error}") from None
        if state.get("state") == "running" and gone(state):
            state["state"] = "stopped"
        return state

    def update(self, changes: dict[str, Any]) -> None:
        """Change ``run.json`` in one step."""
        path = self.path / STATE
        state = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        write_text(path, json.dumps({**state, **changes, **about()}, indent=1))

    def save(self, label: str, dataset: xr.Dataset) -> None:
        """Write a test's Dataset beside its place, then move it there whole."""
        final = self.path / f"{label}.zarr"
        prefix = f".{label}.saved-"
        for entry in list(self.path.iterdir()):
            if entry.name.startswith(prefix):  # left by a run that was killed
                shutil.rmtree(entry)
        temporary = Path(tempfile.mkdtemp(dir=self.path, prefix=prefix))
        new = temporary / "new"
        try:
            dataset.to_zarr(new, mode="w", consolidated=False, zarr_format=2)
            put_in_place(new, final, temporary / "old")
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def labels(self) -> list[str]:
        """The tests whose results are here."""
        return sorted(
            path.stem for path in self.path.glob("*.zarr") if not path.name.startswith(".")
        )

    def load(self, label: str) -> xr.Dataset:
        """A test's Dataset.

        Raises
        ------
        ResultsError
            If it is not there (yet).
        """
        import xarray as xr

        known = self.labels()
        if label not in known:
            state = self.state()["state"]
            hint = "" if state == "finished" else f"; the run is {state}: creme resume {self.path}"
            raise ResultsError(
                f"{self.path} has no results of a test {label!r}{nearest(label, known)}; it has "
                f"{listing(known)}{hint}"
            )
        with xr.open_zarr(self.path / f"{label}.zarr", consolidated=False, chunks=None) as dataset:
            return dataset.load()


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
    lock = folder / f".{state}.lock"
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


def about() -> dict[str, Any]:
    """Which process writes a state, and when."""
    return {"pid": os.getpid(), "host": socket.gethostname(), "updated": now()}


def gone(state: dict[str, Any]) -> bool:
    """Whether the process that wrote a state was one of this machine, and is no more."""
    return state.get("host") == socket.gethostname() and not alive(state.get("pid", 0))


def now() -> str:
    """The time, for people."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
