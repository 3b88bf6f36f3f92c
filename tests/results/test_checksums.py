"""Damage to a results directory: it is a sentence, and never other numbers."""

from __future__ import annotations

import errno
import json
import random
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import creme
from creme.errors import CremeWarning, ResultsError
from creme.results.checksums import checksums_of
from creme.results.directory import Results
from faulty import case, tries

FLIPS = tries(120, 160)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    rng = np.random.default_rng(1)
    names = np.array(["A", "B"], dtype=object)
    dataset = xr.Dataset(
        {
            "effect": (("locus", "tile"), rng.random((2, 30))),
            "effect_replicates": (("locus", "tile", "replicate"), rng.random((2, 30, 4))),
        },
        coords={"locus": names, "gene": ("locus", names), "tile": np.arange(30)},
        attrs={"measure": "effect", "neutral": 0.0, "seed": "7"},
    )
    results = Results(tmp_path_factory.mktemp("saved") / "small.results")
    results.claim('name = "small"\nseed = 7\n', results.path, {"seed": 7, "tests": {"t": {}}})
    results.save("t", dataset)
    results.update({"state": "finished", "counts": {"asked": 12}, "units": {}, "failures": []})
    return results.path


def read(path: Path) -> tuple[xr.Dataset, dict]:
    view = creme.open_results(path)
    assert view.configuration
    state = {key: part for key, part in view.raw.items() if key != "checksum"}
    return view.dataset("t"), {**state, "progress": str(view.progress)}


def test_a_flipped_byte_is_never_read_as_another_number(results, tmp_path):
    copied = Path(shutil.copytree(results, tmp_path / "small.results"))
    dataset, state = read(copied)
    files = sorted(path for path in copied.rglob("*") if path.is_file())
    rng = random.Random(5)
    places: set[bool] = set()
    with case("flip-results") as cost:
        for number in range(FLIPS):
            file = files[number % len(files)]
            whole = file.read_bytes()
            at = rng.randrange(len(whole))
            changed = bytes([whole[at] ^ (1 << rng.randrange(8))])
            file.write_bytes(whole[:at] + changed + whole[at + 1 :])
            cost.tries += 1
            try:
                again, other = read(copied)
            except (ResultsError, CremeWarning) as error:  # nothing else
                cost.saw(error)
                places.add(str(copied) in str(error))
            else:
                cost.wrong += not again.identical(dataset) or other != state
            cost.rows += 1
            file.write_bytes(whole)
        assert cost.sentences.total() > FLIPS * 0.9
        assert places == {True}
    assert read(copied)[0].identical(dataset)


def test_plain_xarray_opens_the_same(results):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own = xr.open_zarr(results / "t.zarr", consolidated=False, chunks=None).load()
    assert own.identical(read(results)[0])


def test_results_without_checksums_are_read_as_before(results, tmp_path):
    copied = Path(shutil.copytree(results, tmp_path / "small.results"))
    (copied / "t.checksums").unlink()
    state = json.loads((copied / "run.json").read_text())
    del state["checksum"]
    (copied / "run.json").write_text(json.dumps(state))
    assert read(copied)[0].identical(read(results)[0])


def test_damage_says_where_and_how_to_go_on(results, tmp_path):
    copied = Path(shutil.copytree(results, tmp_path / "small.results"))
    chunk = copied / "t.zarr" / "effect" / "0.0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ResultsError, match=r"effect/0\.0 is damaged.*Remove .*t\.zarr and run"):
        creme.open_results(copied).dataset("t")
    # What is not read is not compared: another variable of the test is there still.
    assert creme.open_results(copied).open("t")["tile"].size == 30
    chunk.unlink()  # zarr would fill in NaN
    with pytest.raises(ResultsError, match=r"effect/0\.0 is damaged: it is missing"):
        Results(copied).load("t")
    chunk.write_bytes(whole)
    (copied / "t.checksums").write_text("{")
    with pytest.raises(ResultsError, match=r"t\.checksums is damaged"):
        Results(copied).load("t")


def test_metadata_of_an_earlier_version_that_are_damaged_are_a_sentence(results, tmp_path):
    copied = Path(shutil.copytree(results, tmp_path / "small.results"))
    (copied / "t.checksums").unlink()
    file = copied / "t.zarr" / "effect" / ".zarray"
    for text in ("{", "[]", file.read_text().replace('"shape"', '"shapes"')):
        file.write_text(text)
        with pytest.raises(ResultsError, match="is damaged"):
            Results(copied).load("t")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("can't start new thread"), "can't start new thread"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_trouble_is_not_called_damage(results, monkeypatch, error, sentence):
    """Nobody is told to remove what is whole."""

    def fail(*_args, **_settings):
        raise error

    monkeypatch.setattr("xarray.open_zarr", fail)
    with pytest.raises(ResultsError, match=f"cannot be read now: {sentence}") as failure:
        Results(results).load("t")
    assert "Remove" not in str(failure.value)


def test_a_dataset_that_is_saved_while_it_is_read_is_not_called_damaged(results, tmp_path):
    copied = Path(shutil.copytree(results, tmp_path / "small.results"))
    with creme.open_results(copied).open("t") as opened:
        Results(copied).save("t", read(copied)[0] * 2)
        with pytest.raises(ResultsError, match="was saved anew while it was read"):
            opened.load()


def test_checksums_of_a_save_that_failed_are_those_of_what_stands(results, tmp_path, monkeypatch):
    copied = Path(shutil.copytree(results, tmp_path / "small.results"))
    dataset = read(copied)[0]

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("creme.results.directory.put_in_place", fails)
    with pytest.raises(ResultsError, match="No space left"):
        Results(copied).save("t", dataset * 2)
    assert checksums_of(copied / "t.zarr").is_file()
    assert read(copied)[0].identical(dataset)


def test_a_dataset_is_on_the_disk_before_it_is_moved(tmp_path, monkeypatch):
    """All of its files and folders, then each move, so that checksums are never another's."""
    events: list[tuple[str, str]] = []
    replace = Path.replace

    def synced(path):
        events.append(("sync", path.name))

    def moved(path, target):
        events.append(("move", path.name))
        return replace(path, target)

    for module in ("checksums", "directory"):
        monkeypatch.setattr(f"creme.results.{module}.sync", synced)
    monkeypatch.setattr(Path, "replace", moved)
    results = Results(tmp_path / "r")
    results.claim("text", tmp_path, {})
    dataset = xr.Dataset({"effect": ("locus", [1.0, 2.0])})
    results.save("t", dataset)
    events.clear()
    results.save("t", dataset)
    # The file of checksums is written by a function that syncs it, and moves it from a name of its
    # own.
    at = events.index(("move", "t.checksums"))
    assert {name for kind, name in events[:at] if kind == "sync"} == (
        {".zattrs", ".zgroup", ".zarray", "0", "effect", "new"}
    )
    assert events[at:] == [
        *(("move", "t.checksums"), ("sync", "r")),
        *(("move", "t.zarr"), ("move", "new"), ("sync", "r")),
        *(("move", "sums"), ("sync", "r")),
    ]


def test_an_edited_state_says_so(results, tmp_path):
    copied = Path(shutil.copytree(results, tmp_path / "small.results"))
    file = copied / "run.json"
    file.write_text(file.read_text().replace('"asked": 12', '"asked": 13'))
    with pytest.raises(ResultsError, match=r"damaged, or was edited.*remove its line 'checksum'"):
        creme.open_results(copied).raw  # noqa: B018
