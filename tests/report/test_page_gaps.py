"""Tiles without bases on the page: hatched, named, and no zeros; padding and N are said."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawn import legend, with_gid
from read_page import Page

import gapped
from creme import report as drawings
from creme.analysis.distances import distance_histogram
from creme.analysis.evidence import evidence
from creme.report.page import write_report

pytest_plugins = ["page_fixtures"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return gapped.gapped_study(tmp_path_factory)


@pytest.fixture(scope="module")
def report(study, tmp_path_factory):
    return write_report(study.path, tmp_path_factory.mktemp("gaps") / "report.html")


def lost_tiles(study, test, locus):
    one = study.dataset(test).sel(locus=locus)
    return np.flatnonzero(np.isin(one["distance"].values, gapped.LOST.get(locus, []))).tolist()


def test_the_summary_names_them_and_says_padding_and_n(report, study):
    words = Page(report).words
    assert "4 tiles were not measured, for lack of bases (N: a gap of the assembly" in words
    assert "GENE1 (2), GENE6 (2)" in words.replace(" ,", ",")
    padded = study.dataset("necessity")["padding_left"].sel(locus="GENE6").item()
    assert padded >= gapped.CUT
    share = f"{padded / 12_288:.1%}"
    assert f"The window of 1 of 6 loci reaches past the contig's end: {share} of it" in words
    n = study.table("loci").set_index("gene")["n"]
    assert f"GENE6 {share} {n['GENE6']:.1%} 2 GENE1 0.0% {n['GENE1']:.1%} 2" in words


def test_a_locus_has_no_values_of_them(report, study):
    for locus in Page(report).loci():
        (track,) = locus["tracks"]
        distances = [tile[2] for tile in locus["tiles"]]
        for test in ("necessity", "sufficiency"):
            lost = track[test].get("lost", [])
            assert [distances[k] for k in lost] == gapped.LOST.get(locus["name"], [])
            for k in lost:
                assert track[test]["mean"][k] is None
                assert track[test]["se"][k] is None
                assert track[test]["values"][k] == [None, None]
                assert track["classes"][k] == ""
                assert locus["bases"][k] < 0.5
            others = [k for k in range(len(distances)) if k not in lost]
            assert None not in [track[test]["mean"][k] for k in others]
        if locus["name"] in gapped.LOST:
            window = locus["window"]
            assert [distance for distance, _ in window["lost"]] == gapped.LOST[locus["name"]]
            assert window["padding"] == [gapped.CUT + 1 if locus["name"] == "GENE6" else 0, 0]
        else:
            assert "window" not in locus


def test_results_without_n_say_nothing_of_it(tmp_path_factory):
    from finished_study import finished_study

    whole = finished_study(tmp_path_factory)
    page = Page(write_report(whole.path, tmp_path_factory.mktemp("whole") / "report.html"))
    assert "lack of bases" not in page.words.split("How to cite")[0]
    assert all("window" not in locus and "bases" not in locus for locus in page.loci())


def test_figures_hatch_them_and_count_the_others(study):
    necessity, sufficiency = study.dataset("necessity"), study.dataset("sufficiency")
    ax = drawings.tile_map(necessity, sufficiency, locus="GENE1")
    boxes = with_gid(ax, "no bases")
    middles = sorted({round(box.get_x() + box.get_width() / 2, 1) for box in boxes})
    assert middles == [1.8, 2.2, 2.8, 3.2]
    assert all(box.get_hatch() for box in boxes)
    assert "no bases" in legend(ax)
    bars = [bar for container in ax.containers for bar in getattr(container, "patches", [])]
    assert len(bars) == 16
    whole = drawings.tile_map(necessity, sufficiency, locus="GENE2")
    assert "no bases" not in legend(whole)
    box = drawings.tile_effects(necessity)
    (label,) = [text.get_text() for text in box.get_xticklabels()]
    assert label.endswith("n = 56")
    plt.close("all")


def test_a_locus_without_a_measured_tile_is_none_without_cres(study):
    dataset = study.dataset("sufficiency")
    histogram = distance_histogram(dataset, bin_width=1000, signed=True).isel(track=0, kind=0)
    for at in histogram["distance"].values:
        without = sum(int(at) in distances for distances in gapped.LOST.values())
        assert histogram["n"].sel(distance=at).item() == 6 - without


def test_cells_without_values_are_hatched(study):
    grid = drawings.measure_grid(study.dataset("necessity"), study.presentation("necessity"))
    ax = drawings.measure_heat_map(grid, place=0)
    assert ax.patch.get_hatch()
    (image,) = ax.images
    assert np.ma.count_masked(np.ma.asarray(image.get_array())) == 2
    plt.close("all")


def test_the_map_hatches_and_names_them_in_a_browser(report, visit, study):
    page = visit(report)
    page.get_by_role("link", name="GENE1", exact=True).click()
    page.wait_for_selector(".locus .map rect[data-test]")
    for test in ("necessity", "sufficiency"):
        lost = lost_tiles(study, test, "GENE1")
        hatched = page.locator(f'.map rect[data-lost="{test}"]')
        assert [int(one.get_attribute("data-tile")) for one in hatched.all()] == lost
        assert hatched.first.get_attribute("fill") == "url(#map-hatch)"
        for k in lost:
            assert page.locator(f'.map rect[data-test="{test}"][data-tile="{k}"]').count() == 0
    assert "Hatched tiles were not measured" in page.locator("#map-keys").inner_text()
    facts = page.locator(".locus dl").inner_text()
    assert "2 tiles of 1,000 bp: +2 kb, +3 kb" in facts
    assert "% of the window" in facts
    box = page.locator('.map rect[data-lost="necessity"]').first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tip = page.locator("#tip").inner_text()
    assert "necessity: not measured, 0 % of the tile is bases" in tip
    assert "sufficiency: not measured, 0 % of the tile is bases" in tip
    chosen = page.locator(".chosen").inner_text()
    assert "at +2 kb: necessity not measured, 0 % of the tile is bases" in chosen
    assert "too few of its bases are known" in page.locator("#detail").inner_text()
    page.get_by_text("All tiles as a table").click()
    assert page.get_by_role("cell", name="no bases").count() == 4
    page.get_by_role("button", name="next").click()
    page.wait_for_selector(".locus .map rect[data-test]")
    assert page.locator(".map rect[data-lost]").count() == 0


def test_bars_within_noise_are_grey_in_a_browser(run_tests, visit, tmp_path):
    table = '[[tests]]\nname = "necessity"\ntile = 200\nreplicates = 3\n'
    scan = 'plugin = "motif_scan"\nweights = "weights.txt"\nbins = "all"'
    results = run_tests("noisy", scan, table)
    path = write_report(results.path, tmp_path / "report.html")
    dataset = results.load("necessity")
    q = evidence(dataset)["q"].isel(track=0)
    for locus in Page(path).loci():
        expected = q.sel(locus=locus["name"]).values
        np.testing.assert_allclose(
            np.array(locus["tracks"][0]["necessity"]["q"], dtype=float), expected, rtol=1e-5
        )
    assert (q > 0.05).any()
    page = visit(path)
    page.get_by_role("link", name="GENE1", exact=True).click()
    page.wait_for_selector(".locus .map rect[data-test]")
    grey = page.locator(".map rect.bar.noise")
    numbers = [int(one.get_attribute("data-tile")) for one in grey.all()]
    assert numbers == np.flatnonzero(q.sel(locus="GENE1").values > 0.05).tolist()
    assert "Grey bars are within noise" in page.locator("#map-keys").inner_text()
    fill = grey.first.evaluate("one => getComputedStyle(one).fill")
    other = page.evaluate(
        "getComputedStyle(document.documentElement).getPropertyValue('--necessity')"
    )
    red, green, blue = (int(other.strip()[k : k + 2], 16) for k in (1, 3, 5))
    assert fill != f"rgb({red}, {green}, {blue})"
    box = grey.first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "within noise" in page.locator("#tip").inner_text()
