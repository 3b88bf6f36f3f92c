"""Sites that need be no TSS, oligos and splice sites: tiled from end to end, against plain loops.

A model with an input of 249 bp, whose read-out site is its middle; loci on both strands.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import in_process
from creme.analysis.agreement import check_tile_sizes
from creme.errors import ConfigError
from creme.genome import Annotation, Genome, Locus, select_loci
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.report.page import write_report
from creme.runner.experiment import parse
from creme.runner.plan import prepare
from creme.runner.run import measure, run_experiment
from creme.seeds import derive
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.distance import Distance
from creme.suite.higher_order import HigherOrder
from creme.suite.necessity import Necessity
from creme.suite.saturation_mutagenesis import SaturationMutagenesis
from creme.suite.sufficiency import Sufficiency
from creme.testing import check_test
from oligo import LENGTH, MODEL, SITE


def activity(codes: np.ndarray) -> np.ndarray:
    return MODEL.predict(Sequence(codes).onehot()[None])[0, 0].astype(np.float64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A genome of random bases, and sites on both strands of it."""
    folder = tmp_path_factory.mktemp("sites")
    text = "".join(np.random.default_rng(8).choice(list("ACGT"), 2000))
    (folder / "genome.fa").write_text(f">c1\n{text}\n")
    sites = [("plus", 700, "+"), ("minus", 701, "-"), ("third", 1500, "-")]
    lines = [f"c1\t{at}\t{at + 1}\t{name}\t0\t{strand}\n" for name, at, strand in sites]
    (folder / "sites.bed").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def loci(folder) -> list[Locus]:
    annotation = Annotation.from_bed(folder / "sites.bed")
    return select_loci(Genome(folder / "genome.fa"), annotation, None, LENGTH, SITE)


def run(test, loci, tmp_path):
    with Store(tmp_path / "store") as store:
        report = measure(prepare([test], MODEL, loci), store)
    assert not report.failures, report.failures
    return report.datasets[test.name]


def window(folder, locus) -> np.ndarray:
    """Codes of a locus's sequence, by the letters of the file."""
    letters = (folder / "genome.fa").read_text().split("\n")[1]
    if locus.strand == "+":
        cut = letters[locus.position - SITE : locus.position - SITE + LENGTH]
    else:
        # The base at index i is that at position - (i - SITE), and its partner.
        partner = dict(zip("ACGT", "TGCA", strict=True))
        cut = "".join(partner[letters[locus.position - (i - SITE)]] for i in range(LENGTH))
    return Sequence.from_string(cut).codes


def tiles_by_hand(size) -> list[tuple[int, int]]:
    """From the site outwards; what is left at either end belongs to the last tile there."""
    tiles, at = [], SITE
    while LENGTH - at >= 2 * size:
        tiles.append((at, at + size))
        at += size
    tiles.append((at, LENGTH))
    at = SITE
    while at >= 2 * size:
        tiles.append((at - size, at))
        at -= size
    return sorted([*tiles, (0, at)])


def test_necessity_of_every_tile_on_both_strands(folder, loci, tmp_path):
    got = run(Necessity(tile=10, tss_tile=0, replicates=3, seed=5), loci, tmp_path)
    tiles = tiles_by_hand(10)
    assert tiles[0] == (0, 14)
    assert tiles[-1] == (234, 249)
    assert (124, 134) in tiles
    assert {locus.strand for locus in loci} == {"+", "-"}
    for locus in loci:
        codes = window(folder, locus)
        one = got.sel(locus=locus.name)
        np.testing.assert_array_equal(one.tile_start, [start for start, _ in tiles])
        np.testing.assert_array_equal(one.tile_end, [end for _, end in tiles])
        for number, (start, end) in enumerate(tiles):
            of_tile = one.isel(tile=number)
            effects = []
            for k in range(3):
                (shuffled,) = dinucleotide_shuffles(
                    codes[start:end], [derive(5, locus.key, "tile", start, end, k)]
                )
                mutant = codes.copy()
                mutant[start:end] = shuffled
                effects.append((activity(codes) - activity(mutant)) / activity(codes))
            np.testing.assert_allclose(of_tile.effect_replicates, effects, rtol=1e-4, atol=1e-6)
            # On the genome: the bases of the tile, read on the site's strand.
            letters = (folder / "genome.fa").read_text().split("\n")[1]
            cut = Sequence.from_string(
                letters[int(of_tile.genomic_start) : int(of_tile.genomic_end)]
            )
            cut = cut if locus.strand == "+" else cut.complemented
            np.testing.assert_array_equal(cut.codes, codes[start:end])
            assert int(of_tile.distance) == (start + end) // 2 - SITE
    # The tile at the site has an effect too, which is the first question.
    assert np.isfinite(got.effect.sel(track="donor")[:, tiles.index((124, 134))]).all()


def test_sufficiency_has_random_sequence_for_its_control(folder, loci, tmp_path):
    got = run(Sufficiency(tile=40, tss_tile=0, replicates=2, seed=5), loci, tmp_path)
    tiles = tiles_by_hand(40)
    for locus in loci:
        codes = window(folder, locus)
        for k in range(2):
            (background,) = dinucleotide_shuffles(codes, [derive(5, locus.key, "background", k)])
            one = got.sel(locus=locus.name).isel(replicate=k)
            np.testing.assert_allclose(one.control, activity(background), rtol=1e-5)
            for number, (start, end) in enumerate(tiles):
                mutant = background.copy()
                mutant[start:end] = codes[start:end]
                np.testing.assert_allclose(one.mutant[number], activity(mutant), rtol=1e-5)


def test_a_greedy_search_goes_through_all_tiles(folder, loci, tmp_path):
    test = HigherOrder(tile=40, tss_tile=0, replicates=2, seed=5, accept="all", rounds=2)
    got = run(test, loci, tmp_path).sel(search="enhancers", track="donor")
    for locus in loci:
        codes = window(folder, locus)
        means = []
        for start, end in tiles_by_hand(40):
            activities = []
            for k in range(2):
                mutant = codes.copy()
                (mutant[start:end],) = dinucleotide_shuffles(
                    codes[start:end], [derive(5, locus.key, "tile", start, end, k)]
                )
                activities.append(activity(mutant)[0])
            means.append(np.mean(activities))
        first = got.selected_start.sel(locus=locus.name).isel(round=0)
        assert int(first) == tiles_by_hand(40)[int(np.argmin(means))][0]


def test_saturation_of_the_whole_sequence_on_both_strands(folder, loci, tmp_path):
    got = run(SaturationMutagenesis(regions="all"), loci, tmp_path)
    assert got.sizes["position"] == LENGTH
    for locus in loci:
        codes = window(folder, locus)
        one = got.sel(locus=locus.name)
        wild = activity(codes)
        for position in range(LENGTH):
            for base in range(4):
                mutant = codes.copy()
                mutant[position] = base
                expected = (wild - activity(mutant)) / wild
                np.testing.assert_allclose(
                    one.effect[position, base], expected, rtol=1e-3, atol=1e-6
                )
        way = 1 if locus.strand == "+" else -1
        on_genome = locus.position + way * (np.arange(LENGTH) - SITE)
        np.testing.assert_array_equal(one.genomic_start, on_genome)
        np.testing.assert_array_equal(one.position_distance, np.arange(LENGTH) - SITE)


def test_conformance():
    check_test(lambda: Necessity(tile=4000, tss_tile=0, replicates=2))


def test_mistakes_are_sentences(loci):
    with pytest.raises(ConfigError, match=r"tile = 130: no whole tile fits on either side .* 124"):
        prepare([Necessity(tile=130, tss_tile=0)], MODEL, loci)
    with pytest.raises(ConfigError, match="tss_tile"):
        Distance(tile=10, tss_tile=0)
    with pytest.raises(ConfigError, match="regions"):
        SaturationMutagenesis(regions="every")
    with pytest.raises(ConfigError, match="regions"):
        SaturationMutagenesis(regions=[])
    some = Necessity(tile=10, tss_tile=0, tiles=[(119, 129), (0, 10)])
    assert prepare([some], MODEL, loci).size() == 3 * (1 + 2 * 10)
    bad = Necessity(tile=10, tss_tile=0, tiles=[(240, 250)])
    with pytest.raises(ConfigError, match=r"\[240, 250\) lies outside the sequence of 249 bp"):
        prepare([bad], MODEL, loci)


def test_results_with_and_without_a_tss_tile_are_not_of_the_same_thing(loci, tmp_path):
    without = run(Necessity(tile=40, tss_tile=0, replicates=2), loci[:1], tmp_path)
    with_tile = run(Necessity(tile=40, replicates=2), loci[:1], tmp_path)
    with pytest.raises(ConfigError, match="A has a TSS tile of 0 bp and B one of 40 bp"):
        check_tile_sizes(without, with_tile)
    check_tile_sizes(without, without)


EXPERIMENT = """\
name = "NAME"
seed = 5

[model]
plugin = "python"
object = "oligos.py:build"
grid = { input_length = 249, bin_size = 249, n_bins = 1, tracks = ["donor", "acceptor"] }

[loci]
fasta = "genome.fa"
bed = "sites.bed"

[[tests]]
name = "necessity"
tile = 10
tss_tile = TSS_TILE
replicates = 3
"""


@pytest.fixture(scope="module")
def shown(folder):
    """The report of a run without a TSS tile, that of one with it, and what the results print."""
    (folder / "oligos.py").write_text(
        "from oligo import MODEL\n\n\ndef build():\n    return MODEL.predict\n"
    )
    pages = {}
    more = '\n[[tests]]\nname = "saturation_mutagenesis"\nregions = '
    for tss_tile, regions in ((0, '"all"\n'), (9, "[[9, 40]]\n")):
        text = EXPERIMENT.replace("TSS_TILE", str(tss_tile)).replace("NAME", f"oligos{tss_tile}")
        report, results = run_experiment(parse(text + more + regions, "x.toml", folder))
        assert not report.failures, report.failures
        pages[tss_tile] = write_report(results.path).read_text(encoding="utf-8")
    return pages


def test_the_report_calls_them_sites(shown):
    assert 'data-site="site"' in shown[0]
    assert 'data-site="TSS"' in shown[9]
    words, with_tss = (
        re.sub(r"<script.*?</script>", "", page, flags=re.S) for page in (shown[0], shown[9])
    )
    # In the figures and their texts, drawings being text.
    assert "distance from the site (bp), negative upstream" in words
    assert "TSS" not in words
    assert "distance from TSS (bp), negative upstream" in with_tss


def test_results_call_them_sites(shown, folder, monkeypatch, capsys):
    creme = in_process.caller(monkeypatch, capsys)
    assert "TSS" not in creme("results", folder / "oligos0.results")
    assert "TSS" in creme("results", folder / "oligos9.results")
