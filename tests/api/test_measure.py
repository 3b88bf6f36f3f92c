"""`creme.load_model`, `creme.load_loci` and `creme.measure`: the numbers of an experiment file."""

from __future__ import annotations

import inspect
import json
import os
import signal
import tomllib
import warnings
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr
from pydantic import PrivateAttr

import creme
import small
from creme.errors import ConfigError, CremeWarning, GenomeError, MeasurementError, PluginError
from creme.genome import LociConfig
from creme.runner.experiment import parse
from creme.runner.plan import Plan
from creme.runner.run import run_experiment
from creme.suite.context_dependence import ContextDependence
from creme.suite.necessity import Necessity
from toy import LENGTH, MODEL, Toy, toy_loci

FEW: dict[str, Any] = {"tile": 400, "replicates": 2}


class Counting(Toy):
    """Counts the sequences that it predicts."""

    _rows: int = PrivateAttr(default=0)

    def predict(self, onehot):
        self._rows += len(onehot)
        return super().predict(onehot)


class Fussy(creme.Test):
    """The wild type's activity; it fails on the loci that it is told to."""

    name: ClassVar[str] = "fussy"
    fails: list[str] = []

    def run(self, locus):
        (wild_type,) = yield [locus.sequence]
        if locus.name in self.fails:
            raise ValueError(f"{locus.name} is not to its liking")
        return xr.Dataset({"effect": ("track", wild_type)})


class Draw(creme.Test):
    """Its seed, as a result."""

    name: ClassVar[str] = "draw"

    def run(self, locus):
        activity = yield [locus.sequence]
        return xr.Dataset({"effect": ("track", 0 * activity[0] + self.seed)})


def seed_of(dataset: xr.Dataset) -> int:
    return int(dataset["effect"].values.flat[0])


@pytest.fixture(scope="module")
def synthetic(genome):
    """The model and the loci of `small.SMALL`, made in Python."""
    model = creme.load_model("synthetic", length=24576)
    return model, creme.load_loci(model, fasta=genome.fasta, bed=str(genome.bed))


def test_numbers_are_those_of_an_experiment_file(experiment, synthetic, tmp_path):
    _, results = run_experiment(creme.Experiment.from_file(experiment()))
    model, loci = synthetic
    few: dict[str, Any] = {"tile": 1000, "replicates": 3}
    necessity = creme.measure("necessity", model, loci, seed=7, **few)
    both = creme.measure(
        [ContextDependence(**few), Necessity(**few)], model, loci, seed=7, store=tmp_path / "other"
    )
    assert list(both) == ["context_dependence", "necessity"]
    for dataset in (necessity, *both.values()):
        recorded = results.load(dataset.attrs["test"])
        assert json.loads(dataset.attrs["failures"]) == []
        xr.testing.assert_identical(dataset.drop_attrs(), recorded.drop_attrs())
        for name, values in recorded.data_vars.items():
            assert dataset[name].dtype == values.dtype
            assert dataset[name].values.tobytes() == values.values.tobytes()
        assert {k: v for k, v in dataset.attrs.items() if k != "failures"} == recorded.attrs


def test_a_store_is_shared_with_files_and_other_calls(experiment, synthetic, tmp_path):
    run_experiment(creme.Experiment.from_file(experiment()))
    model, loci = synthetic
    with creme.Store(tmp_path / "predictions") as store:
        before = store.count()
        assert before > 100
        creme.measure("necessity", model, loci, tile=1000, replicates=3, seed=7, store=store)
        creme.measure("necessity", model, loci, tile=1000, replicates=4, seed=7, store=store)
        after = store.count()  # the object is left open
    assert after == before + 3 * 22
    counting = Counting()
    for _ in range(2):
        creme.measure("necessity", counting, toy_loci(1), store=str(tmp_path / "toy"), **FEW)
        # The wild type and two shuffles of four tiles; and the first one again.
        assert counting._rows == 1 + 2 * 4 + 1


def test_without_a_store_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        counting = Counting()
        creme.measure("necessity", counting, toy_loci(1), **FEW)
        assert counting._rows == 9 + 1
    assert list(tmp_path.iterdir()) == []


def test_a_test_is_a_name_a_class_an_object_or_several():
    loci = toy_loci(1)
    by_name = creme.measure("necessity", MODEL, loci, seed=3, **FEW)
    by_class = creme.measure(Necessity, MODEL, loci[0], seed=3, **FEW)
    by_object = creme.measure(Necessity(seed=3, **FEW), MODEL, tuple(loci))
    by_label = creme.measure({"mine": Necessity(**FEW), "fussy": Fussy}, MODEL, loci, seed=3)
    alone = creme.measure([Necessity(**FEW)], MODEL, loci, seed=3)
    assert list(by_label) == ["mine", "fussy"]
    assert list(alone) == ["necessity"]
    for dataset in (by_class, by_object, by_label["mine"], alone["necessity"]):
        assert dataset.identical(by_name)
    assert not creme.measure("necessity", MODEL, loci, seed=4, **FEW).equals(by_name)


def test_the_seed_is_for_tests_that_were_given_none():
    loci = toy_loci(1)
    assert seed_of(creme.measure(Draw, MODEL, loci)) == 0
    assert seed_of(creme.measure(Draw, MODEL, loci, seed=5)) == 5
    assert seed_of(creme.measure(Draw(), MODEL, loci, seed=5)) == 5
    assert seed_of(creme.measure(Draw(seed=0), MODEL, loci, seed=5)) == 0
    both = creme.measure({"a": Draw(seed=2), "b": Draw}, MODEL, loci, seed=5)
    assert [seed_of(both[label]) for label in "ab"] == [2, 5]


def test_tracks_bins_strand_readouts_and_batches_reach_the_run():
    loci = toy_loci(1)
    whole = creme.measure(Fussy, MODEL, loci, bins="all")
    one = creme.measure(Fussy, MODEL, loci, bins="all", tracks="two", batch_size=1)
    assert one["track"].values.tolist() == ["two"]
    assert one["effect"].values[0, 0] == whole["effect"].sel(track="two").values[0]
    profile = MODEL.predict(loci[0].sequence.onehot()[None])[0]
    np.testing.assert_array_equal(
        whole["effect"].values[0], profile.mean(0, dtype=float).astype(np.float32)
    )
    readouts = [
        creme.Readout(name="left", bins=[0]),
        creme.Readout(name="sum", over_bins="sum", over_tracks="mean"),
    ]
    read = creme.measure(Fussy, MODEL, loci, bins="all", readouts=readouts)
    assert read["track"].values.tolist() == ["left:one", "left:two", "sum"]
    np.testing.assert_array_equal(read["effect"].values[0, :2], profile[0])
    single = creme.measure(Fussy, MODEL, loci, bins="all", readouts=readouts[1])
    assert single["effect"].values[0, 0] == read["effect"].values[0, 2]


def test_a_locus_that_fails_is_a_warning_and_stands_in_the_attributes():
    loci = toy_loci(3)
    with pytest.warns(CremeWarning) as caught:
        dataset = creme.measure(Fussy, MODEL, loci, fails=["locus1"])
    (warning,) = caught
    words = "ValueError: locus1 is not to its liking"
    assert str(warning.message) == f"test 'fussy' failed on locus 'locus1': {words}"
    assert warning.filename == __file__
    assert dataset["locus"].values.tolist() == ["locus0", "locus2"]
    assert json.loads(dataset.attrs["failures"]) == [["locus1", words]]


def test_many_failures_are_not_warned_of_one_by_one():
    names = [f"locus{k}" for k in range(20)]
    with pytest.warns(CremeWarning) as caught:
        dataset = creme.measure(Fussy, MODEL, toy_loci(21), fails=names)
    assert len(caught) == 6
    assert "15 more" in str(caught[-1].message)
    assert len(json.loads(dataset.attrs["failures"])) == 20


def test_a_test_without_any_result_is_an_error_that_says_why():
    names = [f"locus{k}" for k in range(3)]
    with pytest.raises(MeasurementError) as failed:
        creme.measure(Fussy(fails=names), MODEL, toy_loci(3))
    assert str(failed.value) == (
        "test 'fussy' failed on all of its 3 loci: the first one is locus0: ValueError: locus0 is "
        "not to its liking"
    )
    assert len(failed.value.failures) == 3
    with pytest.raises(MeasurementError, match="failed on its one locus: locus0: ValueError"):
        creme.measure(Fussy(fails=names), MODEL, toy_loci(1))


def test_tests_that_did_succeed_are_in_the_error():
    tests = {"bad": Fussy(fails=["locus0"]), "good": Draw(seed=4)}
    with pytest.raises(MeasurementError, match="the datasets of good are in this error") as failed:
        creme.measure(tests, MODEL, toy_loci(1))
    assert seed_of(failed.value.datasets["good"]) == 4


def test_units_that_do_not_fit_together_fail_their_test_alone():
    class Odd(Fussy):
        name: ClassVar[str] = "odd"

        def run(self, locus):
            yield [locus.sequence]
            value = 1 if locus.name == "locus1" else 0.5
            return xr.Dataset({"effect": ("side", [value])})

    with pytest.raises(
        MeasurementError, match=r"^test 'odd' failed: its units do not fit"
    ) as failed:
        creme.measure([Odd(), Fussy()], MODEL, toy_loci(2))
    assert list(failed.value.datasets) == ["fussy"]


def test_a_test_that_makes_no_units_is_an_error():
    class Idle(Fussy):
        name: ClassVar[str] = "idle"

        def units(self, loci):
            return []

    with pytest.raises(MeasurementError, match="'idle' makes nothing to measure of these loci"):
        creme.measure(Idle, MODEL, toy_loci(1))


CHECKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tracks": ({"tracks": ["gamma"]}, {"model": {"tracks": ["gamma"]}}),
    "no tracks": ({"tracks": []}, {"model": {"tracks": []}}),
    "strand": ({"strand": "minus"}, {"model": {"strand": "minus"}}),
    "bins": ({"bins": "middle"}, {"model": {"bins": "middle"}}),
    "bins outside": ({"bins": [5000]}, {"model": {"bins": [5000]}}),
    "readout": ({"readouts": creme.Readout(bins=[0])}, {"readouts": [{"bins": [0]}]}),
    "readouts": (
        {"readouts": [creme.Readout(), creme.Readout()]},
        {"readouts": [{}, {}]},
    ),
    "tile": ({"tile": 50_000}, {"tests": [{"name": "necessity", "tile": 50_000}]}),
    "value": ({"tile": 0}, {"tests": [{"name": "necessity", "tile": 0}]}),
    "key": ({"tiles_": 3}, {"tests": [{"name": "necessity", "tiles_": 3}]}),
}


@pytest.mark.parametrize("case", CHECKED)
def test_what_a_file_checks_is_checked_in_the_same_words(case, genome, synthetic, tmp_path):
    call, changes = CHECKED[case]
    table = tomllib.loads(small.text(genome))
    table["tests"] = [{"name": "necessity", "tile": 1000}]
    table["model"] |= changes.get("model", {})
    table |= {key: value for key, value in changes.items() if key != "model"}
    with pytest.raises(ConfigError) as of_file:
        Plan.of(creme.Experiment(**table))
    words = str(of_file.value)
    for prefix in ("experiment 'small': ", "[model]: ", "[[tests]] number 1: "):
        words = words.removeprefix(prefix)
    model, loci = synthetic
    with pytest.raises(ConfigError) as of_call:
        creme.measure("necessity", model, loci, store=tmp_path / "none", **{"tile": 1000, **call})
    assert str(of_call.value) == words
    assert not (tmp_path / "none").exists()  # found before anything is made


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"tests": []}, "tests: there are none"),
        ({"tests": 5}, "tests = 5 is not allowed: give a test's name, its class or an object"),
        ({"tests": [5]}, "tests: 5 is none: give a test's name"),
        ({"tests": ["necessity", Necessity]}, "two tests are called 'necessity'; give a dict"),
        ({"tests": {"a/b": "necessity"}}, "label = 'a/b' is not allowed: use letters, digits"),
        ({"tests": ["necessity"], "tile": 5}, "tile may be given with a single test only"),
        ({"tests": Necessity(), "tile": 5}, "tile cannot be given with a test that is an object"),
        ({"loci": []}, "loci: there are none"),
        ({"loci": toy_loci(1) * 2}, "loci: there are two 'locus0': give each its own name"),
        ({"tests": Fussy, "index": "sqlite://"}, "index: give the directory of the store as well"),
        ({"readouts": ["sum"]}, "readouts: 'sum' is not a creme.Readout"),
    ],
)
def test_a_call_that_cannot_be_is_refused_in_a_sentence(call, words):
    given = {"tests": "necessity", "model": MODEL, "loci": toy_loci(1), **call}
    with pytest.raises(ConfigError) as refused:
        creme.measure(**given)
    assert words in str(refused.value)


def test_an_unknown_test_is_answered_with_the_nearest_one():
    with pytest.raises(PluginError, match="did you mean 'necessity'"):
        creme.measure("necesity", MODEL, toy_loci(1))


def test_a_class_without_a_name_is_told_so():
    class Nameless(creme.Test):
        def run(self, locus):
            yield []

    for given in (Nameless, Nameless()):
        with pytest.raises(PluginError, match="class Nameless has no name: set name"):
            creme.measure(given, MODEL, toy_loci(1))


def test_loci_of_another_model_are_refused(synthetic):
    _, loci = synthetic
    words = f"'GENE1' has 24576 bp with the TSS at 12288, and model toy takes {LENGTH} bp"
    with pytest.raises(ConfigError, match=words):
        creme.measure("necessity", MODEL, loci)


def test_an_index_is_of_a_directory_or_of_the_object(tmp_path):
    index = f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
    creme.measure(Fussy, MODEL, toy_loci(1), store=tmp_path / "store", index=index)
    assert (tmp_path / "elsewhere.sqlite").exists()
    with (
        creme.Store(tmp_path / "store", index_url=index) as store,
        pytest.raises(ConfigError, match="a Store object has its own"),
    ):
        creme.measure(Fussy, MODEL, toy_loci(1), store=store, index=index)


def test_load_loci_takes_the_fields_of_a_file():
    given = [
        name
        for name, parameter in inspect.signature(creme.load_loci).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    assert given == list(LociConfig.model_fields)


def test_load_loci_says_what_is_wrong_in_the_words_of_a_call(genome, synthetic):
    model, _ = synthetic
    (gene,) = creme.load_loci(model, fasta=genome.fasta, gtf=genome.gtf, genes=iter(["GENE2"]))
    assert (gene.name, gene.length, gene.tss) == ("GENE2", 24576, model.tss)
    with pytest.raises(ConfigError, match=r"^load_loci: exactly one of gtf, bed and table is need"):
        creme.load_loci(model, fasta=genome.fasta)
    with pytest.raises(ConfigError, match=r"^load_loci: genes = 'GENE2' is not allowed"):
        creme.load_loci(model, fasta=genome.fasta, gtf=genome.gtf, genes="GENE2")
    with pytest.raises(GenomeError, match="GENE22"):
        creme.load_loci(model, fasta=genome.fasta, gtf=genome.gtf, genes=["GENE22"])


def test_load_model_is_the_table_of_a_file(genome, tmp_path, monkeypatch):
    (tmp_path / "my_model.py").write_text(
        "def build():\n    return lambda x: x[:, :, 1].reshape(len(x), 6, 400).sum(2)[..., None]\n"
    )
    monkeypatch.chdir(tmp_path)
    grid = {"input_length": 2400, "bin_size": 400, "n_bins": 6}
    here = creme.load_model("python", object="my_model.py:build", grid=grid)
    text = small.text(genome).replace(
        'plugin = "synthetic"\nlength = 24576',
        'plugin = "python"\nobject = "my_model.py:build"\n'
        "grid = { input_length = 2400, bin_size = 400, n_bins = 6 }",
    )
    of_file = Plan.of(parse(text.replace("tile = 1000", "tile = 400"), folder=tmp_path)).model
    assert here.fingerprint == of_file.fingerprint
    with pytest.raises(ConfigError, match="give 'tracks' to measure"):
        creme.load_model("synthetic", tracks="alpha")
    with pytest.raises(PluginError, match="did you mean 'synthetic'"):
        creme.load_model("syntetic")
    with pytest.raises(ConfigError, match="unknown key 'lenght'"):
        creme.load_model("synthetic", lenght=24576)


def test_load_model_makes_ensembles():
    single = creme.load_model("synthetic", length=24576)
    shifted = creme.load_model("synthetic", length=24576, ensemble={"shifts": [0, 1]})
    assert shifted.input_length == single.input_length
    assert shifted.fingerprint != single.fingerprint


def test_ctrl_c_ends_a_call_and_keeps_what_was_predicted(tmp_path, capsys):
    class Interrupted(Counting):
        """Ctrl-C comes while it is at its third batch."""

        _batches: int = PrivateAttr(default=0)

        def predict(self, onehot):
            self._batches += 1
            if self._batches == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return super().predict(onehot)

    before = signal.getsignal(signal.SIGINT)
    call: dict[str, Any] = {"tile": 200, "replicates": 30, "batch_size": 4, "store": tmp_path / "s"}
    model = Interrupted()
    with pytest.raises(KeyboardInterrupt, match=r"what was predicted is in .*s"):
        creme.measure("necessity", model, toy_loci(1), **call)
    assert signal.getsignal(signal.SIGINT) is before
    assert "Stopping after the batch in flight" in capsys.readouterr().err
    with creme.Store(tmp_path / "s") as store:
        kept = store.count()
    assert 4 <= kept <= 24
    again = Counting()
    dataset = creme.measure("necessity", again, toy_loci(1), **call)
    assert again._rows == 1 + 30 * 10 - kept + 3  # and three of the stored ones again
    assert dataset.equals(creme.measure("necessity", MODEL, toy_loci(1), tile=200, replicates=30))


def test_a_model_that_gives_nan_fails_its_locus_alone():
    second = toy_loci(2)[1].sequence.onehot().tobytes()

    class Holes(Toy):
        def predict(self, onehot):
            values = super().predict(onehot)
            values[[row.tobytes() == second for row in onehot]] = np.nan
            return values

    with pytest.warns(CremeWarning, match="'locus1': model toy returned NaN or infinity"):
        dataset = creme.measure(Fussy, Holes(), toy_loci(2))
    assert dataset["locus"].values.tolist() == ["locus0"]


def test_results_of_a_run_and_of_a_call_have_one_code_path(experiment, monkeypatch, synthetic):
    """Both run a Plan by `creme.runner.run.measure`."""
    import creme.api
    import creme.runner.run as run

    plans = []

    def noted(plan, store, **more):
        plans.append(plan)
        return measure(plan, store, **more)

    measure = run.measure
    monkeypatch.setattr(run, "measure", noted)
    monkeypatch.setattr(creme.api, "run_plan", noted)
    run_experiment(creme.Experiment.from_file(experiment()))
    model, loci = synthetic
    few: dict[str, Any] = {"tile": 1000, "replicates": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        creme.measure([ContextDependence(**few), Necessity(**few)], model, loci, seed=7)
    of_file, of_call = plans
    assert of_file.identity() == of_call.identity()
