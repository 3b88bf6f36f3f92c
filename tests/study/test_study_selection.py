"""The selection of TSSs against a plain loop, moved TSSs, and annotations as people have them."""

from __future__ import annotations

import gzip
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import mini_study as mini
from creme.demo.genome import plant
from creme.errors import CremeWarning, GenomeError, ResultsError
from creme.genome import Genome, LociConfig
from creme.sequence import Sequence
from creme.study import run_study
from creme.study.candidates import Candidates
from creme.study.config import LocusSelection
from creme.study.selection import DecidingActivity, select

ONLY_LOCI = ("[model]", 'stages = ["loci"]\n\n[model]')
BIN = 128


def selected(folder):
    return pd.read_csv(folder / "mini.study" / "selected.tsv", sep="\t", dtype=str)


def test_the_funnel_is_that_of_a_plain_loop(tmp_path):
    genes = mini.write(tmp_path)
    # More TSSs of each gene, on both strands; some twice; some on N; one on another contig.
    text = (tmp_path / "genome.fa").read_text().split("\n")
    text[20:110] = ["N" * 60] * 90
    (tmp_path / "genome.fa").write_text("\n".join(text))
    lines = []
    for gene in genes:
        lines += [mini.transcript(gene)]
        away = [-3000, -130, -64, 0, 40, 120, 700, 0, 2500]
        lines += [mini.transcript(gene, k + 2, a) for k, a in enumerate(away)]
    lines.append(mini.transcript(genes[0], 99, 0, contig="elsewhere"))
    (tmp_path / "annotation.gtf").write_text("".join(lines))
    limits = "activity = 14.0\nwithin = 1\nper_gene = 2\nmax_n = 0.3\nmax_loci = 7"
    file = mini.study(tmp_path, ONLY_LOCI, ("activity = 5.0", limits))
    with pytest.warns(CremeWarning, match="lacks 1 of the 2 contigs .* elsewhere; their 1 TSSs"):
        study = run_study(file)

    sites: list[tuple[str, str, int, str]] = []
    for line in lines:
        columns = line.split("\t")
        at = int(columns[3]) - 1 if columns[6] == "+" else int(columns[4]) - 1
        name = columns[8].split('"')[1]
        if (columns[0], at, columns[6]) not in [(c, p, s) for _, c, p, s in sites]:
            sites.append((name, columns[0], at, columns[6]))
    counts = [len(lines), len(sites)]
    sites = [site for site in sites if site[1] == "mini1"]
    counts.append(len(sites))
    counts.append(len(sites))  # none fails
    genome = Genome(tmp_path / "genome.fa")
    left = []
    for site in sites:
        _, contig, at, strand = site
        start = (
            at - mini.LENGTH // 2 if strand == "+" else at - (mini.LENGTH - 1 - mini.LENGTH // 2)
        )
        letters = str(genome.fetch(contig, start, start + mini.LENGTH))
        if letters.count("N") / mini.LENGTH > 0.3:
            continue
        if strand == "-":
            letters = mini.reverse_complement(letters)
        profile = mini.MODEL.predict(Sequence.from_string(letters).onehot()[None])[0, :, 0]
        left.append((site, float(profile[28]), abs(int(np.argmax(profile)) - 28)))
    assert len(left) < len(sites)
    counts += [len(left), len(left)]  # nothing is moved
    left = [one for one in left if one[1] >= 14.0]
    counts.append(len(left))
    left = [one for one in left if one[2] <= 1]
    counts.append(len(left))
    kept = []
    for gene in genes:
        own = sorted((one for one in left if one[0][0] == gene.name), key=lambda one: -one[1])
        kept += own[:2]
    counts.append(len(kept))
    kept = sorted(kept, key=lambda one: (-one[1], sites.index(one[0])))[:7]
    counts.append(len(kept))
    assert [row["left"] for row in study.raw["funnel"]] == counts
    removed = [row["removed"] for row in study.raw["funnel"]]
    assert removed[1:] == [a - b for a, b in pairwise(counts)]
    table = selected(tmp_path)
    got = set(zip(table["contig"], table["tss"].astype(int), table["strand"], strict=True))
    assert got == {site[1:] for site, _, _ in kept}
    activity = dict(zip(table["tss"].astype(int), table["activity"].astype(float), strict=True))
    for site, value, _ in kept:
        assert activity[site[2]] == pytest.approx(value, rel=1e-6)
    twice = table["gene"].duplicated(keep=False)
    assert twice.any()
    assert (table["locus"] == table["gene"])[~twice].all()
    assert table["locus"][twice].str.contains("@mini1:").all()
    assert table["locus"].is_unique
    steps = pd.read_csv(tmp_path / "mini.study" / "loci.tsv", sep="\t")
    assert len(steps) == counts[1]
    assert steps["step"].value_counts().to_dict() == {
        row["step"]: row["removed"] for row in study.raw["funnel"][2:] if row["removed"]
    } | {"selected": len(kept)}
    assert steps.loc[steps["tss"] == genes[0].position, "transcripts"].tolist() == [3, 1]


def test_moved_to_the_summit_on_both_strands(tmp_path):
    genes = mini.write(tmp_path)
    # As annotated, each TSS is some bins off; downstream is positive.
    away = [0, -300, 260, 500, -513, 2000]
    lines = [mini.transcript(gene, 1, a) for gene, a in zip(genes, away, strict=True)]
    (tmp_path / "annotation.gtf").write_text("".join(lines))
    change = ("activity = 5.0", "activity = 5.0\nrecentre = 600")
    study = run_study(mini.study(tmp_path, ONLY_LOCI, change))
    table = pd.read_csv(tmp_path / "mini.study" / "loci.tsv", sep="\t").set_index("gene")
    for gene, a in zip(genes[:5], away[:5], strict=True):
        row = table.loc[gene.name]
        sign = 1 if gene.strand == "+" else -1
        assert row["step"] == "selected"
        assert row["tss"] == gene.position + sign * a
        # By whole bins, so that the promoter's first base lies in the TSS's bin.
        assert (row["used"] - row["tss"]) % BIN == 0
        assert 0 <= (gene.position - row["used"]) * sign < BIN
        assert row["summit_distance"] == 0
        assert row["activity"] == row["summit_activity"]
    far = table.loc[genes[5].name]
    assert far["step"] == "activity"
    assert far["used"] == far["tss"]
    # The promoter is 2,000 bp upstream of what is annotated.
    assert -2000 - BIN < far["summit_distance"] < -2000 + BIN
    windows = study.dataset("loci")
    assert windows["tss_position"].values.tolist() == table["used"].tolist()
    assert study.stages["loci"]["predicted"] == 6 + 4
    # What was selected is what later stages and other experiments use.
    assert selected(tmp_path)["tss"].astype(int).tolist() == table["used"][:5].tolist()


def test_two_sites_that_move_to_one_place_are_one(tmp_path):
    (gene,) = mini.write(tmp_path, genes=1)
    away = [0, BIN, -2 * BIN, 50]
    lines = [mini.transcript(gene, k, a) for k, a in enumerate(away)]
    (tmp_path / "annotation.gtf").write_text("".join(lines))
    change = ("activity = 5.0", "activity = 5.0\nrecentre = 600\nper_gene = 0")
    study = run_study(mini.study(tmp_path, ONLY_LOCI, change))
    table = pd.read_csv(tmp_path / "mini.study" / "loci.tsv", sep="\t")
    assert table["used"].tolist()[:3] == [gene.position] * 3
    assert table["step"].tolist() == ["selected", "recentre", "recentre", "selected"]
    rows = {row["step"]: row["removed"] for row in study.raw["funnel"]}
    assert rows["recentre"] == 2


def test_a_site_that_fails_where_another_moves_to_takes_no_place(tmp_path):
    (gene,) = mini.write(tmp_path, genes=1)
    lines = [mini.transcript(gene, k, a) for k, a in enumerate([BIN, -2 * BIN, 0])]
    (tmp_path / "annotation.gtf").write_text("".join(lines))
    chosen = LocusSelection(activity=5.0, recentre=600, per_gene=0)
    genome = LociConfig(fasta="genome.fa", gtf="annotation.gtf")
    candidates = Candidates.load(genome, chosen, tmp_path)
    measured = DecidingActivity(
        activity=np.full(3, 9.0),
        summit_activity=np.full(3, 9.0),
        summit_distance=np.zeros(3),
        n=np.zeros(3),
        moved=np.array([-BIN, 2 * BIN, 0]),
    )
    both = select(candidates, measured, chosen, BIN)
    assert both.steps.tolist() == ["recentre", "recentre", "selected"]
    one = select(candidates, replace(measured, failures={2: "device lost"}), chosen, BIN)
    assert one.steps.tolist() == ["selected", "recentre", "failed"]
    two = select(candidates, replace(measured, failures={0: "x", 2: "x"}), chosen, BIN)
    assert two.steps.tolist() == ["failed", "selected", "failed"]
    assert {row["step"]: row["removed"] for row in two.rows}["recentre"] == 0


def test_a_site_is_not_moved_off_its_contig(tmp_path):
    sequence = plant("strong_promoter", [], length=mini.SEGMENT, name="edge")
    middle = mini.SEGMENT // 2
    # The promoter begins the contig; a TSS at its first bases would have to move before them.
    text = str(sequence)[middle - 10 :]
    mini.write_fasta(tmp_path / "genome.fa", {"edge": text})
    gene = mini.Gene("E", "neutral", "edge", 140, "+", ())
    (tmp_path / "annotation.gtf").write_text(mini.transcript(gene))
    change = ("activity = 5.0", "activity = 5.0\nrecentre = 600\nmax_n = 1.0")
    run_study(mini.study(tmp_path, ONLY_LOCI, change))
    table = pd.read_csv(tmp_path / "mini.study" / "loci.tsv", sep="\t")
    assert table["summit_distance"].tolist() == [-2 * BIN]
    assert table["used"].tolist() == [140]


def test_ties_go_to_the_tss(tmp_path):
    from creme.suite.tss_activity import TssActivity

    test = TssActivity(bins=[3, 4, 5, 6, 9], tss_bin=5, bin_size=10)
    profile = np.array([[7, 0], [1, 4], [7, 0], [0, 0], [7, 4]], dtype=np.float32)
    height, away = test.summit(profile)
    assert height.tolist() == [7, 4]
    assert away.tolist() == [0, -10]
    mean = TssActivity(bins=[3, 4, 5, 6, 9], tss_bin=5, bin_size=10, profiles=[[0, 1]])
    assert [part.tolist() for part in mean.summit(profile)] == [[5.5], [40]]


def test_a_contig_of_two_names_is_one(tmp_path):
    genes = mini.write(tmp_path, genes=3)
    text = "".join(map(mini.transcript, genes))
    again = "".join(mini.transcript(gene, 2, contig="chrmini1") for gene in genes)
    (tmp_path / "annotation.gtf").write_text(text + again)
    change = ("activity = 5.0", "activity = 5.0\nper_gene = 0")
    some = ("[model]", 'stages = ["loci", "context_dependence"]\n\n[model]')
    with pytest.warns(CremeWarning, match="contig 'chrmini1' is called 'mini1' in"):
        study = run_study(mini.study(tmp_path, some, change))
    assert selected(tmp_path)["locus"].tolist() == [gene.name for gene in genes]
    assert study.folder.loci()["transcripts"].tolist() == [2, 2, 2]
    assert study.raw["funnel"][1]["removed"] == 3


@pytest.mark.parametrize("kind", ["crlf", "gzip", "chr", "duplicates", "bom"])
def test_annotations_and_genomes_as_people_have_them(kind, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    mini.write(plain, genes=3)
    expected = run_study(mini.study(plain, ONLY_LOCI))
    mini.write(tmp_path, genes=3)
    gtf, fasta = tmp_path / "annotation.gtf", tmp_path / "genome.fa"
    if kind == "crlf":
        gtf.write_bytes(gtf.read_bytes().replace(b"\n", b"\r\n"))
        fasta.write_bytes(fasta.read_bytes().replace(b"\n", b"\r\n"))
    if kind == "gzip":
        gtf.write_bytes(gzip.compress(gtf.read_bytes()))
        fasta.write_bytes(gzip.compress(fasta.read_bytes()))
    if kind == "duplicates":
        gtf.write_text(gtf.read_text() * 2)
    if kind == "bom":
        gtf.write_bytes(b"\xef\xbb\xbf" + gtf.read_bytes())
    if kind == "chr":
        gtf.write_text(gtf.read_text().replace("mini1\t", "chrmini1\t"))
        with pytest.warns(CremeWarning, match="contig 'chrmini1' is called 'mini1' in"):
            done = run_study(mini.study(tmp_path, ONLY_LOCI))
    else:
        done = run_study(mini.study(tmp_path, ONLY_LOCI))
    assert mini.tables(done.path) == mini.tables(expected.path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("cut gzip", "annotation.gtf is cut short or damaged"),
        ("cut line", "annotation.gtf, line 3: 8 instead of 9 tab-separated columns"),
        ("other contigs", "has none of the contigs of .*of the same genome build"),
        ("past the end", "2 TSSs of .* lie past the end of their contig .*same genome build"),
        ("empty", "annotation.gtf is empty"),
        ("genes alone", "no lines of feature 'transcript'"),
        ("cut fasta", "genome.fa is cut short or damaged"),
    ],
)
def test_damaged_files_are_named(damage, words, tmp_path):
    mini.write(tmp_path, genes=3)
    gtf, fasta = tmp_path / "annotation.gtf", tmp_path / "genome.fa"
    text = gtf.read_text()
    if damage == "cut gzip":
        gtf.write_bytes(gzip.compress(text.encode())[:-20])
    if damage == "cut line":
        gtf.write_text(text[: text.rindex("gene_id") - 1])
    if damage == "other contigs":
        gtf.write_text(text.replace("mini1\t", "NC_000001.11\t"))
    if damage == "past the end":
        whole = fasta.read_text()
        fasta.write_text(whole[: 61 * (mini.SEGMENT // 60)])
    if damage == "empty":
        gtf.write_text("")
    if damage == "genes alone":
        gtf.write_text(text.replace("\ttranscript\t", "\tgene\t"))
    if damage == "cut fasta":
        fasta.write_bytes(gzip.compress(fasta.read_bytes())[:-20])
    with pytest.raises(GenomeError, match=words):
        run_study(mini.study(tmp_path, ONLY_LOCI))
    if (tmp_path / "mini.study").exists():
        assert not (tmp_path / "mini.study" / "selected.tsv").exists()


def test_only_some_genes_contigs_and_transcripts(tmp_path):
    genes = mini.write(tmp_path)
    lines = [mini.transcript(gene, k, 10 * k) for gene in genes for k in (1, 2)]
    (tmp_path / "annotation.gtf").write_text("".join(lines))

    def count(name, *changes):
        text = ('name = "mini"', f'name = "{name}"')
        return run_study(mini.study(tmp_path, ONLY_LOCI, text, *changes)).stages["loci"]["units"]

    some = ('gtf = "annotation.gtf"', 'gtf = "annotation.gtf"\ngenes = ["GENE2", "GENE3.2"]')
    assert count("all") == 12
    assert count("some", some) == 3
    one = ("[common]", "transcripts = 'representative'\n[common]")
    assert count("one", one) == 6
    assert count("both", some, one) == 2
    with pytest.raises(GenomeError, match="no contig 'mini2'"):
        count("contig", ("[common]", "contigs = ['mini2']\n[common]"))
    with pytest.raises(GenomeError, match=r"no gene 'GENE9'.*no gene 'x'"):
        count("wrong", (some[0], some[0] + '\ngenes = ["GENE9", "x"]'))


HOSTILE = ["a,b", "NA", "1e5", "x" * 200, "ünï-ćode", "a b'c", "../up", "null", "#x"]


def test_hostile_names_of_genes(tmp_path):
    names = HOSTILE
    mini.write(tmp_path, names)
    some = 'stages = ["loci", "context_dependence", "context_swap", "necessity", "sufficiency", '
    some += '"distance"]\n\n[model]'
    study = run_study(mini.study(tmp_path, ("[model]", some), ("replicates = 2", "replicates = 1")))
    assert study.table("categories")["locus"].tolist() == names
    assert set(study.table("necessity")["locus"]) == set(names)
    assert study.dataset("necessity")["gene"].values.tolist() == names
    assert set(study.table("distance")["locus"]) <= set(names)
    assert len(study.table("context_swap")) == len(names) ** 2
    again = run_study(study.path)
    assert {known["state"] for known in again.stages.values()} == {"finished"}


def test_a_window_that_cannot_be_read_is_told_and_the_others_go_on(tmp_path):
    genes = mini.write(tmp_path, genes=4)
    fasta = (tmp_path / "genome.fa").read_text().split("\n")
    line = genes[3].position // 60 + 1
    fasta[line] = "?" + fasta[line][1:]
    (tmp_path / "genome.fa").write_text("\n".join(fasta))
    done = run_study(mini.study(tmp_path, ONLY_LOCI))
    ((unit, message),) = done.stages["loci"]["failures"]
    assert unit == f"mini1:{genes[3].position}:-"
    assert "character '?' at position" in message
    rows = {row["step"]: row["removed"] for row in done.raw["funnel"]}
    assert rows["failed"] == 1
    assert len(selected(tmp_path)) == 3


def test_contigs_without_a_tss(tmp_path):
    genes = mini.write(tmp_path, genes=1)
    text = (tmp_path / "genome.fa").read_text()
    (tmp_path / "genome.fa").write_text(text + ">bare\nACGT\n")
    with pytest.raises(GenomeError, match=r"no TSS on the contigs .*\(bare\)"):
        run_study(mini.study(tmp_path, ONLY_LOCI, ("[common]", "contigs = ['bare']\n[common]")))
    assert genes


def at_the_end(folder):
    """Two genes, the second so near to the contig's end that a quarter of its window is N."""
    genes = mini.write(folder, genes=2)
    text = (folder / "genome.fa").read_text().split("\n", 1)[1].replace("\n", "")
    mini.write_fasta(
        folder / "genome.fa", {"mini1": text[: genes[1].position + mini.LENGTH // 4 + 1]}
    )
    return genes


def test_windows_with_many_n_are_left_out_unless_the_file_allows_them(tmp_path):
    at_the_end(tmp_path)
    study = run_study(mini.study(tmp_path, ONLY_LOCI))
    assert selected(tmp_path)["locus"].tolist() == ["GENE1"]
    (row,) = [row for row in study.funnel if row["step"] == "n"]
    assert row["removed"] == 1
    assert row["why"] == "more than 0.1 of the window is N (max_n)"
    loci = study.table("loci").set_index("gene")
    assert loci.loc["GENE2", "step"] == "n"
    assert loci.loc["GENE2", "n"] == pytest.approx(0.25, abs=1e-3)
    limit = ("activity = 5.0", "activity = 5.0\nmax_n = 0.3")
    run_study(mini.study(tmp_path, ONLY_LOCI, limit), output=tmp_path / "more.study")
    table = pd.read_csv(tmp_path / "more.study" / "selected.tsv", sep="\t")
    assert table["locus"].tolist() == ["GENE1", "GENE2"]


def test_a_study_of_before_the_limit_goes_on_without(tmp_path):
    at_the_end(tmp_path)
    # Its file did not say it, and its identity did: no limit was the default.
    without = ("activity = 5.0", "activity = 5.0\nmax_n = 1.0")
    run_study(mini.study(tmp_path, without), stages=["loci"])
    file = mini.study(tmp_path)
    (tmp_path / "mini.study" / "study.toml").write_text(file.read_text())
    for again in (file, tmp_path / "mini.study"):
        study = run_study(again, stages=["loci", "context_dependence"])
        assert study.funnel[4]["why"] == "more than 1 of the window is N (max_n)"
        assert study.dataset("context_dependence")["locus"].values.tolist() == ["GENE1", "GENE2"]
    assert study.stages["context_dependence"]["state"] == "finished"
    # Any other change is one: it is not known what the file's default stands for.
    stricter = mini.study(tmp_path, ("activity = 5.0", "activity = 5.0\nmax_n = 0.1"))
    with pytest.raises(ResultsError, match="it differs in loci: selection"):
        run_study(stricter)
    with pytest.raises(ResultsError, match="it differs in loci: selection"):
        run_study(file, output=made_with(tmp_path, "max_n = 0.3"))


def made_with(folder, limit):
    path = folder / "other.study"
    file = mini.study(folder, ONLY_LOCI, ("activity = 5.0", f"activity = 5.0\n{limit}"))
    run_study(file, output=path)
    mini.study(folder, ONLY_LOCI)
    return path
