"""The example files are valid, and the real one runs on the real network."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from command import CREME
from creme.errors import ModelError, PluginError
from creme.registry import plugins
from creme.results.directory import Results
from creme.runner.experiment import build_tests, parse
from creme.runner.plan import Plan
from creme.suite.distance import Distance

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def chr20(data, tmp_path):
    if "seqnn" not in plugins("model"):
        pytest.skip("the plugin creme-seqnn is not installed")
    (tmp_path / "data").symlink_to(data.resolve())
    return (EXAMPLES / "seqnn_chr20.toml").read_text(), tmp_path


def test_the_chr20_experiment_is_ready_to_run(chr20):
    text, folder = chr20
    plan = Plan.of(parse(text, folder=folder))
    assert plan.size() == 4 * ((1 + 4) + (1 + 24 * 4) + (1 + 4 + 24 * 4))
    positions = {locus.name: locus.position for locus in plan.loci}
    assert positions["PSMF1"] == 99_235
    assert positions["FKBP1A"] == 373_816
    assert len(plan.selection.tracks) == 12
    assert plan.activities == ["two_bins", "six_bins"]


def test_the_suite_experiment_is_ready_to_run(chr20):
    _, folder = chr20
    plan = Plan.of(parse((EXAMPLES / "seqnn_suite.toml").read_text(), folder=folder))
    own = {n for n, p in plugins("test").items() if p.target.startswith("creme.suite.")}
    # Sets come from a search that was run before.
    assert set(plan.tests) == own - {"set_sufficiency"}
    assert [locus.name for locus in plan.loci] == ["PSMF1", "FKBP1A"]
    assert plan.activities == ["six_bins"]
    distance = plan.tests["distance"]
    assert isinstance(distance, Distance)
    assert [locus.distance(tile) for locus in plan.loci for tile in distance.tiling(locus)] == [
        *(5000, 45_000),
        *(10_000, 20_000),
    ]


def test_two_tiles_of_psmf1_on_the_real_network(chr20):
    text, folder = chr20
    text = text.replace('genes = ["PSMF1", "FKBP1A", "SNPH", "RAD21L1"]', 'genes = ["PSMF1"]')
    text = text.replace('"necessity"\n', '"necessity"\ntiles = [[108036, 113036], [3036, 8036]]\n')
    text = text.replace('\n[[tests]]\nname = "sufficiency"\ntile = 5000\nreplicates = 4\n', "")
    (folder / "small.toml").write_text(text)
    for predicted in (1 + 4 + 8, 0):
        done = subprocess.run(
            [*CREME, "run", str(folder / "small.toml")], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert f" {predicted} predicted" in done.stdout
    results = Results.existing(folder / "seqnn-chr20.results")
    context = results.load("context_dependence").sel(locus="PSMF1", track="six_bins")
    # About 0.7 of PSMF1's activity goes with its context, and 2.1 is what is read there.
    assert 0.6 < float(context.effect) < 0.85
    assert abs(float(context.wild_type) - 2.105) < 0.01
    necessity = results.load("necessity").sel(track="six_bins").effect.values[0]
    assert necessity[1] > 0.15
    assert abs(necessity[0]) < 0.05


@pytest.mark.parametrize("name", ["enformer_k562", "borzoi_k562"])
def test_examples_without_their_weights_are_valid(name):
    experiment = parse((EXAMPLES / f"{name}.toml").read_text(), name, EXAMPLES)
    assert list(build_tests(experiment.tests, experiment.seed)) == [
        "context_dependence",
        "necessity",
        "sufficiency",
    ]
    plugin = experiment.model["plugin"]
    if plugin in plugins("model"):
        with pytest.raises(ModelError, match="huggingface-cli download"):
            Plan.of(experiment)
    else:
        with pytest.raises(PluginError, match=plugin):
            Plan.of(experiment)


def test_a_network_of_ones_own(data, tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "data").symlink_to(data.resolve())
    for name in ("own_model.py", "own_model.toml"):
        (tmp_path / name).write_text((EXAMPLES / name).read_text())
    done = subprocess.run(
        [*CREME, "run", str(tmp_path / "own_model.toml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    necessity = Results.existing(tmp_path / "own-model.results").load("necessity")
    assert necessity.sizes["tile"] == 8
    assert necessity.track.values.tolist() == ["one", "two"]
