"""What stands in a report, read without a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import many_loci
import numpy as np
import pytest
import xarray as xr
from finished_study import finished_study, page_results
from matplotlib.figure import Figure
from read_page import Page

import in_process
from creme.analysis.additive import INTERACTIONS, additive_comparison
from creme.errors import ConfigError, ResultsError
from creme.report.page import write, write_report
from creme.report.page.encode import digest, numbers
from creme.report.page.figures import figures
from creme.report.page.locus_measures import LocusMeasures
from creme.report.page.windows import Windows
from creme.report.page.write import render
from creme.results.directory import Results
from creme.study import StudyResults
from creme.study.config import STAGES
from creme.study.view import open_results
from states import change_table, write_state

HOSTILE = [
    "<script>document.title='taken'</script>",
    "</script><img src=x onerror=\"document.title='taken'\">",
    "\" onmouseover=alert(1) x='",
    "\u202egnisrever\u202d and \u05d0\u05d1\u05d2",
    "x" * 300,
    "-->&lt;&amp;{{name}}$name${name}",
    "javascript:alert(1)",
    "a%20b#locus=c d",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_study(tmp_path_factory)


@pytest.fixture(scope="module")
def page(finished, tmp_path_factory):
    return Page(write_report(finished.path, tmp_path_factory.mktemp("page") / "report.html"))


@pytest.fixture
def copied(finished, tmp_path):
    """The study's folder, to be changed."""
    return Path(shutil.copytree(finished.path, tmp_path / "copied.study"))


@pytest.fixture
def undrawn(monkeypatch):
    """Without figures, which take most of the time."""
    monkeypatch.setattr(write, "figures", lambda source: iter(()))


def change(folder: Path, **changes: object) -> None:
    """Change ``study.json``; ``stage={...}`` of a stage's name changes that stage."""
    path = folder / "study.json"
    state = json.loads(path.read_text())
    for key, value in changes.items():
        if key in state["stages"]:
            state["stages"][key] |= value
        else:
            state[key] = value
    write_state(path, state)


def close(found: object, expected: object) -> None:
    """Equal to six digits; None where NaN."""
    values = np.array(found, dtype=np.float64)
    np.testing.assert_allclose(
        values, np.asarray(expected, dtype=np.float64), rtol=5.1e-6, atol=1e-300
    )


@pytest.mark.parametrize("test", ["necessity", "sufficiency"])
def test_tiles_are_those_of_the_dataset(page, finished, test):
    dataset = finished.dataset(test).isel(track=0)
    for locus in page.loci():
        one = dataset.sel(locus=locus["name"])
        (measured,) = locus["tracks"]
        close([tile[0] for tile in locus["tiles"]], one["tile_start"])
        close([tile[2] for tile in locus["tiles"]], one["distance"])
        close(
            [tile[3:] for tile in locus["tiles"]],
            np.stack([one["genomic_start"], one["genomic_end"]], -1),
        )
        close(measured[test]["mean"], one["effect"])
        close(measured[test]["sd"], one["effect_std"])
        close(measured[test]["se"], one["effect_se"])
        close(measured[test]["values"], one["effect_replicates"].transpose("tile", "replicate"))
        close(measured["activity"], one["wild_type"])
    assert len(page.loci()) == dataset.sizes["locus"] == 6


def test_contexts_classes_and_rows(page, finished):
    contexts = finished.dataset("context_dependence").isel(track=0)
    categories = finished.table("categories").set_index("locus")
    classes = finished.table("cre_classes")
    for k, locus in enumerate(page.loci()):
        measured = locus["tracks"][0]
        one = contexts.sel(locus=locus["name"])
        close(measured["context"]["mean"], one["effect"])
        close(measured["context"]["values"], one["effect_replicates"])
        assert locus["category"] == categories.loc[locus["name"], "category"]
        own = classes[classes["locus"] == locus["name"]]
        known = {
            tile[0]: name
            for tile, name in zip(locus["tiles"], measured["classes"], strict=True)
            if name
        }
        assert known == dict(zip(own["tile_start"], own["cre_class"], strict=True))
        row = {key: values[k] for key, values in page.rows.items()}
        assert (row["gene"], row["tss"], row["strand"]) == (
            locus["gene"],
            locus["tss"],
            locus["strand"],
        )
        assert row["enhancers"] == sum("enhancer" in name for name in own["cre_class"])
        assert row["silencers"] == sum("silencer" in name for name in own["cre_class"])
        assert abs(row["necessity"]) == max(map(abs, measured["necessity"]["mean"]))
        assert row["category"] == locus["category"]


def test_moved_cres_searches_copies_and_parts(page, finished):
    data = {test: finished.dataset(test).isel(track=0) for test in STAGES[1:]}
    additive = additive_comparison(finished.dataset("higher_order")).isel(track=0)
    seen: Counter[str] = Counter()
    for locus in page.loci():
        name, measured = locus["name"], locus["tracks"][0]
        starts = [tile[0] for tile in locus["tiles"]]
        for search in measured["greedy"]:
            one = data["higher_order"].sel(locus=name, search=search["search"])
            close(search["mean"], one["fold_change"])
            close([starts[tile] for tile in search["tiles"]], one["selected_start"])
            theirs = additive.sel(locus=name, search=search["search"])
            close(search["additive"], theirs["additive"])
            assert search["interaction"] == str(theirs["interaction"].item())
            # The first tile alone is what the first round found.
            close(search["alone"][0], search["mean"][0])
            seen["greedy"] += 1
        for test, key in (
            ("distance", "distance"),
            ("multiplicity", "copies"),
            ("fine_tile", "fine"),
        ):
            for cre in measured.get(key, []):
                assert starts[cre["tile"]] == cre["start"]
                dataset = data[test].sel(locus=name)
                place = int(np.flatnonzero(dataset["tile_start"].values == cre["start"])[0])
                one = dataset.isel(tile=place)
                if test == "fine_tile":
                    close(cre["bp"], one["kept_bp"].dropna("round"))
                    close(cre["final"], one["final_score"])
                    close([part[0] for part in cre["parts"]], one["sub_start"].dropna("sub_tile"))
                elif test == "distance":
                    close(cre["mean"], one["fold_change"])
                    close(cre["positions"], one["position_distance"])
                else:
                    one = one.sel(search=cre["search"])
                    close(cre["mean"], one["fold_change"])
                    close(
                        cre["values"], one["fold_change_replicates"].transpose("copy", "replicate")
                    )
                    fits = finished.table("saturation")
                    (fit,) = fits[
                        (fits["locus"] == name) & (fits["tile_start"] == cre["start"])
                    ].itertuples()
                    assert cre["saturates"] == fit.saturates
                    close(cre["plateau"] if cre["plateau"] is not None else np.nan, fit.plateau)
                seen[key] += 1
        for one in measured.get("swap", []):
            pairs = data["context_swap"]
            own = (pairs["source"] == name) & (pairs["target"] != name)
            chosen = pairs.isel(
                locus=np.flatnonzero(own & (pairs["target_category"] == one["category"]))
            )
            assert one["n"] == chosen.sizes["locus"]
            close(one["effect"], chosen["effect"].mean())
            seen["swap"] += 1
    assert seen == {"greedy": 12, "distance": 8, "copies": 4, "fine": 4, "swap": 18}


def test_a_block_of_loci_is_as_one_after_another(finished, page, monkeypatch):
    from creme.report.page import locus

    monkeypatch.setattr(locus, "BLOCK", 1)
    results = page_results(finished.path)
    alone = [
        one.data
        for one in locus.each_locus(
            results, LocusMeasures(results, results.view.tracks), Windows(results)
        )
    ]
    assert alone == page.loci()


def test_loci_of_different_tiles(finished, copied, undrawn):
    """One test went through fewer tiles, another through other tiles, at one locus."""
    results = StudyResults(copied).folder.results("necessity")
    dataset = finished.folder.results("necessity").load("necessity").drop_encoding()
    rows = dataset.sizes["locus"]
    starts = (
        np.broadcast_to(dataset["tile_start"].values, (rows, dataset.sizes["tile"]))
        .astype(float)
        .copy()
    )
    starts[0, 3:] = np.nan
    starts[1, 0] += 100
    ends, effect = starts + 1000, dataset["effect"].values.copy()
    effect[0, 3:] = np.nan
    per = ("locus", "tile")
    dataset = dataset.drop_vars(["tile_start", "tile_end"]).assign_coords(
        tile_start=(per, starts), tile_end=(per, ends)
    )
    results.save("necessity", dataset.assign(effect=(dataset["effect"].dims, effect)))
    first, second, third = Page(write_report(copied)).loci()[:3]
    assert len(first["tiles"]) == 10
    close(first["tracks"][0]["necessity"]["mean"], effect[0, :, 0])
    assert first["tracks"][0]["necessity"]["mean"][3:] == [None] * 7
    assert len(second["tiles"]) == 11
    assert second["tracks"][0]["necessity"]["mean"][0] is None
    assert second["tracks"][0]["sufficiency"]["mean"][1] is None
    close(second["tracks"][0]["necessity"]["mean"][1:], effect[1, :, 0])
    assert len(third["tiles"]) == 10


def test_numbers_have_six_digits():
    rng = np.random.default_rng(1)
    values = rng.normal(size=3000) * 10.0 ** rng.integers(-12, 12, 3000)
    assert numbers(values) == [float(f"{value:.6g}") for value in values]
    assert numbers([[np.nan, 1.0], [np.inf, -0.0]]) == [[None, 1.0], [None, 0.0]]
    assert numbers(np.float32(0.1)) == 0.1
    assert numbers(np.nan) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert numbers(1e-320) == 1e-320  # a q may be that small
    assert len(json.dumps(numbers(values))) < 15 * 3000


def test_summary_funnel_stages_and_settings(page, finished):
    state, words = finished.raw, page.words
    for row in state["funnel"]:
        assert row["why"] in words
    for stage in state["stages"].values():
        assert f"{stage['asked']:,} {stage['predicted']:,} {stage['stored']:,}" in words
    predicted = sum(stage["predicted"] for stage in state["stages"].values())
    assert f"{predicted:,} sequences predicted" in words
    assert "2 in enhancing contexts" in words
    assert state["model"]["fingerprint"] in words
    assert "0-55, of 128 bp" in words
    assert "seed 7" in words
    assert f"numpy {np.__version__}" in words
    assert (finished.path / "study.toml").read_text() in "".join(page.within("code"))
    assert "hypotheses about biology, not measurements" in words
    assert "Toneyan and Peter K Koo" in words
    assert "Missing parts" not in words


def test_every_figure_of_the_paper_that_has_results(page):
    captions = " ".join(page.within("i"))
    for figure in ("2a", "2b", "2c", "3a", "3b", "3c", "3d", "3e", "4b", "4c", "4d to g"):
        assert f"Figure {figure} of the paper" in captions
    for figure in ("1", "2c to e", "3", "4", "5"):
        assert f"Supplementary Figure {figure} of the paper" in captions
    drawn = [one for one in page.named("svg") if one.get("role") == "img"]
    assert len(drawn) == len(page.named("figure")) >= 15
    assert all(one["aria-label"] for one in drawn)


def test_there_are_no_panels_of_classes_without_a_set(finished):
    table = finished.table("interactions")
    seen = 0
    for one in figures(page_results(finished.path)):
        if not one.title.startswith("Are sets of "):
            continue
        assert isinstance(one.drawing, Figure)
        of = table[table["search"] == one.title.split()[3]]
        if "enhancing contexts" in one.caption:
            of = of[of["category"] == "enhancing"]
        counts = of["interaction"].value_counts().to_dict()
        titles = {ax.get_title() for ax in one.drawing.axes}
        assert titles == {f"all sets (n = {len(of)})"} | {
            f"{kind} (n = {n})" for kind, n in counts.items()
        }
        for kind in INTERACTIONS:
            assert (kind in one.caption.partition("No set is")[2]) == (kind not in counts)
        seen += 1
    assert seen == 2


def test_nothing_refers_out_of_the_file(page):
    for tag, attributes in page.elements:
        for key, value in attributes.items():
            assert not key.startswith("on"), (tag, key)
            if key in ("src", "href", "xlink:href", "action", "data"):
                assert str(value).startswith(("#", "data:image/png;base64,")), (tag, value)
    for name in ("link", "img", "iframe", "object", "base"):
        assert not page.named(name)
    text = "".join(text for _, text in page.texts)
    for way in ("@import", "url(http", "fetch(", "XMLHttpRequest", "WebSocket"):
        assert way not in text


def test_the_policy_allows_this_script_and_style_alone(page):
    policy = next(m["content"] for m in page.named("meta") if m.get("http-equiv"))
    scripts = [
        text
        for attributes, text in zip(page.named("script"), page.within("script"), strict=True)
        if "type" not in attributes
    ]
    (script,), (style,) = scripts, page.within("style")
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src {digest(script)};" in policy
    assert f"style-src-elem {digest(style)};" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    assert "script-src 'unsafe" not in policy


def test_ids_are_unique_and_all_references_known(page):
    ids = Counter(a["id"] for _, a in page.elements if "id" in a)
    assert max(ids.values()) == 1
    for _, attributes in page.elements:
        for key, value in attributes.items():
            for wanted in re.findall(r"url\(#([^)]+)\)", value or ""):
                assert wanted in ids
            if key == "href" and (value or "").startswith("#locus="):
                locus = unquote(str(value).removeprefix("#locus=").partition("&")[0])
                assert locus in page.rows.get("locus", page.rows["gene"])
            elif key in ("href", "xlink:href", "aria-labelledby") and value:
                assert value.removeprefix("#") in ids


def test_the_same_study_gives_the_same_bytes(finished, page):
    assert render(open_results(finished.path)) == page.source


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A study whose names, model, messages and path are markup."""
    folder = tmp_path_factory.mktemp("hostile") / "<b onclick='alert(1)'>&amp;\"x.study"
    many_loci.write(folder, len(HOSTILE), HOSTILE)
    change(
        folder,
        name=HOSTILE[0],
        model={"name": HOSTILE[1], "fingerprint": HOSTILE[2], "tracks": [HOSTILE[5]]},
        versions={HOSTILE[2]: HOSTILE[0]},
        funnel=[{"step": HOSTILE[0], "left": 3, "removed": 0, "why": HOSTILE[1]}],
        necessity={"failures": [[HOSTILE[1], f"{HOSTILE[0]} \x00\x1b[31m"]], "note": HOSTILE[2]},
    )
    text = (folder / "study.toml").read_text()
    change_table(folder, "study.toml", f"{text}# {HOSTILE[1]} </code></pre>\n")
    return folder


def test_hostile_names_are_text(hostile, page):
    found = Page(write_report(hostile))
    assert found.rows["gene"] == HOSTILE
    assert [locus["name"] for locus in found.loci()] == HOSTILE
    known = {tag for tag, _ in page.elements} | {"details", "summary", "li"}
    assert {tag for tag, _ in found.elements} <= known
    assert not [key for _, a in found.elements for key in a if key.startswith("on")]
    for name in (HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[5], str(hostile)):
        assert name in found.words
    assert found.within("title")[0].startswith(HOSTILE[0])
    scripts = [a for a in found.named("script") if "type" not in a]
    assert len(scripts) == 1
    text = hostile.joinpath("report.html").read_text()
    assert not {"\x00", "\x1b"} & set(text)


def test_a_stage_that_is_missing_is_said(copied):
    shutil.rmtree(copied / "stages" / "distance")
    shutil.rmtree(copied / "stages" / "fine_tile")
    change(
        copied,
        distance={"state": "waiting"},
        fine_tile={"state": "failed", "error": "the model broke"},
        multiplicity={"note": "no tile is a strong enhancer"},
        necessity={"failures": [["GENE1", "NaN"]]},
        sufficiency={"state": "interrupted"},
    )
    found = Page(write_report(copied))
    words = found.words
    assert "Missing parts" in words
    assert "Distance is waiting: it has not begun." in words
    assert "Fine-tile search is failed: the model broke" in words
    assert "Multiplicity had nothing to do: no tile is a strong enhancer." in words
    assert "Necessity: 1 unit failed" in words
    assert "Sufficiency is interrupted" in words
    assert (
        "Without results, and so without figures: Sufficiency, Distance, Multiplicity, "
        "Fine-tile search" in words
    )
    assert "enhancers" not in found.rows
    locus = found.locus(0)["tracks"][0]
    assert not {"distance", "sufficiency"} & set(locus)
    assert locus["necessity"]["mean"]


def test_stages_that_nobody_asked_for_are_no_warning(copied, undrawn):
    state = json.loads((copied / "study.json").read_text())
    stages = {k: v for k, v in state["stages"].items() if k not in ("distance", "fine_tile")}
    stages["multiplicity"]["note"] = "no tile is a strong enhancer"
    categories = {"enhancing": 1, "silencing": 2}
    funnel = [{**state["funnel"][0], "left": 1}]
    change(copied, stages=stages, categories=categories, funnel=funnel)
    found = Page(write_report(copied))
    assert "Missing parts" not in found.words
    assert "Multiplicity had nothing to do: no tile is a strong enhancer." in found.words
    assert "1 in an enhancing context 2 in silencing contexts" in found.words
    assert "1 transcript of the annotation" in found.words
    assert (
        "The study file leaves out distance , fine_tile . To run some of them too, add the names "
        "to stages in that file, then give creme study FILE again." in found.words
    )
    assert not [each for each in found.named("div") if each.get("class") == "missing"]


def test_a_study_that_has_just_begun(tmp_path):
    folder = many_loci.write(tmp_path / "many.study", 3).path
    shutil.rmtree(folder / "stages")
    change(folder, stages={stage: {"state": "waiting"} for stage in STAGES}, funnel=[])
    found = Page(write_report(folder))
    assert found.rows == {}
    assert "Selection of loci is waiting" in found.words
    assert "No test has results yet" in found.words


def test_without_a_locus_or_a_category(tmp_path):
    folder = many_loci.write(tmp_path / "many.study", 2).path
    for stage in STAGES[1:]:
        if stage in many_loci.WITHOUT:
            continue
        results = StudyResults(folder).folder.results(stage)
        dataset = results.load(stage).drop_encoding()
        floats = {n: v * np.nan for n, v in dataset.data_vars.items() if v.dtype.kind == "f"}
        none = dataset.assign(floats)
        results.save(stage, none if stage != "context_dependence" else none.isel(locus=slice(0, 1)))
    found = Page(write_report(folder))
    assert [locus["category"] for locus in found.loci()] == ["", ""]
    first = found.locus(0)["tracks"][0]
    assert set(first["necessity"]["mean"]) == {None}
    assert found.rows["gene"] == ["GENE1", "GENE2"]
    assert "category" not in found.rows


def test_a_results_directory_has_a_page_too(finished):
    folder = finished.path / "stages" / "sufficiency"
    found = Page(write_report(folder, folder.parent.parent / "one.html"))
    assert [locus["name"] for locus in found.loci()] == [f"GENE{k + 1}" for k in range(6)]
    dataset = xr.open_zarr(folder / "sufficiency.zarr", consolidated=False, chunks=None)
    close(
        found.locus(2)["tracks"][0]["sufficiency"]["mean"], dataset["effect"].isel(locus=2, track=0)
    )
    assert "Figure 3c of the paper" in " ".join(found.within("i"))
    assert "experiment.toml" not in found.words
    assert "The experiment file, as it was run" in found.words
    assert "Selection of TSSs" not in found.words
    (folder.parent.parent / "one.html").unlink()


def test_activities_that_are_not_positive_are_said(finished, tmp_path, undrawn):
    """Effects are shares of the activity: of a logarithm, say, they may be anything."""
    folder = Path(shutil.copytree(finished.path / "stages" / "necessity", tmp_path / "x.results"))
    assert "activity of" not in Page(write_report(folder)).words
    results = Results(folder)
    dataset = results.load("necessity").drop_encoding()
    dataset["wild_type"][{"locus": [0, 2]}] *= -1
    dataset["wild_type"][{"locus": 1}] = 0
    results.save("necessity", dataset)
    words = Page(write_report(folder)).words
    assert "The activity of 3 loci is at or below 0: shares of it are not defined." in words


def test_several_activities(tmp_path, undrawn):
    folder = many_loci.write(tmp_path / "many.study", 3).path
    for stage in STAGES:
        if stage in many_loci.WITHOUT:
            continue
        results = StudyResults(folder).folder.results(stage)
        one = results.load(many_loci.label_of(stage)).drop_encoding()
        both = xr.concat(
            [one.assign_coords(track=["other"]), one],
            "track",
            data_vars="minimal",
            coords="minimal",
        )
        results.save(many_loci.label_of(stage), both)
    found = Page(write_report(folder))
    assert [track["track"] for track in found.locus(0)["tracks"]] == [many_loci.TRACK, "other"]
    first, second = found.locus(1)["tracks"]
    assert first["necessity"] == second["necessity"]
    assert f"The table and the figures are those of {many_loci.TRACK}" in found.words


def test_what_stood_there_stays_if_a_report_fails(copied, undrawn):
    path = write_report(copied)
    before = path.read_bytes()
    shutil.rmtree(copied / "stages" / "higher_order" / "higher_order.zarr" / "fold_change")
    with pytest.raises(Exception, match="fold_change"):
        write_report(copied)
    assert path.read_bytes() == before
    assert [p.name for p in copied.glob("*.html")] + [p.name for p in copied.glob(".report*")] == [
        "report.html"
    ]


def test_errors(finished, tmp_path):
    with pytest.raises(ResultsError, match="neither the folder of a study nor a results directory"):
        write_report(tmp_path)
    with pytest.raises(ConfigError, match="is a folder: give the name of a file"):
        write_report(finished.path, tmp_path)
    with pytest.raises(ConfigError, match="there is no folder"):
        write_report(finished.path, tmp_path / "not" / "there.html")
    with pytest.raises(ResultsError, match="neither the folder of a study"):
        write_report(finished.path, tmp_path / "x.html", tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_it_says_what_to_install(finished):
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from creme.cli import main\n"
        f"sys.argv = ['creme', 'report', {str(finished.path)!r}]\n"
        "main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "pip install 'matplotlib>=" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_command(finished, tmp_path, capsys, monkeypatch):
    creme = in_process.caller(monkeypatch, capsys)
    file = tmp_path / "here.html"
    said = creme("report", finished.path, "--output", file)
    assert "".join(said.split()).startswith(f"Report:{file}(0.")
    assert Page(file).rows["gene"][0] == "GENE1"
    assert "neither the folder of a study" in " ".join(creme("report", tmp_path, status=2).split())
