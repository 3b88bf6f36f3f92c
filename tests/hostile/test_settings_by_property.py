"""Settings, states and descriptions with a structure that is nearly right."""

from __future__ import annotations

import json
import sys
import tomllib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from creme import registry
from creme.adapters.description import Description
from creme.analysis.calibration import Distribution
from creme.analysis.panel import Panel, PanelTest
from creme.files.small import DEEPEST, parse_json, parse_toml
from creme.results.checksums import Checksums
from creme.results.directory import Results
from creme.runner.experiment import parse as parse_experiment
from creme.store.store_lock import holder
from creme.study.config import parse as parse_study
from creme.study.folder import Folder
from creme.tracks import Track, TrackTable
from properties import (
    any_text,
    anything,
    changed,
    examples,
    plain_text,
    right_or_error,
    toml_values,
    written,
)

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.filterwarnings("ignore")


@examples
@given(st.dictionaries(any_text, toml_values, max_size=5))
def test_toml_comes_back(table):
    assert parse_toml(tomli_w.dumps(table), "it") == table


@examples
@given(anything)
def test_json_comes_back(value):
    text = json.dumps(value)
    assert json.dumps(parse_json(text, "it")) == text


@examples
@given(st.integers(1, 300), st.sampled_from("[{."), st.sampled_from(["toml", "json"]))
def test_depth_has_a_bound(depth, kind, language):
    if language == "json":
        text = "[" * depth + "]" * depth if kind == "[" else '{"a":' * depth + "1" + "}" * depth
    elif kind == ".":
        text = ".".join(["a"] * depth) + " = 1"
    else:
        begin, end = ("[", "]") if kind == "[" else ("{a = ", "}")
        text = f"a = {begin * depth}{'1' if kind == '{' else ''}{end * depth}"
    parse = parse_json if language == "json" else parse_toml
    read = right_or_error(lambda: parse(text, "it"))
    # The table that a TOML file is itself, and the value that stands innermost.
    levels = depth - (kind == "[") + (language == "toml" and kind != ".")
    assert (read is None) == (levels >= DEEPEST)


EXPERIMENTS = {
    name: tomllib.loads((ROOT / "examples" / f"{name}.toml").read_text())
    for name in ("seqnn_suite", "own_model")
}


@examples
@given(st.sampled_from(sorted(EXPERIMENTS)).flatmap(lambda n: changed(EXPERIMENTS[n], toml_values)))
def test_experiment_files(table):
    text = tomli_w.dumps(table)
    read = right_or_error(lambda: parse_experiment(text, "e.toml"))
    if read is not None and (own := right_or_error(read.to_toml)) is not None:
        assert parse_experiment(own, "e.toml").to_toml() == own


STUDY = tomllib.loads((ROOT / "examples" / "seqnn_study.toml").read_text())


@examples
@given(changed(STUDY, toml_values))
def test_study_files(table):
    read = right_or_error(lambda: parse_study(tomli_w.dumps(table), "s.toml"))
    if read is not None and (own := right_or_error(read.to_toml)) is not None:
        assert parse_study(own, "s.toml").to_toml() == own


DESCRIPTION = {
    **{"input_length": 2048, "bin_size": 128, "n_bins": 8, "output_start": 512},
    "tracks": [{"name": "a", "strand": "+"}, {"name": "b", "assay": "CAGE"}, "c"],
}


@examples
@given(table=changed(DESCRIPTION, toml_values))
def test_descriptions(tmp_path, table):
    path = written(tmp_path / "d.toml", tomli_w.dumps(table))
    read = right_or_error(lambda: Description.read(path))
    if table == DESCRIPTION:
        assert read is not None
        assert (read.n_bins, len(read.tracks)) == (8, 3)


RUN = {
    "state": "finished",
    "error": "",
    "identity": {"tests": {"t": {"name": "t"}}, "loci": {"A": {}}, "seed": 7},
    "folder": "/somewhere",
    "units": {"t": {"finished": 3, "failed": 1, "of": 4}},
    "counts": {"asked": 5, "predicted": 3},
    "failures": [["t", "A", "no"]],
    "sha256": {"experiment.toml": "0" * 64},
    "rate": 2.5,
    "pid": 1,
    "host": "h",
}


@examples
@given(state=changed(RUN))
def test_states_of_runs(tmp_path, state):
    folder = tmp_path / "x.results"
    folder.mkdir(exist_ok=True)
    written(folder / "run.json", json.dumps(state))
    read = right_or_error(lambda: Results(folder).read_state())
    if read is not None:
        assert json.dumps(read) == json.dumps({k: v for k, v in state.items() if k != "checksum"})
        right_or_error(Results(folder).state)
        right_or_error(Results(folder).settings_text)


STUDY_STATE = {
    **{"name": "n", "folder": "/f", "store": "s", "track": "t", "source": "f"},
    "identity": {"loci": {"seed": 7}},
    "funnel": [{"step": "n", "left": 3, "removed": 1, "why": "x"}],
    "categories": {"enhancing": 1},
    "classes": {"enhancing": {"enhancer": 2}},
    "sha256": {"tables/categories.csv": "0" * 64},
    "stages": {
        "loci": {"state": "finished", "units": 3, "failures": [["A", "no"]], "made_from": {}},
        "mine": {"state": "running", "test": "necessity", "needs": ["loci"], "takes": "selected"},
        "context_dependence": {"state": "finished", "made_from": {"loci": "0" * 64}},
    },
}


@examples
@given(state=changed(STUDY_STATE))
def test_states_of_studies(tmp_path, state):
    folder = tmp_path / "x.study"
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    written(folder / "tables" / "categories.csv", "locus,category,taken\n")
    written(folder / "study.json", json.dumps(state))
    view = Folder(folder)
    right_or_error(lambda: (view.state(), view.stages(), view.tables(), view.identity))
    right_or_error(lambda: view.table("categories"))


@examples
@given(state=st.dictionaries(any_text, anything, max_size=4))
def test_a_state_comes_back(tmp_path, state):
    """But for what the folder itself knows of it."""
    folder = Results(tmp_path / "y.results")
    folder.path.mkdir(exist_ok=True)
    (folder.path / "run.json").unlink(missing_ok=True)
    state = {key: value for key, value in state.items() if key not in RUN}
    folder.begin({"state": "new", **state})
    read = right_or_error(folder.read_state)
    assert read is not None
    assert json.dumps({key: read[key] for key in state}) == json.dumps(state)


PANEL = Panel(
    {"name": "m", "version": "1", "fingerprint": "f" * 64},
    "somewhere",
    (
        PanelTest(
            test="necessity",
            configuration={"tile": 5},
            measure="effect",
            readings={"a": {}},
            distributions={(("track", "a"),): Distribution.of([0.1, 0.5, 0.2])},
        ),
    ),
    {"a": {"activity": 0.5, "quantile": 0.05, "n": 3}},
)


@examples
@given(described=changed(PANEL.described()))
def test_panels(tmp_path, described):
    path = written(tmp_path / "panel.json", json.dumps(described))
    read = right_or_error(lambda: Panel.from_file(path))
    if read is not None:
        right_or_error(lambda: (read.floor("a"), read.smallest_p("necessity")))
        right_or_error(lambda: read.check("f" * 64, "necessity", {"tile": 5}, {"a": {}}))
        read.write(path)
        assert Panel.from_file(path).described() == read.described()


@examples
@given(values=st.lists(st.floats(-1e30, 1e30), max_size=200))
def test_distributions_come_back(values):
    one = Distribution.of(values)
    again = Distribution.read(json.loads(json.dumps(one.described())))
    assert again.n == one.n
    np.testing.assert_array_equal(again.ranks, one.ranks)
    np.testing.assert_array_equal(again.values, one.values)


@examples
@given(
    value=changed({"version": 1, "sha256": {".zgroup": "0" * 64}}),
    content=st.none() | st.binary(max_size=5),
)
def test_files_of_checksums(tmp_path, value, content):
    written(tmp_path / "t.checksums", json.dumps(value))

    def read():
        sums = Checksums.beside(tmp_path / "t.zarr")
        assert sums is not None
        sums.verify(".zgroup", content)

    right_or_error(read)


@examples
@given(value=changed({"host": "h", "pid": 1, "started": "1", "token": "t"}))
def test_locks(tmp_path, value):
    lock = written(tmp_path / "index.sqlite.lock", json.dumps(value))
    read = right_or_error(lambda: holder(lock))
    if read is not None:
        assert (read.host, read.pid) == (value["host"], value["pid"])
        _ = (read.runs_here, str(read))


PATTERNS = st.one_of(
    any_text,
    st.text("ab.*+?()[]{}|^$\\1,", max_size=20),
    st.integers(),
    st.sampled_from(["(a|a)*b", "(?:a{0,99}){99}", "(?P<x", "\\", "0", "-1"]),
)


@examples
@given(patterns=st.lists(PATTERNS, min_size=1, max_size=3))
def test_patterns_of_tracks(patterns):
    table = TrackTable(tuple(Track(name=f"t{k}", description="a" * 30) for k in range(5)))
    for pattern in patterns:
        chosen = right_or_error(partial(table.select, pattern))
        if chosen is not None:
            assert set(chosen) <= set(range(5))


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A distribution whose entry points are the only ones."""
    folder = tmp_path / "site" / "theirs-1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")

    def read(content: str):
        written(folder / "entry_points.txt", content)
        caches = (registry._entries, registry.plugins, registry._named)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "path", [str(folder.parent)])
            for cache in caches:
                cache.cache_clear()
            try:
                return right_or_error(lambda: registry.plugins("model"))
            finally:
                for cache in caches:
                    cache.cache_clear()

    return read


@examples
@given(entries=st.dictionaries(NAMES, NAMES, min_size=1, max_size=4))
def test_entry_points_come_back(alone, entries):
    lines = [f"{name} = module.{target}:Class" for name, target in entries.items()]
    found = alone("[creme.models]\n" + "\n".join(lines) + "\n")
    assert {name: plugin.target for name, plugin in found.items()} == {
        name: f"module.{target}:Class" for name, target in entries.items()
    }


PARTS = st.sampled_from(["[creme.models]", "[", "]", "=", "a = b:c", "\n", " ", ":", "#", "a ="])


@examples
@given(content=st.lists(PARTS | any_text, max_size=8).map("".join))
def test_broken_entry_points_take_nothing_down(alone, content):
    assert alone(content) is not None


@examples
@given(name=plain_text)
def test_an_unknown_plugin_is_a_sentence(name):
    if name not in registry.plugins("test"):
        assert right_or_error(lambda: registry.load("test", name)) is None
