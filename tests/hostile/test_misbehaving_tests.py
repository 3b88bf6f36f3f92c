"""Tests and models of plugins that never end, end the process, or bear the name of a path."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import ClassVar

import pytest
import xarray as xr

import mini_study as mini
from command import CREME
from creme.errors import ConfigError, PluginError
from creme.kinds import check_class
from creme.results.directory import Results
from creme.runner.experiment import parse
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.runner.tables import build_tests
from creme.store import Store
from creme.test import Test
from toy import MODEL, toy_loci

PROGRAM = """
import dataclasses
import itertools
import os
from pathlib import Path

import xarray as xr

from creme.test import Test

HERE = Path(__file__).parent


class One(Test):
    name = "one"

    def run(self, unit):
        (activity,) = yield [unit.sequence]
        return xr.Dataset({"effect": ("track", activity)})


class EndlessUnits(One):
    name = "endless_units"

    def units(self, loci):
        (HERE / "mark").touch()
        while True:
            pass


class EverMoreUnits(One):
    name = "ever_more_units"

    def units(self, loci):
        for number in itertools.count():
            yield dataclasses.replace(loci[0], name=f"l{number}")
            if number == 10:
                (HERE / "mark").touch()


class EndlessSize(One):
    name = "endless_size"

    def size(self, unit):
        (HERE / "mark").touch()
        while True:
            pass


class Leaves(One):
    name = "leaves"

    def run(self, unit):
        dataset = yield from super().run(unit)
        if (HERE / "leave").exists() and unit.name == "GENE3":
            os._exit(7)
        return dataset
"""

EXPERIMENT = """
name = "small"
batch_size = 1

[model]
plugin = "synthetic"
length = 12288
bins = "tss"

[loci]
fasta = "genome.fa"
gtf = "annotation.gtf"

[[tests]]
name = "python"
object = "mine.py:{name}"
"""


@pytest.fixture
def start(tmp_path):
    """Starts a run of a test of the file."""
    mini.write(tmp_path, genes=3)
    (tmp_path / "mine.py").write_text(PROGRAM)
    started = []

    def run(name: str) -> subprocess.Popen[str]:
        file = tmp_path / "small.toml"
        file.write_text(EXPERIMENT.format(name=name))
        environment = {**os.environ, "CREME_STATE_DIR": str(tmp_path / "state")}
        process = subprocess.Popen(
            [*CREME, "run", str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["EndlessUnits", "EverMoreUnits", "EndlessSize"])
def test_ctrl_c_ends_what_never_ends_by_itself(start, tmp_path, name):
    """The plan runs through it before the first prediction."""
    process = start(name)
    deadline = time.monotonic() + 300
    while not (tmp_path / "mark").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not (tmp_path / "predictions" / "predictions.zarr").exists()


class Reads(Test):
    """The wild type."""

    name: ClassVar[str] = "reads"

    def run(self, unit):
        (activity,) = yield [unit.sequence]
        return xr.Dataset({"value": ((), float(activity[0]))})


class NoSize(Reads):
    """Cannot say how many sequences it asks for."""

    name: ClassVar[str] = "no_size"

    def size(self, unit):
        raise ZeroDivisionError("no size")


def test_a_size_that_fails_leaves_no_forecast_and_hinders_nothing(tmp_path):
    plan = prepare([NoSize(), Reads()], MODEL, toy_loci(3))
    with Store(tmp_path / "store") as store:
        report = measure(plan, store)
    assert plan.size() is None
    assert not report.failures
    assert {label: each.sizes["locus"] for label, each in report.datasets.items()} == {
        "no_size": 3,
        "reads": 3,
    }


def test_a_process_that_is_left_in_the_middle_goes_on_from_there(start, tmp_path):
    (tmp_path / "leave").touch()
    process = start("Leaves")
    process.communicate(timeout=300)
    assert process.returncode == 7
    results = Results.existing(tmp_path / "small.results")
    assert results.state()["state"] == "stopped"
    with Store(tmp_path / "predictions") as store:
        before = store.count()
    (tmp_path / "leave").unlink()
    process = start("Leaves")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    state = results.state()
    assert (state["state"], state["failures"]) == ("finished", [])
    assert state["counts"]["stored"] == before
    assert results.load("leaves").sizes["locus"] == 3


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "..", ".", "x\n", "\x1b[2J", "a b", "/x", "\\x"]
)
def test_a_name_that_is_a_path_is_refused(name, tmp_path):
    class Named(Test):
        def run(self, unit):
            yield []

    Named.name = name
    with pytest.raises(PluginError, match="it names files"):
        check_class("test", Named, "test 'x'")
    text = json.dumps(name)
    with pytest.raises(ConfigError, match="it names a folder"):
        parse(EXPERIMENT.replace('"small"', text), "e.toml", tmp_path)
    with pytest.raises(ConfigError, match=r"label = .* is not allowed"):
        build_tests([{"name": "necessity", "label": name}], 7)
