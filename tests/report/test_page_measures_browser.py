"""Tests without figures of their own, in a real browser."""

from __future__ import annotations

import numpy as np
import pytest

from creme.report.page import write_report
from creme.results.directory import Results

pytest_plugins = ["page_fixtures"]


@pytest.fixture(scope="module")
def page_of_several(several, tmp_path_factory):
    return write_report(several, tmp_path_factory.mktemp("browser") / "several.html")


@pytest.fixture(scope="module")
def page_of_bases(bases, tmp_path_factory):
    return write_report(bases, tmp_path_factory.mktemp("browser") / "bases.html")


def number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


def part(page, label: str):
    return page.locator(f'.measure[data-label="{label}"]')


def table(box) -> list[list[str]]:
    return box.locator("table").first.evaluate(
        "table => [...table.querySelectorAll('tbody tr')].map(tr => "
        "[...tr.children].map(cell => cell.innerText.trim()))"
    )


def test_tiles_of_a_plugin_are_bars_that_say_where_they_are(several, page_of_several, visit):
    page = visit(page_of_several, anchor="#locus=GENE1")
    box = part(page, "masked_tiles")
    one = Results(several).load("masked_tiles").isel(track=0).sel(locus="GENE1")
    assert box.locator("rect.bar").count() == one["loss"].size
    assert box.locator(".legend li").all_inner_texts() == ["N", "A"]
    rows = table(box)
    assert len(rows) == 10
    filling, away, place, loss = rows[0][:4]
    strongest = one["loss"].max("filling")
    tile = one.isel(tile=int(np.abs(strongest.values).argmax()))
    assert filling in ("N", "A")
    assert place == f"mini1:{int(tile['genomic_start']) + 1}-{int(tile['genomic_end'])}"
    assert number(away.split()[0]) == float(tile["distance"]) / 1000
    assert number(loss) == pytest.approx(float(tile["loss"].max()), rel=1e-3)
    box.scroll_into_view_if_needed()
    box.locator("circle.hit").nth(1).hover()
    tip = page.locator("#tip").inner_text()
    second = one.isel(tile=1, filling=0)
    interval = f"{int(second['genomic_start']) + 1}-{int(second['genomic_end'])}"
    assert interval in tip
    assert "standard error" in tip
    assert "replicates" in tip


def test_lines_have_a_legend_and_all_values_a_table(several, page_of_several, visit):
    page = visit(page_of_several, anchor="#locus=GENE3")
    box = part(page, "motif_embedding")
    assert box.locator("polyline.line").count() == 3
    one = Results(several).load("motif_embedding").sel(locus="GENE3")
    assert box.locator(".legend li").all_inner_texts() == one["motif"].values.tolist()
    box.locator("details summary").click()
    every = box.locator("details table tbody tr")
    assert every.count() == one["effect"].isel(track=0).size
    assert part(page, "dose").locator("circle.dot").count() == 5
    assert part(page, "dose").locator("line.zero").count() == 0
    assert part(page, "halves").locator("rect.bar").count() == 22


def test_another_activity_has_its_own_values(several, page_of_several, visit):
    page = visit(page_of_several, anchor="#locus=GENE1")
    first = table(part(page, "motif_embedding"))
    page.locator("#locus label select").select_option("1")
    second = table(part(page, "motif_embedding"))
    assert first != second
    one = Results(several).load("motif_embedding")["effect"].sel(locus="GENE1").isel(track=1)
    assert number(second[0][2]) == pytest.approx(
        float(one.values.ravel()[np.abs(one.values).argmax()]), rel=1e-3
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bases_are_a_map_of_cells_with_letters(bases, page_of_bases, visit, scheme):
    page = visit(page_of_bases, anchor="#locus=GENE2", scheme=scheme)
    box = part(page, "saturation_mutagenesis")
    one = Results(bases).load("saturation_mutagenesis").isel(track=0).sel(locus="GENE2")
    assert box.locator(".cells rect").count() == one["effect"].size == 240
    assert box.locator(".cells circle").count() == 60
    letters = box.locator("svg text.tick").all_text_contents()
    sequence = "".join(one["reference"].values)
    assert sequence in "".join(letters)
    box.locator(".cells rect").nth(3).hover()
    tip = page.locator("#tip").inner_text().splitlines()
    fourth = one.isel(position=3)
    assert tip[0] == "A"
    assert tip[1].startswith(f"{fourth['reference'].item()} at")
    start = int(fourth["genomic_start"])
    assert tip[2] == f"mini1:{start + 1}"
    assert number(tip[3].split()[-1]) == pytest.approx(
        float(fourth["effect"].sel(base="A")), rel=1e-3
    )
    # Two regions have a line between them.
    page = visit(page_of_bases, anchor="#locus=GENE1", scheme=scheme)
    assert part(page, "elsewhere").locator("svg line.mark").count() == 1
    assert part(page, "saturation_mutagenesis").locator("svg line.mark").count() == 0


@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_wider_than_the_window_and_no_panel_is_empty(page_of_bases, visit, width):
    page = visit(page_of_bases, anchor="#locus=GENE1", width=width)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    for picture in page.locator("figure svg[role=img]").all():
        box = picture.bounding_box()
        assert box["width"] > 100
        assert box["height"] > 60
    assert "undefined" not in page.locator("#locus").inner_text()
