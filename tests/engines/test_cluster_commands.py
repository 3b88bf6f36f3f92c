"""The command line with workers: from the file's table and from options; stopped and killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from command import CREME
from creme.engines.cluster import opened
from creme.engines.engine import DEPTH
from creme.engines.table import ClusterTable
from creme.errors import ConfigError
from creme.results.directory import Results
from creme.runner.same_model import PREDICTIONS
from creme.store import Store
from in_process import caller

pytest.importorskip("distributed")

MODEL = """
import os
import pathlib
import time

from creme.sequence import Sequence

HERE = pathlib.Path(__file__).parent


def build():
    return predict


def predict(onehot):
    for row in onehot:
        if (HERE / "slow").exists():
            time.sleep(0.05)
        with (HERE / "predicted").open("a") as lines:
            lines.write(f"{os.getpid()} {Sequence(row.argmax(1)).digest.hex()}\\n")
    return onehot[:, :, 1].reshape(len(onehot), 6, 400).sum(2)[:, :, None]
"""

EXPERIMENT = """
name = "slow"
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
tile = 200
replicates = 40
"""


@pytest.fixture
def slow(tmp_path, genome) -> Path:
    """An experiment whose predictions take a while, and are noted by process and digest."""
    (tmp_path / "slow").touch()
    (tmp_path / "model.py").write_text(MODEL)
    file = tmp_path / "slow.toml"
    file.write_text(EXPERIMENT.format(fasta=genome.fasta, bed=genome.bed))
    return file


def start(file: Path, *options: str) -> subprocess.Popen[str]:
    """In a process group of its own, as a terminal starts it."""
    return subprocess.Popen(
        [*CREME, "run", str(file), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "CREME_CACHE_DIR": str(file.parent / "cache")},
    )


def noted(folder: Path) -> list[tuple[int, bytes]]:
    """The process and the sequence's digest of each prediction so far."""
    file = folder / "predicted"
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [(int(pid), bytes.fromhex(digest)) for pid, digest in map(str.split, lines)]


def stored(folder: Path) -> set[bytes]:
    """Digests of the predictions that are in the store."""
    with Store(folder / "predictions") as store:
        (source,) = store.sources()
        return set(store.read(source, {digest for _, digest in noted(folder)}))


def adds(folder: Path, before: int = 0) -> bool:
    """Whether more lines stand in the index than before, as one sees who writes nothing there."""
    index = folder / "predictions" / "index.sqlite"
    if not index.exists():
        return False
    with (
        suppress(sqlite3.OperationalError),  # it is being made
        closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True)) as connection,
    ):
        (n,) = connection.execute("SELECT count(*) FROM predictions").fetchone()
        return bool(n > before)
    return False


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 300  # for hangs alone
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(group: int) -> list[int]:
    """Processes of a group, but for those that have ended and wait to be asked for it."""
    there = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, of = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(of) == group and state != "Z":
                there.append(int(entry.name))
    return there


def test_killed_and_started_again_and_stopped_by_ctrl_c(slow, tmp_path):
    """No worker is left behind, and nothing that was stored is predicted twice."""
    driver = start(slow, "--workers", "2")
    until(lambda: len({pid for pid, _ in noted(tmp_path)}) == 2 and adds(tmp_path))
    driver.kill()
    driver.communicate()
    until(lambda: not alive(driver.pid))
    first = noted(tmp_path)
    kept = [stored(tmp_path)]
    assert driver.pid not in {pid for pid, _ in first}

    again = start(slow, "--workers", "2")
    until(lambda: len({pid for pid, _ in noted(tmp_path)}) == 4)
    until(lambda: adds(tmp_path, len(kept[0])))
    os.killpg(again.pid, signal.SIGINT)  # as a terminal sends it, to workers as well
    printed, _ = again.communicate(timeout=300)
    assert again.returncode == 130, printed
    assert "Traceback" not in printed
    assert "creme resume" in printed
    until(lambda: not alive(again.pid))
    state = Results.existing(tmp_path / "slow.results").state()
    assert state["state"] == "interrupted"
    second = noted(tmp_path)[len(first) :]
    kept.append(stored(tmp_path))
    assert kept[0] < kept[1]

    (tmp_path / "slow").unlink()
    last = start(slow)
    printed, _ = last.communicate(timeout=300)
    assert last.returncode == 0, printed
    counts = Results.existing(tmp_path / "slow.results").state()["counts"]
    third = noted(tmp_path)[len(first) + len(second) :]
    kept.append(stored(tmp_path))
    assert kept[1] < kept[2]
    assert counts["predicted"] == len(kept[2] - kept[1])

    # The sequence by which workers are compared is nobody's question, and never stored: once for
    # each worker, and once more to find a model that is random.
    (trial,) = {digest for _, digest in first + second + third} - kept[2]
    for process, workers in ((first, 2), (second, 2), (third, 0)):
        assert [digest for _, digest in process].count(trial) <= workers + bool(workers)
    for process, before in ((second, kept[0]), (third, kept[1])):
        predicted = Counter(digest for _, digest in process)
        del predicted[trial]
        assert sum(n for digest, n in predicted.items() if digest in before) <= PREDICTIONS
        # A batch's first sequence alone: for each worker to measure what a batch changes, and in
        # one process for that and to find a model that is random.
        assert sum(n - 1 for digest, n in predicted.items() if digest not in before) <= 2
    # A worker may have begun a batch that was taken back: no more than it is given at once.
    assert len({digest for _, digest in second} - kept[1] - {trial}) <= 2 * DEPTH * 4
    assert {digest for _, digest in third} <= kept[2]


PRESS = """\
import multiprocessing.popen_spawn_posix as spawning, os, signal, sys

launch, workers = spawning.Popen._launch, int(sys.argv.pop())

def launch_and_press(*arguments):
    global workers
    launch(*arguments)
    workers -= 1
    if not workers:
        os.kill(os.getpid(), signal.SIGTERM)

spawning.Popen._launch = launch_and_press
"""
"""The driver is to end when it has started so many workers: the last argument."""


@pytest.mark.skipif("CREME_TEST_CLUSTER" not in os.environ, reason="by make test-cluster")
@pytest.mark.parametrize("workers", [1, 2])
def test_stopped_while_its_workers_start(slow, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(f"{__name__}.CREME", [*CREME[:2], PRESS + CREME[2]])
    driver = start(slow, "--workers", "2", str(workers))
    printed, _ = driver.communicate(timeout=300)
    assert driver.returncode == 130, printed
    assert "Traceback" not in printed
    assert "creme resume" in printed
    until(lambda: not alive(driver.pid))
    assert Results.existing(tmp_path / "slow.results").state()["state"] == "interrupted"


def test_the_options_and_the_table(slow, tmp_path, monkeypatch, capsys):
    run = caller(monkeypatch, capsys)
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    printed = run("run", slow, "--workers", 1, "--dask", "tcp://127.0.0.1:1", status=2)
    assert "--workers and --dask: give one of them" in printed
    slow.write_text(slow.read_text() + "\n[cluster]\nworkers = 1\nmaximum = 2\n")
    assert "give workers, or minimum and maximum" in run("run", slow, status=2)
    for table, words in (
        ({"kind": "slurm"}, "give workers, or maximum"),
        ({"kind": "cloud", "workers": 1}, "kind = 'cloud'"),
        ({"minimum": 3, "maximum": 2}, "minimum = 3 is above maximum = 2"),
        ({"kind": "ssh", "maximum": 2}, "no bounds"),
    ):
        with pytest.raises(ConfigError, match=words):
            ClusterTable(**table)
    with pytest.raises(ConfigError, match="needs hosts"), opened({"kind": "ssh"}):
        pass
    refused = pytest.raises(ConfigError, match="slurm refuses them: ")
    with refused, opened({"kind": "slurm", "workers": 1, "options": {"wrong": 1}}):
        pass
    with pytest.raises(ConfigError, match="is not allowed: give a number of workers"), opened(1.5):  # type: ignore[arg-type]
        pass


def test_a_shard_on_workers(slow, tmp_path, monkeypatch, capsys):
    """On those of its file, into its own store, which a run of the whole predicts no more from."""
    run = caller(monkeypatch, capsys)
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "slow").unlink()
    run("run", slow, "--shard", "2/2")
    here = {digest for _, digest in noted(tmp_path)}
    assert {pid for pid, _ in noted(tmp_path)} == {os.getpid()}
    (tmp_path / "predicted").unlink()
    text = slow.read_text()
    slow.write_text(f"{text}\n[cluster]\nworkers = 1\n")
    run("run", slow, "--shard", "1/2")
    slow.write_text(text)
    by_worker = noted(tmp_path)
    assert len({pid for pid, _ in by_worker} - {os.getpid()}) == 1
    with Store(tmp_path / "predictions.shard-1-of-2") as store:
        (source,) = store.sources()
        assert len(store.read(source, {digest for _, digest in by_worker})) == store.count() > 0
    shards = sorted(tmp_path.glob("predictions.shard-*"))
    run("cache", "merge", *shards, "--into", tmp_path / "predictions")
    run("run", slow)
    counts = Results.existing(tmp_path / "slow.results").state()["counts"]
    assert (counts["predicted"], counts["stored"]) == (0, counts["asked"] - counts["repeated"])
    assert here


def test_options_that_no_worker_starts_with(slow, tmp_path, monkeypatch, capsys):
    """An error, where there were workers to wait for without an end."""
    run = caller(monkeypatch, capsys)
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    text = slow.read_text() + "\n[cluster]\nworkers = 1\n\n[cluster.options]\n"
    slow.write_text(text + "memory_limits = 0\n")
    printed = " ".join(run("run", slow, status=2).split())
    assert "'memory_limits' is no option of distributed.LocalCluster" in printed
    assert "memory_limit'" in printed
    slow.write_text(text + 'local_directory = "/proc/none"\n')
    printed = " ".join(run("run", slow, status=2).split())
    assert "no worker starts on this machine: FileNotFoundError" in printed
    assert "[cluster.options]" in printed
    # Of a worker's process, which says nothing: there is none.
    slow.write_text(text + 'preload = ["no_such_module"]\n')
    printed = " ".join(run("run", slow, status=2).split())
    assert "no worker starts on this machine" in printed


def test_no_scheduler_answers(monkeypatch):
    monkeypatch.setattr("creme.engines.cluster.CONNECT", 0.5)
    refused = pytest.raises(ConfigError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9")
    with refused, opened("tcp://127.0.0.1:9"):
        pass


def test_a_gpu_for_each_worker(monkeypatch):
    """Its name is in each worker's environment; one that comes later has the free one."""
    from creme.engines.cluster import gpus
    from creme.engines.local_workers import LocalWorkers

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-7")
    assert gpus() == ["2", "GPU-7"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert gpus() == []
    with LocalWorkers(["2", "GPU-7"], 2) as cluster:

        def assigned() -> dict:
            specs = cluster.worker_spec.items()
            return {k: spec["options"]["env"]["CUDA_VISIBLE_DEVICES"] for k, spec in specs}

        for _ in range(3):
            cluster.worker_spec.update(cluster.new_worker_spec())
        assert list(assigned().values()) == ["2", "GPU-7", "2"]
        cluster.worker_spec.pop(1)
        (added,) = cluster.new_worker_spec().values()
        assert added["options"]["env"]["CUDA_VISIBLE_DEVICES"] == "GPU-7"
        assert added["options"]["env"]["OMP_NUM_THREADS"]
        cluster.worker_spec.clear()
