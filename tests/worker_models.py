"""Models that behave badly in the workers of a cluster, which import them from here."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from creme.adapters.split import SplitModel
from creme.fingerprint import NotInFingerprint
from creme.model import Selection, Track, TrackTable
from toy import LENGTH, Toy


class Watched(Toy):
    """Writes down, in a folder that all processes share, what it predicts; takes its time.

    Nothing of that is in its fingerprint, which is that of any other one of its class.
    """

    name: ClassVar[str] = "watched"
    batch_size: ClassVar[int] = 8

    folder: NotInFingerprint[str]
    seconds: NotInFingerprint[float] = 0.0
    """Of each sequence."""
    slow: NotInFingerprint[float] = 0.0
    """Of each sequence, in the process that predicts first."""
    meet: NotInFingerprint[int] = 1
    """Processes that have to have predicted before one of them goes on with a full batch."""
    meet_at_batches: NotInFingerprint[bool] = False
    """Whether they have to have begun a full batch, and not only predicted a trial."""

    def identity(self) -> dict[str, Any]:
        return {}

    def wait_for_others(self, onehot) -> None:
        """As `meet` says."""
        if self.meet == 1:
            return
        full = len(onehot) >= self.batch_size
        if full or not self.meet_at_batches:
            (Path(self.folder) / f"process{os.getpid()}").touch()
        while full and len(list(Path(self.folder).glob("process*"))) < self.meet:
            time.sleep(0.02)

    def predict(self, onehot):
        self.wait_for_others(onehot)
        pause = self.slow if self.slow and self.first() else self.seconds
        for row in onehot:
            time.sleep(pause)
            # A line is appended whole.
            line = f"{os.getpid()} {hashlib.sha256(row.tobytes()).hexdigest()}\n"
            with (Path(self.folder) / "predicted").open("a") as lines:
                lines.write(line)
        return super().predict(onehot)

    def first(self) -> bool:
        """Whether this process is the first one that asks."""
        return os.getpid() == int(once(Path(self.folder) / "first", str(os.getpid())))

    def environment(self):
        return {"device": "toy"}


class Deadly(Watched):
    """Ends its process: `deaths` times in all, and always at some sequences.

    These begin with a motif, or have a row whose SHA-256 is `deadly`.
    """

    deaths: NotInFingerprint[int] = 0
    motif: NotInFingerprint[tuple[int, ...]] = ()
    deadly: NotInFingerprint[str] = ""

    def predict(self, onehot):
        codes = onehot[:, : len(self.motif)].argmax(axis=2)
        if self.motif and (codes == np.array(self.motif)).all(axis=1).any():
            os.kill(os.getpid(), signal.SIGKILL)
        if self.deadly in [hashlib.sha256(row.tobytes()).hexdigest() for row in onehot]:
            os.kill(os.getpid(), signal.SIGKILL)
        for number in range(self.deaths if len(onehot) > 1 else 0):
            mark = Path(self.folder) / f"death{number}"
            if not mark.exists() and once(mark, "") is not None:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(onehot)


class Silent(Watched):
    """The first process that has a full batch is at it until a file says that it is over."""

    def predict(self, onehot):
        self.wait_for_others(onehot)
        folder = Path(self.folder)
        full = len(onehot) >= self.batch_size
        if full and int(once(folder / "silent", str(os.getpid()))) == os.getpid():
            while not (folder / "released").exists():
                time.sleep(0.02)
        return super().predict(onehot)


class Unlike(Watched):
    """Another network in the process that predicts second, under the same fingerprint."""

    factor: NotInFingerprint[float] = 1.0
    fails: NotInFingerprint[bool] = False

    def predict(self, onehot):
        second = not self.first()
        self.wait_for_others(onehot)
        if self.fails and second and len(onehot) > 1:
            raise RuntimeError("an illegal memory access was encountered")
        return super().predict(onehot) * np.float32(self.factor if second else 1.0)


class Elsewhere(Watched):
    """Has another fingerprint in the driver, as if it had other files."""

    driver: NotInFingerprint[int] = 0

    def identity(self) -> dict[str, Any]:
        return {"here": os.getpid() == self.driver}


def once(path: Path, text: str) -> str:
    """Write a file that is not there yet; what stands in it."""
    try:
        with path.open("x") as new:
            new.write(text)
    except FileExistsError:
        while not (there := path.read_text()) and text:
            time.sleep(0.01)
        return there
    return text


class WatchedSplit(SplitModel):
    """A local trunk and a mixture of all positions; writes down the windows that are encoded."""

    name: ClassVar[str] = "watched_split"
    version: ClassVar[str] = "1"
    n_value: ClassVar[float] = 0.0
    batch_size: ClassVar[int] = 8

    folder: NotInFingerprint[str]

    @property
    def input_length(self) -> int:
        return LENGTH

    @property
    def bin_size(self) -> int:
        return 400

    @property
    def n_bins(self) -> int:
        return 2

    @property
    def tracks(self) -> TrackTable:
        return TrackTable((Track("one"), Track("two")))

    @property
    def strides(self) -> tuple[int, ...]:
        return (4,)

    @property
    def radius(self) -> int:
        return 3

    def encode(self, onehot):
        with (Path(self.folder) / "encoded").open("a") as lines:
            lines.write(f"{os.getpid()} {onehot.shape[1]}\n" * len(onehot))
        kernel = np.random.default_rng(5).normal(size=(7, 4, 6)).astype(np.float32)
        padded = np.pad(onehot, ((0, 0), (3, 3), (0, 0)))
        parts = [padded[:, k : k + onehot.shape[1]] @ kernel[k] for k in range(7)]
        summed = np.tanh(np.sum(parts, axis=0))
        return (summed.reshape(len(onehot), -1, 4, 6).mean(axis=2),)

    def decode(self, features, selection):
        mixture = np.random.default_rng(6).normal(size=(LENGTH // 4, 6, 2, 2)).astype(np.float32)
        mixed = np.einsum("blc,lcnt->bnt", features[0], mixture) / np.sqrt(LENGTH)
        return selection.take(np.exp(mixed).astype(np.float32))

    def predict(self, onehot):
        return self.decode(self.encode(onehot), Selection((0, 1), (0, 1)))

    def identity(self) -> dict[str, Any]:
        return {}
