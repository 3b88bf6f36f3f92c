"""Remarks of tests, notes on runs, and the effect's scale, as the page and figures say them."""

from __future__ import annotations

import json
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from read_page import Page

import creme
import in_process
import mini_study as mini
from creme import report
from creme.analysis.comparison import necessity_and_sufficiency
from creme.errors import CremeWarning
from creme.model import Readout, Track, TrackTable
from creme.report.axis_labels import SCALES
from creme.report.page import write_report
from creme.runner.experiment import parse
from creme.runner.run import run_experiment
from toy import Toy, toy_loci

MINUS = "\N{MINUS SIGN}"
MODEL = f"""
plugin = "synthetic"
length = {mini.LENGTH}
decay = {mini.DECAY}
"""
EXPERIMENT = """
name = "NAME"
seed = 7
[model]MODEL
[loci]
fasta = "genome.fa"
gtf = "annotation.gtf"
"""
TESTS = """
[[tests]]
name = "necessity"
EFFECT
tile = 1000
replicates = 2
tiles = [[0, 1000], [3000, 4000]]
[[tests]]
name = "sufficiency"
EFFECT
tile = 1000
replicates = 2
tiles = [[0, 1000], [3000, 4000]]
[[tests]]
name = "context_dependence"
EFFECT
tile = 1000
replicates = 2
"""


class BothStrands(Toy):
    """The toy, its tracks being those of the two strands."""

    @property
    def tracks(self) -> TrackTable:
        return TrackTable((Track("cage/plus", strand="+"), Track("cage/minus", strand="-")))


def run(folder, name, model, effect, *, least=""):
    text = EXPERIMENT.replace("NAME", name).replace("MODEL", model)
    text += TESTS.replace("EFFECT", f'effect = "{effect}"\n{least}')
    done, results = run_experiment(parse(text, f"{name}.toml", folder))
    assert not done.failures, done.failures
    return results.path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notes")
    mini.write(folder, genes=3)
    return folder


def test_remarks_of_each_test_stand_on_the_page(folder):
    path = run(folder, "noted", MODEL, "difference", least="minimum_activity = 1e6")
    page = Page(write_report(path))
    assert "Notes on the values" in page.words
    for title in ("Necessity", "Sufficiency", "Context dependence"):
        assert f"{title}, 3 loci (" in page.words
    assert "below minimum_activity = 1e+06" in page.words
    assert "(WT − shuffled)" not in page.words


def test_a_page_of_usual_results_has_no_notes(folder):
    page = Page(write_report(run(folder, "usual", MODEL, "relative")))
    assert "Notes on the values" not in page.words


def test_a_stage_of_a_study_has_its_remarks_on_the_page(tmp_path):
    mini.write(tmp_path, genes=3)
    least = "[context_dependence]\nminimum_activity = 1e6\n\n[higher_order]"
    file = mini.study(tmp_path, ("[higher_order]", least))
    results = creme.Study.from_file(file).run(stages=["loci", "context_dependence"], progress=False)
    page = Page(write_report(results.path))
    assert "Context dependence, 3 loci (" in page.words
    assert "below minimum_activity = 1e+06" in page.words


@pytest.mark.parametrize("scale", ["relative", "difference", "log_ratio"])
def test_axes_name_the_scale(scale, folder):
    loci = toy_loci(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CremeWarning)
        few = {"tile": 400, "replicates": 2, "effect": scale}
        of = {
            name: creme.measure(name, Toy(), loci, tracks="one", **few)
            for name in ("necessity", "sufficiency", "context_dependence")
        }
    formula = {
        "relative": f"(WT {MINUS} shuffled) / WT",
        "difference": f"WT {MINUS} shuffled",
        "log_ratio": "log2(WT / shuffled)",
    }[scale]
    assert report.tile_effects(of["necessity"]).get_ylabel().endswith(f"effect\n{formula}")
    added = {
        "relative": f"(CRE + TSS {MINUS} TSS) / WT",
        "difference": f"CRE + TSS {MINUS} TSS",
        "log_ratio": "log2((CRE + TSS) / TSS)",
    }[scale]
    assert report.tile_effects(of["sufficiency"]).get_ylabel().endswith(f"effect\n{added}")
    label = report.context_histogram(of["context_dependence"]).get_xlabel()
    assert label == f"context effect on TSS, {formula}"
    words = SCALES[scale]
    drawn = report.tile_map(of["necessity"], of["sufficiency"], locus=loci[0].name)
    assert drawn.get_ylabel() == f"effect of the tile ({words})"
    table = necessity_and_sufficiency(of["necessity"], of["sufficiency"])
    ax = report.necessity_sufficiency(table[table["locus"] == loci[0].name])
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        report.tile_effects(of["necessity"]).get_ylabel(),
        report.tile_effects(of["sufficiency"]).get_ylabel(),
    )
    plt.close("all")


def test_the_page_names_the_scale(folder):
    path = run(folder, "logs", MODEL, "log_ratio")
    page = Page(write_report(path))
    assert page.elements[0][1]["data-scale"] == "log2(WT / shuffled)"
    assert "? bp" not in page.source  # the length of a bin is in a study's record alone
    first = page.locus(0)["tracks"][0]
    assert {first[test]["scale"] for test in ("necessity", "sufficiency")} == {"log2 ratio"}


# Both strands.


def test_both_strands_are_noted_once_a_run():
    tests = {"a": "necessity", "b": "sufficiency"}
    given = {key: creme.registry.create("test", {"name": n, "tile": 400, "replicates": 1})
             for key, n in tests.items()}  # fmt: skip
    with pytest.warns(CremeWarning, match="tracks of both strands") as seen:
        creme.measure(given, BothStrands(), toy_loci(2))
    (one,) = seen
    assert "'cage/plus', 'cage/minus'" in str(one.message)
    assert "strand = '+' in [model] or [[readouts]]" in str(one.message)


@pytest.mark.parametrize(
    "chosen",
    [
        {"strand": "+"},
        {"tracks": "cage/minus"},
        {"readouts": Readout(strand="-")},
        {"readouts": [Readout(name=name, tracks=name) for name in ("cage/plus", "cage/minus")]},
    ],
)
def test_a_choice_of_strands_is_not_noted(chosen):
    # A warning would be an error here.
    creme.measure("necessity", BothStrands(), toy_loci(1), tile=400, replicates=1, **chosen)


def test_a_mean_over_both_strands_is_noted_as_one():
    mean = Readout(name="cage", over_tracks="mean")
    with pytest.warns(CremeWarning, match=r"\('cage/plus', 'cage/minus'\), and averages them\."):
        creme.measure("necessity", BothStrands(), toy_loci(1), tile=400, readouts=mean)


PYTHON = """
plugin = "python"
object = "strands.py:build"
bins = BINS
[model.grid]
input_length = 2400
bin_size = 400
n_bins = 6
tracks = [{ name = "plus", strand = "+" }, { name = "minus", strand = "-" }]
"""
CODE = """
from toy import MODEL
import numpy as np


def build():
    return lambda batch: np.concatenate([MODEL.predict(batch)] * 3, axis=1)
"""


def test_runs_and_studies_say_it_once_and_keep_it(folder, monkeypatch, capsys):
    command = in_process.caller(monkeypatch, capsys)
    (folder / "strands.py").write_text(CODE)
    note = "a readout reads tracks of both strands ('plus', 'minus')"
    text = EXPERIMENT.replace("NAME", "strands").replace("MODEL", PYTHON.replace("BINS", '"tss"'))
    file = folder / "strands.toml"
    tests = "\n".join(line for line in TESTS.splitlines() if "tiles" not in line)
    file.write_text(text + tests.replace("EFFECT", "").replace("1000", "400"))
    assert command("run", file).count(note) == 1
    path = folder / "strands.results"
    assert [note in one for one in json.loads((path / "run.json").read_text())["notes"]] == [True]
    assert command("results", path).count(note[1:]) == 1
    assert Page(write_report(path)).words.count(note[1:]) == 1
    study = folder / "study.toml"
    whole = text.replace('strands"', 'two"', 1).replace('"tss"', '"all"')
    head = 'track = "plus"\nstages = ["loci", "context_dependence"]\n'
    rest = '[selection]\nactivity = 0\nsummit = "any"\n[common]\ntile = 400\nreplicates = 2\n'
    study.write_text(head + whole + rest)
    assert command("study", study).count(note) == 1
    with pytest.warns(CremeWarning, match="tracks of both strands") as seen:
        results = creme.Study.from_file(study).run(progress=False)
    assert len(seen) == 1
    assert len(results.notes) == 1
    assert Page(write_report(results.path)).words.count(note[1:]) == 1
    assert isinstance(results.dataset("context_dependence"), xr.Dataset)
    assert np.isfinite(results.dataset("context_dependence")["effect"]).all()
