"""Maps of tiles, their effects by context, necessity against sufficiency, other comparisons."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from drawn import bars, finish, legend, lines, notes, segments, ticks, tidy, with_gid
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.patches import Rectangle
from toy_results import categories, results

from creme.analysis.comparison import correlation, necessity_and_sufficiency
from creme.analysis.evidence import evidence
from creme.errors import ConfigError, CremeWarning
from creme.genome.records import TSS
from creme.report import (
    comparison_scatter,
    necessity_sufficiency,
    panels,
    tile_effects,
    tile_map,
)
from creme.report.boxen import letter_values
from creme.report.style import GREY, PALETTE

pytestmark = pytest.mark.filterwarnings("error")


def test_bars_are_the_effects_at_the_tiles_places():
    data = results()
    ax = tile_map(data["necessity"], data["sufficiency"], locus="locus1", track="two")
    for test, shift in (("necessity", -0.04), ("sufficiency", 0.04)):
        one = data[test].sel(locus="locus1", track="two")
        drawn = bars(ax)[:5] if test == "necessity" else bars(ax)[5:10]
        np.testing.assert_allclose([height for _, height in drawn], one.effect)
        # A tile of 200 bp: 80 bp for each test, side by side.
        np.testing.assert_allclose([at for at, _ in drawn], one.distance / 1000 + shift)
    assert legend(ax) == ["necessity", "sufficiency", "within noise"]
    assert ax.get_title() == "locus1"
    assert ax.get_xlabel() == "distance from TSS (kb), negative upstream"
    np.testing.assert_allclose(ax.get_xlim(), (-1.2, 1.2))
    for test, errors in (("necessity", segments(ax)[:5]), ("sufficiency", segments(ax)[5:])):
        one = data[test].sel(locus="locus1", track="two")
        np.testing.assert_allclose([np.ptp(line[:, 1]) / 2 for line in errors], one.effect_se)


def test_one_test_alone():
    ax = tile_map(sufficiency=results()["sufficiency"], locus="locus0", track="one")
    assert legend(ax) == ["sufficiency", "within noise"]
    np.testing.assert_allclose([at for at, _ in bars(ax)], results()["sufficiency"].distance / 1000)
    with pytest.raises(ConfigError, match="give the results of"):
        tile_map()
    with pytest.raises(ConfigError, match=r"no locus 'locus9' \(did you mean"):
        tile_map(results()["necessity"], locus="locus9", track="one")


def test_bars_within_noise_are_grey():
    """By the q of all loci of the track, also where one locus is drawn."""
    dataset = results()["necessity"].drop_vars("shuffled", errors="ignore")
    clear = dataset.assign(effect_replicates=dataset["effect_replicates"].copy())
    # One tile with an effect far beyond the spread between its replicates.
    clear["effect_replicates"][1, 2] = 5.0 + 0.01 * clear["effect_replicates"][1, 2]
    clear["effect"] = clear["effect_replicates"].mean("replicate")
    q = evidence(clear)["q"].sel(locus="locus1", track="two").values
    assert (q > 0.05).any()
    assert q[2] < 0.05
    ax = tile_map(clear, locus="locus1", track="two")
    (container,) = [c for c in ax.containers if isinstance(c, BarContainer)]
    colours = [to_hex(bar.get_facecolor()).upper() for bar in container]
    assert colours == [GREY if one > 0.05 else PALETTE["necessity"].upper() for one in q]
    single = clear.isel(replicate=[0])
    assert legend(tile_map(single, locus="locus1", track="two")) == ["necessity"]


def on_genome(strand: str) -> xr.Dataset:
    """One locus with its TSS at 100,000 of chr1."""
    starts = np.array([-12_500, -7_500, 2_500, 7_500])
    return xr.Dataset(
        {"effect": (("locus", "tile"), [[0.1, 0.2, 0.3, np.nan]])},
        {
            "locus": ["mine"],
            "contig": ("locus", ["chr1"]),
            "tss_position": ("locus", [100_000]),
            "strand": ("locus", [strand]),
            "distance": ("tile", starts + 2_500),
            "tile_start": ("tile", starts + 50_000),
            "tile_end": ("tile", starts + 55_000),
        },
    )


def tss(name, position, strand, span, contig="chr1"):
    return TSS(name, "", "", contig, position, strand, span=span)


def genes_of(ax):
    """Name, its place, and the ends of each gene."""
    finish(ax)
    ends = [line.get_xdata().tolist() for line in with_gid(ax, "gene")]
    names = [text.get_text() for text in with_gid(ax, "gene name")]
    return dict(zip(names, ends, strict=True))


@pytest.mark.parametrize(("strand", "sign"), [("+", 1), ("-", -1)])
def test_genes_stand_in_the_loci_s_orientation(strand, sign):
    other = {"+": "-", "-": "+"}[strand]
    genes = [
        tss("mine", 100_000, strand, 4_000),
        tss("against", 100_000 - sign * 3_000, other, 2_000),
        tss("elsewhere", 100_000, strand, 4_000, contig="chr2"),
        tss("away", 100_000 + sign * 40_000, strand, 4_000),
        tss("bed", 100_000 + sign * 9_000, strand, 0),
        tss("long", 100_000 - sign * 90_000, strand, 85_000),
        # Two transcripts of one gene.
        tss("two", 100_000 + sign * 6_000, strand, 1_000),
        tss("two", 100_000 + sign * 5_000, strand, 1_500),
    ]
    ax = tile_map(on_genome(strand), genes=genes)
    assert ax.get_xlim() == (-12.5, 12.5)
    assert genes_of(ax) == {
        "mine": [0, 4],
        "against": [-5, -3],
        "bed": [9, 9],
        "long": [-12.5, -5],
        "two": [5, 7],
    }
    arrows = {line.get_xdata()[0]: line.get_marker() for line in with_gid(ax, "gene TSS")}
    assert arrows == {0: ">", -3: "<", 9: ">", 5: ">"}
    tidy(ax)


def test_genes_and_their_names_keep_apart_and_the_rest_is_counted():
    genes = [tss(f"GENE-NUMBER-{k}", 95_000 + 700 * k, "+", 6_000) for k in range(12)]
    ax = tile_map(on_genome("+"), genes=genes)
    finish(ax)
    drawn = len(with_gid(ax, "gene"))
    assert 4 <= drawn < 12
    assert ax.get_title() == f"mine ({12 - drawn} more genes not drawn)"
    tidy(ax)


def test_genes_of_contigs_in_another_style_are_drawn_and_others_are_named():
    ax = tile_map(on_genome("+"), genes=[tss("mine", 100_000, "+", 4_000, contig="1")])
    assert genes_of(ax) == {"mine": [0, 4]}
    away = [tss("far", 100_000, "+", 4_000, contig=contig) for contig in ("11", "2")]
    with pytest.warns(CremeWarning, match="on contig 'chr1', and the genes on 11, 2"):
        ax = tile_map(on_genome("+"), genes=away)
    assert genes_of(ax) == {}


def looks(ax):
    """Weight of the letters of each gene's name."""
    return {text.get_text(): text.get_fontweight() for text in with_gid(ax, "gene name")}


@pytest.mark.parametrize(("strand", "sign"), [("+", 1), ("-", -1)])
def test_tsss_without_a_span_are_marked_one_by_one_and_the_own_gene_is_bold(strand, sign):
    other = {"+": "-", "-": "+"}[strand]
    genes = [tss("many", 100_000 + sign * k, strand, 0) for k in (3_000, 4_000, 6_000, 4_000)]
    genes += [tss("GENE", 100_000, strand, 0), tss("GENE", 100_000 - sign * 700, other, 0)]
    one = on_genome(strand).assign_coords(gene=("locus", ["GENE"]))
    ax = tile_map(one, genes=genes)
    arrows = {tuple(a.get_xdata().tolist()): a.get_marker() for a in with_gid(ax, "gene TSS")}
    assert arrows == {(3, 4, 6): ">", (0,): ">", (-0.7,): "<"}
    weights = [(text.get_text(), text.get_fontweight()) for text in with_gid(ax, "gene name")]
    assert sorted(weights) == [("GENE", "bold"), ("GENE", "normal"), ("many", "normal")]
    tidy(ax)


def test_the_own_gene_and_those_nearby_are_drawn_first():
    genes = [tss(f"GENE-NUMBER-{k:02}", 92_000 + 400 * k, "+", 0) for k in range(40)]
    genes += [tss("mine", 106_000, "+", 0)]
    one = on_genome("+").assign_coords(gene=("locus", ["mine"]))
    ax = tile_map(one, genes=genes)
    finish(ax)
    names = looks(ax)
    assert names.pop("mine") == "bold"
    assert set(names.values()) == {"normal"}
    assert "GENE-NUMBER-20" in names  # at the TSS
    assert ax.get_title() == f"mine ({len(genes) - 1 - len(names)} more genes not drawn)"
    tidy(ax)


@pytest.mark.parametrize("scale", [0.4, 1e-4, 300.0, 3e5])
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_tick_labels_of_scatters_keep_apart(scale, columns):
    rng = np.random.default_rng(1)
    _, axes = panels(1, columns, width=85 if columns == 1 else 60 * columns, height=58)
    for ax in axes[0]:
        table = pd.DataFrame(rng.normal(0, scale, (30, 2)), columns=["necessity", "sufficiency"])
        necessity_sufficiency(table, title="enhancing", ax=ax)
    for ax in axes[0]:
        tidy(ax)
        low, high = ax.get_xlim()
        shown = [
            tick.label1.get_window_extent()
            for tick in ax.xaxis.get_major_ticks()
            if low <= tick.get_loc() <= high
        ]
        assert len(shown) >= 2
        assert all(one.x1 < other.x0 for one, other in pairwise(shown))


def test_boxes_are_letter_values_of_each_context():
    effect = results()["necessity"]["effect"].sel(track="two")
    named = categories().sel(track="two")
    ax = tile_effects(results()["necessity"], categories(), track="two")
    assert ticks(ax) == ["enhancing\nn = 15", "neutral\nn = 0", "silencing\nn = 5"]
    for place, context in ((0, "enhancing"), (2, "silencing")):
        values = effect.values[(named == context).values]
        boxes = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
        (box,) = (one for one in boxes if abs(one.get_x() + one.get_width() / 2 - place) < 0.1)
        np.testing.assert_allclose(
            [box.get_y(), box.get_y() + box.get_height()], letter_values(values.ravel())[0]
        )
    assert ax.get_ylabel() == "normalized shuffle effect\n(WT − shuffled) / WT"
    assert ax.get_xlabel() == "context (n: tiles)"


def test_categories_are_matched_by_locus_and_others_left_out():
    named = xr.DataArray(
        np.array(["neutral", "mine", ""], dtype=object),
        dims="locus",
        coords={"locus": ["locus3", "locus0", "locus1"]},
    )
    ax = tile_effects(results()["sufficiency"], named, track="one")
    expected = ["enhancing\nn = 0", "neutral\nn = 5", "silencing\nn = 0", "mine\nn = 5"]
    assert ticks(ax) == expected
    effect = results()["sufficiency"].effect.sel(track="one", locus="locus3")
    medians = [line.get_ydata()[0] for line in with_gid(ax, "median")]
    np.testing.assert_allclose(medians[0], np.median(effect))
    assert ax.get_ylabel() == "normalized CRE effect\n(CRE + TSS − TSS) / WT"
    ax = tile_effects(results()["sufficiency"], track="one", label="mine")
    assert (ticks(ax), ax.get_ylabel()) == (["all contexts\nn = 20"], "mine")


def test_scatter_of_necessity_and_sufficiency():
    table = necessity_and_sufficiency(results()["necessity"], results()["sufficiency"])
    ax = necessity_sufficiency(table, track="one", title="all")
    one = table[table.track == "one"]
    (drawn,) = lines(ax, marked=True)
    np.testing.assert_allclose(drawn, one[["necessity", "sufficiency"]])
    (text,) = with_gid(ax, "correlation")
    expected = correlation(one, resamples=5)["correlation"]
    # Four loci: too few for an interval.
    assert text.get_text() == f"n = 20, Spearman's ρ = {expected:.2f}"
    assert ax.get_xlabel().startswith("normalized shuffle effect")
    assert ax.get_ylabel().startswith("normalized CRE effect")
    assert ax.get_title() == "all"


def table_of(n, **columns) -> pd.DataFrame:
    random = np.random.default_rng(5)
    x = random.normal(size=n)
    return pd.DataFrame({"x": x, "y": x + random.normal(size=n), **columns})


def test_scatter_has_its_interval_errors_and_diagonal():
    table = table_of(40, x_se=np.full(40, 0.1))
    ax = comparison_scatter(table, "x", "y", labels=("first", "second"))
    (text,) = with_gid(ax, "correlation")
    found = correlation(table.assign(locus=range(40)), "x", "y", resamples=200)
    values = (found[key] for key in ("correlation", "low", "high"))
    assert text.get_text() == "n = 40, Spearman's ρ = {:.2f} ({:.2f} to {:.2f})".format(*values)
    np.testing.assert_allclose([np.ptp(line[:, 0]) for line in segments(ax)], 0.2)
    diagonal = lines(ax)[-1]
    np.testing.assert_allclose(diagonal[:, 0], diagonal[:, 1])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("first", "second")


def test_points_furthest_from_the_diagonal_are_named():
    table = pd.DataFrame({"x": [0.0, 1, 2, 3], "y": [0.0, 5, 2.1, -3], "gene": list("abcd")})
    ax = comparison_scatter(table, "x", "y", names="gene", most=2)
    assert {text.get_text() for text in with_gid(ax, "name")} == {"b", "d"}
    tidy(ax)


def test_names_that_find_no_room_are_left_out():
    same = pd.DataFrame({"x": [1.0] * 30, "y": [2.0] * 30, "gene": [f"GENE{k}" for k in range(30)]})
    ax = comparison_scatter(same, "x", "y", names="gene", most=30)
    assert 1 <= len(with_gid(ax, "name")) <= 4
    tidy(ax)


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_rows_have_no_correlation(n):
    ax = comparison_scatter(table_of(n), "x", "y")
    (text,) = with_gid(ax, "correlation")
    assert text.get_text() == f"n = {n}, no correlation"
    tidy(ax)


def test_rows_without_a_value_are_left_out_and_columns_are_needed():
    table = table_of(4)
    table.loc[0, "x"] = np.nan
    (drawn,) = lines(comparison_scatter(table, "x", "y", diagonal=False))
    np.testing.assert_allclose(drawn, table[["x", "y"]][1:])
    empty = comparison_scatter(table.assign(x=np.nan), "x", "y")
    assert notes(empty) == ["nothing to compare: no row has both values"]
    with pytest.raises(ConfigError, match="no column z: it has x, y"):
        comparison_scatter(table, "x", "z")


def test_many_points_are_an_image_in_the_svg(tmp_path):
    from creme.report import save

    (file,) = save(
        comparison_scatter(table_of(30_000), "x", "y", resamples=2), tmp_path / "many", ["svg"]
    )
    assert file.stat().st_size < 1_000_000
    assert "<image" in file.read_text()
