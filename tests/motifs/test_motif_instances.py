"""Instances of motifs, against a slow scan and against motifs that were planted by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise, product
from types import SimpleNamespace

import meme_files
import numpy as np
import pandas as pd
import pytest

from creme.errors import ConfigError
from creme.export.instances import bed_text
from creme.genome import Genome, Locus
from creme.motifs import ScannedInterval, find_instances, instances, read_motifs
from creme.suite.elements import read_intervals

pytest.importorskip("memelite", reason="memelite is not installed")

BIN, EPS = 0.1, 1e-4  # of FIMO as memelite has it
P = 8e-3
WIDE = "TGACGTAC"
MOTIFS = {
    "six": meme_files.sharp("GATAAC", 0.8),
    "soft": np.array(
        [[0.7, 0.1, 0.4, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7, 0.1], [0.1, 0.1, 0.4, 0.1, 0.7],
         [0.1, 0.7, 0.1, 0.1, 0.1]]
    ),
    "M2 wide": meme_files.sharp(WIDE, 0.97),
}  # fmt: skip
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def rows_of(frame: pd.DataFrame) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(**dict(zip(frame.columns, row, strict=True)))
        for row in frame.values.tolist()
    ]


def reverse(bases: str) -> str:
    return bases.translate(COMPLEMENT)[::-1]


@pytest.fixture(scope="module")
def contigs():
    """Two contigs of random bases with N, and motifs at places that are known."""
    random = np.random.default_rng(5)
    bases = {name: list("".join(random.choice(list("ACGT"), n)))
             for name, n in (("chr1", 3000), ("chr2", 900))}  # fmt: skip
    planted = [
        ("chr1", 100, WIDE), ("chr1", 700, reverse(WIDE)), ("chr1", 1500, WIDE),
        ("chr1", 2000, "TGANGTAC"), ("chr1", 1000, "GATAAC"), ("chr2", 892, reverse(WIDE)),
        ("chr2", 400, "NNNNNNNNNN"),
    ]  # fmt: skip
    for contig, start, text in planted:
        bases[contig][start : start + len(text)] = text
    return {name: "".join(letters) for name, letters in bases.items()}


@pytest.fixture(scope="module")
def genome(contigs, tmp_path_factory):
    fasta = tmp_path_factory.mktemp("genome") / "g.fa"
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    return Genome(fasta)


def span(contig: str, start: int, end: int, name: str = "") -> ScannedInterval:
    name = name or f"{contig}:{start}-{end}"
    return ScannedInterval(contig, start, end, name, (start + end) // 2)


def all_scores(weights: np.ndarray) -> np.ndarray:
    """The scores of all sequences of a motif's width, in FIMO's bins."""
    in_bins = np.round(weights / BIN).astype(int).T.tolist()
    return np.array([sum(word) for word in product(*in_bins)])


def slow(
    contigs: dict[str, str], places: list[ScannedInterval], motifs: dict[str, np.ndarray]
) -> tuple[dict[tuple[str, int, int, str, str], float], int]:
    """The score of every place with a score above 0, and the number of places, by plain loops."""
    scores, looked_at = {}, set()
    for name, matrix in motifs.items():
        weights = np.log2(matrix + EPS) + 2
        width = matrix.shape[1]
        for place in places:
            bases = contigs[place.contig]
            for start in range(max(0, place.start), min(place.end, len(bases)) - width + 1):
                window = bases[start : start + width]
                if "N" in window:
                    continue
                for strand, read in (("+", window), ("-", reverse(window))):
                    looked_at.add((place.contig, start, name, strand))
                    score = sum(weights["ACGT".index(base), k] for k, base in enumerate(read))
                    if score > 0:
                        scores[place.contig, start, start + width, name, strand] = float(score)
    return scores, len(looked_at)


PLACES = [
    *(span("chr1", 50, 800), span("chr1", 795, 1100), span("chr1", 1000, 1005)),
    *(span("chr1", 1100, 1800), span("chr1", 1900, 2100), span("chr2", -50, 5000)),
]


def test_instances_are_those_of_a_slow_scan(contigs, genome):
    short = {name: MOTIFS[name] for name in ("six", "soft")}
    instances = find_instances(short, genome, PLACES, P, overlapping=True)
    scores, tests = slow(contigs, PLACES, short)
    assert instances.tests == tests
    expected = {}
    in_bins = {name: all_scores(np.log2(matrix + EPS) + 2) for name, matrix in short.items()}
    for (contig, start, end, name, strand), score in scores.items():
        p = float(np.mean(in_bins[name] >= min(int(score / BIN), in_bins[name].max())))
        if p < P:
            expected[contig, start, end, name, strand] = (score, p)
    assert len(expected) > 20
    found = {
        (row.contig, row.start, row.end, row.motif, row.strand): (row.score, row.p)
        for row in rows_of(instances.table)
    }
    assert found.keys() == expected.keys()
    for key, (score, p) in expected.items():
        assert found[key] == pytest.approx((score, p), rel=1e-6)


def test_a_short_motif_has_no_match_that_is_rarer_than_its_best_bases(genome):
    # The best score lies above the highest bin of FIMO, whose table has p = 0 there.
    short = {"short": meme_files.sharp("CACGT", 0.959)}
    best = np.log2(short["short"].max(axis=0) + EPS) + 2
    assert int(best.sum() / BIN) > np.round(best / BIN).sum()
    place = [span("chr1", 0, 3000)]
    assert find_instances(short, genome, place, 9e-4).table.empty
    table = find_instances(short, genome, place, 1e-2).table
    exact = table[table["score"] > best.sum() - 1e-6]
    assert len(exact) > 2
    assert exact["p"].to_numpy() == pytest.approx(4**-5)
    for row in rows_of(exact):
        assert str(genome.fetch(row.contig, row.start, row.end, row.strand)) == "CACGT"


def test_motifs_planted_by_hand_are_at_their_places(genome):
    places = [span("chr1", 0, 3000), span("chr2", 0, 900)]
    table = find_instances({"wide": MOTIFS["M2 wide"]}, genome, places, 1e-4).table
    exact = table[table["score"] > 15]
    assert exact[["contig", "start", "end", "strand"]].values.tolist() == [
        ["chr1", 100, 108, "+"],
        ["chr1", 700, 708, "-"],
        ["chr1", 1500, 1508, "+"],
        ["chr2", 892, 900, "-"],
    ]
    for row in rows_of(table):
        assert "N" not in str(genome.fetch(row.contig, row.start, row.end))
    for row in rows_of(exact):
        assert str(genome.fetch(row.contig, row.start, row.end, row.strand)) == WIDE


@pytest.mark.parametrize("strand", ["+", "-"])
def test_in_a_locus_of_either_strand_an_instance_is_where_its_motif_is(genome, strand):
    locus = Locus("one", "chr1", 1100, strand, 1000, genome)
    place = ScannedInterval(locus.contig, locus.start, locus.end, locus.name, locus.position)
    table = find_instances({"wide": MOTIFS["M2 wide"]}, genome, [place]).table
    exact = table[table["score"] > 15]
    assert sorted(exact["start"]) == [start for start in (700, 1500) if start + 8 <= locus.end]
    for row in rows_of(exact):
        start, end = locus.span_of(row.start, row.end)
        read = str(locus.sequence)[start:end]
        assert read == (WIDE if row.strand == strand else reverse(WIDE))


def test_of_matches_that_overlap_the_one_with_the_smallest_p_stays(genome):
    places = [span("chr1", 0, 3000), span("chr2", 0, 900)]
    every = find_instances(MOTIFS, genome, places, P, overlapping=True).table
    order = {name: k for k, name in enumerate(MOTIFS)}
    ranked = sorted(
        rows_of(every),
        key=lambda r: (r.p, -r.score, r.contig, r.start, order[r.motif], r.strand),
    )
    kept: list = []
    for row in ranked:  # against all that stay, one by one
        if all(row.contig != k.contig or row.end <= k.start or k.end <= row.start for k in kept):
            kept.append(row)
    apart = find_instances(MOTIFS, genome, places, P)
    assert apart.matches == len(every) > len(apart.table) == len(kept) > 10
    assert {tuple(vars(row).values()) for row in rows_of(apart.table)} == {
        tuple(vars(row).values()) for row in kept
    }
    for first, second in pairwise(rows_of(apart.table)):
        assert first.contig != second.contig or first.end <= second.start


def test_of_equal_p_the_score_decides_then_the_place_then_the_order_of_the_file():
    def kept(*rows: tuple[int, float, int, str]) -> list[bool]:
        frame = pd.DataFrame(rows, columns=["start", "score", "order", "strand"])
        frame = frame.assign(p=1e-5, contig="chr1", end=frame["start"] + 10)
        return instances._apart(frame).tolist()

    assert kept((100, 5.0, 0, "+"), (105, 6.0, 1, "-")) == [False, True]
    assert kept((105, 5.0, 0, "+"), (100, 5.0, 1, "-")) == [False, True]
    assert kept((100, 5.0, 1, "+"), (100, 5.0, 0, "-")) == [False, True]
    assert kept((100, 5.0, 0, "-"), (100, 5.0, 0, "+")) == [False, True]
    assert kept((100, 5.0, 0, "+"), (110, 5.0, 0, "+"), (120, 4.0, 0, "+")) == [True] * 3
    # That between two others goes, and so both of them stay.
    assert kept((100, 6.0, 0, "+"), (109, 5.0, 0, "+"), (118, 4.0, 0, "+")) == [True, False, True]


def test_pieces_that_are_scanned_at_once_change_nothing(genome, monkeypatch):
    whole = find_instances(MOTIFS, genome, PLACES, P)
    monkeypatch.setattr(instances, "AT_ONCE", 900)
    parts = find_instances(MOTIFS, genome, PLACES, P)
    assert parts.tests == whole.tests
    assert bed_text(parts) == bed_text(whole)
    again = find_instances(MOTIFS, genome, [*PLACES[::-1], *PLACES], P)
    assert bed_text(again) == bed_text(whole)


def test_q_is_over_all_places_of_a_motif(genome):
    places = [span("chr1", 0, 3000)]
    result = find_instances(MOTIFS, genome, places, P, overlapping=True)
    for name, rows in result.table.groupby("motif"):
        tests = find_instances({str(name): MOTIFS[str(name)]}, genome, places, P).tests
        p = np.sort(rows["p"].to_numpy())
        for row in rows_of(rows):
            as_small = [value * tests / (p <= value).sum() for value in p if value >= row.p]
            assert row.q == pytest.approx(min(1.0, *as_small))


def test_an_instance_is_named_after_the_interval_whose_base_is_nearest(genome):
    loci = [
        ScannedInterval("chr1", 0, 1600, "far", 1300),
        ScannedInterval("1", 0, 2000, "near", 800),
    ]
    with pytest.warns(match="is called"):
        table = find_instances({"wide": MOTIFS["M2 wide"]}, genome, loci).table
    within = dict(zip(table["start"], table["within"], strict=True))
    assert (within[100], within[700], within[1500]) == ("near", "near", "far")


def test_the_file_is_what_tests_take(genome, tmp_path):
    result = find_instances(MOTIFS, genome, PLACES, P)
    path = tmp_path / "i.bed"
    path.write_text(bed_text(result))
    rows = read_intervals(path)
    assert [(r.contig, r.start, r.end, r.strand) for r in rows] == [
        (row.contig, row.start, row.end, row.strand) for row in rows_of(result.table)
    ]
    assert all(
        row.label.startswith(name.replace(" ", "_"))
        for row, name in zip(rows, result.table["motif"], strict=True)
    )
    scores = [int(line.split("\t")[4]) for line in path.read_text().splitlines()[2:]]
    assert scores == [round(-100 * np.log10(p)) for p in result.table["p"]]
    assert f"{result.tests:,} places of 3 motifs" in path.read_text().splitlines()[0]


def test_no_match_is_a_file_without_rows(genome):
    result = find_instances(MOTIFS, genome, [span("chr2", 395, 409)], 1e-4)
    assert result.table.empty
    assert result.tests < 40
    assert len(bed_text(result).splitlines()) == 2


def broken() -> Iterator[tuple[str, str]]:
    yield "MEME version 4\n", "has no motifs"
    counts = "MOTIF x\nletter-probability matrix: alength= 4 w= 1\n"
    yield counts + "3 5 2 1\n", "not of probabilities"
    yield (counts + "0.25 0.25 0.25 0.25\n") * 2, "two motifs 'x'"
    yield counts + "a b c d\n", "cannot be read"


@pytest.mark.parametrize(("text", "message"), list(broken()))
def test_a_file_that_has_no_motifs_is_an_error(tmp_path, text, message):
    path = tmp_path / "m.meme"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_motifs(path)


def test_mistakes_are_named(genome, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="there is no file"):
        read_motifs(tmp_path / "none.meme")
    with pytest.raises(ConfigError, match="give a threshold above 0"):
        find_instances(MOTIFS, genome, PLACES, 0.5)
    with pytest.raises(ConfigError, match="no intervals"):
        find_instances(MOTIFS, genome, [span("chr2", 900, 950)])
    path = meme_files.write(tmp_path / "m.meme", MOTIFS)
    assert list(read_motifs(path)) == list(MOTIFS)
    monkeypatch.setitem(sys.modules, "memelite.io", None)
    with pytest.raises(ConfigError, match=r"memelite, of the extra \[motifs\].*pip install"):
        read_motifs(path)
