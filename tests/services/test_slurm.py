"""The job scripts of ``examples/cluster`` on a SLURM cluster of this machine.

Only ``make test-services`` runs them: the time limits that they try are minutes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

import mini_study
from creme.store import Store
from creme.study.run import run_study
from services import commands
from services.slurm import Slurm

pytestmark = pytest.mark.timeout(2 * commands.HANG)

SCRIPTS = Path(__file__).resolve().parents[2] / "examples" / "cluster"
SMALL = ("--gres=none", "--cpus-per-task=1", "--mem=1G", "--time=30")
"""Instead of what the scripts ask for: the node has no GPU."""
SECONDS = 0.4
"""A prediction of the job that does not come to its end within its limit."""


@pytest.fixture(scope="module")
def limited(slurm, genome, expected, tmp_path_factory) -> tuple[Path, str]:
    """A job whose time is over before its run is; it works while the other tests do."""
    file = commands.write(tmp_path_factory.mktemp("limited") / "x", genome)
    variables = commands.environment(file.parent, SLOW_SECONDS=str(SECONDS))
    # The signal comes after 20 to 80 s: SLURM may send it a minute early.
    options = [*SMALL, "--time=2", "--signal=B:USR1@40", f"--chdir={file.parent}"]
    number = slurm.submit(
        SCRIPTS / "run.sbatch", *options, *_exported(variables), arguments=("run", file)
    )
    return file, number


def _exported(variables: dict[str, str]) -> list[str]:
    return ["--export=ALL," + ",".join(f"{name}={value}" for name, value in variables.items())]


def _submit(slurm: Slurm, file: Path, *arguments: str) -> str:
    """Run ``shards.sh`` in the folder of a file; the number of the last job."""
    folder = file.parent
    for script in SCRIPTS.iterdir():
        shutil.copy(script, folder)
    # What a site changes in the scripts: what it asks of its machines.
    for script in folder.glob("*.sbatch"):
        text = re.sub(r"#SBATCH --(gres|mem|cpus-per-task|time)=.*\n", "", script.read_text())
        script.write_text(text)
    done = subprocess.run(
        ["bash", "shards.sh", *arguments],
        env={**slurm.environment, **commands.environment(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def _logs(folder: Path) -> str:
    return "\n".join(log.read_text() for log in sorted(folder.glob("*.log")))


def test_shards_chained_by_afterok(slurm, limited, genome, expected, tmp_path):
    """Arrays, their merge, and a run that predicts nothing; of files as they are in examples."""
    folder = tmp_path / "x"
    file = commands.write(folder, genome)
    last = _submit(slurm, file, "3", "predictions", "run", file.name)
    _wait(slurm, last)
    logs = _logs(folder)
    assert slurm.job(last)["JobState"] == "COMPLETED", logs
    for number in (1, 2, 3):
        assert f"Shard {number}/3: 2 units" in logs
        with Store(folder / f"predictions.shard-{number}-of-3") as store:
            assert store.count() > 0
    assert ": 0 predicted" in " ".join(logs.split())
    commands.assert_same(folder / "experiment.results", expected)


def test_a_run_is_queued_again_at_its_time_limit_and_goes_on(slurm, limited, expected):
    file, number = limited
    _wait(slurm, number)
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


def _wait(slurm: Slurm, number: str) -> None:
    """Wait for the end of a job, which may be queued again meanwhile."""
    until = time.monotonic() + commands.HANG
    while slurm.job(number)["JobState"] not in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"):
        assert time.monotonic() < until, f"{slurm.run('squeue')}\n{slurm.log()}"
        time.sleep(1)


def test_the_stages_of_a_study_are_chained(slurm, tmp_path):
    """The arrays of a stage wait for the results of the one before."""
    (tmp_path / "alone").mkdir()
    (tmp_path / "parts").mkdir()
    stages = ["loci", "context_dependence"]
    files = []
    for folder in (tmp_path / "alone", tmp_path / "parts"):
        mini_study.write(folder, genes=3)
        text = f"[stages]\nrun = {stages}\n\n[common]"
        files.append(mini_study.study(folder, ("[common]", text)))
    expected = run_study(files[0])
    last = _submit(slurm, files[1], "2", "predictions", "study", files[1].name, *stages)
    _wait(slurm, last)
    logs = _logs(files[1].parent)
    assert slurm.job(last)["JobState"] == "COMPLETED", logs
    assert "context_dependence: 3 units" in logs
    assert "of them from stores of others" in logs, "a stage's parts read what is merged"
    study = run_study(files[1])
    assert all(entry["predicted"] == 0 for entry in study.stages.values())
    for name in expected.tables:
        pd.testing.assert_frame_equal(study.table(name), expected.table(name))
