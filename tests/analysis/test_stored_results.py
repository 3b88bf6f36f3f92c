"""Analyses of results as they come back from disk, where text has another dtype."""

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
    tiles_of,
)
from creme.analysis.class_agreement import class_agreement
from creme.analysis.distances import distance_histogram
from creme.analysis.statistics import mean_by
from creme.results.directory import Results


def contexts():
    return xr.Dataset(
        {"effect": (("locus", "track"), [[0.99], [0.0], [-0.9], [0.97]])},
        {
            "locus": np.array(["w", "x", "y", "z"], dtype=object),
            "gene": ("locus", np.array(["A", "B", "", "ünï"], dtype=object)),
            "track": np.array(["one"], dtype=object),
        },
    )


def tiles():
    random = np.random.default_rng(4)
    effect = random.normal(scale=0.5, size=(4, 6, 1))
    effect[1, 2] = np.nan
    return (
        contexts()
        .drop_vars("effect")
        .assign(effect=(("locus", "tile", "track"), effect))
        .assign_coords(
            distance=("tile", np.arange(-3, 3) * 1000),
            tile_start=("tile", np.arange(6) * 1000),
            tile_end=("tile", np.arange(6) * 1000 + 1000),
        )
    )


def shares(dataset):
    return housekeeping_share(context_categories(dataset), ["A", "ünï"])


def by_category(dataset):
    categories = context_categories(dataset).sel(track="one", drop=True).rename("category")
    return mean_by(dataset["effect"], categories, resamples=20)


def by_gene(dataset):
    return mean_by(dataset["effect"], dataset["gene"], resamples=20)


def kinds(dataset):
    return kind_of(cre_classes(dataset))


def histogram(dataset):
    return distance_histogram(dataset, bin_width=1000, resamples=20)


@pytest.mark.parametrize(
    ("make", "analysis"),
    [
        *((contexts, one) for one in (shares, by_category, by_gene)),
        *((tiles, one) for one in (kinds, histogram)),
    ],
    ids=lambda one: one.__name__,
)
def test_from_disk_as_from_memory(make, analysis, tmp_path):
    results = Results(tmp_path)
    results.save("made", make())
    stored = results.load("made")
    # Text has another type than in memory, but with the oldest versions of xarray.
    xr.testing.assert_equal(analysis(stored), analysis(make()))


def test_what_was_categorised_before_it_was_stored(tmp_path):
    results = Results(tmp_path)
    categories, classes = context_categories(contexts()), cre_classes(tiles())
    results.save("categories", categories.to_dataset())
    results.save("classes", classes.to_dataset())
    stored = results.load("categories")["category"]
    assert members(stored) == members(categories)
    again = results.load("classes")["cre_class"]
    assert tiles_of(again, ["enhancer", "weak silencer"]) == tiles_of(
        classes, ["enhancer", "weak silencer"]
    )
    names = ("enhancing", "neutral", "silencing")
    flat = stored.isel(track=0)
    found = class_agreement(flat, flat, stored["locus"], names, resamples=20)
    assert found.kappa == 1
    assert found.counts.loc["enhancing", "enhancing"] == 2
    xr.testing.assert_equal(
        housekeeping_share(stored, {"A"}), housekeeping_share(categories, {"A"})
    )


@pytest.mark.parametrize("signed", [True, False])
def test_a_histogram_of_nothing_defined_has_no_distances(signed):
    dataset = tiles()
    found = distance_histogram(
        dataset.assign(effect=dataset["effect"] * np.nan), signed=signed, resamples=5
    )
    whole = distance_histogram(dataset, signed=signed, resamples=5)
    assert found.sizes == {"kind": 2, "distance": 0, "track": 1}
    assert set(found) == set(whole)
    assert found["distance"].dtype == whole["distance"].dtype
    assert found["count"].sum() == 0
