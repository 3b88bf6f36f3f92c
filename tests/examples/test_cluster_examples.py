"""The job scripts: their shell is right, and the page shows what is in the files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "cluster"
PAGE = (ROOT / "docs" / "job_arrays.md").read_text()


@pytest.mark.parametrize("name", ["run.sbatch", "shard.sbatch", "finish.sbatch", "shards.sh"])
def test_scripts_are_bash(name):
    done = subprocess.run(
        ["bash", "-n", FOLDER / name], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("language", "file"), [("bash", "run.sbatch"), ("python", "Snakefile"), ("groovy", "main.nf")]
)
def test_the_page_shows_lines_of_the_files_in_their_order(language, file):
    lines = iter((FOLDER / file).read_text().splitlines())
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.M | re.S)
    shown = [line for line in block.splitlines() if line]
    assert len(shown) > 8
    assert [line for line in shown if line not in lines] == []


def test_every_file_is_on_the_page():
    assert all(path.name in PAGE for path in FOLDER.iterdir())
