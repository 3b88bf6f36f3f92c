"""Workers on hosts by SSH, ``[cluster] kind = "ssh"``, on a server of this machine.

Only ``make test-services`` runs them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from creme.engines.cluster import opened
from creme.engines.table import ClusterTable
from creme.errors import ConfigError
from services import commands
from services.ssh import MARK, Ssh

pytest.importorskip("distributed")
pytest.importorskip("asyncssh")

HOSTS = ["127.0.0.1"] * 3
"""The scheduler's, and those of two workers."""

NOTES = """\
    here = os.path.dirname(__file__)

    def note():
        with open(os.path.join(here, "predicted"), "a") as lines:
            lines.write(f"{os.getpid()}\\n")
        if os.path.exists(os.path.join(here, "slow")):
            time.sleep(0.05)

    def predict(x):
        note()
"""
PRINTS = """\
        sys.stderr.write("x" * 200_000 + "\\n")
"""
"""As a framework does that warns at each batch."""


def _file(ssh: Ssh, folder: Path, genome, *, prints: bool = False) -> Path:
    """An experiment that notes the processes which predict, and is slow as long as a file says."""
    file = commands.write(folder, genome)
    (folder / "slow").touch()
    model = folder / "slow.py"
    text = model.read_text().replace("    def predict(x):\n", NOTES + PRINTS * prints)
    model.write_text(text.replace("import os", "import os\nimport sys"))
    options = {"hosts": HOSTS, "connect_options": ssh.connect_options()}
    table = tomli_w.dumps({"cluster": {"kind": "ssh", "options": options}})
    file.write_text(f"{file.read_text()}\n{table}")
    return file


def _started(file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["creme", "run", file.name],
        env={**os.environ, **commands.environment(file.parent)},
        cwd=file.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _predicting(file: Path) -> set[int]:
    """Processes that are at the run's sequences, beyond the one by which they are compared."""
    noted = file.parent / "predicted"
    lines = noted.read_text().split() if noted.exists() else []
    return {int(pid) for pid, n in Counter(lines).items() if n > 3}


def _left(ssh: Ssh) -> list[int]:
    """Processes that the server has started and that are still there."""
    there = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and f"{MARK}={ssh.folder}" in (entry / "environ").read_text():
                there.append(int(entry.name))
    return there


def _until(happened: Callable[[], object], driver: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 300  # for hangs alone
    while not happened():
        assert driver is None or driver.poll() is None, driver.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_run_one_of_whose_workers_is_killed(ssh: Ssh, genome, expected, tmp_path):
    """The same results; the worker is started again, and nothing is left behind."""
    file = _file(ssh, tmp_path / "x", genome)
    driver = _started(file)
    _until(lambda: len(_predicting(file)) == 2, driver)
    os.kill(min(_predicting(file)), signal.SIGKILL)
    _until(lambda: len(_predicting(file)) == 3, driver)
    (file.parent / "slow").unlink()
    printed, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, printed
    assert "is lost" in printed
    assert "distributed.deploy" not in printed
    assert driver.pid not in _predicting(file)
    commands.assert_same(file.parent / "experiment.results", expected)
    _until(lambda: not _left(ssh))


def test_workers_end_with_a_driver_that_is_killed(ssh: Ssh, genome, tmp_path):
    file = _file(ssh, tmp_path / "x", genome)
    driver = _started(file)
    _until(lambda: len(_predicting(file)) == 2, driver)
    assert len(_left(ssh)) > 2
    driver.kill()
    driver.communicate()
    _until(lambda: not _left(ssh))


def test_workers_that_print_more_than_anybody_reads(ssh: Ssh, genome, expected, tmp_path):
    """SSH holds two megabytes back, and then the process that prints."""
    file = _file(ssh, tmp_path / "x", genome, prints=True)
    (file.parent / "slow").unlink()
    driver = _started(file)
    printed, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, printed
    commands.assert_same(file.parent / "experiment.results", expected)


def test_a_worker_has_its_host_for_itself(ssh: Ssh):
    """All of its processors and of its memory, unless it is told otherwise."""
    options: dict[str, Any] = {"hosts": HOSTS[:2], "connect_options": ssh.connect_options()}
    with opened({"kind": "ssh", "options": options}) as cluster:
        assert cluster is not None
        (worker,) = cluster.client.scheduler_info()["workers"].values()
        assert (worker["nthreads"], worker["memory_limit"]) == (1, 0)
        assert set(cluster.client.run(os.getenv, "OMP_NUM_THREADS").values()) == {None}
    options["worker_options"] = {"n_workers": 2, "memory_limit": 10**9}
    table = ClusterTable(kind="ssh", options=options)
    assert table.most == 2
    with opened(table) as cluster:
        assert cluster is not None
        cluster.client.wait_for_workers(2, timeout=300)
        workers = cluster.client.scheduler_info()["workers"].values()
        assert [worker["memory_limit"] for worker in workers] == [10**9] * 2
        assert set(cluster.client.run(os.getenv, "OMP_NUM_THREADS").values()) == {"1"}
    _until(lambda: not _left(ssh))


@pytest.mark.parametrize(
    ("connect", "options", "words"),
    [
        ({"client_keys": "stranger"}, {}, "Permission denied for user"),
        ({"known_hosts": []}, {}, "Host key is not trusted"),
        ({"port": 1}, {}, "Connect call failed"),
        ({"porto": 1}, {}, "unexpected keyword argument 'porto'"),
        ({}, {"remote_python": "/no/python"}, "'/no/python': No such file or directory"),
        ({}, {"worker_options": {"nthread": 1}}, "unexpected keyword argument 'nthread'"),
        ({}, {"hosts": [*HOSTS, "no.such.host.invalid"]}, r"127\.0\.0\.1, no\.such\.host\.invalid"),
        ({}, {"hots": []}, "unexpected keyword argument 'hots'"),
    ],
    ids=str,
)
def test_a_host_that_does_not_start_is_a_sentence(ssh: Ssh, connect, options, words):
    connect = ssh.connect_options() | connect
    if connect["client_keys"] == "stranger":
        connect["client_keys"] = [str(ssh.folder / "stranger")]
    if connect["known_hosts"] == []:
        connect["known_hosts"] = str(ssh.folder / "authorized")
    options = {"hosts": HOSTS, "connect_options": connect, **options}
    refused = pytest.raises(ConfigError, match=rf"^\[cluster\].*{words}")
    with refused, opened({"kind": "ssh", "options": options}):
        pass
    _until(lambda: not _left(ssh))
