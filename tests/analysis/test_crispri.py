"""CRISPRi tables: read, placed in loci, joined with necessity effects, and scored."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import crispri_tables
from creme.analysis.crispri import (
    LocusWindow,
    check_build,
    element_tiles,
    evaluate,
    join,
    missing_counts,
    place,
    tss_tile_of,
    windows,
)
from creme.analysis.crispri_table import read_pairs
from creme.errors import ConfigError
from creme.genome import Annotation, Genome, Locus, select_loci
from creme.models.synthetic import SyntheticModel
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.necessity import Necessity
from creme.tiling import Tile

LENGTH = 98_304
BENCHMARK = "EPCrisprBenchmark_combined_data.training_K562.GRCh38.tsv.gz"


@pytest.fixture
def table(tmp_path):
    def made(*rows, header=crispri_tables.HEADER, name="table.tsv"):
        return crispri_tables.write(tmp_path / name, rows, header)

    return made


ROW = ("chr1", 100, 200, "A", -0.3, "TRUE", "TRUE", 1000)


def test_a_table_is_read(table):
    path = table(ROW, ("chr2", 5, 9, "B", 0.2, "TRUE", "FALSE", "NA"), name="x.GRCh38.tsv")
    pairs = read_pairs(path)
    assert pairs.build == "hg38"
    first, second = pairs.table.to_dict("records")
    assert (first["contig"], first["start"], first["end"], first["gene"]) == ("chr1", 100, 200, "A")
    assert first["effect_size"] == -0.3
    assert first["tss"] == 1000
    assert np.isnan(second["tss"])
    assert pairs.table["regulated"].tolist() == [True, False]
    assert pairs.table["line"].tolist() == [2, 3]


def test_blank_lines_at_the_end_and_names_of_rows(table, tmp_path):
    rows = (ROW, ("chr2", 5, 9, "B", 0.2, "TRUE", "FALSE", "NA"))
    path = table(*rows)
    plain = read_pairs(path).table
    text = path.read_text()
    path.write_text(text + "\n\t\t\n\n")
    pd.testing.assert_frame_equal(read_pairs(path).table, plain)
    # As R writes it: the header has no column for the names of rows.
    header, *lines = text.splitlines()
    named = [f"row{k}\t{line}" for k, line in enumerate(lines)]
    path.write_text("\n".join([header, *named]) + "\n")
    pd.testing.assert_frame_equal(read_pairs(path).table, plain)
    path.write_text("\n".join([header, lines[0], "", lines[1]]) + "\n")
    with pytest.raises(ConfigError, match="line 3: start '' is not a whole number"):
        read_pairs(path)
    path.write_text(header + "\n\n\n")
    with pytest.raises(ConfigError, match="no lines below its header"):
        read_pairs(path)


def test_regulated_follows_from_significance_and_sign(table):
    header = ["chr", "start", "end", "gene", "EffectSize", "Significant"]
    rows: list[tuple[object, ...]] = [
        ("1", k, k + 1, "A", *r) for k, r in enumerate([(-1, "T"), (1, "T"), (-1, "F")])
    ]
    rows += [("1", 9, 10, "A", "NA", "TRUE"), ("1", 10, 11, "A", "NA", "FALSE")]
    rows += [("1", 11, 12, "A", 0, "TRUE")]
    got = read_pairs(table(*rows, header=header)).table
    assert got["regulated"].tolist() == [True, False, False, False, False, False]
    # What has no direction has no call.
    assert got["missing"].tolist() == ["", "", "", "no call in the table", "", ""]


def test_the_older_format_is_read(table):
    header = ["chrPerturbationTarget", "startPerturbationTarget", "endPerturbationTarget"]
    header += ["GeneSymbol", "EffectSize", "IncludeInModel", "Regulated"]
    rows = [("chrX", 5, 9, "GATA1", -0.3, "TRUE", "TRUE"), ("chrX", 15, 19, "A", 0, "FALSE", "NA")]
    got = read_pairs(table(*rows, header=header)).table
    assert got["regulated"].tolist() == [True, False]
    assert got["missing"].tolist() == ["", "no call in the table"]


def test_commas_gzip_and_a_marked_header(tmp_path, table):
    frame = pd.read_csv(table(ROW), sep="\t")
    frame.rename(columns={"chrom": "#chrom"}).to_csv(tmp_path / "x.csv.gz", index=False)
    assert read_pairs(tmp_path / "x.csv.gz").table["gene"].tolist() == ["A"]


def test_pairs_that_say_nothing_are_kept_with_the_reason(table):
    header = [*crispri_tables.HEADER, "ValidConnection"]
    rows = [
        (*ROW, "TRUE"),
        (*ROW, "TRUE"),
        ("chr1", 300, 400, "A", 0, "FALSE", "FALSE", 1000, "overlaps potential promoter"),
        ("chr1", 300, 400, "B", 0, "FALSE", "FALSE", 1000, "FALSE"),
        ("chr1", 500, 600, "A", 0, "FALSE", "FALSE", 1000, "TRUE"),
        ("chr1", 500, 600, "A", -0.3, "TRUE", "TRUE", 1000, "TRUE"),
    ]
    assert read_pairs(table(*rows, header=header)).table["missing"].tolist() == [
        "",
        "repeated in the table",
        "by the table: overlaps potential promoter",
        "by the table: not valid",
        "contradicted in the table",
        "contradicted in the table",
    ]


BAD = [
    (
        {"header": ["chrom", "a", "b", "c", "d", "e", "f", "g"]},
        "no column chromStart, chromEnd, me",
    ),
    ({"rows": [("chr1", "x", 9, *ROW[3:])]}, "line 2: start 'x' is not a whole number"),
    ({"rows": [ROW, ("chr1", 9, "", *ROW[3:])]}, "line 3: end '' is not a whole number"),
    ({"rows": [ROW, ("chr1", 9, 8, *ROW[3:])]}, r"line 3: element \[9, 8\) needs 0 <= start"),
    ({"rows": [("chr1", -1, 9, *ROW[3:])]}, r"line 2: element \[-1, 9\)"),
    ({"rows": [(*ROW[:6], "maybe", 5)]}, "line 2: Regulated 'maybe' is not TRUE, FALSE or NA"),
    ({"rows": [(*ROW[:4], "much", *ROW[5:])]}, "line 2: effect_size 'much' is not a number"),
    ({"rows": []}, "no lines below its header"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_tables_that_are_none(table, change, message):
    header = change.get("header", crispri_tables.HEADER)
    with pytest.raises(ConfigError, match=message):
        read_pairs(table(*change.get("rows", [ROW]), header=header))


def test_other_errors_of_tables(tmp_path, table):
    with pytest.raises(ConfigError, match="there is no table"):
        read_pairs(tmp_path / "no.tsv")
    (tmp_path / "x.tsv.gz").write_bytes(b"\x1f\x8b\x08 not gzip")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_pairs(tmp_path / "x.tsv.gz")
    with pytest.raises(ConfigError, match=r"Regulated \(or Significant and EffectSize"):
        read_pairs(table(ROW[:5], header=crispri_tables.HEADER[:5]))


def test_build_and_cell_type(table):
    header = [*crispri_tables.HEADER, "CellType"]
    path = table((*ROW, "K562"), (*ROW, "WTC11"), header=header, name="pairs_hg19.tsv")
    with pytest.raises(ConfigError, match="several cell types, K562, WTC11"):
        read_pairs(path)
    with pytest.raises(ConfigError, match="no pair of cell type 'HCT116'"):
        read_pairs(path, cell_type="HCT116")
    got = read_pairs(path, cell_type="WTC11")
    assert got.table["line"].tolist() == [3]
    assert got.table["missing"].tolist() == [""]
    assert got.build == "hg19"
    assert read_pairs(path, cell_type="WTC11", build="GRCh37").build == "hg19"
    with pytest.raises(ConfigError, match="says hg19"):
        read_pairs(path, cell_type="WTC11", build="hg38")
    assert read_pairs(table(ROW)).build == ""
    assert read_pairs(table(ROW), build="hs1").build == "hs1"


def test_an_element_of_no_length_is_missing_and_stops_nothing(table):
    """As one of the published held-out pairs of five cell types."""
    header = (*crispri_tables.HEADER, "CellType")
    rows = [(*ROW, "K562"), ("chr1", 150, 150, *ROW[3:], "K562"), ("chr1", 9, 9, *ROW[3:], "WTC11")]
    pairs = read_pairs(table(*rows, header=header), cell_type="K562")
    assert pairs.table["missing"].tolist() == ["", "element of no length in the table"]
    placed = place(pairs, [window(position=1000, length=2000)], 100)
    assert placed["missing"].tolist() == ["", "element of no length in the table"]
    assert element_tiles(placed) == [{"A": [(100, 200)]}]
    with pytest.raises(ConfigError, match="line 2"):
        read_pairs(table(("chr1", 150, 149, *ROW[3:])))


def test_the_benchmark_is_read_as_it_is(data):
    pairs = read_pairs(data / "crispri" / BENCHMARK)
    assert pairs.build == "hg38"
    # As its authors count them.
    assert len(pairs.table) == 10_356
    assert pairs.table["regulated"].sum() == 471
    assert (pairs.table["missing"] == "").all()
    raw = pd.read_csv(data / "crispri" / BENCHMARK, sep="\t")
    derived = raw["Significant"] & (raw["EffectSize"] < 0)
    np.testing.assert_array_equal(pairs.table["regulated"], derived)


def test_regulation_follows_from_the_other_columns_of_the_benchmark(data, tmp_path):
    raw = pd.read_csv(data / "crispri" / BENCHMARK, sep="\t").drop(columns="Regulated")
    raw.to_csv(tmp_path / "without.tsv", sep="\t", index=False)
    assert read_pairs(tmp_path / "without.tsv").table["regulated"].sum() == 471


@given(st.sampled_from("+-"), st.integers(-40, 90), st.integers(1, 30), st.integers(1, 60))
def test_a_window_turns_what_a_locus_turns(strand, start, length, tss):
    locus = Locus("L", "c", 1000, strand, 60, given=Sequence.from_string("A" * 60), tss=tss - 1)
    window = LocusWindow.of("L", locus.labels)
    assert (window.length, window.tss) == (60, locus.tss)
    if start >= 0 and start + length <= 60:
        tile = Tile(start, start + length)
        assert window.local(*locus.interval(tile)) == (tile.start, tile.end)


def window(gene="A", contig="chr1", position=50_000, strand="+", length=20_000, name=None):
    locus = Locus(
        name or gene,
        contig,
        position,
        strand,
        length,
        given=Sequence(np.zeros(length, dtype=np.uint8)),
        gene=gene,
    )
    return LocusWindow.of(locus.name, locus.labels)


def reasons(table, rows, loci, header=crispri_tables.HEADER):
    placed = place(read_pairs(table(*rows, header=header)), loci, tss_tile=1000)
    return placed, placed["missing"].tolist()


@pytest.mark.parametrize("strand", ["+", "-"])
def test_why_pairs_are_missing(table, strand):
    loci = [window(strand=strand)]
    low, high = loci[0].start, loci[0].end
    rows = [
        (c, s, e, g, -0.3, "TRUE", "TRUE", 50_000)
        for c, s, e, g in [
            ("chr1", 52_000, 52_500, "A"),
            ("chr1", 52_000, 52_500, "B"),
            ("chr2", 52_000, 52_500, "A"),
            ("chr1", low - 1, low + 300, "A"),
            ("chr1", low, low + 300, "A"),
            ("chr1", high - 300, high + 1, "A"),
            ("chr1", 50_400, 50_900, "A"),
            ("chr1", 50_501, 50_900, "A"),
        ]
    ]
    placed, why = reasons(table, rows, loci)
    assert why == [
        "",
        "gene not among the loci",
        "gene on another contig",
        "outside the window",
        "",
        "outside the window",
        "overlaps the TSS tile",
        "",
    ]
    # To the centre, along the gene.
    assert placed["distance"].iloc[0] == pytest.approx(2250 if strand == "+" else -2250, abs=1)
    assert placed["element_start"].iloc[4] == (0 if strand == "+" else 20_000 - 300)
    assert placed["locus"].tolist() == ["A", "", "A", "A", "A", "A", "A", "A"]


def test_contigs_with_and_without_chr(table):
    rows = [("1", 52_000, 52_500, "A", *ROW[4:]), ("chr1", 52_000, 52_400, "A", *ROW[4:])]
    assert reasons(table, rows, [window(contig="chr1")])[1] == ["", ""]
    assert reasons(table, rows, [window(contig="1")])[1] == ["", ""]
    assert reasons(table, rows, [window(contig="2")])[1] == ["gene on another contig"] * 2


def test_genes_by_symbol_identifier_or_nearest_tss(table):
    header = [*crispri_tables.HEADER, "measuredGeneEnsemblId"]
    row = ("chr1", 52_000, 52_500, "A", -0.3, "TRUE", "TRUE")
    with_id = (*row[:3], "other name", *row[4:], 50_000, "ENSG01.7")
    placed, why = reasons(table, [with_id], [window("ENSG01.3")], header)
    assert why == [""]
    assert placed["locus"].tolist() == ["ENSG01.3"]
    # One locus that bears its identifier twice, with and without a version, is one.
    without = [(*with_id[:7], "NA", with_id[8])]
    assert reasons(table, without, [window("ENSG01.3", name="ENSG01")], header)[1] == [""]
    loci = [window(name=f"A@{p}", position=p) for p in (45_000, 51_000)]
    placed, why = reasons(table, [(*row, 50_500)], loci)
    assert placed["locus"].tolist() == ["A@51000"]
    assert placed["tss_gap"].tolist() == [500]
    assert reasons(table, [(*row, "NA")], loci)[1] == ["several loci of the gene"]


def test_another_build_is_noticed(table):
    loci = [window(g, position=50_000) for g in "ABC"]
    rows = [
        ("chr1", 52_000, 52_500, g, -0.3, "TRUE", "TRUE", t)
        for g, t in zip("ABC", [50_100, 90_000, 70_000], strict=True)
    ]
    placed, _ = reasons(table, rows, loci)
    with pytest.raises(ConfigError, match=r"2 of 3 genes .* 10000 bp .* hg38; 20000 bp in the mid"):
        check_build(placed, "hg38")
    assert check_build(placed, "hg38", gap=20_000) == (1, 3)
    assert check_build(placed.assign(tss_gap=np.nan)) == (0, 0)


def test_the_build_of_the_benchmark(data):
    """Its names have hg19 coordinates, its columns hg38: the genes' TSSs tell them apart."""
    pairs = read_pairs(data / "crispri" / BENCHMARK)
    columns = ["contig", "start", "end", "gene", "score", "strand", "id", "type"]
    tss = pd.read_csv(
        data / "annotation" / "hg38_genes_tss500bp.bed.gz", sep="\t", comment="#", names=columns
    )
    tss = tss[tss["contig"].str.fullmatch("chr[0-9X]+")].drop_duplicates("gene")
    tss["position"] = (tss["start"] + tss["end"]) // 2
    tss = tss[tss["gene"].isin(set(pairs.table["gene"]))]
    sites = tss[["gene", "contig", "position", "strand"]].to_numpy().tolist()
    loci = [window(g, c, p, s, 2000) for g, c, p, s in sites]
    placed = place(pairs, loci, tss_tile=100)
    far, known = check_build(placed, pairs.build)
    assert known > 2000
    assert far < 0.1 * known
    raw = pd.read_csv(data / "crispri" / BENCHMARK, sep="\t")
    shift = raw["name"].str.extract(r":(\d+)-")[0].astype(int) - raw["chromStart"]
    lifted = pairs.table.assign(tss=pairs.table["tss"] + shift)
    in_hg19 = place(type(pairs)(lifted, "hg19", ""), loci, tss_tile=100)
    with pytest.raises(ConfigError, match="another genome build"):
        check_build(in_hg19, "hg19")


def necessity(effects, tiles, loci, tile=1000):
    """Results of (locus, tile) effects."""
    values = np.array(effects, float)[:, :, None]
    labels = {
        name: ("locus", [getattr(w, attribute) for w in loci])
        for name, attribute in [
            *(("gene", "gene"), ("contig", "contig"), ("tss_position", "position")),
            *(("strand", "strand"), ("start", "start"), ("end", "end")),
        ]
    }
    return xr.Dataset(
        {
            "effect": (("locus", "tile", "track"), values),
            "effect_se": (("locus", "tile", "track"), values * 0.1),
        },
        {
            "locus": [w.name for w in loci],
            "track": ["one"],
            "tile": np.arange(len(tiles)),
            "tile_start": ("tile", [t[0] for t in tiles]),
            "tile_end": ("tile", [t[1] for t in tiles]),
            **labels,
        },
        {"test": "necessity", "configuration": json.dumps({"tile": tile})},
    )


@pytest.mark.parametrize("strand", ["+", "-"])
def test_join_takes_the_tile_that_holds_most(table, strand):
    loci = [window(strand=strand)]
    tiles = [(1000 * k, 1000 * (k + 1)) for k in range(20) if k != 9 and k != 10]
    results = necessity([range(len(tiles))], tiles, loci)
    assert windows([results]) == loci
    assert tss_tile_of([results]) == 1000
    wanted = [(2100, 2600), (2300, 3100), (2800, 3300), (4500, 5500), (1500, 4500), (8500, 9200)]
    rows = []
    for start, end in wanted:
        low, high = sorted(
            loci[0].start + s if strand == "+" else loci[0].end - s for s in (start, end)
        )
        rows.append(("chr1", low, high, "A", -0.3, "TRUE", "TRUE", 50_000))
    placed = place(read_pairs(table(*rows)), loci, 1000)
    assert placed[["element_start", "element_end"]].astype(int).to_numpy().tolist() == [
        list(tile) for tile in wanted
    ]
    got = join([results], placed, "one")
    assert got["tile_start"].tolist()[:4] == [2000, 2000, 3000, 4000]
    assert got["effect"].tolist()[:4] == [2, 2, 3, 4]
    assert got["overlap"].tolist()[:4] == [1, 0.875, 0.6, 0.5]
    assert got["missing"].tolist() == ["", "", "", "", "no tile holds half of it", ""]
    assert got["effect"].iloc[5] == 8
    # Tiles of their own are preferred, wherever they come from.
    own = necessity([[70.0, np.nan]], [(2100, 2600), (2800, 3300)], loci)
    both = join([results, own], placed, "one")
    assert both["effect"].iloc[0] == 70
    assert both["missing"].tolist()[:3] == ["", "", "effect not defined"]
    assert missing_counts(both) == {
        "effect not defined": (1, 1),
        "no tile holds half of it": (1, 1),
    }


def test_tss_tiles_that_differ():
    loci = [window()]
    pair = [necessity([[1]], [(0, 1000)], loci, tile=size) for size in (1000, 500)]
    with pytest.raises(ConfigError, match="1000, 500 bp"):
        tss_tile_of(pair)
    with pytest.raises(ConfigError, match="one length is needed"):
        tss_tile_of([pair[0].assign_attrs(configuration="{}")])


def test_loci_of_different_tiles_are_joined_by_their_own(table):
    loci = [window(), window("B", position=90_000)]
    one, other = (
        necessity([[1.0, 2]], [(0, 500), (500, 900)], loci[:1]),
        necessity([[5.0]], [(300, 800)], loci[1:]),
    )
    results = xr.concat([one, other], "locus", join="outer", coords=["tile_start", "tile_end"])
    rows = [
        ("chr1", w.start + 500, w.start + 800, w.gene, 0, "FALSE", "FALSE", w.position)
        for w in loci
    ]
    got = join([results], place(read_pairs(table(*rows)), loci, 1000), "one")
    assert got["effect"].tolist() == [2, 5]


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(1, 15)), min_size=1, max_size=25))
def test_elements_are_layered(spans):
    """Each element once; those of a test are disjoint; no more tests than overlap at one place."""
    placed = pd.DataFrame(
        {
            "locus": "A",
            "element_start": [float(s) for s, _ in spans],
            "element_end": [float(s + n) for s, n in spans],
            "missing": "",
        }
    )
    layers = [layer["A"] for layer in element_tiles(placed)]
    distinct = {(s, s + n) for s, n in spans}
    assert sorted(tile for layer in layers for tile in layer) == sorted(distinct)
    for layer in layers:
        assert all(a[1] <= b[0] for a, b in pairwise(layer))
    deepest = max(sum(s <= at < e for s, e in distinct) for at in range(100))
    assert len(layers) == deepest


def test_elements_of_loci_share_tests(table):
    loci = [window(), window("B", position=90_000)]
    starts = {"A": [52_000, 52_100, 53_000, 49_900], "B": [92_000]}
    rows = [
        ("chr1", s, s + 300, g, 0, "FALSE", "FALSE", 50_000) for g, of in starts.items() for s in of
    ]
    layers = element_tiles(reasons(table, rows, loci)[0])
    assert layers == [
        {"A": [(12_000, 12_300), (13_000, 13_300)], "B": [(12_000, 12_300)]},
        {"A": [(12_100, 12_400)]},
    ]


def scored(effect, regulated, distance=None, locus=None):
    n = len(effect)
    return pd.DataFrame(
        {
            "contig": "1",
            "start": np.arange(n) * 10,
            "end": np.arange(n) * 10 + 5,
            "locus": locus if locus is not None else np.arange(n) % 4,
            "distance": np.arange(1, n + 1) * 1000 if distance is None else distance,
            "effect": effect,
            "regulated": regulated,
            "missing": "",
        }
    )


def rows_of(found):
    return {(r["distances"], r["score"], r["metric"]): r for r in found.to_dict("records")}


def test_evaluate_by_distance_and_against_distance():
    regulated = np.array([True, False] * 10)
    got = rows_of(
        evaluate(scored(regulated * 1.0, regulated), edges=(0, 5000, 15_000, 50_000), resamples=50)
    )
    assert {key[0] for key in got} == {"all", "0-5000", "5000-15000", "15000-50000"}
    assert got["all", "necessity", "auprc"]["value"] == 1
    assert got["all", "1/distance", "auroc"]["value"] == pytest.approx(0.55)
    assert got["all", "1/distance", "auroc"]["gain"] == pytest.approx(0.45)
    # 5,000 bp is in the second bin: 5 to 14 kb.
    assert [got[n, "necessity", "auprc"]["pairs"] for n in ("0-5000", "5000-15000")] == [4, 10]
    assert got["15000-50000", "necessity", "auprc"]["pairs"] == 6
    assert got["all", "necessity", "auprc"]["prevalence"] == 0.5


def test_the_sign_counts():
    """A silencer is no enhancer, however strong it is."""
    got = rows_of(
        evaluate(scored([0.1, -5.0, 0.0, -1.0], [True, False, False, False]), resamples=20)
    )
    assert got["all", "necessity", "auroc"]["value"] == 1


def test_the_side_does_not_count():
    one = scored(
        [1.0, 0, 1, 0], [True, False, True, False], distance=np.array([-1, 2, -3, 4]) * 1000
    )
    other = one.assign(distance=one["distance"].abs())
    pd.testing.assert_frame_equal(evaluate(one, resamples=20), evaluate(other, resamples=20))


def test_bins_of_one_class_say_why():
    regulated = np.array([True, True, False, False, True, False])
    got = rows_of(evaluate(scored(np.arange(6.0), regulated), edges=(0, 2500, 4500), resamples=20))
    assert got["0-2500", "necessity", "auprc"]["why"] == "every pair is regulated"
    assert got["2500-4500", "necessity", "auprc"]["why"] == "no pair is regulated"
    assert np.isnan(got["2500-4500", "necessity", "auprc"]["value"])
    assert got["4500+", "necessity", "auprc"]["why"] == ""
    nothing = evaluate(scored([], np.array([], dtype=bool)), resamples=5)
    assert set(nothing["why"]) == {"no pair"}


def test_missing_pairs_are_left_out_or_scored_lowest():
    pairs = scored(
        [0.9, 0.1, np.nan, np.nan, np.nan, np.nan, np.nan],
        [True, False, True, True, True, True, True],
        distance=np.array([1000, 2000, 90_000, np.nan, 500, 600, 700]),
        locus=["A", "A", "A", "B", "A", "", "A"],
    ).assign(gene="C")
    pairs["missing"] = [
        *("", "", "outside the window", "gene on another contig"),
        *("element of no length in the table", "gene not among the loci"),
        "by the table: overlaps promoter",
    ]
    left_out = rows_of(evaluate(pairs, resamples=5))
    assert left_out["all", "necessity", "auroc"]["value"] == 1
    assert left_out["all", "necessity", "auprc"]["pairs"] == 2
    lowest = rows_of(evaluate(pairs, missing="lowest", resamples=5))
    row = lowest["all", "necessity", "auroc"]
    # One of three regulated pairs is found; the others rank below the one that is not regulated.
    assert (row["pairs"], row["regulated"], row["genes"]) == (4, 3, 2)
    assert row["value"] == pytest.approx(1 / 3)
    assert lowest["all", "1/distance", "auroc"]["value"] == pytest.approx(1 / 3)
    assert lowest["30000-100000", "necessity", "auroc"]["pairs"] == 1
    with pytest.raises(ConfigError, match="missing = 'zero'"):
        evaluate(pairs, missing="zero")  # type: ignore[arg-type]


def test_intervals_of_few_genes_are_marked():
    regulated = np.array([True, False] * 30)
    few, many = (
        evaluate(scored(np.arange(60.0), regulated, locus=np.arange(60) % n), resamples=5)
        for n in (19, 20)
    )
    assert few["few"].all()
    assert not many.loc[many["distances"] == "all", "few"].any()


def test_options_of_evaluate():
    some = scored(np.arange(8.0), np.array([True, False] * 4), locus=[0] * 8)
    assert evaluate(some, resamples=20)["low"].isna().all(), "one gene has no interval"
    assert evaluate(some, by="element", resamples=20)["low"].notna().all()
    with pytest.raises(ConfigError, match="by = 'tile'"):
        evaluate(some, by="tile")
    for edges in ((), (5, 5), (10, 0), (-1, 5)):
        with pytest.raises(ConfigError, match="ascending"):
            evaluate(some, edges=edges)
    first = evaluate(some, by="element", resamples=50, seed=1)
    assert first.equals(evaluate(some, by="element", resamples=50, seed=1))
    assert not first.equals(evaluate(some, by="element", resamples=50, seed=2))


@pytest.fixture(scope="module")
def measured(genome, tmp_path_factory):
    """Necessity of all tiles, and of the elements themselves, on the synthetic genome."""
    folder = tmp_path_factory.mktemp("crispri")
    model = SyntheticModel(length=LENGTH)
    loci = select_loci(Genome(genome.fasta), Annotation.from_bed(genome.bed), None, LENGTH)
    sites = [LocusWindow.of(locus.name, locus.labels) for locus in loci]
    path = crispri_tables.write(folder / "planted.tsv", crispri_tables.planted(genome, sites))
    placed = place(read_pairs(path), sites, tss_tile=5000)
    tests = {"tiles": Necessity(replicates=2, seed=7)}
    for number, tiles in enumerate(element_tiles(placed)):
        tests[f"elements_{number}"] = Necessity(replicates=2, seed=7, tiles=tiles)
    with Store(folder / "store") as store:
        report = measure(prepare(tests, model, loci), store)
    assert not report.failures
    return report.datasets, placed


@pytest.mark.parametrize("kind", ["tiles", "elements"])
@pytest.mark.parametrize("track", ["synthetic:alpha", "synthetic:beta"])
def test_planted_enhancers_are_ranked_first(measured, kind, track):
    datasets, placed = measured
    used = [d for name, d in datasets.items() if name.startswith(kind)]
    assert set(used[0]["strand"].values) == {"+", "-"}
    joined = join(used, placed, track)
    known = joined[joined["missing"] == ""]
    assert known["regulated"].sum() == 5
    assert set(known.loc[known["regulated"], "locus"]) == {"GENE1", "GENE2", "GENE3"}
    got = rows_of(evaluate(joined, resamples=100))
    for metric in ("auprc", "auroc"):
        row = got["all", "necessity", metric]
        assert (row["value"], row["low"], row["high"]) == (1, 1, 1)
        assert got["all", "1/distance", metric]["value"] < 0.6
    # Only the two silencers beyond the window are missing.
    assert missing_counts(joined) == {"outside the window": (2, 0)}
    if kind == "elements":
        assert (known["overlap"] == 1).all()
        assert (known["tile_start"] == known["element_start"]).all()
    silenced = known[(known["effect_size"] > 0.1)]["effect"]
    assert len(silenced) >= 2
    assert (silenced < 0).all()


def test_reversed_truth_ranks_last(measured):
    datasets, placed = measured
    joined = join([datasets["tiles"]], placed, "synthetic:alpha")
    upside_down = joined.assign(effect=-joined["effect"])
    assert rows_of(evaluate(upside_down, resamples=5))["all", "necessity", "auroc"]["value"] < 0.05


def test_published_effects_against_the_benchmark(data):
    """Enformer's necessity in K562, as its authors published it, against real CRISPRi."""
    frame = pd.read_csv(data / "published" / "necessity_test.csv.gz")
    frame = frame[frame["cell_line"] == "K562"]
    wide = frame.pivot_table(
        index="seq_id", columns="tile_start", values="Normalized shuffle effect"
    )
    loci = [
        window(gene, contig, int(position), strand, 196_608, name=name)
        for name, (gene, contig, position, strand) in zip(
            wide.index, (str(name).rsplit("_", 3) for name in wide.index), strict=True
        )
    ]
    tiles = [(int(start), int(start) + 5000) for start in wide.columns]
    results = necessity(wide.to_numpy(), tiles, loci, tile=5000)
    placed = place(read_pairs(data / "crispri" / BENCHMARK), windows([results]), 5000)
    assert check_build(placed) == (7, 76)
    joined = join([results], placed, "one")
    known = joined[joined["missing"] == ""]
    assert (len(known), known["regulated"].sum(), known["locus"].nunique()) == (55, 17, 26)
    assert missing_counts(joined)["overlaps the TSS tile"] == (3, 2)
    assert set(known["locus"].str[-1]) == {"+", "-"}
    got = rows_of(evaluate(joined, resamples=500))
    assert got["all", "necessity", "auprc"]["value"] == pytest.approx(0.879, abs=0.001)
    assert got["all", "1/distance", "auprc"]["value"] == pytest.approx(0.481, abs=0.001)
    assert got["all", "1/distance", "auprc"]["gain_low"] > 0.1
    # Regulated elements beyond the window are ones that were not found.
    whole = evaluate(joined, missing="lowest", resamples=500)
    every = rows_of(whole)["all", "necessity", "auprc"]
    assert (every["pairs"], every["regulated"], every["genes"]) == (453, 37, 76)
    # 17 of 37 are ranked as before, the other 20 all at once, where precision is the prevalence.
    assert every["value"] == pytest.approx((17 * 0.879 + 20 * 37 / 453) / 37, abs=0.001)
    assert not whole.loc[whole["distances"] == "all", "few"].any()
    # On the other strand the tiles would be others: nothing is left of it.
    turned = results.assign_coords(
        tile_start=("tile", [196_608 - t[1] for t in tiles]),
        tile_end=("tile", [196_608 - t[0] for t in tiles]),
    )
    wrong = rows_of(evaluate(join([turned], placed, "one"), resamples=5))
    assert wrong["all", "necessity", "auprc"]["value"] < 0.5
