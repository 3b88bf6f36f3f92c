"""The genes around a locus: found by contig and position, drawn in its orientation, and as text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from finished_study import among_genes, finished_study, page_results
from matplotlib.figure import Figure
from read_page import Page
from test_page import HOSTILE

from creme.report.page import write, write_report
from creme.report.page.figures import figures
from creme.report.page.genes import MOST, Neighbours

WINDOW = 12_288


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_study(tmp_path_factory)


@pytest.fixture
def undrawn(monkeypatch):
    """Without figures, which take most of the time."""
    monkeypatch.setattr(write, "figures", lambda source: iter(()))


def tsv(path, rows):
    """A ``loci.tsv`` of contig, TSS, strand and gene."""
    names = ["contig", "tss", "strand", "gene"]
    pd.DataFrame(rows, columns=names).assign(n=0.1).to_csv(path, sep="\t", index=False)
    return path.read_bytes()


def test_it_finds_what_a_walk_over_all_finds(tmp_path):
    rng = np.random.default_rng(3)
    rows = [
        (f"chr{rng.integers(1, 4)}", int(rng.integers(0, 50_000)), "+-"[rng.integers(2)], gene)
        for gene in (f"G{k}" for k in rng.integers(0, 300, 3_000))
    ]
    known = Neighbours(tsv(tmp_path / "loci.tsv", rows))
    for contig, start in [("chr1", 0), ("chr2", 20_000), ("chr3", 49_000), ("chr9", 0), ("1", 5)]:
        end = start + 8_000
        expected: dict[tuple[str, str], set[int]] = {}
        for at, position, strand, gene in rows:
            if at == contig and start <= position < end:
                expected.setdefault((gene, strand), set()).add(position)
        found = known.within(contig, start, end)
        assert {(g.name, g.strand): g.positions for g in found} == {
            key: sorted(places) for key, places in expected.items()
        }
        assert all(gene.contig == contig for gene in found)
    assert known.within("chr1", 60_000, 70_000) == []


def test_names_are_names_and_many_are_little(tmp_path):
    rows = [
        ("NA", k, "+", name) for k, name in enumerate(["NA", "null", "1e5", 'a"b', "", "ß" * 9])
    ]
    known = Neighbours(tsv(tmp_path / "loci.tsv", rows))
    assert [gene.name for gene in known.within("NA", 0, 99)] == [row[3] for row in rows]
    many = [(f"chr{k % 24}", k * 37 % 10**8, "+-"[k % 2], f"G{k // 4}") for k in range(200_000)]
    known = Neighbours(tsv(tmp_path / "many.tsv", many))
    assert sum(values.nbytes for one in known._of.values() for values in one) < 5e6
    assert known.within("chr3", 10**6, 10**6 + 200_000)


@pytest.fixture(scope="module")
def path(finished, tmp_path_factory):
    """GENE1 lies on '+', GENE2 on '-'."""
    genes = [
        ("near", "GENE1", "+", 1_500),
        ("near", "GENE1", "+", 2_500),
        ("against", "GENE1", "-", -3_000),
        ("edge", "GENE1", "+", -WINDOW // 2),
        ("past", "GENE1", "+", WINDOW // 2),
        ("below", "GENE2", "+", 2_000),
        ("same", "GENE2", "-", -WINDOW // 2),
        ("before", "GENE2", "-", -WINDOW // 2 - 1),
        ("GENE2", "GENE2", "-", 600),
        ("GENE2", "GENE2", "+", -600),
    ]
    return among_genes(finished, tmp_path_factory.mktemp("among"), genes)


def test_genes_of_the_page_are_in_the_orientation_of_the_locus(path, undrawn):
    page = Page(write_report(path))
    first, second = page.locus(0), page.locus(1)
    assert (first["strand"], second["strand"]) == ("+", "-")
    assert [gene[:4] for gene in first["genes"]] == [
        ["edge", "+", 0, [-6144]],
        ["against", "-", 0, [-3000]],
        ["GENE1", "+", 1, [0]],
        ["near", "+", 0, [1500, 2500]],
    ]
    assert [gene[:4] for gene in second["genes"]] == [
        ["same", "-", 0, [-6144]],
        ["GENE2", "+", 0, [-600]],
        ["GENE2", "-", 1, [0, 600]],
        ["below", "+", 0, [2000]],
    ]
    assert first["genes_more"] == 0
    # Those of the annotation have a body too, along the gene.
    assert page.locus(2)["genes"] == [["GENE3", "+", 1, [0], [0, 900], []]]
    assert second["genes"][2][4:] == [[0, 900], []]


def test_the_map_among_the_figures_has_them(path, finished):
    def drawn(path):
        (one,) = (one for one in figures(page_results(path)) if one.paper == "Figure 3a")
        assert isinstance(one.drawing, Figure)
        axes = one.drawing.axes
        texts = [[t for t in ax.texts if t.get_gid() == "gene name"] for ax in axes]
        return one, [{t.get_text(): t.get_fontweight() for t in each} for each in texts]

    one, names = drawn(path)
    assert {"GENE1": "bold", "near": "normal", "against": "normal"} in names
    assert "the locus's own gene in bold" in one.caption
    _, alone = drawn(finished.path)
    assert all(set(each.values()) == {"bold"} for each in alone)
    assert all(len(each) == 1 for each in alone)


def test_too_many_are_counted(finished, tmp_path, undrawn):
    genes = [(f"N{k}", "GENE1", "+-"[k % 2], -6_000 + 37 * k) for k in range(MOST + 30)]
    genes += [(f"M{k}", "GENE1", "+", 100 + 7 * k) for k in range(40)]
    page = Page(write_report(among_genes(finished, tmp_path, genes)))
    locus = page.locus(0)
    assert len(locus["genes"]) == MOST
    assert locus["genes_more"] == len(genes) + 1 - MOST
    assert sum(own for _, _, own, *_ in locus["genes"]) == 1
    # Those that are left out lie further away than any that is there.
    reach = max(min(map(abs, at)) for _, _, _, at, *_ in locus["genes"])
    inside = [name for name, _, _, away in genes if abs(away) < reach]
    assert set(inside) <= {name for name, *_ in locus["genes"]}


def test_hostile_names_are_text(finished, tmp_path):
    genes = [(name, "GENE1", "+", 700 * (k - 4)) for k, name in enumerate(HOSTILE)]
    genes += [(name, "GENE2", "-", 700 * (k - 4)) for k, name in enumerate(HOSTILE)]
    plain = Page(write_report(finished.path, tmp_path / "plain.html"))
    page = Page(write_report(among_genes(finished, tmp_path, genes)))
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in plain.elements}
    assert not [key for _, a in page.elements for key in a if key.startswith("on")]
    assert {name for name, *_ in page.locus(0)["genes"]} == {*HOSTILE, "GENE1"}
    assert len([a for a in page.named("script") if "type" not in a]) == 1


def test_results_directories_and_studies_without_the_file_have_none(
    finished, path, tmp_path, undrawn
):
    page = Page(write_report(finished.path / "stages" / "necessity", tmp_path / "one.html"))
    assert "genes" not in page.locus(0)
    (path / "loci.tsv").rename(path / "hidden.tsv")
    try:
        genes = Page(write_report(path, tmp_path / "two.html")).locus(0)["genes"]
        assert [gene[0] for gene in genes] == ["GENE1"]  # of the GTF alone
    finally:
        (path / "hidden.tsv").rename(path / "loci.tsv")
