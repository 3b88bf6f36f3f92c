"""The Snakefile of ``examples/cluster``, run by a Snakemake with an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from creme.results.directory import Results
from services import commands

SNAKEFILE = Path(__file__).resolve().parents[2] / "examples" / "cluster" / "Snakefile"


@pytest.fixture
def snakemake() -> Path:
    program = os.environ.get("CREME_SNAKEMAKE")
    if program is None:
        pytest.skip("CREME_SNAKEMAKE names no snakemake: make test-services installs one")
    return Path(program).absolute()


def test_the_parts_are_the_run_of_one_process(snakemake, genome, expected, tmp_path):
    folder = tmp_path / "x"
    file = commands.write(folder, genome)
    environment = {**os.environ, **commands.environment(folder), "HOME": str(tmp_path)}
    del environment["PYTHONPATH"]  # another Python's
    creme = folder / "bin" / "creme"
    source = commands.environment(folder)["PYTHONPATH"]
    creme.write_text(creme.read_text().replace("exec ", f"PYTHONPATH='{source}' exec "))
    shutil.copy(SNAKEFILE, folder)
    command = [snakemake, "--cores", "2", "--config", f"file={file.name}", "parts=2"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    commands.assert_same(folder / "experiment.results", expected)
    assert Results.existing(folder / "experiment.results").state()["counts"]["predicted"] == 0
    assert len(list(folder.glob("predictions.shard-*-of-2.done"))) == 2
    again = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert "Nothing to be done" in again.stdout + again.stderr
