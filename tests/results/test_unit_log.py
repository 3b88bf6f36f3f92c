"""The log of a test's units: whole records, whatever became of its writer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from creme.errors import ConfigError, ResultsError
from creme.results.directory import Results
from creme.results.join import Joined
from creme.results.units import UnitLog, logged


def unit(k, tiles=3):
    return xr.Dataset(
        {"effect": (("tile", "track"), np.full((tiles, 1), float(k))), "n": ((), k)},
        {"distance": ("tile", np.arange(tiles))},
    )


def begun(folder, label="t"):
    log = UnitLog(folder, label)
    log.begin({"test": "t", "seed": "7"}, ["one"])
    return log


def joined(log):
    """What can be read of a log with units."""
    read = log.read_joined()
    assert read is not None
    return read


def add(log, k, **changes):
    log.append(k, unit(k, **changes), f"x{k}", {"gene": f"gene {k}"})


def test_what_is_read_grows(tmp_path):
    log = begun(tmp_path)
    assert log.read_joined() is None
    assert logged(tmp_path) == []
    for k in range(5):
        add(log, k, tiles=2 + k % 2)
        assert log.count() == k + 1
        got = joined(UnitLog(tmp_path, "t"))
        assert got["locus"].values.tolist() == [f"x{i}" for i in range(k + 1)]
        assert got.attrs == {"test": "t", "seed": "7"}
        assert got["effect"].sel(locus=f"x{k}").dropna("tile").values.tolist() == [[float(k)]] * (
            2 + k % 2
        )
    assert logged(tmp_path) == ["t"]
    log.remove()
    assert not (tmp_path / ".units").exists()
    assert log.count() == 0
    assert log.read_joined() is None


def test_labels_of_all_kinds(tmp_path):
    for label in ("a/b", "..", "\u00fcn \u00ef", "a%2Fb", "x.log"):
        add(begun(tmp_path, label), 1)
    assert logged(tmp_path) == sorted(["a/b", "..", "\u00fcn \u00ef", "a%2Fb", "x.log"])
    assert {path.parent.name for path in tmp_path.rglob("*.log")} == {".units"}


def test_a_tail_that_was_cut_short(tmp_path):
    """Wherever it is cut, the whole records before it are there."""
    log = begun(tmp_path)
    sizes = []
    for k in range(3):
        add(log, k)
        sizes.append(log.path.stat().st_size)
    log.close()
    content = log.path.read_bytes()
    ends = sorted({*range(0, len(content), 41), *sizes, *(size - 1 for size in sizes)})
    for end in ends:
        log.path.write_bytes(content[:end])
        whole = sum(size <= end for size in sizes)
        assert log.count() == whole
        read = log.read_joined()
        assert (0 if read is None else read.sizes["locus"]) == whole


def test_a_tail_of_other_bytes(tmp_path):
    """As a file system may leave it, which had the length of a file before its content."""
    log = begun(tmp_path)
    for k in range(3):
        add(log, k)
    content = log.path.read_bytes()
    for k in range(1, 60, 7):
        log.path.write_bytes(
            content[:-k] + bytes([content[-k] ^ 1]) + content[len(content) - k + 1 :]
        )
        assert joined(log).sizes["locus"] == 2
    for tail in (b"\0" * 500, os.urandom(500)):
        log.path.write_bytes(content + tail)
        assert log.count() == 3
        assert joined(log).sizes["locus"] == 3


WRITER = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[2]]
from test_unit_log import add, begun
log = begun(Path(sys.argv[1]))
k = 0
while True:
    add(log, k, tiles=1 + k % 50)
    k += 1
"""


def test_a_reader_beside_a_writer(tmp_path):
    """Which is killed at last: what was there by then stays."""
    here = str(Path(__file__).parent)
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), here])
    log, counts = UnitLog(tmp_path, "t"), [0]
    try:
        deadline = time.monotonic() + 600
        while len(set(counts)) < 12 and time.monotonic() < deadline:
            read = log.read_joined()
            if read is None:
                continue
            n = read.sizes["locus"]
            assert read["n"].values.tolist() == list(range(n))
            counts.append(n)
    finally:
        process.kill()
        process.wait()
    assert counts == sorted(counts)
    assert len(set(counts)) == 12
    assert joined(log).sizes["locus"] == log.count() >= counts[-1]


def test_begun_anew_beside_a_reader(tmp_path):
    log = begun(tmp_path)
    for k in range(20):
        add(log, k)
    units = UnitLog(tmp_path, "t").read()
    assert units is not None
    with units:
        add(begun(tmp_path), 99)
        assert Joined(units).dataset()["n"].values.tolist() == list(range(20))
    assert joined(log)["n"].values.tolist() == [99]


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (None, "it returned nothing: a test returns an xarray.Dataset"),
        (3.0, "it returned float"),
        (unit(1).expand_dims("locus"), "returned a dimension 'locus'"),
        (xr.Dataset({"v": ("track", [1.0, 2.0])}), "2 tracks where 1 activities were read"),
        (xr.Dataset({"gene": ((), 1.0)}), "a variable 'gene', which is a label of every unit"),
        (xr.Dataset({"gene": ((), 1)}), "a variable 'gene', which is a label of every unit"),
        (xr.Dataset({"v": ("gene", [1.0])}), "a dimension 'gene', which is a label"),
        (xr.Dataset({"v": ((), 1.0)}, attrs={"a": {1, 2}}), "set as attribute 'a' of the Dataset"),
        (
            xr.Dataset({"v": ((), 1.0, {"a": object})}),
            "returned type as attribute 'a' of variable 'v'",
        ),
        (
            xr.Dataset({"v": ("x", np.array([b"a", "b"], dtype=object))}),
            "returned bytes as variable 'v'",
        ),
    ],
)
def test_what_cannot_be_stored(dataset, message, tmp_path):
    """Nothing of it is in the log, and the other units are."""
    log = begun(tmp_path)
    add(log, 0)
    with pytest.raises(ConfigError, match=message):
        log.append(1, dataset, "x1", {"gene": "a"})
    add(log, 2)
    assert joined(log)["n"].values.tolist() == [0, 2]


def test_attributes_as_zarr_has_them(tmp_path):
    attrs = {"a": np.float32(0.5), "b": np.arange(3), "c": (1, "x"), "d": {"e": [None, True]}}
    log = begun(tmp_path)
    log.append(0, unit(0).assign_attrs(attrs), "x0", {})
    read = joined(log).attrs
    assert read["a"] == 0.5
    assert (read["b"], read["c"], read["d"]) == ([0, 1, 2], [1, "x"], {"e": [None, True]})


def test_results_have_both(tmp_path):
    """What is finished, and what is not yet."""
    results = Results(tmp_path / "r")
    results.claim("text", tmp_path, {"seed": 1})
    results.save("whole", unit(1).expand_dims(locus=["x"]))
    for label in ("whole", "part"):
        add(begun(results.path, label), 5)
    begun(results.path, "empty")
    assert results.labels() == ["whole"]
    assert results.partial() == ["part"]
    assert results.load("whole")["locus"].values.tolist() == ["x"]
    assert results.load("part")["locus"].values.tolist() == ["x5"]
    with pytest.raises(
        ResultsError, match=r"of a test 'empty'.*it has part, whole; the run is new"
    ):
        results.load("empty")


def test_units_that_do_not_fit_are_a_sentence(tmp_path):
    results = Results(tmp_path / "r")
    results.claim("text", tmp_path, {"seed": 1})
    log = begun(results.path)
    log.append(0, xr.Dataset({"v": ((), 1.0)}), "x0", {})
    log.append(1, xr.Dataset({"v": ((), "text")}), "x1", {})
    with pytest.raises(ResultsError, match=r"units of test 't' in .*variable 'v' holds measured"):
        results.load("t")
