"""Python files of somebody else's directories: they are run once the user agrees."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import creme
import in_process
import mini_study as mini
import small
from command import CREME
from creme import file_plugins
from creme.errors import TrustError
from creme.files import trusted
from creme.files.cache_folder import state_folder
from creme.runner.experiment import Experiment
from creme.runner.plan import Plan

MINE = """\
from pathlib import Path

import xarray as xr

from creme.perturbations.mask import Mask
from creme.test import Test

with Path(__file__).with_suffix(".ran").open("a") as ran:
    ran.write("x")


class Mine(Test):
    name = "mine"

    def run(self, unit):
        (activity,) = yield [unit.sequence]
        return xr.Dataset({"effect": ("track", activity)})


class Blank(Mask):
    name = "blank"
"""

TESTS = """\
[[tests]]
name = "python"
label = "mine"
object = "mine.py:Mine"
"""


@pytest.fixture
def call(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


@pytest.fixture
def another_user(monkeypatch, tmp_path):
    """Become somebody who has run nothing yet."""

    def become(name: str) -> None:
        monkeypatch.setenv("CREME_STATE_DIR", str(tmp_path / name))
        monkeypatch.setattr(trusted, "_REMEMBERED", set())
        monkeypatch.setattr(file_plugins, "_CLASSES", {})  # run files once more

    become("author")
    return become


def forget_run(folder: Path) -> None:
    (folder / "mine.ran").unlink(missing_ok=True)


@pytest.fixture
def made(genome, tmp_path, call, another_user) -> Path:
    """An experiment with a test in a Python file, run by its author."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.py").write_text(MINE)
    text = small.text(genome)
    (folder / "mine.toml").write_text(text[: text.index("[[tests]]")] + TESTS)
    call("run", folder / "mine.toml")
    return folder


def test_ones_own_file_asks_nothing_and_is_remembered(made, call):
    results = made / "small.results"
    assert len(list((state_folder() / "trusted").iterdir())) == 1
    call("resume", results)
    creme.open_results(results).resume()
    # Changed since, it is another file, until the experiment is run again.
    (made / "mine.py").write_text(MINE + "\n# changed\n")
    trusted._REMEMBERED.clear()
    forget_run(made)
    assert "--trust" in call("resume", results, status=2)
    assert not (made / "mine.ran").exists()
    call("run", made / "mine.toml", "--output", made / "again.results")
    call("resume", made / "again.results")


def test_a_received_directory_runs_nothing_until_it_is_trusted(made, call, another_user):
    results = made / "small.results"
    another_user("receiver")
    forget_run(made)
    for command in ("results", "status", "export", "report", "resume"):
        more = ["--to", made / "exported"] if command == "export" else []
        printed = call(command, results, *more, status=2 if command == "resume" else 0)
        assert not (made / "mine.ran").exists(), command
    assert f"{made}/mine.py, which you have not run before" in printed
    assert "--trust" in printed
    assert "--trust" in call("results", results, "--peaks", status=2)
    assert not (made / "mine.ran").exists()
    with pytest.raises(TrustError, match="trust=True"):
        creme.open_results(results).resume()
    assert not (made / "mine.ran").exists()
    creme.open_results(results).resume(trust=True)
    assert (made / "mine.ran").exists()
    # The receiver is remembered to have agreed.
    call("resume", results)


def test_whatever_opens_a_directory_carries_that_nothing_is_trusted(made, another_user):
    """Also a way in that says nothing of trust."""
    results = made / "small.results"
    another_user("receiver")
    forget_run(made)
    received = Experiment.of_results(results)
    for way_in in (received.plan, lambda: Plan.of(received), received.model_copy().plan):
        with pytest.raises(TrustError, match="trust=True"):
            way_in()
    assert not (made / "mine.ran").exists()
    with received.trusting(True):
        Plan.of(received)
    assert (made / "mine.ran").exists()


def test_another_module_beside_the_same_file_is_asked_about(made, call, another_user):
    (made / "helper.py").write_text("")
    beside = "import sys\nsys.path.insert(0, str(Path(__file__).parent))\nimport helper\n"
    text = MINE.replace("with Path", f"{beside}with Path", 1)
    (made / "mine.py").write_text(text)
    call("run", made / "mine.toml", "--output", made / "beside.results")
    call("resume", made / "beside.results")
    ran = made / "helper.ran"
    (made / "helper.py").write_text(f"from pathlib import Path\nPath({str(ran)!r}).touch()\n")
    trusted._REMEMBERED.clear()
    sys.modules.pop("helper")
    file_plugins._CLASSES.clear()
    said = call("resume", made / "beside.results", status=2)
    assert "mine.py with helper.py, which you have not run" in said.replace("\n", " ")
    assert not ran.exists()
    call("resume", made / "beside.results", "--trust")
    assert ran.exists()
    sys.modules.pop("helper")


def test_a_model_in_a_python_file_is_asked_about_as_well(made, call, another_user, genome):
    (made / "model.py").write_text(
        "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
        "def build():\n    return lambda batch: batch.mean((1, 2))[:, None, None]\n"
    )
    text = small.text(genome).replace('name = "small"', 'name = "own"')
    start, end = text.index("[model]"), text.index("[loci]")
    model = (
        '[model]\nplugin = "python"\nobject = "model.py:build"\n[model.grid]\n'
        'input_length = 24576\nbin_size = 24576\ntracks = ["CAGE"]\n'
    )
    (made / "own.toml").write_text(text[:start] + model + text[end:])
    call("run", made / "own.toml")
    another_user("receiver")
    (made / "model.ran").unlink()
    assert "model.py" in call("resume", made / "own.results", status=2)
    assert not (made / "model.ran").exists()
    call("resume", made / "own.results", "--trust")


def test_a_received_study_runs_nothing_until_it_is_trusted(tmp_path, call, another_user):
    mini.write(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    # From the root: to say how far a study is, its file is read without its folder.
    table = f'perturbation = {{ name = "python", object = "{tmp_path}/mine.py:Blank" }}'
    assert "[common]" in mini.STUDY
    file = tmp_path / "mini.toml"
    file.write_text(mini.STUDY.replace("[common]", f"[common]\n{table}"))
    folder = tmp_path / "mini.study"
    call("study", file, "--stage", "loci")
    another_user("receiver")
    forget_run(tmp_path)
    plan = ("--plan", "--seconds-per-prediction", "1")
    for given in (folder, folder / "study.toml"):
        assert "mine.py" in call("study", given, "--stage", "loci", status=2)
        assert "mine.py" in call("study", given, *plan, status=2)
        call("study", given, "--status")
    call("status", folder)
    with pytest.raises(TrustError):
        creme.Study.from_file(folder)
    with pytest.raises(TrustError):
        creme.open_results(folder).resume()
    assert not (tmp_path / "mine.ran").exists()
    call("study", folder, *plan, "--trust")
    assert (tmp_path / "mine.ran").exists()
    call("study", folder, "--stage", "loci")


def test_a_copy_of_a_study_object_is_no_way_around(tmp_path, call, another_user):
    """Nor is the object of a study that was read without running anything."""
    mini.write(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    added = '[stages.mine]\ntest = "python"\nobject = "mine.py:Mine"\n'
    file = tmp_path / "mini.toml"
    file.write_text(mini.STUDY + added)
    call("study", file, "--stage", "loci")
    another_user("receiver")
    forget_run(tmp_path)
    study = creme.Study.from_file(tmp_path / "mini.study")
    for each in (study, study.model_copy(update={"seed": 7})):
        with pytest.raises(TrustError):
            each.plan(tmp_path / "mini.study")
        with pytest.raises(TrustError):
            each.run(tmp_path / "mini.study")
    assert not (tmp_path / "mine.ran").exists()


def test_at_a_terminal_it_is_asked(made, another_user):
    another_user("receiver")
    forget_run(made)
    for answer, status in (("n", 2), ("y", 0)):
        ours, theirs = pty.openpty()
        command = [*CREME, "resume", str(made / "small.results")]
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        printed, deadline = b"", time.monotonic() + 600
        while b"Run it?" not in printed and time.monotonic() < deadline:
            if select.select([ours], [], [], 1)[0]:
                printed += os.read(ours, 4096)
        assert b"that you have not run before" in printed
        assert not (made / "mine.ran").exists()
        os.write(ours, f"{answer}\n".encode())
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):  # nobody is at the other end any more
                if select.select([ours], [], [], 0.2)[0]:
                    os.read(ours, 4096)
        assert process.wait(timeout=600) == status
        os.close(ours)
    assert (made / "mine.ran").exists()
