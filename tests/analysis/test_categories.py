"""Categories, classes, and the loci and tiles that belong to them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from creme.analysis.categories import (
    CRE_CLASSES,
    context_categories,
    cre_classes,
    housekeeping_share,
    kind_of,
    members,
    read_genes,
    tiles_of,
)
from creme.analysis.class_agreement import classes_of
from creme.analysis.evidence import evidence
from creme.analysis.thresholds import Classes
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


def with_raw(mutant, control, wild_type=2.0):
    """Sufficiency of a locus: (tile, replicate) activities in backgrounds that tiles share."""
    mutant, control = np.array(mutant, float), np.array(control, float)
    effects = (mutant - control) / wild_type
    raw = (("locus", "tile", "replicate", "track"), mutant[None, ..., None])
    return xr.Dataset(
        {
            "wild_type": (("locus", "track"), [[wild_type]]),
            "control": (("locus", "replicate", "track"), control[None, :, None]),
            "mutant": raw,
            "effect_replicates": (raw[0], effects[None, ..., None]),
            "effect": (("locus", "tile", "track"), np.nanmean(effects, axis=1)[None, :, None]),
        },
        {"locus": ["locus0"], "track": ["one"]},
    )


def test_silencers_have_thresholds_of_their_own():
    got = cre_classes(cres(0.4, 0.6, -0.25, -0.4), weak_silencer=0.2, strong_silencer=0.3)
    assert got.values.ravel().tolist() == [
        *("weak enhancer", "strong enhancer", "weak silencer", "strong silencer")
    ]
    assert (cre_classes(cres(-0.25)) == "").all()
    with pytest.raises(ConfigError, match=r"weak = 0\.6, strong = 0\.5"):
        cre_classes(cres(1), weak_silencer=0.6)
    with pytest.raises(ConfigError, match=r"weak_silencer = 0\.3 is above strong_silencer = 0\.2"):
        Classes(strong_silencer=0.2)


def test_silencers_by_control_take_a_share_of_what_is_there():
    """Of an activity of 0.4 in random context a tile takes 45 %, which is 9 % of the wild type."""
    dataset = with_raw([[0.2, 0.24], [1.6, 1.6], [np.nan, 0.2]], [0.3, 0.5])
    assert cre_classes(dataset).values.ravel().tolist() == ["", "strong enhancer", ""]
    by_control = cre_classes(dataset, silencers_by="control")
    # The last tile's only replicate is compared with the control of the same background.
    assert by_control.values.ravel().tolist() == [
        *("weak silencer", "strong enhancer", "strong silencer")
    ]
    assert (cre_classes(dataset, silencers_by="control", weak_silencer=0.46)[0, :, 0] == "")[0]
    silent = with_raw([[0.0, 0.0]], [0.0, 0.0])
    assert (cre_classes(silent, silencers_by="control") == "").all()


def test_classes_may_need_evidence():
    random = np.random.default_rng(0)
    control = random.uniform(1, 1.2, 10)
    noise = random.normal(0, 0.2, (40, 10))
    noise[1] = random.normal(0, 2, 10)
    mutant = control + noise - noise.mean(axis=1, keepdims=True)
    mutant[0] += 1.4
    mutant[1] += 1.4  # as large, in shuffles that differ much more
    dataset = with_raw(mutant, control, wild_type=2.0)
    assert cre_classes(dataset).values[0, :2, 0].tolist() == ["strong enhancer"] * 2
    tested = cre_classes(dataset, q_below=0.05).values[0, :, 0]
    assert tested.tolist() == ["strong enhancer"] + [""] * 39
    # Of a part, by the evidence of the whole.
    whole = evidence(dataset)
    part = dataset.isel(tile=slice(0, 2)).assign_coords(tile=[0, 1])
    whole = whole.assign_coords(tile=np.arange(40))
    of_part = cre_classes(part, q_below=0.05, evidence=whole).values[0, :, 0]
    assert of_part.tolist() == tested[:2].tolist()
    assert (cre_classes(dataset, q_below=0.05, minimum_effect=0.75) == "").all()


def test_contexts_may_need_evidence_but_for_neutral_ones():
    random = np.random.default_rng(1)
    replicates = random.normal(0, 0.01, (30, 8, 1))
    replicates[0] += 0.97
    replicates[1] = np.array([0.0, 1.95] * 4)[:, None]
    dataset = xr.Dataset(
        {
            "effect_replicates": (("locus", "replicate", "track"), replicates),
            "effect": (("locus", "track"), replicates.mean(axis=1)),
        },
        {"locus": [f"l{k}" for k in range(30)], "track": ["one"]},
    )
    assert context_categories(dataset).values[:3, 0].tolist() == [
        *("enhancing", "enhancing", "neutral")
    ]
    assert context_categories(dataset, q_below=0.01).values[:3, 0].tolist() == [
        *("enhancing", "", "neutral")
    ]


def test_thresholds_at_their_defaults_are_no_part_of_an_identity():
    assert Classes().of_tiles() == {"weak": 0.3, "strong": 0.5}
    assert Classes(minimum_effect=0.1, additive=0.2).of_tiles() == {"weak": 0.3, "strong": 0.5}
    given = Classes(silencers_by="control", q_below=0.05, weak_silencer=0.2, minimum_effect=0.1)
    assert given.of_tiles() == {
        **{"weak": 0.3, "strong": 0.5, "weak_silencer": 0.2, "silencers_by": "control"},
        **{"q_below": 0.05, "minimum_effect": 0.1},
    }


def test_classes_that_need_more_than_effects_are_not_compared_by_them():
    assert classes_of("sufficiency", [0.6], **Classes().of_tiles())[1] == CRE_CLASSES
    for given in (Classes(silencers_by="control"), Classes(q_below=0.1)):
        assert classes_of("sufficiency", [0.6], **given.of_tiles()) == (None, ())
