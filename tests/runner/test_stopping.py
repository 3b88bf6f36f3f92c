"""Runs that are stopped, and models that fail: what was predicted is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import xarray as xr
from pydantic import PrivateAttr

from command import CREME
from creme.errors import ConfigError, ModelError
from creme.inference.device import Device
from creme.inference.model_thread import NAME
from creme.results.directory import Results
from creme.runner.plan import Plan, prepare
from creme.runner.run import measure
from creme.runner.scheduler import Scheduler
from creme.sequence import Edit, Mutant
from creme.store import Store
from creme.test import Test
from toy import MODEL, Toy, toy_loci


class Scan(Test):
    """The wild type and then single-base mutants, as many as the sequence is long."""

    name: ClassVar[str] = "scan"

    def run(self, unit):
        (_wild_type,) = yield [unit.sequence]
        values = yield (self.mutant(unit.sequence, k) for k in range(2400))
        return xr.Dataset({"value": ("k", values[:, 0])})

    def mutant(self, sequence, k):
        self.pulled(k)
        return Mutant(sequence, [Edit(k, np.array([(int(sequence.codes[k]) + 1) % 4]))])

    def pulled(self, k):
        pass


class Counting(Toy):
    """Notes which sequences it predicted; a hook may fail at a batch."""

    _batches: int = PrivateAttr(default=0)
    _seen: set[bytes] = PrivateAttr(default_factory=set)
    _hook: Callable[[int], None] = PrivateAttr(default_factory=lambda: lambda batch: None)

    @property
    def rows(self):
        return len(self._seen)

    def predict(self, onehot):
        self._batches += 1
        self._hook(self._batches)
        values = super().predict(onehot)
        self._seen.update(row.tobytes() for row in onehot)
        return values


def plan(model, test, batch_size=4):
    made = prepare([test], model, toy_loci(1))
    return Plan(made.model, made.selection, made.readouts, made.tests, made.loci, 0, batch_size)


def test_stopped_while_a_request_is_pulled(tmp_path):
    schedulers: list[Scheduler] = []

    class Stops(Scan):
        def pulled(self, k):
            if k == 100:
                schedulers[0].stop()

    model = Counting()
    with Store(tmp_path / "store") as store:
        report = measure(plan(model, Stops()), store, on_start=schedulers.append)
        assert report.interrupted
        assert not report.datasets
        assert store.count() == report.progress.predicted == model.rows
    # Only the batches that the model was at.
    assert model.rows <= 1 + 2 * 4
    with Store(tmp_path / "store") as store:
        again = measure(plan(Counting(), Scan()), store)
    with Store(tmp_path / "other") as store:
        whole = measure(plan(MODEL, Scan()), store)
    assert again.progress.stored == model.rows
    assert again.datasets["scan"].attrs.pop("compared_with_store")
    assert again.datasets["scan"].identical(whole.datasets["scan"])


def test_a_batch_that_waits_is_not_predicted_after_a_stop(tmp_path):
    schedulers: list[Scheduler] = []
    model = Counting()

    def hook(batch):
        if batch == 3:
            schedulers[0].stop()

    model._hook = hook
    with Store(tmp_path / "store") as store:
        report = measure(plan(model, Scan()), store, on_start=schedulers.append)
        assert report.interrupted
        assert store.count() == report.progress.predicted == model.rows
    assert model._batches <= 6  # two are there to compare with


def test_a_model_that_fails_leaves_what_was_predicted(tmp_path):
    """Also the batch that was ready, and that its thread took up before it could be called off."""
    model = Counting()

    def hook(batch):
        if batch == 6:  # the second and the fourth are there to compare with
            raise RuntimeError("the GPU fell off")

    model._hook = hook
    with Store(tmp_path / "store") as store:
        with pytest.raises(ModelError, match="the GPU fell off"):
            measure(plan(model, Scan()), store)
        assert store.count() == model.rows >= 1 + 2 * 4
    assert not any(thread.name == NAME for thread in threading.enumerate())


def test_an_error_outside_the_model_keeps_the_batch_in_flight(tmp_path):
    model, begun, interrupted = Counting(), threading.Event(), threading.Event()

    def hook(batch):
        time.sleep(0.05)  # so that two batches do not end before the first is seen to
        if batch == 7:  # the one after that: the second and the fourth are there to compare with
            begun.set()
            assert interrupted.wait(60)

    def progress(counts):
        if counts.predicted >= 13:
            assert begun.wait(60)
            interrupted.set()
            raise KeyboardInterrupt

    model._hook = hook

    with Store(tmp_path / "store") as store:
        with pytest.raises(KeyboardInterrupt):
            measure(plan(model, Scan()), store, on_progress=progress)
        assert store.count() == model.rows == 17


def test_an_end_that_is_asked_for_before_the_first_batch(tmp_path):
    """While the rest of the program is imported, as it were."""
    from creme.cli.terminal import progress

    model = Counting()
    made = plan(model, Scan())
    before = signal.getsignal(signal.SIGINT)
    with Store(tmp_path / "store") as store, progress(made) as (on_progress, on_start):
        os.kill(os.getpid(), signal.SIGINT)
        report = measure(made, store, on_progress=on_progress, on_start=on_start)
    assert report.interrupted
    assert model.rows == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_no_memory_for_a_batch_in_one_piece(monkeypatch):
    """That of the one-hot batch itself, which another thread makes than the model's."""
    empty = np.empty

    def tight(shape, *args, **kwargs):
        if isinstance(shape, tuple) and len(shape) == 3 and shape[0] > 3:
            raise MemoryError
        return empty(shape, *args, **kwargs)

    sequences = [locus.sequence for locus in toy_loci(8)]
    device = Device(MODEL, plan(MODEL, Scan()).selection, 8)
    expected = device.predict(sequences)
    device = Device(MODEL, device.selection, 8)
    monkeypatch.setattr("creme.inference.device.np.empty", tight)
    batch = device.prepare(sequences)
    monkeypatch.setattr("toy.np.empty", empty)
    monkeypatch.setattr("creme.inference.device.np.empty", tight)
    with pytest.warns(match="going on with 2"):
        got = device.predict(batch)
    np.testing.assert_array_equal(got, expected)


HANGS = """
import concurrent.futures
import pathlib
import time

HERE = pathlib.Path(__file__).parent
done = 0


def build():
    return predict


def predict(onehot):
    global done
    if done >= {rows} and (HERE / "hangs").exists():
        (HERE / "hanging").write_text(str(done))
        {hangs}
    time.sleep({seconds})
    done += len(onehot)
    return onehot[:, :, 1].reshape(len(onehot), 6, 400).sum(2)[:, :, None]
"""

ASLEEP = "time.sleep(1e6)"
# As a client of a service has it; such a thread is waited for when the interpreter ends.
IN_A_POOL = "concurrent.futures.ThreadPoolExecutor(1).submit(time.sleep, 1e6).result()"

EXPERIMENT = """
name = "hangs"
batch_size = 4

[model]
plugin = "python"
object = "model.py:build"

[model.grid]
input_length = 2400
bin_size = 400
n_bins = 6

[loci]
fasta = "{fasta}"
bed = "{bed}"

[[tests]]
name = "necessity"
tile = 100
replicates = 4
"""


@pytest.fixture
def hanging(tmp_path, genome, monkeypatch):
    """Starts a run whose model never returns after some rows, and waits until it is at that."""
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "hangs").touch()
    file = tmp_path / "hangs.toml"
    file.write_text(EXPERIMENT.format(fasta=genome.fasta, bed=genome.bed))
    started: list[subprocess.Popen[str]] = []

    def start(rows=40, seconds=0.0, hangs=ASLEEP, **environment) -> subprocess.Popen[str]:
        text = HANGS.format(rows=rows, seconds=seconds, hangs=hangs)
        (tmp_path / "model.py").write_text(text)
        with (tmp_path / "said").open("w") as said:
            process = subprocess.Popen(
                [*CREME, "run", str(file)],
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env={**os.environ, **environment},
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 600
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def stored(folder: Path) -> int:
    with Store(folder / "predictions") as store:
        return store.count()


@pytest.mark.parametrize(("rows", "hangs"), [(0, ASLEEP), (40, ASLEEP), (40, IN_A_POOL)])
def test_a_second_ctrl_c_does_not_wait_for_the_model(hanging, tmp_path, rows, hangs):
    process = hanging(rows, hangs=hangs)
    mark, said = tmp_path / "hanging", tmp_path / "said"
    until(lambda: mark.exists() and mark.read_text())
    made = int(mark.read_text())
    assert made >= rows
    process.send_signal(signal.SIGINT)
    until(lambda: "Stopping after the batch in flight" in said.read_text())
    time.sleep(0.3)
    assert process.poll() is None  # the first one waits
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(600)
    took = time.monotonic() - began
    print(f"{took:.2f} s from the second signal to the end")
    assert process.returncode == 130
    assert took < 30, "a second, and more for a machine that is busy: the model sleeps for days"
    assert "Traceback" not in said.read_text()
    state = Results.existing(tmp_path / "hangs.results").state()
    assert (state["state"], state["error"]) == ("interrupted", "")
    # Rows that were held back for a moment are stored as well; two were there to compare with.
    made -= 2 * (made > 0)
    assert stored(tmp_path) == made
    # The directory is free, and the run goes on from there.
    (tmp_path / "hangs").unlink()
    again = subprocess.run(
        [*CREME, "resume", str(tmp_path / "hangs.results")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    counts = Results.existing(tmp_path / "hangs.results").state()["counts"]
    assert counts["stored"] == made
    assert counts["predicted"] + made == stored(tmp_path)


def test_sigterm_stops_after_the_batch_in_flight(hanging, tmp_path):
    process = hanging(rows=10**9, seconds=0.3)
    until((tmp_path / "predictions" / "index.sqlite").exists)
    until(lambda: stored(tmp_path))
    process.send_signal(signal.SIGTERM)
    until(lambda: "Stopping after the batch in flight" in (tmp_path / "said").read_text())
    process.send_signal(signal.SIGTERM)  # as often as a batch system likes
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "creme resume" in out
    state = Results.existing(tmp_path / "hangs.results").state()
    assert state["state"] == "interrupted"
    assert state["counts"]["predicted"] == stored(tmp_path)
    assert (tmp_path / "said").read_text().count("Stopping") == 1


def test_a_ctrl_c_after_sigterm_does_not_wait(hanging, tmp_path):
    process = hanging(rows=4)
    until((tmp_path / "hanging").exists)
    process.send_signal(signal.SIGTERM)
    until(lambda: "Stopping after the batch in flight" in (tmp_path / "said").read_text())
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(600) == 130


def test_a_run_says_which_batch_it_waits_for(hanging, tmp_path):
    process = hanging(rows=20, CREME_SLOW_AFTER="0.5")
    said = tmp_path / "said"
    until(lambda: said.read_text().count("No prediction for") == 3)
    process.kill()
    process.wait()
    # Nothing is held back for longer than a second, even if no batch ends; two rows were there to
    # compare with.
    assert stored(tmp_path) == int((tmp_path / "hanging").read_text()) - 2 >= 18
    lines = [line for line in said.read_text().splitlines() if "No prediction" in line]
    seconds = [float(line.split()[3]) for line in lines]
    # After 0.5 seconds, and then whenever twice as many have gone by.
    assert 2 * seconds[0] <= seconds[1] + 1
    assert 2 * seconds[1] <= seconds[2] + 1
    assert "the model is at a batch of 4 sequences, asked for first by test 'necessity'" in lines[0]
    assert "on locus '" in lines[0]


def test_the_while_that_is_slow(monkeypatch):
    from creme.runner.progress_bar import slow_after

    assert slow_after() == 60
    monkeypatch.setenv("CREME_SLOW_AFTER", "2.5")
    assert slow_after() == 2.5
    for text in ("", "soon", "0", "-1", "nan"):
        monkeypatch.setenv("CREME_SLOW_AFTER", text)
        with pytest.raises(ConfigError, match=r"CREME_SLOW_AFTER = .* above 0"):
            slow_after()


def test_the_batch_that_the_model_is_at(tmp_path):
    """While it runs, and not before or after; who asked for it first, unless that one failed."""
    model = Counting()
    schedulers: list[Scheduler] = []
    seen = []
    model._hook = lambda batch: seen.append(schedulers[0].awaited_batch())
    with Store(tmp_path / "store") as store:
        made = plan(model, Scan())
        measure(made, store, on_start=schedulers.append)
    assert schedulers[0].awaited_batch() is None
    sizes = {batch.size for batch in seen if batch is not None}
    assert sizes >= {1, 4}
    assert {str(batch.task) for batch in seen if batch} == {"test 'scan' on locus 'locus0'"}
    assert all(0 <= batch.seconds < 60 for batch in seen if batch)


def test_a_model_left_behind_in_python(tmp_path):
    """An interruption outside of the command line: it comes at once, and what is there is kept."""
    go, begun, model = threading.Event(), threading.Event(), Counting()

    def hook(batch):
        if batch == 5:
            begun.set()
            go.wait(60)

    def progress(counts):
        if begun.is_set():
            raise KeyboardInterrupt

    model._hook = hook
    with Store(tmp_path / "store") as store:
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            measure(plan(model, Scan()), store, on_progress=progress)
        assert time.monotonic() - began < 30
        rows = model.rows
        assert store.count() == rows > 0
        go.set()
        until(lambda: not any(thread.name == NAME for thread in threading.enumerate()))
        assert store.count() == rows
