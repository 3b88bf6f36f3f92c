"""The experiment file that a results directory keeps, told from one that was edited or damaged."""

from __future__ import annotations

import json

import pytest

import small
from creme.errors import CremeWarning, ResultsError
from creme.results.directory import Results
from creme.runner.experiment import Experiment
from creme.study.view import open_results
from states import write_state


@pytest.fixture
def results(genome, tmp_path):
    file = tmp_path / "small.toml"
    file.write_text(small.text(genome))
    return Experiment.from_file(file).run().path


def test_a_file_that_says_another_store_is_named(results):
    """Numbers could not change by it; where predictions go to could."""
    file = results / "experiment.toml"
    Experiment.of_results(results)
    open_results(results).configuration  # noqa: B018
    text = file.read_text()
    file.write_text(f'store = "xredictions"\n{text}')
    with pytest.warns(CremeWarning, match=r"experiment\.toml is not as it was written: unless"):
        assert Experiment.of_results(results).store == "xredictions"
    with pytest.warns(CremeWarning, match=f"'creme run FILE' .* --output {results} writes it anew"):
        open_results(results).configuration  # noqa: B018


def test_an_edit_that_makes_another_experiment_is_refused_as_before(results):
    file = results / "experiment.toml"
    file.write_text(file.read_text().replace("replicates = 3", "replicates = 4"))
    assert "replicates = 4" in file.read_text()
    with pytest.warns(CremeWarning, match="unless you have edited it"):
        edited = Experiment.of_results(results)
    with pytest.raises(ResultsError, match=r"another experiment \(it differs in tests\)"):
        edited.run(results)


def test_running_the_file_again_writes_it_anew(results):
    (results / "experiment.toml").write_text("damaged")
    Experiment.from_file(results.parent / "small.toml").run()
    Experiment.of_results(results)


def test_a_directory_of_an_earlier_version_is_not_checked(results):
    state = json.loads((results / "run.json").read_text())
    assert list(state.pop("sha256")) == ["experiment.toml"]
    write_state(results / "run.json", state)
    file = results / "experiment.toml"
    file.write_text(file.read_text() + "# edited\n")
    Experiment.of_results(results)


def test_a_kill_between_the_file_and_its_checksum_leaves_none(tmp_path, monkeypatch):
    results = Results(tmp_path / "r")
    results.claim("one", tmp_path, {})

    def stop(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Results, "begin", stop)
        with pytest.raises(KeyboardInterrupt):
            results.claim("two", tmp_path, {})
    assert results.settings_text() == "two"
