"""Tests and perturbations in Python files."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import in_process
from creme import registry
from creme.errors import ConfigError, PluginError
from creme.file_plugins import identity
from creme.model import Readout
from creme.perturbations.compose import Compose
from creme.runner.experiment import build_tests, parse, select
from creme.runner.plan import Plan, prepare
from creme.runner.run import measure
from creme.sequence import Sequence, complement
from creme.store import Store
from creme.suite.necessity import Necessity
from creme.testing import check_perturbation, check_test
from toy import MODEL, toy_loci

PAGE = Path(__file__).resolve().parents[1] / "docs" / "models.md"


def on_page(language: str, start: str) -> str:
    """The page's block that begins like this."""
    (block,) = re.findall(
        rf"^```{language}\n({re.escape(start)}.*?)^```", PAGE.read_text(), flags=re.M | re.S
    )
    return block


CODE = on_page("python", "import xarray")
TABLES = on_page("toml", "[[tests]]")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "my_tests.py").write_text(CODE)
    return tmp_path / "mine"


def insert(folder: Path, **parameters):
    return registry.create(
        "test", {"name": "python", "object": f"{folder}/my_tests.py:Insert", **parameters}
    )


def complemented(folder: Path, **parameters):
    spec = {"name": "python", "object": f"{folder}/my_tests.py:Complement", **parameters}
    return registry.create("perturbation", spec)


def built(folder: Path, tables: str = TABLES):
    return build_tests(tomllib.loads(tables)["tests"], 7, folder)


def plan_identity(folder: Path, tables: str = TABLES) -> dict:
    """Of a plan that is not checked: the tiles do not fit into the toy's sequence."""
    tests = built(folder, tables)
    return Plan(MODEL, select(MODEL), (Readout(),), tests, toy_loci(1)).identity()


def test_a_test_and_a_perturbation_on_the_page_conform(folder):
    check_test(lambda: insert(folder))
    check_perturbation(lambda: complemented(folder))


def test_the_experiment_on_the_page_is_run(folder, genome, monkeypatch, capsys):
    creme = in_process.caller(monkeypatch, capsys)
    file = folder / "experiment.toml"
    file.write_text(
        f'name = "mine"\nseed = 7\n[model]\nplugin = "synthetic"\nlength = 24576\n'
        f'[loci]\nfasta = "{genome.fasta}"\nbed = "{genome.bed}"\n{TABLES}'
    )
    creme("run", file)
    from creme.results.directory import Results

    results = Results(folder / "mine.results")
    inserted = results.load("insert")
    assert inserted.effect.dims == ("locus", "distance", "track")
    assert inserted.distance.values.tolist() == [500, 1000, 5000]
    configuration = json.loads(inserted.attrs["configuration"])
    assert configuration["distances"] == [500, 1000, 5000]
    assert re.fullmatch("[0-9a-f]{64}", configuration["sha256"])
    # The activity without the first tile, by hand.
    plan = Plan.of(parse(file.read_text(), folder=folder))
    model, locus = plan.model, plan.loci[0]
    necessity = results.load("necessity").sel(locus=locus.name)
    start, end = (int(necessity[key][0]) for key in ("tile_start", "tile_end"))
    codes = locus.sequence.codes.copy()
    codes[start:end] = complement(codes[start:end])
    by_hand = model.predict(Sequence(codes).onehot()[None])[0, model.tss_bin()]
    np.testing.assert_allclose(necessity.shuffled.isel(tile=0, replicate=0), by_hand)
    # Once more: nothing is predicted; with a changed file it is another experiment.
    assert " 0 predicted" in creme("run", file)
    (folder / "my_tests.py").write_text(CODE + "\n# changed\n")
    assert "another experiment" in creme("run", file, status=2)


def test_they_are_checked_by_the_command(folder, monkeypatch, capsys):
    creme = in_process.caller(monkeypatch, capsys)
    file = folder / "experiment.toml"
    file.write_text(TABLES)
    for kind, name in (("test", "Insert"), ("perturbation", "Complement")):
        shown = creme("plugins", "check", "python", "--kind", kind, "--from", file)
        assert name in shown
        assert "failed" not in shown
    message = "'python' is a perturbation, a test: choose with --kind"
    assert message in creme("plugins", "check", "python", "--from", file, status=2)
    file.write_text(TABLES.split("\n\n")[0])
    assert "Insert" in creme("plugins", "check", "python", "--from", file)
    file.write_text('[model]\nplugin = "python"\n')
    assert "'object' is required" in creme("plugins", "check", "python", "--from", file, status=2)


def test_a_label_is_the_classs_own_name_unless_given(folder):
    assert list(built(folder)) == ["insert", "necessity"]
    assert list(built(folder, TABLES.replace("distances", 'label = "far"\ndistances'))) == [
        "far",
        "necessity",
    ]
    with pytest.raises(ConfigError, match="two tests are called 'insert'"):
        built(folder, TABLES + TABLES.split("\n\n")[0])


def test_the_same_objects_give_the_same_numbers_as_classes(folder, tmp_path):
    loci = toy_loci(1)
    own: dict[str, Any] = {}
    exec(CODE, own)
    with Store(tmp_path / "store") as store:
        tests = {"file": insert(folder, distances=[500]), "class": own["Insert"](distances=[500])}
        both = measure(prepare(tests, MODEL, loci), store).datasets
    np.testing.assert_array_equal(both["file"].effect, both["class"].effect)


def test_a_changed_file_is_another_experiment_and_a_moved_one_is_not(folder, tmp_path):
    before = plan_identity(folder)
    assert plan_identity(folder) == before
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    assert plan_identity(moved) == before
    assert str(tmp_path) not in json.dumps(before["tests"])
    (moved / "my_tests.py").write_text(CODE + "\n# changed\n")
    changed = plan_identity(moved)
    assert changed["tests"]["insert"] != before["tests"]["insert"]
    assert changed["tests"]["necessity"] != before["tests"]["necessity"]
    other = plan_identity(folder, TABLES.replace("5000]", "6000]"))
    assert other["tests"]["insert"] != before["tests"]["insert"]


def test_a_changed_file_is_run_again(folder):
    before = insert(folder)
    (folder / "my_tests.py").write_text(CODE.replace('name = "insert"', 'name = "changed"'))
    after = insert(folder)
    assert (before.name, after.name) == ("insert", "changed")
    with pytest.raises(ConfigError, match=r"my_tests\.py has changed: its SHA-256 is [0-9a-f]{64}"):
        registry.create("test", registry.specification(before))


def test_a_file_is_run_once(folder):
    note = "with open(__file__ + '.runs', 'a') as file:\n    file.write('.')\n"
    (folder / "my_tests.py").write_text(f"{CODE}\n{note}")
    assert type(insert(folder)) is type(insert(folder))
    assert (folder / "my_tests.py.runs").read_text() == "."


def test_a_specification_makes_the_same_again(folder):
    for kind, made in (("test", insert(folder)), ("perturbation", complemented(folder))):
        spec = json.loads(json.dumps(registry.specification(made)))
        assert spec["name"] == "python"
        assert registry.create(kind, spec) == made


def test_it_is_sent_to_another_process(folder):
    test, perturbation = insert(folder, distances=[3]), complemented(folder)
    assert pickle.loads(pickle.dumps(test)) == test
    code = (
        "import pickle, sys\n"
        "test, perturbation = pickle.loads(sys.stdin.buffer.read())\n"
        "print(test.name, test.distances, perturbation.name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps((test, perturbation)),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().split() == ["insert", "[3]", "complement"]


def test_perturbations_in_files_are_composed(folder):
    spec = {"name": "python", "object": f"{folder}/my_tests.py:Complement"}
    twice = Compose(steps=[spec, spec])
    sequence = Sequence.from_string("ACGTN")
    assert str(twice(sequence).sequence) == "ACGTN"
    assert str(Compose(steps=[spec])(sequence).sequence) == "TGCAN"
    again = registry.create("perturbation", registry.specification(twice))
    assert again == twice
    tables = (
        '[[tests]]\nname = "necessity"\ntile = 100\n[tests.perturbation]\nname = "compose"\n'
        'steps = [{name = "python", object = "my_tests.py:Complement"}]\n'
    )
    (test,) = built(folder, tables).values()
    assert isinstance(test, Necessity)
    step = identity(test)["perturbation"]["steps"][0]
    assert step["object"] == "Complement"
    assert len(step["sha256"]) == 64


def test_paths_are_taken_from_the_folder_and_identified_by_digest(folder):
    (folder / "with_table.py").write_text(
        CODE.replace("motif: str", "table: Path\n    motif: str").replace(
            "import xarray as xr", "from pathlib import Path\nimport xarray as xr"
        )
    )
    (folder / "table.txt").write_text("1")
    tables = '[[tests]]\nname = "python"\nobject = "with_table.py:Insert"\ntable = "table.txt"\n'
    (test,) = built(folder, tables).values()
    assert test.table == folder / "table.txt"
    before = identity(test)
    assert str(folder) not in json.dumps(before)
    (folder / "table.txt").write_text("2")
    assert identity(test)["table"] != before["table"]


NOT_A_TEST = "class Thing:\n    pass\n"
MISTAKES = [
    ("Insert", "", "", ConfigError, r"object = '.*Insert': give FILE\.py:NAME"),
    ("my_tests.py:", "", "", ConfigError, r"give FILE\.py:NAME"),
    ("absent.py:Insert", "", "", ConfigError, r"there is no file '.*absent\.py'"),
    ("my_tests.py:Isnert", "", "", ConfigError, r"my_tests\.py has no 'Isnert': it has xr, Edit"),
    ("bad.py:A", "def (", "", PluginError, r"bad\.py cannot be run: SyntaxError"),
    ("bad.py:A", "1 / 0", "", PluginError, r"bad\.py cannot be run: ZeroDivisionError"),
    ("bad.py:Thing", NOT_A_TEST, "", PluginError, r"bad\.py:Thing' is not a subclass of creme\.T"),
    ("my_tests.py:Complement", "", "", PluginError, r"is not a subclass of creme\.Test"),
    ("bad.py:A", CODE.replace("Insert", "A").replace("def run", "def ran"), "", PluginError,
     r"bad\.py:A' lacks run: a test has to define these"),
    ("bad.py:A", CODE.replace("Insert", "A").replace('    name = "insert"\n', ""), "", PluginError,
     r"bad\.py:A' has no name: set name"),
    ("bad.py:A", CODE.replace("Insert", "A").replace("motif:", "sha256:"), "", PluginError,
     "cannot have a field 'sha256' of its own"),
    ("my_tests.py:Insert", "", "motiv = 'A'", ConfigError, "unknown key 'motiv' .did you mean 'm"),
    ("my_tests.py:Insert", "", "distances = 3", ConfigError, "insert: distances = 3 is not allow"),
    ("my_tests.py:Insert", "", "sha256 = 'a'", ConfigError, "has changed: its SHA-256"),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "code", "more", "error", "message"), MISTAKES)
def test_mistakes_are_sentences(folder, reference, code, more, error, message):
    (folder / "bad.py").write_text(code)
    table = f'[[tests]]\nname = "python"\nobject = "{reference}"\n{more}\n'
    with pytest.raises(error, match=message):
        built(folder, table)


def test_an_object_is_needed(folder):
    with pytest.raises(ConfigError, match="a test of the name 'python' is a class in a file: give"):
        built(folder, '[[tests]]\nname = "python"\n')
    with pytest.raises(ConfigError, match="a perturbation of the name 'python' is a class in a"):
        Necessity(tile=100, perturbation="python")
    with pytest.raises(ConfigError, match=r"there is no file 'absent\.py'"):
        Necessity(tile=100, perturbation={"name": "python", "object": "absent.py:A"})


def test_identity_of_what_is_installed_is_its_name_and_its_own():
    test = Necessity(tile=100)
    assert identity(test) == {"name": "necessity", **test.identity()}
    made = SimpleNamespace(name="x", identity=lambda: {"object": "a/b.py:C"})
    assert identity(made)["object"] == "a/b.py:C"
