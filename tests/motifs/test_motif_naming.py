"""Stretches that matter in saturation mutagenesis, and their names by Tomtom."""

from __future__ import annotations

import meme_files
import numpy as np
import pytest
from tomtom_compiled import needs_tomtom

from creme.demo.grammar import MOTIFS
from creme.genome import Genome, Locus
from creme.models.synthetic import SyntheticModel
from creme.motifs import important_stretches, name_stretches
from creme.motifs.naming import Q, most_similar
from creme.motifs.stretches import GAP, LEAST, LONGEST, SHORTEST, TIMES, query_of
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.store import Store
from creme.suite.saturation_mutagenesis import SaturationMutagenesis

pytest.importorskip("memelite", reason="memelite is not installed")


LENGTH, CENTRE = 6144, 5000
WINDOW = range(CENTRE - LENGTH // 2, CENTRE + LENGTH // 2)
COMPLEMENT = str.maketrans("ACGT", "TGCA")
ENHANCER, SILENCER = 5300, 4700
"""Where the sites begin on the contig."""


def with_mismatch(motif: str, at: int) -> str:
    """The model's sites may differ at one base, so that of an exact site no single base matters."""
    return f"{motif[:at]}{'A' if motif[at] != 'A' else 'C'}{motif[at + 1 :]}"


def reverse(bases: str) -> str:
    return bases.translate(COMPLEMENT)[::-1]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Saturation mutagenesis of two sites around a promoter, on either strand."""
    folder = tmp_path_factory.mktemp("sites")
    bases = list("".join(np.random.default_rng(3).choice(list("ACGT"), 10_000)))
    enhancer = with_mismatch(MOTIFS["enhancer"], 5)
    silencer = reverse(with_mismatch(MOTIFS["silencer"], 9))
    promoter = MOTIFS["medium_promoter"]
    for start, text in (
        *((ENHANCER, enhancer), (SILENCER, silencer)),
        *((CENTRE, promoter), (CENTRE - 100, reverse(promoter))),
    ):
        bases[start : start + len(text)] = text
    (folder / "g.fa").write_text(f">chr1\n{''.join(bases)}\n")
    genome = Genome(folder / "g.fa")
    loci, regions = [], {}
    for strand, position in (("+", CENTRE), ("-", CENTRE - 87)):
        locus = Locus(f"of {strand}", "chr1", position, strand, LENGTH, genome)
        loci.append(locus)
        regions[locus.name] = [locus.span_of(s - 25, s + 39) for s in (ENHANCER, SILENCER)]
    test = SaturationMutagenesis(regions=regions)
    with Store(folder / "store") as store:
        report = measure(prepare([test], SyntheticModel(length=LENGTH), loci), store)
    return report.datasets[test.name]


@pytest.fixture(scope="module")
def library():
    """The model's motifs among decoys."""
    of_model = {name: meme_files.sharp(motif, 0.9) for name, motif in MOTIFS.items()}
    return {**meme_files.drawn(50), **of_model}


def test_stretches_are_where_the_sites_are(measured):
    for name in ("of +", "of -"):
        one = measured.sel(locus=name, track="synthetic:alpha")
        importance = one["importance"].values
        stretches = important_stretches(importance, one["position_start"].values)
        places = set()
        for first, end, sign in stretches:
            starts = one["genomic_start"].values[first:end]
            places.add((int(starts.min()), end - first, sign))
        assert places == {(ENHANCER, 14, 1), (SILENCER, 14, -1)}


def test_a_stretch_is_a_run_of_bases_that_matter():
    noise = np.where(np.arange(200) % 2, 1e-3, -1e-3)
    where = np.arange(1000, 1200)

    def stretches(values: dict[int, float], position: np.ndarray = where) -> list:
        importance = noise.copy()
        importance[list(values)] = list(values.values())
        return important_stretches(importance, position)

    run = dict.fromkeys(range(50, 50 + SHORTEST), 0.05)
    assert stretches({}) == []
    assert stretches(run) == [(50, 50 + SHORTEST, 1)]
    assert stretches(dict.fromkeys(run, -0.05)) == [(50, 50 + SHORTEST, -1)]
    assert stretches(dict.fromkeys(run, 0.9 * LEAST)) == []
    assert stretches(dict.fromkeys(range(50, 49 + SHORTEST), 0.05)) == []
    # Bases that do not matter between those that do; one of the other sign; a gap in what was
    # measured.
    apart = dict.fromkeys((50, 51, 52, 52 + GAP + 1, 53 + GAP + 1), 0.05)
    assert stretches(apart) == [(50, 54 + GAP + 1, 1)]
    assert stretches({**run, 50 + SHORTEST: -0.05}) == [(50, 50 + SHORTEST, 1)]
    assert stretches({k + (k > 52): 0.05 for k in apart}) == []
    assert stretches(apart, where + 10 * (np.arange(200) > 52)) == []
    # Twice as many bases as a stretch may have, of which the last matter most.
    long = {k: 0.05 + 0.001 * k for k in range(20, 20 + 2 * LONGEST)}
    assert stretches(long) == [(20 + LONGEST, 20 + 2 * LONGEST, 1)]
    # Noise raises what a base has to be.
    noise = np.full(200, 0.02)
    assert stretches(dict.fromkeys(run, 0.99 * TIMES * 0.02)) == []
    assert stretches(dict.fromkeys(run, 1.01 * TIMES * 0.02)) == [(50, 50 + SHORTEST, 1)]


def test_what_is_not_known_matters_not():
    assert important_stretches(np.full(9, np.nan), np.arange(9)) == []
    values = np.array([np.nan, 0.5, 0.5, np.nan, 0.5, 0.5, 0.5, np.nan] + 12 * [0.0])
    assert important_stretches(values, np.arange(20)) == [(1, 7, 1)]


def test_a_query_is_the_base_that_stands_there_where_changes_cost():
    effect = np.zeros((3, 4))
    effect[0, [0, 1, 3]] = 0.3  # G stands there
    effect[1, [1, 2, 3]] = (0.3, 0.0, 0.15)  # A, and G does as well
    query = query_of(effect, 1)
    cost = np.exp(-5.0)
    expected = [
        [cost, cost, 1, cost],
        [1, cost, 1, np.exp(-2.5)],
        [1, 1, 1, 1],
    ]
    np.testing.assert_allclose(query, (np.array(expected).T / np.sum(expected, axis=1)))
    np.testing.assert_allclose(query_of(-effect, -1), query)


@needs_tomtom
def test_a_planted_site_is_named_by_its_motif(measured, library):
    table = name_stretches(measured, library, ["synthetic:alpha"])
    rows = {(row["locus"], row["start"]): row for row in table.to_dict("records")}
    assert len(rows) == 4
    for strand in "+-":
        enhancer = rows[(f"of {strand}", ENHANCER)]
        silencer = rows[(f"of {strand}", SILENCER)]
        assert (enhancer["motif"], enhancer["direction"]) == ("enhancer", "activating")
        assert (silencer["motif"], silencer["direction"]) == ("silencer", "repressing")
        # Of the genome: it does not matter along which gene it was read.
        assert (enhancer["motif_strand"], silencer["motif_strand"]) == ("+", "-")
        assert enhancer["end"] - ENHANCER == silencer["end"] - SILENCER == 14
        assert enhancer["importance"] > 0 > silencer["importance"]
        assert abs(enhancer["peak"]) >= abs(enhancer["importance"])
        assert enhancer["strand"] == silencer["strand"] == strand
        way = 1 if strand == "+" else -1
        tss = CENTRE if strand == "+" else CENTRE - 87
        assert abs(enhancer["distance"] - way * (ENHANCER + 6.5 - tss)) <= 0.5
    site = with_mismatch(MOTIFS["enhancer"], 5)
    assert rows[("of +", ENHANCER)]["bases"] == site
    assert rows[("of -", ENHANCER)]["bases"] == reverse(site)
    assert (table["q"] < 1e-6).all()


@needs_tomtom
def test_a_shuffled_matrix_has_no_name(measured, library):
    one = measured.sel(locus="of +", track="synthetic:alpha")
    importance = one["importance"].values
    random = np.random.default_rng(8)
    whole, shuffled = [], []
    for first, end, sign in important_stretches(importance, one["position_start"].values):
        query = query_of(one["effect"].transpose("position", "base").values[first:end], sign)
        whole.append(query)
        shuffled += [query[:, random.permutation(query.shape[1])] for _ in range(100)]
    best = most_similar(shuffled, library)
    assert (best["q"] > Q).all()
    # By itself each would have a name as often as its q says.
    alone = -np.expm1(len(library) * np.log1p(-best["p"]))
    assert 2 <= (alone <= Q).sum() <= 24
    among = most_similar([*whole, *shuffled], library)
    assert among["motif"][:2].tolist() == ["silencer", "enhancer"]
    assert (among["q"] <= Q).sum() == 2


@needs_tomtom
def test_nothing_that_matters_has_no_names(measured, library):
    quiet = measured.isel(position=slice(0, 10))
    table = name_stretches(quiet, library)
    assert table.empty
    assert "motif" in table
