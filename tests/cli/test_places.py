"""`creme results` says where on the genome, and tells all rows apart."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr

import in_process
import mini_study as mini
from creme.cli.places import on_genome, with_places
from creme.cli.strongest import strongest
from creme.results.tidy import tidy
from creme.study import StudyResults, run_study
from creme.test import Presentation


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of six genes, three on each strand, with planted elements."""
    folder = tmp_path_factory.mktemp("places")
    genes = mini.write(folder, genes=6)
    run_study(mini.study(folder), stages=["loci", "context_dependence", "necessity"])
    return folder / "mini.study", genes


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.streams_of(monkeypatch, capsys)


@pytest.mark.parametrize("strand", "+-")
def test_the_strongest_element_is_where_it_was_planted(study, creme, strand):
    folder, genes = study
    of_strand = {gene.name: gene for gene in genes if gene.strand == strand}
    shown, _ = creme("results", folder, "--test", "necessity", "--top", 200)
    rows = re.findall(r"│ (GENE\d) +│ mini1:(\d+)-(\d+) +│ +(-?\d+) │ +(-?[\d.]+) │", shown)
    seen = set()
    for name, first, last, distance, _effect in rows:
        if name not in of_strand or name in seen:
            continue
        seen.add(name)  # the gene's strongest tile is the first
        gene = of_strand[name]
        assert int(last) - int(first) + 1 == mini.TILE
        start, end = int(first) - 1, int(last)
        assert any(start <= low and high <= end for _, low, high in gene.elements)
        middle = (start + end - 1) / 2
        away = middle - gene.position if strand == "+" else gene.position - middle
        assert int(distance) == pytest.approx(away, abs=1)
    assert seen == set(of_strand)
    effects = [abs(float(row[4])) for row in rows]
    assert effects == sorted(effects, reverse=True)


def test_the_printed_places_are_those_of_the_table(study, creme):
    folder, _ = study
    shown, _ = creme("results", folder, "--test", "necessity", "--top", 500, "-v")
    table = StudyResults(folder).table("necessity")
    wanted = {
        f"mini1:{start + 1}-{end}"
        for start, end in zip(table["genomic_start"], table["genomic_end"], strict=True)
    }
    assert set(re.findall(r"mini1:\d+-\d+", shown)) == wanted


@pytest.mark.parametrize(("strand", "low"), [("+", 1100), ("-", 1850)])
def test_positions_in_the_window_on_both_strands(strand, low):
    """The window [1000, 2000): 50 bp from position 100 of the gene's direction on."""
    dataset = xr.Dataset(
        {"fold_change": (("locus", "position", "track"), np.ones((1, 2, 1)))},
        coords={
            "locus": ["A"],
            "track": ["t"],
            "contig": ("locus", ["chr1"]),
            "start": ("locus", [1000]),
            "end": ("locus", [2000]),
            "strand": ("locus", [strand]),
            "position_start": (("locus", "position"), [[100, -1]]),
            "tile_start": ("locus", [400]),
            "tile_end": ("locus", [450]),
        },
    )
    frame = with_places(tidy(dataset), dataset)
    assert list(frame["position"]) == [f"chr1:{low + 1}-{low + 50}", ""]
    assert "position_start" not in frame
    first, _ = on_genome(tidy(dataset), tidy(dataset)["position_start"].astype(float), 50)
    assert first.iloc[0] == low


@pytest.mark.parametrize("dim", ["step", "selected", "kept", "source", "tile", "position"])
def test_no_dimension_is_left_out_whatever_its_name(dim):
    """A column of such a name was taken for a label of the locus, and rows looked alike."""
    dataset = xr.Dataset(
        {"effect": (("locus", dim, "track"), np.array([[[0.5], [0.2], [-0.7]]]))},
        coords={"locus": ["A"], "track": ["t"], dim: [0, 1, 2]},
    )
    shown = Presentation(test="x", measure="effect", neutral=0.0, title="x", along=dim)
    columns, rows = strongest(dataset, shown, 5, whole=False)
    assert dim in columns
    assert [row[columns.index(dim)] for row in rows] == [2, 0, 1]


def test_a_number_is_left_out_only_where_its_own_coordinate_says_the_same():
    """A tile's start of another dimension does not tell the tiles of this one apart."""
    dataset = xr.Dataset(
        {"effect": (("locus", "tile", "track"), np.array([[[0.5], [0.2]], [[0.1], [0.3]]]))},
        coords={
            "locus": ["A", "B"],
            "track": ["t"],
            "tile": [0, 1],
            "tile_start": ("locus", [5, 7]),
        },
    )
    columns, _ = strongest(dataset, Presentation(test="x", along="tile"), 5)
    assert "tile" in columns
