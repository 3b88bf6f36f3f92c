"""The results directory of an experiment: its file, its state and its Datasets."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creme.errors import ConfigError, ResultsError, listing, nearest
from creme.files.durable import put_in_place, sync
from creme.passwords import masked
from creme.results.checksums import checksums_of, opened, write_checksums
from creme.results.kept_files import SUMS
from creme.results.state import StateFolder, about, gone, held, now, writing
from creme.results.state_shape import RunState
from creme.results.units import FOLDER, UnitLog, logged

if TYPE_CHECKING:
    import xarray as xr

    from creme.results.join import Joined

__all__ = ["EXPERIMENT", "STATE", "Results", "about", "gone", "held", "now"]

EXPERIMENT = "experiment.toml"
STATE = "run.json"


class Results(StateFolder):
    """A results directory.

    It belongs to one experiment: ``experiment.toml`` is its file as it was run, ``run.json`` its
    identity and state, and ``TEST.zarr`` the Dataset of each test, moved into place when whole,
    with ``TEST.checksums`` beside it (`creme.results.checksums`). While a test runs,
    ``.units/TEST.log`` has the units that have ended (`creme.results.units`).

    ``run.json``::

        identity, folder, store     of the experiment; folder is where its relative paths start
        state, error                new, running, interrupted, failed or finished; and why
        units                       {TEST: {finished, failed, of}}
        rate, seconds_left          predictions a second, and a forecast (null: not known)
        counts, seconds             of predictions; and where the time went
        failures                    list of [test, unit, message]
        notes                       sentences that a reader of all values has to know
        versions, pid, host, updated
        sha256                      of experiment.toml, by its name

    Parameters
    ----------
    path : str or Path
    """

    state_file = STATE
    settings_file = EXPERIMENT
    state_shape = RunState
    required = ("state",)
    kind = "a results directory"
    made_by = "creme run FILE"
    restored_by = "'creme run FILE' with --output {} writes it anew"

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
        if self.begun:
            recorded = self.read_state()["identity"]
            # An earlier version may have recorded fewer sections.
            differing = sorted(key for key in recorded if recorded[key] != identity.get(key))
            # What no test has come out of is nobody's loss: predictions are in the store.
            if differing and (anew or not self.labels()):
                self._clear()
            elif differing:
                raise ResultsError(
                    f"{self.path} holds the results of another experiment (it differs in "
                    f"{listing(differing)}): give another directory with --output; predictions "
                    f"that both need are reused from the store"
                )
        self.refuse_foreign()
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            # The file may differ in what is no part of the identity, such as its store.
            with self.kept.written({EXPERIMENT: masked(text)}) as sums:
                new = {} if self.begun else {"state": "new"}
                about = {"identity": identity, "folder": str(folder.resolve()), SUMS: sums}
                self.begin({**about, **new})

    def _clear(self) -> None:
        """Remove all Datasets and logs, and what is recorded of their run."""
        gone_by = {"state": "new", "error": "", "failures": []}
        self.update({**gone_by, "counts": {}, "units": {}, "rate": None, "seconds_left": None})
        shutil.rmtree(self.path / FOLDER, ignore_errors=True)
        for label in self.labels():
            aside = Path(tempfile.mkdtemp(dir=self.path, prefix=f".{label}.saved-"))
            (self.path / f"{label}.zarr").replace(aside / "old")
            checksums_of(self.path / f"{label}.zarr").unlink(missing_ok=True)
            shutil.rmtree(aside)

    def state(self) -> dict[str, Any]:
        """The state in ``run.json``; a run whose process is gone is called stopped."""
        state = self.read_state()
        if state.get("state") == "running" and gone(state):
            state["state"] = "stopped"
        return state

    def save(self, label: str, dataset: xr.Dataset | Joined) -> None:
        """Write a test's Dataset beside its place, then move it there whole and durably.

        Raises
        ------
        ResultsError
            If the directory was removed, or cannot be written; what stood there before stands.
        """
        from creme.files.zarr_thread import ensure_running
        from creme.results.join import Joined

        final = self.path / f"{label}.zarr"
        prefix = f".{label}.saved-"
        with writing(self.path):
            for entry in list(self.path.iterdir()):
                if entry.name.startswith(prefix):  # left by a run that was killed
                    shutil.rmtree(entry)
            temporary = Path(tempfile.mkdtemp(dir=self.path, prefix=prefix))
            new, sums = temporary / "new", temporary / "sums"
            try:
                ensure_running()
                if isinstance(dataset, Joined):
                    dataset.write(new)
                else:
                    dataset.to_zarr(new, mode="w", consolidated=False, zarr_format=2)
                write_checksums(new, sums)
                _put_in_place(new, sums, final, temporary)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

    def labels(self) -> list[str]:
        """The tests whose results are here, whole."""
        return sorted(
            path.stem for path in self.path.glob("*.zarr") if not path.name.startswith(".")
        )

    def partial(self) -> list[str]:
        """The tests of which units are here, and not all results: they are running, or stopped."""
        return [label for label in logged(self.path) if label not in self.labels()]

    @property
    def datasets(self) -> SavedDatasets:
        """The Datasets of `labels`, each loaded when it is taken."""
        return SavedDatasets(self)

    def load(self, label: str) -> xr.Dataset:
        """A test's Dataset; of a test in `partial`, what there is by now.

        Raises
        ------
        ResultsError
            If there is none (yet), it is damaged, or its units do not fit together.
        """
        whole = self.labels()
        if label in whole:
            with opened(self.path / f"{label}.zarr") as dataset:
                return dataset.load()
        try:
            joined = UnitLog(self.path, label).read_joined()
        except ConfigError as error:
            raise ResultsError(f"the units of test {label!r} in {self.path}: {error}") from None
        if joined is not None:
            return joined
        if label in self.labels():  # its run has ended in the meantime
            return self.load(label)
        there = sorted([*whole, *self.partial()])
        state = self.state()["state"]
        hint = "" if state == "finished" else f"; the run is {state}: creme resume {self.path}"
        raise ResultsError(
            f"{self.path} has no results of a test {label!r}{nearest(label, there)}; it has "
            f"{listing(there)}{hint}"
        )


def _put_in_place(new: Path, sums: Path, final: Path, temporary: Path) -> None:
    """Move a Dataset and its checksums to their places; what stood there stays if that fails.

    A process that is killed, or a machine that loses its power, between the two leaves a Dataset
    without checksums, and never one with those of another.
    """
    beside, aside = checksums_of(final), temporary / "old-sums"
    if beside.exists():
        beside.replace(aside)
        sync(final.parent)  # a file system may keep moves in another order
    try:
        put_in_place(new, final, temporary / "old")
    except BaseException:
        if aside.exists():
            aside.replace(beside)
        raise
    sync(final.parent)
    sums.replace(beside)
    sync(final.parent)


class SavedDatasets(Mapping[str, "xr.Dataset"]):
    """The Datasets of finished tests in a results directory, each loaded when it is taken."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def __getitem__(self, label: str) -> xr.Dataset:
        if label not in self._results.labels():
            raise KeyError(label)
        return self._results.load(label)

    def __iter__(self) -> Iterator[str]:
        return iter(self._results.labels())

    def __len__(self) -> int:
        return len(self._results.labels())
