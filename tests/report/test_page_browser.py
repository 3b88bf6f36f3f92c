"""The report in a real browser: it works, by mouse and by keyboard, and keeps to itself."""

from __future__ import annotations

import time
from itertools import pairwise

import many_loci
import numpy as np
import pytest
from finished_study import among_genes
from test_page import HOSTILE

from creme.report.page import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

expect = playwright.expect
pytest_plugins = ["page_fixtures"]
OPENS_WITHIN = 8.0
"""Seconds for a report of 1,000 loci; about one on a machine with nothing else to do."""


def number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


def column(page, key: str) -> list[str]:
    """Cells of a column of the rows that are shown."""
    keys = page.eval_on_selector_all("#table thead th", "all => all.map(th => th.dataset.key)")
    rows = page.eval_on_selector_all(
        "#table tbody tr", "all => all.map(tr => [...tr.children].map(td => td.innerText.trim()))"
    )
    return [row[keys.index(key)] for row in rows]


def open_locus(page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_selector(".locus .map rect[data-test]")
    assert page.locator("#locus-name").inner_text() == name


def tile_of(page, test: str, k: int) -> tuple[float, float]:
    """Where the middle of a tile's column is on the screen."""
    page.locator(".map").scroll_into_view_if_needed()
    box = page.locator(f'.map rect[data-test="{test}"][data-tile="{k}"]').bounding_box()
    frame = page.locator(".map").bounding_box()
    return box["x"] + box["width"] / 2, frame["y"] + frame["height"] / 2


def test_it_renders(report, visit, finished):
    page = visit(report)
    assert page.title().startswith("mini")
    assert page.locator("figure svg[role=img]").count() == page.locator("figure").count() >= 15
    for picture in page.locator("figure svg[role=img]").all():
        box = picture.bounding_box()
        assert box["width"] > 200
        assert box["height"] > 100
    assert page.locator("#found").inner_text() == "6 loci"
    assert column(page, "gene") == [f"GENE{k + 1}" for k in range(6)]
    effects = finished.dataset("context_dependence")["effect"].values[:, 0]
    found = [number(text) for text in column(page, "effect")]
    assert found == [float(f"{value:.4g}") for value in effects]


def test_it_sorts(report, visit):
    page = visit(report)
    head = page.locator('#table th[data-key="activity"]')
    assert head.get_attribute("aria-sort") == "none"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    values = [number(text) for text in column(page, "activity")]
    assert values == sorted(values, reverse=True)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert [number(text) for text in column(page, "activity")] == sorted(values)
    page.locator('#table th[data-key="gene"] button').click()
    assert head.get_attribute("aria-sort") == "none"
    assert column(page, "gene") == [f"GENE{k + 1}" for k in range(6)]


def test_it_filters(report, visit):
    page = visit(report)
    page.fill("#search", "gene5")
    assert column(page, "gene") == ["GENE5"]
    assert page.locator("#found").inner_text() == "1 of 6 loci"
    page.fill("#search", "24,576 mini1")
    assert column(page, "gene") == ["GENE2"]
    page.fill("#search", "")
    page.select_option("#category", "silencing")
    assert column(page, "category") == ["silencing"] * 2
    page.select_option("#having", "enhancers")
    assert column(page, "gene") == []
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#table tbody tr")).to_have_count(6)
    page.select_option("#having", "enhancers")
    assert column(page, "category") == ["enhancing"] * 2


@pytest.mark.parametrize("test", ["necessity", "sufficiency"])
def test_hovering_shows_the_values_of_the_dataset(report, visit, finished, test):
    page = visit(report)
    open_locus(page, "GENE3")
    one = finished.dataset(test).isel(track=0).sel(locus="GENE3")
    for k in (2, 6):
        page.mouse.move(*tile_of(page, test, k))
        page.wait_for_selector("#tip:not([hidden])")
        lines = page.locator("#tip > div").all_inner_texts()
        (line,) = [text for text in lines if text.startswith(test)]
        said = [number(word.strip("(),")) for word in line.split()[1:] if word not in ("(se", "sd")]
        values = (one["effect"], one["effect_se"], one["effect_std"])
        mean, se, sd = (float(value.values[k]) for value in values)
        np.testing.assert_allclose(said, [mean, se, sd], rtol=5e-3, atol=1e-12)
        assert said[0] == float(f"{mean:.4g}")
        after = lines[lines.index(line) + 1].removeprefix("replicates ").split(", ")
        expected = one["effect_replicates"].values[k]
        assert [number(text) for text in after] == [float(f"{value:.4g}") for value in expected]
    page.mouse.move(5, 5)
    assert page.locator("#tip").is_hidden()


def test_bars_are_as_high_as_their_values(report, visit, finished):
    page = visit(report)
    open_locus(page, "GENE1")
    effect = finished.dataset("necessity")["effect"].isel(track=0).sel(locus="GENE1").values
    heights = page.eval_on_selector_all(
        '.map rect[data-test="necessity"]', "all => all.map(r => Number(r.getAttribute('height')))"
    )
    shown = np.abs(effect) > 0.05 * np.abs(effect).max()
    assert shown.sum() >= 2
    ratio = np.array(heights)[shown] / np.abs(effect)[shown]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)


def view(page) -> list[int]:
    return [int(value) for value in page.locator(".map").get_attribute("data-view").split()]


def test_it_zooms_and_moves(report, visit):
    page = visit(report)
    open_locus(page, "GENE1")
    whole = view(page)
    page.get_by_role("button", name="zoom in").click()
    closer = view(page)
    assert closer[1] - closer[0] < 0.7 * (whole[1] - whole[0])
    page.get_by_role("button", name="move downstream").click()
    assert view(page)[0] > closer[0]
    page.get_by_role("button", name="show the whole sequence").click()
    assert view(page) == whole
    # The wheel moves the page, unless the map has the focus; then it zooms where it is.
    x, y = tile_of(page, "necessity", 8)
    page.mouse.move(x, y)
    page.mouse.wheel(0, 10)
    assert view(page) == whole
    page.locator(".map").focus()
    page.mouse.move(*tile_of(page, "necessity", 8))
    page.mouse.wheel(0, -100)
    expect(page.locator(".map")).not_to_have_attribute("data-view", f"{whole[0]} {whole[1]}")
    low, high = view(page)
    assert low < 4000 < high
    before = view(page)
    x, y = tile_of(page, "necessity", 8)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 150, y, steps=5)
    page.mouse.up()
    assert view(page)[0] < before[0]
    assert page.locator("svg .selected").count() == 0  # a drag chooses nothing


def test_a_tile_is_linked_between_tests(report, visit, finished):
    page = visit(report)
    open_locus(page, "GENE1")
    search = finished.dataset("higher_order").isel(track=0).sel(locus="GENE1", search="enhancers")
    first = int(search["selected"].values[0])
    page.mouse.click(*tile_of(page, "necessity", first))
    detail = page.locator("#detail")
    text = " ".join(detail.inner_text().split())
    for part in (
        "necessity",
        "sufficiency",
        "no. 1 of the enhancers",
        "moved to",
        "1 copy",
        "Fine-tile search",
    ):
        assert part in text, part
    assert "enhancer" in detail.locator("p").first.inner_text()
    # In the map, its own curve among the moved CREs; in the charts, its points; in tables, its row.
    assert page.locator(".map .moved.own").count() == 1
    assert page.locator(".chart .dot.linked").count() >= 3
    assert page.locator(".chart g.series.linked").count() == 2  # copies and fine tiles
    assert page.locator(".part button.linked").count() >= 3
    # The other way: from the order of the search to the map.
    second = page.locator(".part table").first.locator("button").nth(1)
    second.click()
    assert str(int(search["selected"].values[1])) == second.get_attribute("data-tile")
    assert second.evaluate("one => one.classList.contains('linked')")
    page.keyboard.press("Escape")


def test_a_cre_has_one_colour(report, visit):
    page = visit(report)
    open_locus(page, "GENE1")
    colours = []
    for chart in (page.locator(".chart").nth(2), page.locator(".chart").nth(3)):
        lines = chart.locator(".series .line").evaluate_all(
            "all => all.map(line => getComputedStyle(line).stroke)"
        )
        legend = chart.locator(".legend li").evaluate_all(
            "all => all.map(li => getComputedStyle(li, '::before').backgroundColor)"
        )
        assert lines == legend
        colours.append(lines)
    assert colours[0] == colours[1]
    assert len(set(colours[0])) == 2


def test_points_of_charts_say_their_values(report, visit, finished):
    page = visit(report)
    open_locus(page, "GENE1")
    search = finished.dataset("higher_order").isel(track=0).sel(locus="GENE1", search="enhancers")
    point = page.locator(".chart").first.locator("circle.hit").nth(2)
    point.scroll_into_view_if_needed()
    point.hover()
    text = page.locator("#tip").inner_text()
    assert f"fold change {float(search['fold_change'].values[1]):.4g}" in text


CROWD = [f"N{k}" for k in range(60)]


@pytest.fixture(scope="module")
def among(finished, tmp_path_factory):
    """GENE1 (on '+') among few genes, GENE2 (on '-') among hostile ones, GENE3 among many."""
    genes = [("near", "GENE1", "+", 1_500), ("near", "GENE1", "+", 2_500)]
    genes += [("against", "GENE1", "-", -3_000), ("mirrored", "GENE4", "+", 2_000)]
    genes += [(name, "GENE2", "+-"[k % 2], 900 * (k - 4)) for k, name in enumerate(HOSTILE)]
    genes += [(name, "GENE3", "+-"[k % 2], 170 * (k - 29)) for k, name in enumerate(CROWD)]
    path = among_genes(finished, tmp_path_factory.mktemp("among"), genes)
    return write_report(path)


def arrows(page) -> dict[str, list[tuple[float, int]]]:
    """Where each gene's arrows stand, as shares of the map's view, and which way they point."""
    found = page.eval_on_selector_all(
        ".map g.gene",
        """all => all.map(g => [g.querySelector("text").textContent,
             [...g.querySelectorAll("path")].map(p => p.getAttribute("d"))])""",
    )
    width = float(page.locator(".map svg").get_attribute("width"))
    read = {}
    for name, paths in found:
        ends = [path.removeprefix("M").replace("l", ",").split(",") for path in paths]
        read[name] = [
            ((float(at) - 66) / (width - 78), 1 if float(way) > 0 else -1)
            for at, _, way, *_ in ends
        ]
    return read


def test_genes_stand_where_they_are_in_the_orientation_of_the_locus(among, visit):
    page = visit(among, anchor="#locus=GENE1")
    page.wait_for_selector(".map g.gene")
    low, high = view(page)

    def at(bp):
        return pytest.approx((bp - low) / (high - low), abs=2e-3)

    assert arrows(page) == {
        "GENE1": [(at(0), 1)],
        "near": [(at(1500), 1), (at(2500), 1)],
        "against": [(at(-3000), -1)],
    }
    assert page.locator(".map g.gene.own text").all_text_contents() == ["GENE1"]
    # On '-', what lies on '+' points against the gene.
    page = visit(among, anchor="#locus=GENE4")
    page.wait_for_selector(".map g.gene")
    assert arrows(page) == {"GENE4": [(at(0), 1)], "mirrored": [(at(2000), -1)]}
    page.get_by_text("Genes around as a table").click()
    rows = page.locator('div[aria-label="Genes around"] tbody tr').all_inner_texts()
    assert [row.split()[:4] for row in rows] == [
        ["GENE4", "\u2212", "0", "bp"],
        ["mirrored", "+", "+2", "kb"],
    ]


def test_pointing_at_a_gene_says_what_it_is(among, visit):
    page = visit(among, anchor="#locus=GENE1")
    page.wait_for_selector(".map g.gene")
    page.locator(".map").scroll_into_view_if_needed()
    said = {
        "near": "near|strand +, read as this locus is|TSSs at +1.5 kb, +2.5 kb",
        "against": "against|strand \u2212, read against this locus|TSS at \u22123 kb",
        "GENE1": "GENE1|strand +, the gene of this locus|TSS at 0 bp|from 0 bp to +900 bp",
    }
    for name, expected in said.items():
        box = page.locator(".map g.gene", has_text=name).bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_selector("#tip:not([hidden])")
        assert "|".join(page.locator("#tip > div").all_inner_texts()) == expected
    expect(page.locator(".map g.gene.marked")).to_have_count(1)
    page.mouse.move(*tile_of(page, "necessity", 6))
    assert "necessity" in page.locator("#tip").inner_text()
    expect(page.locator(".map g.gene.marked")).to_have_count(0)


def test_genes_by_keyboard(among, visit):
    page = visit(among, anchor="#locus=GENE1")
    page.wait_for_selector(".map g.gene")
    page.locator(".map").focus()
    own = "GENE1: strand +, the gene of this locus; TSS at 0 bp; from 0 bp to +900 bp."
    for key, place, words in (
        ("g", 1, "against: strand \u2212, read against this locus; TSS at \u22123 kb."),
        ("g", 2, own),
        ("g", 3, "near: strand +, read as this locus is; TSSs at +1.5 kb, +2.5 kb."),
        (
            "Shift+G",
            2,
            own,
        ),
    ):
        page.keyboard.press(key)
        assert page.locator(".chosen").inner_text() == f"Gene {place} of 3, {words}"
        assert page.locator("#tip").is_visible()
    # One that is out of view is brought into it.
    for _ in range(6):
        page.keyboard.press("+")
    for _ in range(20):
        page.keyboard.press("Shift+ArrowRight")
    assert view(page)[0] > 0
    page.keyboard.press("Shift+G")
    low, high = view(page)
    assert low < -3000 < high
    assert list(arrows(page)) == ["against"]
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    assert page.locator(".chosen").inner_text() == "No tile is chosen."


def test_many_genes_are_thinned_out_and_zooming_shows_more(among, visit):
    page = visit(among, anchor="#locus=GENE3", width=700)
    page.wait_for_selector(".map g.gene")
    shown = arrows(page)
    assert "GENE3" in shown
    assert len(shown) < len(CROWD)
    first, more = page.locator(".map text.genes").all_text_contents()
    assert (first, more) == ("genes", f"{len(CROWD) + 1 - len(shown)} more")
    boxes = [one.bounding_box() for one in page.locator(".map g.gene").all()]
    for k, a in enumerate(boxes):
        for b in boxes[:k]:
            across = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
            up = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
            assert across < 1 or up < 1
    height = page.locator(".map svg").get_attribute("height")
    low, high = view(page)
    page.locator(".map").focus()
    for _ in range(4):
        page.keyboard.press("+")
    expect(page.locator(".map text.genes").first).to_have_text("genes")
    expect(page.locator(".map text.genes")).to_have_count(1)
    low, high = view(page)
    inside = [k for k in range(60) if low <= 170 * (k - 29) <= high]
    assert len(arrows(page)) == len(inside) + 1
    assert page.locator(".map svg").get_attribute("height") == height


def test_hostile_names_of_genes_are_text(among, visit):
    page = visit(among, width=400, anchor="#locus=GENE2")
    page.wait_for_selector(".map g.gene")
    page.locator(".map").focus()
    names = set()
    for _ in range(len(HOSTILE) + 1):
        page.keyboard.press("g")
        names.add(page.locator(".chosen bdi").evaluate("one => one.textContent"))
    assert names == {*HOSTILE, "GENE2"}
    page.get_by_text("Genes around as a table").click()
    table = page.locator('div[aria-label="Genes around"] tbody th bdi')
    assert set(table.evaluate_all("all => all.map(b => b.textContent)")) == names
    assert page.title().startswith("mini")
    assert page.locator(".locus script, .locus img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_without_genes_there_is_no_lane(visit, finished, tmp_path):
    page = visit(write_report(finished.path / "stages" / "necessity", tmp_path / "one.html"))
    open_locus(page, "GENE1")
    assert page.locator(".map .gene, .map text.genes").count() == 0
    assert page.get_by_text("Genes around").count() == 0
    assert "G goes from gene" not in page.locator("#map-keys").inner_text()


def test_all_tiles_as_a_table(report, visit, finished):
    page = visit(report)
    open_locus(page, "GENE2")
    page.get_by_text("All tiles as a table").click()
    rows = page.locator('div[aria-label="All tiles"] tbody tr')
    expect(rows).to_have_count(10)
    effect = finished.dataset("necessity")["effect"].isel(track=0).sel(locus="GENE2").values
    shown = [number(row.locator("td").nth(2).inner_text()) for row in rows.all()]
    assert shown == [float(f"{value:.4g}") for value in effect]


def test_by_keyboard_alone(report, visit):
    """From the top: skip link, search, sort, open, walk the map, zoom, next locus, close."""
    page = visit(report)
    focused = "document.activeElement"

    def tab_to(wanted: str) -> None:
        for _ in range(250):
            if page.evaluate(f"{focused}.matches({wanted!r})"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not come to {wanted}")

    page.keyboard.press("Tab")
    assert page.evaluate(f"{focused}.className") == "skip"
    page.keyboard.press("Enter")
    tab_to("#search")
    page.keyboard.type("gene")
    assert page.locator("#found").inner_text() == "6 loci"
    tab_to('th[data-key="effect"] button')
    page.keyboard.press("Enter")
    assert page.locator('th[data-key="effect"]').get_attribute("aria-sort") == "descending"
    assert page.evaluate(f"getComputedStyle({focused}).outlineStyle") == "solid"
    first = column(page, "gene")[:2]
    tab_to("#table tbody a")
    page.keyboard.press("Enter")
    page.wait_for_selector(".locus .map rect[data-test]")
    assert page.evaluate(f"{focused}.id") == "locus-name"
    assert page.locator("#locus-name").inner_text() == first[0]
    tab_to(".map")
    page.keyboard.press("End")
    said = page.locator(".chosen")
    assert said.inner_text().startswith("Tile 10 of 10, at +5 kb: necessity ")
    page.keyboard.press("ArrowLeft")
    assert said.inner_text().startswith("Tile 9 of 10, at +4 kb")
    whole = view(page)
    page.keyboard.press("+")
    closer = view(page)
    assert closer[1] - closer[0] < whole[1] - whole[0]
    assert closer[0] < 4000 < closer[1]
    page.keyboard.press("Shift+ArrowLeft")
    assert view(page)[0] < closer[0]
    page.keyboard.press("Home")  # out of view: it is brought into it
    assert view(page)[0] == whole[0]
    page.keyboard.press("0")
    assert view(page) == whole
    page.keyboard.press("Escape")
    assert said.inner_text() == "No tile is chosen."
    page.keyboard.press("Shift+Tab")
    tab_to(".map")
    page.get_by_role("button", name="next locus of the table").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#locus-name")).to_have_text(first[1])
    page.get_by_role("button", name="close this locus").focus()
    page.keyboard.press("Enter")
    assert page.locator(".locus").count() == 0
    assert page.evaluate(f"{focused}.innerText") == first[1]


def test_addresses_of_loci(report, visit):
    page = visit(report, anchor="#locus=GENE4")
    page.wait_for_selector(".locus .map rect[data-test]")
    assert page.locator("#locus-name").inner_text() == "GENE4"
    assert page.locator("#table tr.opened").get_attribute("data-k") == "3"
    page.evaluate("location.hash = 'locus=GENE1'")
    expect(page.locator("#locus-name")).to_have_text("GENE1")
    page.go_back()
    expect(page.locator("#locus-name")).to_have_text("GENE4")
    page.evaluate("location.hash = 'locus=<b>nobody'")
    page.wait_for_selector("#locus .missing")
    assert "There is no locus <b>nobody in this report." in page.locator("#locus").inner_text()


@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (1400, "dark")])
def test_nothing_stands_out_of_the_window(report, visit, width, scheme):
    page = visit(report, width=width, scheme=scheme, anchor="#locus=GENE1")
    page.wait_for_selector(".locus .map rect[data-test]")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    map_box = page.locator(".map").bounding_box()
    assert map_box["x"] >= 0
    assert map_box["x"] + map_box["width"] <= width


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = many_loci.write(
        tmp_path_factory.mktemp("hostile") / "<b>.study", len(HOSTILE), HOSTILE
    )
    return write_report(folder.path)


def test_numbers_of_searches_do_not_overlap_on_a_telephone(hostile, visit):
    page = visit(hostile, width=400)
    marks = 0
    for k in range(len(HOSTILE)):
        page.locator("#table tbody a").nth(k).click()
        page.wait_for_selector(".locus .map rect[data-test]")
        boxes = page.eval_on_selector_all(
            ".map .rank, .map .rank-mark",
            "all => all.map(e => e.getBoundingClientRect()).map(b => [b.left, b.right])",
        )
        marks += len(boxes)
        boxes.sort()
        assert all(one[1] <= other[0] + 0.5 for one, other in pairwise(boxes))
    assert marks > len(HOSTILE)


@pytest.mark.parametrize("k", range(len(HOSTILE)))
def test_hostile_names_are_text(hostile, visit, k):
    page = visit(hostile, width=400)
    name = HOSTILE[k]
    assert (
        page.locator("#table tbody tr").nth(k).locator("th bdi").evaluate("b => b.textContent")
        == name
    )
    page.locator("#table tbody a").nth(k).click()
    page.wait_for_selector(".locus .map rect[data-test]")
    assert page.locator("#locus-name").evaluate("h => h.textContent") == name
    assert page.title().startswith("many")
    assert page.locator(".locus script, .locus img, #table script, #table img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.fill("#search", name[:12])
    assert k in [int(row.get_attribute("data-k")) for row in page.locator("#table tbody tr").all()]


def test_a_thousand_loci_open_quickly(visit, tmp_path, monkeypatch):
    from creme.report.page import write

    # The figures have a test of their own; here they would take longer than all else.
    monkeypatch.setattr(write, "figures", lambda source: iter(()))
    file = write_report(many_loci.write(tmp_path / "many.study", 1000).path)
    assert file.stat().st_size < 16e6
    began = time.perf_counter()
    page = visit(file)
    assert page.locator("#found").inner_text() == "1,000 loci"
    opened = time.perf_counter() - began
    assert opened < OPENS_WITHIN
    assert page.locator("#table tbody tr").count() == 50
    assert page.locator("#pages").inner_text().split() == ["←", "page", "1", "of", "20", "→"]
    page.get_by_role("button", name="next rows").click()
    assert column(page, "gene")[0] == "GENE51"
    began = time.perf_counter()
    page.evaluate("location.hash = 'locus=GENE777'")
    page.wait_for_selector(".locus .map rect[data-test]")
    assert time.perf_counter() - began < OPENS_WITHIN / 2
    assert page.locator("#table tr.opened th").inner_text() == "GENE777"  # on its page of the table
    page.fill("#search", "gene99")
    assert page.locator("#found").inner_text() == "11 of 1,000 loci"


def test_without_a_script_all_but_the_loci_is_there(report, browser):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(report.resolve().as_uri())
    assert page.locator("figure svg[role=img]").first.is_visible()
    assert page.locator("#no-script").is_visible()
    assert page.get_by_role("heading", name="Loci").is_hidden()
    context.close()
