"""A study that is killed in each of its stages, and started again, gives the same tables."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import mini_study as mini
from command import CREME
from creme.errors import CremeError
from creme.store import Store
from creme.study import StudyResults
from creme.study.config import STAGES
from faulty import Case, all_values, case, random, stored_twice, tries


def creme(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CREME, *map(str, args)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    mini.write(folder, genes=3)
    done = creme("study", mini.study(folder))
    assert done.returncode == 0, done.stderr
    return folder


def begin(folder, stage):
    """Start the study, and return once a stage is running."""
    process = subprocess.Popen(
        [*CREME, "study", str(folder / "study.toml")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    state = folder / "mini.study" / "study.json"
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        if state.exists() and json.loads(state.read_text()).get("stages", {}).get(stage, {}).get(
            "state"
        ) in ("running", "finished"):
            return process
        time.sleep(0.002)
    raise AssertionError(f"{stage} never ran: {process.communicate(timeout=5)}")


def test_killed_in_every_stage(uninterrupted, tmp_path):
    for name in ("genome.fa", "annotation.gtf", "study.toml"):
        shutil.copy(uninterrupted / name, tmp_path)
    moments = random("kill-study")
    spent = {
        stage: known["seconds"]
        for stage, known in StudyResults(uninterrupted / "mini.study").stages.items()
    }
    expected = all_values(uninterrupted / "predictions")
    before = set[bytes]()

    def compare(cost: Case) -> set[bytes]:
        there = all_values(tmp_path / "predictions")
        cost.rows += len(there)
        cost.lost += len(before - there.keys())
        cost.wrong += sum(
            not np.array_equal(row, expected[digest]) for digest, row in there.items()
        )
        return set(there)

    with case("kill-study") as cost:
        for stage in STAGES:
            process = begin(tmp_path, stage)
            time.sleep(float(moments.uniform(0, spent[stage])))
            process.send_signal(signal.SIGKILL)
            cost.tries += process.wait() == -signal.SIGKILL
            process.communicate()
            stages = StudyResults(tmp_path / "mini.study").stages
            assert "running" not in [known["state"] for known in stages.values()]
            before = compare(cost)
        status = creme("study", tmp_path / "mini.study", "--status")
        assert status.returncode == 0, status.stderr
        done = creme("study", tmp_path / "mini.study")
        assert done.returncode == 0, done.stderr
        tables = mini.tables(uninterrupted / "mini.study")
        again = mini.tables(tmp_path / "mini.study")
        cost.wrong += sum(again.get(name) != table for name, table in tables.items())
        assert again.keys() == tables.keys()
        assert compare(cost) == expected.keys()
        with Store(tmp_path / "predictions") as store:
            cost.twice += stored_twice(store)


def read(path: Path) -> dict[str, str]:
    """All that is read of a study: its state and its tables."""
    study = StudyResults(path)
    state = {key: part for key, part in study.raw.items() if key != "checksum"}
    tables = {name: study.folder.table(name).to_csv() for name in study.folder.tables()}
    return {"study.json": json.dumps(state), "loci.tsv": study.folder.loci().to_csv(), **tables}


def test_a_flipped_byte_of_its_state_or_a_table_is_a_sentence(uninterrupted, tmp_path):
    """Or changes nothing that is read."""
    path = Path(shutil.copytree(uninterrupted / "mini.study", tmp_path / "mini.study"))
    whole, places = read(path), random("flip-study")
    # Those that have a checksum: others are of an earlier version, and read as they are.
    sums = StudyResults(path).raw.get("sha256", {})
    files = [path / name for name in ("study.json", *sorted(sums)) if (path / name).is_file()]
    with case("flip-study") as cost:
        for number in range(tries(30, 120)):
            file = files[number % len(files)]
            content = file.read_bytes()
            changed = bytearray(content)
            changed[int(places.integers(len(changed)))] ^= int(places.integers(1, 256))
            file.write_bytes(changed)
            cost.tries += 1
            cost.rows += 1
            try:
                cost.wrong += read(path) != whole
            except CremeError as error:
                cost.saw(error)
            file.write_bytes(content)


def test_ctrl_c_stops_a_stage_and_the_next_run_goes_on(uninterrupted, tmp_path):
    for name in ("genome.fa", "annotation.gtf"):
        shutil.copy(uninterrupted / name, tmp_path)
    mini.study(tmp_path, ("replicates = 2", "replicates = 100"))
    process = begin(tmp_path, "necessity")
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert "To continue: creme study" in out
    assert "Traceback" not in err
    known = StudyResults(tmp_path / "mini.study").stages
    assert known["context_swap"]["state"] == "finished"
    assert known["necessity"]["state"] == "interrupted"
    assert known["sufficiency"]["state"] == "waiting"
    shown = creme("study", tmp_path / "study.toml", "--status").stdout
    assert "interrupted" in shown
    # Another stage has its own end.
    other = creme("study", tmp_path / "mini.study", "--stage", "context_swap")
    assert other.returncode == 0, other.stderr
    assert "Stopped" not in other.stdout
    again = creme("study", tmp_path / "mini.study", "--stage", "necessity")
    assert again.returncode == 0, again.stderr
    assert "necessity: 3 units" in again.stdout


def test_the_command_says_what_it_did(uninterrupted, tmp_path):
    done = creme("study", uninterrupted / "study.toml")
    assert done.returncode == 0
    assert done.stdout.count("finished before") == len(STAGES)
    results = creme("results", uninterrupted / "mini.study" / "stages" / "necessity")
    assert results.returncode == 0
    assert "strongest first" in results.stdout
    wrong = creme("study", uninterrupted / "study.toml", "--stage", "necesity")
    assert wrong.returncode == 2
    assert "'necesity' is no stage" in wrong.stderr
    written = creme("init", "--study", tmp_path / "new.toml")
    assert written.returncode == 0
    assert f"creme study {tmp_path / 'new.toml'}" in written.stdout.replace("\n", "")
    assert creme("init", "--study", tmp_path / "new.toml").returncode == 2
