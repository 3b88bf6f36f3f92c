"""The job scripts of ``examples/cluster`` on a SLURM cluster of this machine.

Only ``make test-services`` runs them: the time limits that they try are minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from creme.store import Store
from services import commands
from services.postgres import Missing
from services.slurm import Slurm, cluster

SCRIPTS = Path(__file__).resolve().parents[2] / "examples" / "cluster"
SMALL = ("--gres=none", "--cpus-per-task=1", "--mem=1G", "--time=5")
"""Instead of what the scripts ask for: the node has no GPU."""
SECONDS = 0.45
"""A prediction of the job that does not come to its end within its limit."""


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    if os.environ.get("CREME_TEST_SERVICES") != "required":
        pytest.skip("a SLURM cluster is started by make test-services alone")
    try:
        with cluster() as running:
            yield running
            assert running.queue() == []
    except Missing as error:
        if "apt-get install" in str(error):
            raise
        pytest.skip(f"SLURM cannot be started here: {error}")


@pytest.fixture(scope="module")
def expected(genome, tmp_path_factory):
    """The results of one process."""
    file = commands.write(tmp_path_factory.mktemp("alone") / "x", genome)
    environment = {**os.environ, **commands.environment(file.parent)}
    subprocess.run(["creme", "run", file], env=environment, check=True, capture_output=True)
    return commands.datasets(file.parent / "experiment.results")


@pytest.fixture(scope="module")
def limited(slurm, genome, expected, tmp_path_factory) -> tuple[Path, str]:
    """A job whose time is over before its run is; it works while the other tests do."""
    file = commands.write(tmp_path_factory.mktemp("limited") / "x", genome)
    variables = commands.environment(file.parent, SLOW_SECONDS=str(SECONDS))
    options = [*SMALL, "--time=1", "--signal=B:USR1@40", f"--chdir={file.parent}"]
    number = slurm.submit(
        SCRIPTS / "run.sbatch", *options, *_exported(variables), arguments=("run", file)
    )
    return file, number


def _exported(variables: dict[str, str]) -> list[str]:
    return ["--export=ALL," + ",".join(f"{name}={value}" for name, value in variables.items())]


def test_shards_chained_by_afterok(slurm, limited, genome, expected, tmp_path):
    """Arrays, their merge, and a run that predicts nothing; of files as they are in examples."""
    folder = tmp_path / "x"
    file = commands.write(folder, genome)
    for script in SCRIPTS.iterdir():
        shutil.copy(script, folder)
    # What a site changes in the scripts: what it asks of its machines.
    for script in folder.glob("*.sbatch"):
        text = re.sub(r"#SBATCH --(gres|mem|cpus-per-task|time)=.*\n", "", script.read_text())
        script.write_text(text)
    variables = commands.environment(folder)
    done = subprocess.run(
        ["bash", "shards.sh", "3", "predictions", "run", file.name],
        env={**slurm.environment, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.split()[-1]
    _wait(slurm, last, 90)
    logs = "\n".join(log.read_text() for log in sorted(folder.glob("*.log")))
    assert slurm.job(last)["JobState"] == "COMPLETED", logs
    for number in (1, 2, 3):
        assert f"Shard {number}/3: 2 units" in logs
        with Store(folder / f"predictions.shard-{number}-of-3") as store:
            assert store.count() > 0
    assert ": 0 predicted" in " ".join(logs.split())
    assert "is sealed" in logs
    commands.assert_same(folder / "experiment.results", expected)


def test_a_run_is_queued_again_at_its_time_limit_and_goes_on(slurm, limited, expected):
    file, number = limited
    _wait(slurm, number, 200)
    log = (file.parent / f"creme-{number}.log").read_text()
    job = slurm.job(number)
    assert job["JobState"] == "COMPLETED", log
    assert int(job["Restarts"]) >= 1
    assert "Stopped before the end" in log
    assert log.count("queued again") == int(job["Restarts"])
    (counts,) = re.findall(r"(\d+) predicted, (\d+) taken", " ".join(log.split()))[-1:]
    predicted, stored = map(int, counts)
    assert stored > 0
    with Store(file.parent / "predictions") as store:
        assert store.count() > predicted, "what earlier jobs have predicted is not predicted again"
    commands.assert_same(file.parent / "experiment.results", expected)


def _wait(slurm: Slurm, number: str, seconds: float) -> None:
    """Wait for the end of a job, which may be queued again meanwhile."""
    until = time.monotonic() + seconds
    while slurm.job(number)["JobState"] not in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"):
        assert time.monotonic() < until, f"{slurm.run('squeue')}\n{slurm.log()}"
        time.sleep(1)
