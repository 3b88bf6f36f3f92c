"""A model at work in a worker of a cluster: these functions run there."""

from __future__ import annotations

import hashlib
import platform
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import creme
from creme.engines.parcel import Bases, Parcel
from creme.errors import CremeWarning
from creme.inference.device import Device
from creme.inference.processor import with_processor
from creme.model import Model, Selection
from creme.sequence import Sequence

SESSIONS = 2
"""Models that a worker holds: that of the driver's run, and that of another driver's."""


@dataclass(frozen=True)
class Setup:
    """All that a worker needs to predict for a driver.

    Attributes
    ----------
    key : str
        Of the session that is opened by it.
    model : Model
    selection : Selection
    batch_size : int or 'auto', optional
    twice : bool
        Whether the trial is predicted twice, to find a model that is random.
    """

    key: str
    model: Model
    selection: Selection
    batch_size: int | Literal["auto"] | None
    twice: bool = False


@dataclass(frozen=True)
class Opened:
    """A worker's account of its model, by which the driver accepts or refuses it.

    Attributes
    ----------
    fingerprint : str
    versions : dict of str to str
    trial : array of float32, shape (bins, tracks)
        The prediction of a sequence that driver and workers derive from the fingerprint.
    environment : dict
        Device and versions that it predicts with, with the processor.
    batch_size : int
    host : str
    repeats : int
        Predictions of the trial beyond the first.
    seconds : float
        That the trial took.
    remarks : tuple of str
        Warnings of the toolkit.
    """

    fingerprint: str
    versions: dict[str, str]
    trial: NDArray[np.float32]
    environment: dict[str, Any]
    batch_size: int
    host: str
    repeats: int
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkerAnswer:
    """A worker's answer to a batch.

    Attributes
    ----------
    lacks : {'', 'session', 'bases'}
        Why nothing was predicted: it has been restarted, or has given up what it was sent.
    values : array of float32, shape (sequences, bins, tracks)
    again : list of array of float32, shape (bins, tracks)
        Of the stored rows.
    seconds : float
        That the model took.
    differences : dict of int to float
        See `creme.inference.device.Device`.
    batch_size : int
        That it would have from now on.
    remarks : tuple of str
        Warnings of the toolkit.
    """

    lacks: str = ""
    values: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    again: SequenceOf[NDArray[np.float32]] = ()
    seconds: float = 0.0
    differences: Mapping[int, float] = field(default_factory=dict)
    batch_size: int = 0
    remarks: tuple[str, ...] = ()


class _Session:
    """A model with its device, and the bases that it was sent."""

    def __init__(self, setup: Setup) -> None:
        self.lock = threading.Lock()
        self.bases = Bases()
        model = setup.model
        # That of the driver may have travelled along: here it is that of this machine's files.
        model.__dict__.pop("fingerprint", None)
        self.device = Device(model, setup.selection, setup.batch_size)
        self.device.repeat_first = setup.twice
        began = perf_counter()
        with _remarked() as remarks:
            trial = self.device.predict([trial_sequence(model.fingerprint, model.input_length)])
        self.opened = Opened(
            model.fingerprint,
            versions(),
            trial[0],
            with_processor(model.environment()),
            self.device.batching.size,
            socket.gethostname(),
            self.device.repeats,
            perf_counter() - began,
            remarks(),
        )


_SESSIONS: dict[tuple[str, str], _Session] = {}
_OPENING = threading.Lock()


def open_session(setup: Setup) -> Opened:
    """Load a model, unless this worker holds it, and try it.

    Parameters
    ----------
    setup : Setup

    Raises
    ------
    ModelError
        If it cannot be loaded, or fails.
    """
    place = (_worker(), setup.key)
    with _OPENING:
        session = _SESSIONS.pop(place, None)
        if session is None:
            own = [other for other in _SESSIONS if other[0] == place[0]]
            for other in own[: len(own) - SESSIONS + 1]:
                del _SESSIONS[other]
            session = _Session(setup)
        _SESSIONS[place] = session
    # A driver that opens it once more has forgotten what it has sent.
    session.bases.clear()
    return session.opened


def close_session(key: str, dask_worker: Any) -> None:
    """Let go of a model; Dask gives its worker to a parameter of this name."""
    _SESSIONS.pop((dask_worker.address, key), None)


def predict(key: str, batch: Parcel, rows: Parcel, measured: Mapping[int, float]) -> WorkerAnswer:
    """Predict a batch.

    Parameters
    ----------
    key : str
        Of the session.
    batch : Parcel
    rows : Parcel
        Sequences to predict before, each alone.
    measured : dict of int to float
        Differences of batches by size that need not be measured again.

    Raises
    ------
    ModelError
        If the model fails.
    """
    session = _SESSIONS.get((_worker(), key))
    if session is None:
        return WorkerAnswer(lacks="session")
    device = session.device
    with session.lock, _remarked() as remarks:
        stored = session.bases.unpacked(rows)
        sequences = session.bases.unpacked(batch)
        if stored is None or sequences is None:
            session.bases.clear()
            return WorkerAnswer(lacks="bases")
        device.skip(measured)
        began = perf_counter()
        again = [device.predict([sequence])[0] for sequence in stored]
        values = device.predict(sequences)
        return WorkerAnswer(
            "",
            values,
            again,
            perf_counter() - began,
            dict(device.differences),
            device.batching.size,
            remarks(),
        )


def versions() -> dict[str, str]:
    """Those that a worker and its driver have to have in common."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"creme-toolkit": creme.__version__, "Python": python}


def trial_sequence(fingerprint: str, length: int) -> Sequence:
    """A sequence of a length that everybody derives from a model's fingerprint."""
    drawn = hashlib.shake_256(fingerprint.encode()).digest(length)
    return Sequence.owning(np.frombuffer(drawn, dtype=np.uint8) % np.uint8(4))


def _worker() -> str:
    """This worker's address: several may be in one process."""
    from distributed import get_worker

    return str(get_worker().address)


@contextmanager
def _remarked() -> Iterator[Callable[[], tuple[str, ...]]]:
    """Keep the toolkit's warnings, which nobody would see here, for the driver."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lambda: tuple(
            str(one.message) for one in caught if issubclass(one.category, CremeWarning)
        )
