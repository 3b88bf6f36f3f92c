"""Workers that are jobs of a SLURM cluster: ``[cluster] kind = "slurm"``.

Only ``make test-services`` runs them.
"""

from __future__ import annotations

import subprocess
import threading
import time

import pytest

from services import commands
from services.slurm import Slurm

pytest.importorskip("creme.engines.cluster")
pytest.importorskip("dask_jobqueue")

pytestmark = pytest.mark.timeout(4 * commands.HANG)

CLUSTER = """
[cluster]
kind = "slurm"
{size}

[cluster.options]
cores = 1
memory = "1GB"
queue = "debug"
walltime = "{walltime}"
interface = "lo"
local_directory = "{folder}"
log_directory = "{folder}"
"""


def _submitted(
    slurm: Slurm, folder, genome, size: str, seconds: float, walltime: str = "00:05:00"
) -> subprocess.Popen[str]:
    """A driver whose workers are jobs."""
    file = commands.write(folder, genome)
    table = CLUSTER.format(size=size, folder=folder, walltime=walltime)
    file.write_text(file.read_text() + table)
    variables = commands.environment(folder, SLOW_SECONDS=str(seconds))
    return subprocess.Popen(
        ["creme", "run", file.name],
        env={**slurm.environment, **variables},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_jobs_come_one_is_cancelled_and_the_queue_is_left_empty(
    slurm: Slurm, genome, expected, tmp_path
):
    folder = tmp_path / "x"
    driver = _submitted(slurm, folder, genome, "workers = 2", 0.3)
    most: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.3):
            most.append(len(_running(slurm)))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        until = time.monotonic() + commands.HANG
        while not _running(slurm):
            assert driver.poll() is None, driver.communicate()[0]
            assert time.monotonic() < until, slurm.run("squeue")
            time.sleep(0.3)
        time.sleep(3)
        cancelled = _running(slurm)[0]
        slurm.run("scancel", cancelled)
        printed, _ = driver.communicate(timeout=commands.HANG)
    finally:
        ended.set()
        watching.join()
        if driver.poll() is None:
            driver.kill()
            driver.wait()
    assert driver.returncode == 0, printed
    assert max(most) == 2
    assert slurm.job(cancelled)["JobState"] == "CANCELLED"
    assert slurm.wait_until_empty(commands.HANG), slurm.run("squeue")
    commands.assert_same(folder / "experiment.results", expected)


def test_bounds_a_cancelled_worker_and_one_whose_time_is_over(
    slurm: Slurm, genome, expected, tmp_path
):
    """``minimum`` and ``maximum``: jobs come as work requires, and replace those that have gone."""
    folder = tmp_path / "x"
    size = "minimum = 1\nmaximum = 2"
    driver = _submitted(slurm, folder, genome, size, 0.7, walltime="00:01:00")
    jobs: dict[str, str] = {}
    most = 0
    cancelled = ""
    try:
        until = time.monotonic() + commands.HANG
        while driver.poll() is None:
            assert time.monotonic() < until, slurm.run("squeue")
            running = _running(slurm)
            most = max(most, len(running))
            jobs |= dict.fromkeys(running, "")
            if len(running) == 2 and not cancelled:
                cancelled = running[0]
                slurm.run("scancel", cancelled)
            time.sleep(0.5)
        printed, _ = driver.communicate()
    finally:
        if driver.poll() is None:
            driver.kill()
            driver.wait()
    assert driver.returncode == 0, printed
    states = {job: slurm.job(job)["JobState"] for job in jobs}
    print(states)
    assert most == 2
    assert states[cancelled] == "CANCELLED"
    assert "TIMEOUT" in states.values(), states
    assert "is lost" in printed
    assert slurm.wait_until_empty(commands.HANG), slurm.run("squeue")
    commands.assert_same(folder / "experiment.results", expected)


def _running(slurm: Slurm) -> list[str]:
    return slurm.run("squeue", "--noheader", "--states=RUNNING", "--format=%i").split()
