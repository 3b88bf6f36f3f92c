"""Joining from the log gives what xarray's concatenation of all units gives."""

from __future__ import annotations

import random

import numpy as np
import pytest
import xarray as xr
from concatenated import concatenated, saved

from creme.errors import ConfigError
from creme.results import join
from creme.results.join import Joined
from creme.results.units import UnitLog

TRACKS = ["one", "two"]
ATTRS = {"test": "t", "neutral": 0.5}


def labels(k):
    return {"gene": f"G\u00e9ne{k}", "start": 10 * k - 5, "share": k / 3, "odd": bool(k % 2)}


def units_of(*datasets):
    return [(dataset, f"x{k}", labels(k)) for k, dataset in enumerate(datasets)]


def logged(units, folder, order=None):
    """The log of units that ended in some order."""
    log = UnitLog(folder, "a/test")
    log.begin(ATTRS, TRACKS)
    for place in order or range(len(units)):
        log.append(place, *units[place])
    log.close()
    return log


def check(units, folder, order=None):
    """Compare with the twin, in memory and as it is saved."""
    expected = concatenated(units, TRACKS).assign_attrs(ATTRS)
    log = logged(units, folder, order)
    joined = log.read_joined()
    assert_same(joined, expected)
    with log.read() as read:
        try:
            twin = saved(expected, folder / "twin.zarr")
        except ValueError:  # numbers and text in one variable
            with pytest.raises(ValueError, match="mixed native types"):
                Joined(read).write(folder / "own.zarr")
            return
        Joined(read).write(folder / "own.zarr")
    # Plain xarray reads the same, down to the types of what is stored.
    assert_same(xr.open_zarr(folder / "own.zarr", consolidated=False, chunks=None).load(), twin)


def assert_same(got, expected):
    assert got.identical(expected)
    assert set(got.coords) == set(expected.coords)
    for name, values in expected.variables.items():
        assert got[name].dims == values.dims, name
        assert got[name].dtype == values.dtype, name
        assert got[name].variable.attrs == values.attrs, name


def tiles(n, k=0, first=0, dtype=np.float64):
    """A unit of some tiles, as the tests of the suite make them."""
    draws = np.random.default_rng(k)
    return xr.Dataset(
        {
            "effect": (("tile", "track"), draws.normal(size=(n, 2)).astype(dtype)),
            "wild_type": (("track",), draws.normal(size=2).astype(np.float32)),
            "shuffled": (("tile", "replicate", "track"), draws.normal(size=(n, 3, 2))),
            "selected": (("tile",), draws.integers(0, 9, n)),
            "kept": (("tile", "track"), draws.integers(0, 2, (n, 2)).astype(bool)),
            "base": (("tile",), np.array(list("ACGT" * n)[:n], dtype=object)),
        },
        {
            "tile_start": ("tile", np.arange(n) * 100 + first),
            "genomic_start": ("tile", np.arange(n) * 100 + 1000 * k),
            "strand_of": ("tile", ["+"] * n),
        },
        {"made": "by hand", "unit": k},
    )


def variable(values, dims="x", **attrs):
    return xr.Dataset({"v": (dims, values, attrs)})


NAN = np.nan
HAND_MADE = {
    "one unit": [tiles(3)],
    "alike": [tiles(3, k) for k in range(5)],
    "other tiles": [tiles(n, k) for k, n in enumerate((3, 5, 2, 5, 3))],
    "more tiles later": [tiles(2, 0), tiles(2, 1), tiles(9, 2)],
    "other starts": [tiles(3, k, first=k) for k in range(4)],
    "floats of two widths": [tiles(2, 0, dtype=np.float32), tiles(2, 1), tiles(3, 2)],
    "no tiles in some": [tiles(3, 0), tiles(0, 1), tiles(2, 2)],
    "no tiles at all": [tiles(0, 0), tiles(0, 1)],
    "scalars": [xr.Dataset({"v": ((), float(k))}) for k in range(3)],
    "whole numbers alone": [xr.Dataset({"n": ((), k)}) for k in range(3)],
    "nothing": [xr.Dataset() for _ in range(3)],
    "variables that some lack": [
        xr.Dataset({"n": ((), 0.5)}),
        xr.Dataset({"v": ("track", [1.0, 2.0]), "n": ((), 0.25)}),
        xr.Dataset({"v": ("track", np.float32([3, 4])), "n": ((), 0.0), "w": ("track", [1.0, 2])}),
    ],
    "float variables that the first lacks": [xr.Dataset(), variable([1.0, 2.0]), variable([3.0])],
    "complex": [variable(np.array([1 + 2j, 3])), variable(np.array([1j]))],
    "small whole numbers": [variable(np.int8([1, 2])), variable(np.int8([3]))],
    "unsigned": [variable(np.uint16([1, 2])), variable(np.uint16([3]))],
    "bool": [variable([True, False]), variable([True])],
    "whole numbers of two widths": [variable(np.int8([1, 2])), variable(np.int64([3, 4]))],
    "whole numbers and bool": [variable(np.int8([1, 2])), variable([True, False])],
    "fixed text": [variable(["a", "b"]), variable(["long", "x"])],
    "fixed text, some missing": [variable(["a", "b"]), variable(["long"])],
    "text with missing values": [
        variable(np.array(["a", NAN], dtype=object)),
        variable(np.array([None, "\u00fc\x00"], dtype=object)),
    ],
    "text, some missing": [
        variable(np.array(["a", "b", "c"], dtype=object)),
        variable(np.array(["d"], dtype=object)),
    ],
    "whole numbers and text": [variable([1, 2]), variable(np.array(["d", "e"], dtype=object))],
    "times": [
        variable(np.array(["2020-01-01", "2021-01-01"], "M8[ns]")),
        variable(np.array(["2022-01-01"], "M8[ns]")),
    ],
    "attributes of variables": [
        variable([1.0], units="bp", range=[1, 2], factor=np.float32(0.5)),
        variable([1.0], units="kb"),
    ],
    "own positions": [
        variable([1.0, 2.0]).assign_coords(x=[30, 10]),
        variable([3.0, 4.0]).assign_coords(x=[20, 10]),
        variable([3.0, 4.0]).assign_coords(x=[30, 10]),
    ],
    "same positions, unordered": [
        variable([1.0, 2.0]).assign_coords(x=[30, 10]),
        variable([3.0, 4.0]).assign_coords(x=[30, 10]),
    ],
    "same positions in another order": [
        variable([1, 2]).assign_coords(x=[30, 10]),
        variable([3, 4]).assign_coords(x=[10, 30]),
    ],
    "positions twice": [variable([float(k), 2.0]).assign_coords(x=[7, 7]) for k in range(2)],
    "named positions": [
        variable([1.0, 2.0]).assign_coords(x=["b", "a"]),
        variable([3.0]).assign_coords(x=np.array(["c"], dtype=object)),
    ],
    "float positions": [
        variable([1, 2]).assign_coords(x=[0.5, 0.25]),
        variable([3]).assign_coords(x=[2]),
    ],
    "positions with attributes": [
        variable([1.0]).assign_coords(x=("x", [k], {"units": f"{k} bp"})) for k in (1, 0)
    ],
    "scalar coordinates": [
        variable([1.0]).assign_coords(same=5, other=k, text="a", nan=NAN) for k in range(3)
    ],
    "a coordinate of one value where it is there": [
        variable([1.0, 2.0]).assign_coords(same=("x", [1.0, NAN])),
        variable([1.0]).assign_coords(same=("x", [1.0])),
    ],
    "zeros and NaN of both kinds": [
        variable([1.0]).assign_coords(c=("x", [value])) for value in (0.0, -0.0, 0.0)
    ],
    "a coordinate that the first lacks": [
        variable([1.0]),
        variable([2.0]).assign_coords(c=7),
        variable([2.0]).assign_coords(c=7),
    ],
    "a coordinate that only the first has": [
        variable([1.0]).assign_coords(c=7),
        variable([2.0]),
        variable([2.0]),
    ],
    "dimensions in another order": [
        variable(np.arange(6.0).reshape(2, 3), ("x", "y")),
        variable(np.arange(6.0).reshape(3, 2), ("y", "x")),
        variable(np.arange(2.0).reshape(1, 2), ("y", "x")),
    ],
    "a dimension that some lack": [
        variable(3.0, ()),
        xr.Dataset({"v": ((), 1.0), "w": ((), 1.0)}),
        variable([1.0, 2.0], "x"),
        xr.Dataset({"v": ((), 1.0), "w": ("x", [1.0])}),
        variable(np.arange(6.0).reshape(3, 2), ("y", "x")),
    ],
    "a coordinate that is measured as a whole number elsewhere": [
        variable([1.0, 2.0]).assign_coords(c=("x", [1, 2])),
        xr.Dataset({"v": ("x", [1.0, 2.0]), "c": ("x", [1, 2])}),
    ],
    "labels that the unit has itself": [tiles(2, 0).assign_coords(gene="mine", start=3)],
    "tracks with names of their own": [
        tiles(2, k).assign_coords(track=["a", "b"]) for k in range(2)
    ],
}


@pytest.mark.parametrize("name", HAND_MADE)
def test_hand_made_units(name, tmp_path):
    check(units_of(*HAND_MADE[name]), tmp_path)


@pytest.mark.parametrize("seed", range(30))
def test_units_that_end_in_any_order(seed, tmp_path):
    draws = random.Random(seed)
    chosen = [
        tiles(draws.choice((1, 2, 3)), k, first=draws.choice((0, 0, 5)))
        for k in range(draws.randint(1, 9))
    ]
    order = draws.sample(range(len(chosen)), len(chosen))
    check(units_of(*chosen), tmp_path, order)


def test_chunks_and_batches(tmp_path, monkeypatch):
    """Nothing depends on how much is read and written at once."""
    monkeypatch.setattr(join, "CHUNK", 200)
    monkeypatch.setattr(join, "READ", 300)
    check(units_of(*(tiles(2 + k % 3, k) for k in range(40))), tmp_path)
    shape = xr.open_zarr(tmp_path / "own.zarr", consolidated=False)["shuffled"].encoding["chunks"]
    assert shape == (1, 4, 3, 2)
    shape = xr.open_zarr(tmp_path / "own.zarr", consolidated=False)["wild_type"].encoding["chunks"]
    assert shape == (25, 2)


def test_a_dimension_that_later_units_lack(tmp_path):
    """The twin refuses that, and takes the same units in another order."""
    units = units_of(variable([1.0, 2.0]), variable(3.0, ()), variable([4.0, 5.0]))
    order = [1, 0, 2]
    with pytest.raises(ValueError, match="'x' not present"):
        concatenated(units, TRACKS)
    expected = concatenated([units[k] for k in order], TRACKS)
    joined = logged(units, tmp_path).read_joined()
    assert joined.isel(locus=order).drop_attrs().equals(expected.drop_attrs())


UNLIKE = {
    "text and floats": [variable([1.0]), variable(np.array(["a"], dtype=object))],
    "whole numbers that some lack": [variable([1]), xr.Dataset(), variable([1])],
    "a coordinate that some lack": [
        variable([1.0]).assign_coords(c=7),
        variable([1.0]).assign_coords(c=8),
        variable([2.0]),
    ],
    "positions twice in some": [
        variable([1.0, 2.0]).assign_coords(x=[7, 7]),
        variable([1.0, 2.0]).assign_coords(x=[7, 8]),
    ],
    "times and floats": [
        variable(np.array(["2020-01-01"], "M8[ns]")),
        variable(np.array([1.0 + 1j])).astype(bool),
    ],
}


@pytest.mark.parametrize("name", UNLIKE)
def test_unlike_units(name, tmp_path):
    """Where the twin has no answer, there is a sentence."""
    units = units_of(*UNLIKE[name])
    with pytest.raises((ValueError, TypeError)):
        concatenated(units, TRACKS)
    with pytest.raises(ConfigError):
        logged(units, tmp_path).read_joined()
