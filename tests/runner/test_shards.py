"""Experiments in parts, each into a store of its own; merged, a run predicts nothing."""

from __future__ import annotations

import pytest
import xarray as xr

import in_process
from creme.errors import ConfigError
from creme.results.directory import Results
from creme.runner.experiment import Experiment
from creme.runner.plan import Plan
from creme.runner.run import run_experiment
from creme.runner.shards import Shard, run_shard
from creme.store import Store

NAMES = [f"gene{n}" for n in (3, 1, 2, 10, 5, 7, 4)]

GREEDY = """
[[tests]]
name = "higher_order"
tile = 4000
rounds = 2
replicates = 2
"""


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


@pytest.mark.parametrize("of", [1, 3, 7, 9])
def test_each_name_is_in_one_part(of):
    parts = [Shard(number, of).deal(NAMES) for number in range(1, of + 1)]
    assert sorted(name for part in parts for name in part) == sorted(NAMES)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert parts == [Shard(k, of).deal([*NAMES[::-1], NAMES[0]]) for k in range(1, of + 1)]


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "3/", "-1/3", "1/3/5", "a/b", "1.5/3"])
def test_a_part_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="from 1/16 to 16/16"):
        Shard.parse(text)


def test_units_of_one_name_are_in_one_part_for_all_tests(experiment):
    plan = Plan.of(Experiment.from_file(experiment()))
    whole = [(task.label, task.unit.name) for task in plan.tasks()]
    parts = [Shard(number, 2).part(plan) for number in (1, 2)]
    named = [[(task.label, task.unit.name) for task in part.tasks()] for part in parts]
    assert sorted(named[0] + named[1]) == sorted(whole)
    assert not {name for _, name in named[0]} & {name for _, name in named[1]}
    assert sum(part.size() or 0 for part in parts) == plan.size()
    assert parts[0].units.counts["necessity"] == len(named[0]) / 2


def test_shards_merged_are_the_run_of_one_process(experiment, tmp_path, creme):
    """A test that decides by the answers what to ask next as well."""
    file = experiment(('name = "small"', 'name = "small"\nstore = "parts"'))
    file.write_text(file.read_text() + GREEDY)
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone" / "alone.toml"
    alone.write_text(file.read_text().replace('"parts"', '"alone"'))
    _, expected = run_experiment(Experiment.from_file(alone))

    predicted = 0
    for number in (1, 2, 3):
        printed = creme("run", file, "--shard", f"{number}/3")
        assert f"Shard {number}/3: 3 units" in printed
        report, store = run_shard(Experiment.from_file(file), Shard(number, 3))
        assert store == tmp_path / f"parts.shard-{number}-of-3"
        assert report.progress.predicted == 0, "the same command goes on from where it was"
        with Store(store) as opened:
            predicted += opened.count()
    assert not (tmp_path / "parts").exists()
    assert not (tmp_path / "small.results").exists()

    stores = sorted(tmp_path.glob("parts.shard-*"))
    printed = creme("cache", "merge", *stores, "--into", tmp_path / "parts")
    assert "CONFLICTS" not in printed
    report, results = run_experiment(Experiment.from_file(file))
    assert report.progress.predicted == 0
    assert not report.failures
    with Store(tmp_path / "parts") as opened, Store(tmp_path / "alone" / "alone") as other:
        assert opened.count() == other.count() <= predicted
    assert results.labels() == expected.labels()
    for label in results.labels():
        xr.testing.assert_identical(_plain(results, label), _plain(expected, label))


def test_a_shard_makes_no_results_and_may_have_no_unit(experiment, creme):
    file = experiment()
    for option in (["--plan"], ["--output", "x"], ["--profile"]):
        assert "--shard: it fills a store" in creme(
            "run", file, "--shard", "1/5", *option, status=2
        )
    assert "Shard 5/5: 0 units" in creme("run", file, "--shard", "5/5")


def test_a_shard_starts_the_workers_of_the_file(experiment, creme):
    """Which it says by what is wrong with them; `test_cluster_commands` starts some."""
    table = "[cluster]\nworkers = 1\noptions = { memory_limits = 1 }\n\n[model]\nplugin"
    file = experiment(("[model]\nplugin", table))
    printed = creme("run", file, "--shard", "1/2", status=2)
    assert "'memory_limits' is no option of distributed.LocalCluster" in " ".join(printed.split())


def test_what_a_spread_asks_for_is_in_the_parts(experiment, tmp_path, creme):
    """Each unit with every member of an ensemble, and with the TSS elsewhere in the window."""
    ensemble = "[model.ensemble]\nreplicates.decay = [5000.0, 9000.0]"
    spread = "[spread]\nmembers = true\nshift_tss = [-128, 128]"
    file = experiment(('bins = "tss"\n', f'bins = "tss"\n\n{ensemble}\n\n{spread}\n'))
    for number in (1, 2):
        creme("run", file, "--shard", f"{number}/2")
    creme(
        "cache", "merge", *tmp_path.glob("predictions.shard-*"), "--into", tmp_path / "predictions"
    )
    report, results = run_experiment(Experiment.from_file(file))
    assert report.progress.predicted == 0
    assert report.units["necessity"]["finished"] == 3
    assert {"member", "shift_tss"} <= set(results.load("necessity").dims)


def _plain(results: Results, label: str) -> xr.Dataset:
    dataset = results.load(label)
    dataset.attrs.pop("created", None)
    return dataset
