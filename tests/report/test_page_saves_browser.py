"""What a reader takes from the page, and who reads it: files, places, a screen reader, Firefox."""

from __future__ import annotations

import csv
import io
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest_plugins = ["page_fixtures"]
expect = playwright.expect


def saved(page, button) -> tuple[str, str]:
    """The name and the text of the file that a button saves."""
    with page.expect_download() as coming:
        button.focus()
        page.keyboard.press("Enter")
    return coming.value.suggested_filename, Path(coming.value.path()).read_text(encoding="utf-8")


def test_a_figure_is_saved_with_its_values(report, visit, finished):
    page = visit(report)
    figure = page.locator("figure", has_text="Necessity of tiles").first
    name, text = saved(page, figure.get_by_role("button", name="save the values"))
    assert name == "figure-3b-necessity-of-tiles.csv"
    rows = list(csv.DictReader(io.StringIO(text)))
    effect = finished.dataset("necessity")["effect"].isel(track=0)
    found = [float(row["effect"]) for row in rows if row["locus"] == "GENE4"]
    np.testing.assert_allclose(found, effect.sel(locus="GENE4").values, rtol=1e-6, atol=1e-12)
    name, text = saved(page, figure.get_by_role("button", name="save the figure as SVG"))
    assert name == "figure-3b-necessity-of-tiles.svg"
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("}svg")
    assert any("enhancing" in (one.text or "") for one in root.iter())


def test_the_map_is_saved_with_its_colours_and_values(report, visit, finished):
    page = visit(report, anchor="#locus=GENE4")
    page.wait_for_selector(".map rect[data-test]")
    saves = page.locator(".map + .saves")
    _, text = saved(page, saves.get_by_role("button", name="save the values"))
    rows = list(csv.DictReader(io.StringIO(text)))
    one = finished.dataset("necessity").isel(track=0).sel(locus="GENE4")
    found = {(int(row["start (1-based)"]) - 1, int(row["end"])): row["necessity"] for row in rows}
    for start, end, effect in zip(
        one["genomic_start"].values, one["genomic_end"].values, one["effect"].values, strict=True
    ):
        assert float(found[int(start), int(end)]) == pytest.approx(float(effect), rel=1e-5)
    _, text = saved(page, saves.get_by_role("button", name="save the figure as SVG"))
    root = ElementTree.fromstring(text)
    bars = [one for one in root.iter() if one.get("data-test") == "necessity"]
    assert len(bars) == len(rows)
    assert all("fill:rgb(0, 158, 115)" in str(bar.get("style")) for bar in bars)


def test_a_place_is_copied_by_keyboard(report, visit):
    page = visit(report)
    # What the page gives to the clipboard, in either way.
    page.evaluate(
        """() => { window.taken = [];
             document.addEventListener("copy", () =>
               window.taken.push(document.activeElement.value));
             navigator.clipboard.writeText = () => Promise.reject(new Error("no")); }"""
    )
    button = page.locator(".elements button.copy").first
    place = button.get_attribute("data-copy")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_have_text(f"{place} is copied.")
    assert page.evaluate("window.taken") == [place]
    assert button.evaluate("one => document.activeElement === one")
    # In a function: one that is the value of an expression would be called at once.
    page.evaluate(
        "() => { navigator.clipboard.writeText = async (words) => window.taken.push(words); }"
    )
    page.locator(".said").evaluate("one => { one.textContent = ''; }")  # both may be one place
    button = page.locator(".elements button.copy").nth(1)
    place = button.get_attribute("data-copy")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_have_text(f"{place} is copied.")
    assert page.evaluate("window.taken[1]") == place


def test_an_element_leads_to_its_tile(report, visit):
    page = visit(report)
    row = page.locator(".elements tbody tr", has_text="GENE4").first
    place = row.locator("button.copy").get_attribute("data-copy")
    row.get_by_role("link", name="up to 3 copies").click()
    page.wait_for_selector("#detail h4")
    assert place in page.locator("#detail").inner_text()
    assert page.locator('[data-part="copies"]').is_visible()
    # Another element of the locus that is open, too.
    other = page.locator(".elements tbody tr", has_text="GENE4").nth(1)
    place = other.locator("button.copy").get_attribute("data-copy")
    other.locator("th a").click()
    expect(page.locator("#detail p").first).to_contain_text(place)


@pytest.mark.parametrize(("gene", "way"), [("GENE1", 1), ("GENE4", -1)])
def test_the_genomic_axis_has_every_place_where_it_is(report, visit, finished, gene, way):
    page = visit(report, anchor=f"#locus={gene}")
    page.wait_for_selector(".map .genomic")
    low, high = (int(v) for v in page.locator(".map").get_attribute("data-view").split())
    width = float(page.locator(".map svg").get_attribute("width"))
    one = finished.dataset("necessity").sel(locus=gene)
    tss = int(one["tss_position"])
    marks = page.eval_on_selector_all(
        ".map .genomic",
        "all => all.map(t => [Number(t.dataset.place), Number(t.getAttribute('x'))])",
    )
    assert len(marks) >= 3
    for place, x in marks:
        away = way * (place - 1 - tss)
        assert x == pytest.approx(66 + (away - low) / (high - low) * (width - 78), abs=0.5)
    words = page.locator(".map .genome").text_content()
    keys = page.locator("#map-keys").inner_text()
    assert ("minus strand" in words) == ("minus strand" in keys) == (way < 0)


def test_nothing_overlaps_on_a_telephone(report, visit):
    page = visit(report, width=500, anchor="#locus=GENE4")
    page.wait_for_selector(".map rect[data-test]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 500
    boxes = page.eval_on_selector_all(
        ".map svg text",
        """all => all.map(t => { const b = t.getBoundingClientRect();
             return [t.textContent, b.left, b.top, b.right, b.bottom]; })""",
    )
    for k, (name, left, top, right, bottom) in enumerate(boxes):
        for other, *box in boxes[:k]:
            across = min(right, box[2]) - max(left, box[0])
            up = min(bottom, box[3]) - max(top, box[1])
            # Boxes are as high as a line; letters are less so.
            assert across < 1 or up < 4, (name, other)


def test_settings_are_words_and_json_is_behind_a_fold(report, visit):
    page = visit(report)
    settings = page.locator("dl.settings").last
    assert "{" not in settings.inner_text()
    fold = page.locator("details", has_text="Model and activities as JSON")
    assert not fold.locator("pre").is_visible()
    fold.locator("summary").click()
    assert json.loads(fold.locator("pre").inner_text())["model"]["name"] == "synthetic"


def axe() -> str:
    package = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(report, browser, scheme):
    script = axe()
    context = browser.new_context(
        viewport={"width": 1200, "height": 900}, color_scheme=scheme, offline=True, bypass_csp=True
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(report.resolve().as_uri() + "#locus=GENE4")
    page.wait_for_selector(".map rect[data-test]")
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    page.evaluate(script)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    context.close()
    assert found["testEngine"]["name"] == "axe-core"
    assert len(found["passes"]) > 10
    assert [
        (fault["id"], [node["target"] for node in fault["nodes"][:3]])
        for fault in found["violations"]
    ] == []


class Marionette:
    """Firefox by its own protocol: JSON after its length, over a socket."""

    def __init__(self, port: int, until: float) -> None:
        self._number = 0
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=600)
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
        self._read()  # who it is
        self.ask("WebDriver:NewSession", {})

    def ask(self, command: str, parameters: dict[str, object]) -> dict[str, object]:
        self._number += 1
        message = json.dumps([0, self._number, command, parameters])
        self._socket.sendall(f"{len(message)}:{message}".encode())
        _, _, error, result = self._read()
        assert error is None, error
        return result if isinstance(result, dict) else {}

    def _read(self) -> list:  # type: ignore[type-arg]
        size = b""
        while not size.endswith(b":"):
            size += self._socket.recv(1)
        text = b""
        while len(text) < int(size[:-1]):
            text += self._socket.recv(int(size[:-1]) - len(text))
        found = json.loads(text)
        return found if isinstance(found, list) else [found]

    def run(self, script: str) -> object:
        return self.ask("WebDriver:ExecuteScript", {"script": script, "args": []})["value"]


def test_firefox_shows_it_too(report, tmp_path):
    firefox = shutil.which("firefox-esr") or shutil.which("firefox")
    if firefox is None:
        pytest.skip("Firefox is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "user.js").write_text(
        f'user_pref("marionette.port", {port});\nuser_pref("network.proxy.type", 0);\n'
        'user_pref("app.update.enabled", false);\nuser_pref("datareporting.policy.'
        'dataSubmissionEnabled", false);\n'
    )
    command = [firefox, "--headless", "--marionette", "--no-remote", "--profile", str(tmp_path)]
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        driver = Marionette(port, time.monotonic() + 240)
        driver.ask("WebDriver:Navigate", {"url": report.resolve().as_uri() + "#locus=GENE4"})
        until = time.monotonic() + 240
        while not driver.run("return document.querySelectorAll('.map rect[data-test]').length"):
            assert time.monotonic() < until, "the map does not come"
            time.sleep(0.2)
        assert driver.run("return document.documentElement.dataset.ready") == "yes"
        assert driver.run("return document.getElementById('found').textContent") == "6 loci"
        assert driver.run("return document.querySelectorAll('.elements tbody tr').length")
        assert driver.run("return document.getElementById('locus-name').textContent") == "GENE4"
    finally:
        started.kill()
        started.wait()
