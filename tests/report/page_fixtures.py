"""A browser for the report's pages, and experiments with tests from outside the suite.

A module of tests has these fixtures by ``pytest_plugins = ["page_fixtures"]``.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import other_tests
import pytest
from finished_study import finished_study
from other_tests import SYNTHETIC

import mini_study as mini
from creme import registry
from creme.report.page import write_report
from creme.runner.experiment import parse
from creme.runner.run import run_experiment

ARGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished study of all stages."""
    return finished_study(tmp_path_factory)


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory):
    """Its report."""
    return write_report(finished.path, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    """A function that opens a file; errors, messages and requests beyond the file are failures."""
    contexts, problems = [], []

    def check(url, address):
        if url.split("#")[0] != address:
            problems.append(f"request: {url}")

    def visited(file, *, width=1400, scheme="light", anchor=""):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        address = file.resolve().as_uri()
        page.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: check(request.url, address))
        page.goto(address + anchor)
        page.wait_for_selector("html[data-ready]")
        return page

    yield visited
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="session")
def other_plugins():
    """Registers the tests of `other_tests`, as an installed package does."""
    known = registry.plugins("test")
    ours = {
        cls.name: replace(known["necessity"], name=cls.name, target=f"other_tests:{cls.__name__}")
        for cls in (other_tests.MaskedTiles, other_tests.Halting, other_tests.Counts)
    }
    with pytest.MonkeyPatch.context() as patched:
        plugins = registry.plugins
        patched.setattr(
            registry, "plugins", lambda kind: plugins(kind) | (ours if kind == "test" else {})
        )
        yield


@pytest.fixture(scope="session")
def genes(tmp_path_factory):
    """A folder with a genome of six genes, their TSSs, and a matrix of weights."""
    folder = tmp_path_factory.mktemp("genes")
    made = mini.write(folder)
    lines = (f"{g.contig}\t{g.position}\t{g.position + 1}\t{g.name}\t0\t{g.strand}\n" for g in made)
    (folder / "tss.bed").write_text("".join(lines))
    weights = np.full((9, 4), -1.0)
    for row, base in enumerate("TGACTCAG"):
        weights[row, "ACGT".index(base)] = 2.0
    np.savetxt(folder / "weights.txt", weights)
    return folder


SCAN = 'plugin = "motif_scan"\nweights = "weights.txt"\nbins = "all"'
LOCI = '[loci]\nfasta = "genome.fa"\nbed = "tss.bed"\n'


@pytest.fixture(scope="session")
def run_tests(genes, other_plugins):
    """A function that runs an experiment of a name, a model and tests, and gives its results."""

    def run(name, model, tests, **options):
        text = f'name = "{name}"\nseed = 7\n[model]\n{model}\n{LOCI}{tests}'
        return run_experiment(parse(text, name, genes), **options)[1]

    return run


@pytest.fixture(scope="session")
def several(run_tests):
    """Tests with figures and without, two of one kind among both."""
    return run_tests(
        "several",
        SYNTHETIC,
        """
[[tests]]
name = "necessity"
tile = 1000
replicates = 2
[[tests]]
name = "necessity"
label = "halves"
tile = 500
replicates = 2
[[tests]]
name = "motif_embedding"
motifs = ["TGACTCAGCAGTTC", "GTCAGCACCACGGA", "TATAAAA"]
positions = [1000, 3000, 5500, 7000, 9000, 11000]
replicates = 2
[[tests]]
name = "dose"
[[tests]]
name = "masked_tiles"
[[tests]]
name = "counts"
""",
    ).path


@pytest.fixture(scope="session")
def bases(run_tests):
    """Saturation mutagenesis of one region of all loci, and of other regions of two of them."""
    return run_tests(
        "bases",
        SCAN,
        """
[[tests]]
name = "saturation_mutagenesis"
regions = [[994, 1054]]
[[tests]]
name = "saturation_mutagenesis"
label = "elsewhere"
regions = { GENE1 = [[950, 970], [1000, 1010]], GENE2 = [[1000, 1030]] }
""",
    ).path
