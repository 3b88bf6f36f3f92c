"""Categories, classes, and the loci and tiles that belong to them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from creme.analysis.categories import (
    context_categories,
    cre_classes,
    housekeeping_share,
    kind_of,
    members,
    read_genes,
    tiles_of,
)
from creme.errors import ConfigError
from creme.suite.context_swap import ContextSwap
from creme.suite.necessity import Necessity
from toy import toy_loci


def context(*effects, genes=None):
    names = [f"locus{k}" for k in range(len(effects))]
    return xr.Dataset(
        {"effect": (("locus", "track"), np.array(effects, float).reshape(-1, 1))},
        {"locus": names, "track": ["one"], "gene": ("locus", genes or names)},
    )


def cres(*effects):
    effect = np.array(effects, float)
    n = len(effect)
    return xr.Dataset(
        {"effect": (("locus", "tile", "track"), effect.reshape(1, n, 1))},
        {
            "locus": ["locus0"],
            "track": ["one"],
            "tile_start": ("tile", np.arange(n) * 100),
            "tile_end": ("tile", np.arange(n) * 100 + 100),
        },
    )


@pytest.mark.parametrize(
    ("effect", "category"),
    [
        (1.2, "enhancing"),
        (0.951, "enhancing"),
        (0.95, ""),
        (0.2, ""),
        (0.199, "neutral"),
        (-0.199, "neutral"),
        (-0.2, ""),
        (-0.5, ""),
        (-0.501, "silencing"),
        (-3, "silencing"),
        (np.nan, ""),
    ],
)
def test_context_categories_at_their_edges(effect, category):
    assert context_categories(context(effect)).item() == category


def test_thresholds_are_parameters():
    got = context_categories(context(0.9, 0.06, -0.4), enhancing=0.8, neutral=0.05, silencing=-0.3)
    assert got.values.ravel().tolist() == ["enhancing", "", "silencing"]
    with pytest.raises(ConfigError, match="categories overlap"):
        context_categories(context(0.9), enhancing=0.1)
    with pytest.raises(ConfigError, match="categories overlap"):
        context_categories(context(0.9), silencing=-0.1)


@pytest.mark.parametrize(
    ("effect", "name"),
    [
        (0.3, ""),
        (0.301, "weak enhancer"),
        (0.499, "weak enhancer"),
        (0.5, "strong enhancer"),
        (-0.3, ""),
        (-0.301, "weak silencer"),
        (-0.5, "weak silencer"),
        (-0.501, "strong silencer"),
        (0, ""),
        (np.nan, ""),
    ],
)
def test_cre_classes_at_their_edges(effect, name):
    classes = cre_classes(cres(effect))
    assert classes.item() == name
    assert kind_of(classes).item() == name.split(" ")[-1]


def test_classes_are_checked():
    with pytest.raises(ConfigError, match="weak <= strong"):
        cre_classes(cres(1), weak=0.6)
    with pytest.raises(ConfigError, match="no CRE class promoter"):
        tiles_of(cre_classes(cres(1)), ["promoter"])


def test_members_are_what_the_swap_takes():
    categories = context_categories(context(0.99, 0.1, 0.97, 0.5))
    groups = members(categories)
    assert groups == {"enhancing": ["locus0", "locus2"], "neutral": ["locus1"]}
    assert len(list(ContextSwap(groups=groups).units(toy_loci(4)))) == 9


def test_loci_that_were_not_classified_have_no_class():
    """As where categories of some loci are aligned with more."""
    categories = context_categories(context(0.99, 0.1))
    more = categories.reindex(locus=["locus0", "locus1", "locus2"])
    assert members(more) == {"enhancing": ["locus0"], "neutral": ["locus1"]}
    classes = cre_classes(cres(0.6, -0.6)).reindex(locus=["locus0", "locus1"])
    assert kind_of(classes).values.ravel().tolist() == ["enhancer", "silencer", "", ""]


def test_tiles_are_what_a_test_takes():
    classes = cre_classes(cres(0.6, 0.1, -0.4, 0.4))
    assert tiles_of(classes) == {"locus0": [(0, 100), (200, 300), (300, 400)]}
    enhancers = tiles_of(classes, ["strong enhancer", "weak enhancer"])
    assert enhancers == {"locus0": [(0, 100), (300, 400)]}
    assert tiles_of(kind_of(classes), ["silencer"]) == {"locus0": [(200, 300)]}
    assert tiles_of(cre_classes(cres(0.0))) == {}
    test, loci = Necessity(tile=100, tiles=enhancers), toy_loci(2)
    assert [unit.name for unit in test.units(loci)] == ["locus0"]
    assert len(test.tiling(loci[0])) == 2


def test_of_several_tracks_one_is_chosen():
    two = xr.concat([context(0.99), context(0.0).assign_coords(track=["two"])], dim="track")
    categories = context_categories(two)
    assert members(categories, "one") == {"enhancing": ["locus0"]}
    assert members(categories, "two") == {"neutral": ["locus0"]}
    with pytest.raises(ConfigError, match="choose one of the tracks one, two"):
        members(categories)
    with pytest.raises(ConfigError, match="no track 'three'"):
        members(categories, "three")


def test_housekeeping_share():
    got = housekeeping_share(
        context_categories(context(0.99, 0.0, 0.1, 0.99, genes=["A", "B", "C", "D"])), {"B", "D"}
    ).isel(track=0)
    assert got.n.values.tolist() == [2, 2, 0]
    assert got.housekeeping.values.tolist() == [1, 1, 0]
    np.testing.assert_array_equal(got.share, [0.5, 0.5, np.nan])


def test_gene_lists(tmp_path):
    plain = tmp_path / "genes.txt"
    plain.write_text("ARF5\n\n M6PR \n")
    assert read_genes(plain) == {"ARF5", "M6PR"}
    table = tmp_path / "genes.csv"
    table.write_text("Ensembl;Gene.name;Refseq\nENST1;ARF5;NM_1\nENST2;M6PR;NM_2\n")
    assert read_genes(table) == {"ARF5", "M6PR"}
    table.write_text("Ensembl;Gene.name;Refseq\n\nENST1;ARF5;NM_1\nENST2\n")
    with pytest.raises(ConfigError, match=r"genes\.csv, line 4: there is no column 2"):
        read_genes(table)
    table.write_text("Ensembl;Refseq\nENST1;NM_1\n")
    with pytest.raises(ConfigError, match=r"no column 'Gene\.name' or 'gene'"):
        read_genes(table)
