"""Bins and tracks: what may be chosen, of a model and by a readout, and how it is said that not."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

from creme.errors import ConfigError
from creme.model import Readout, Selection, Track, TrackTable
from creme.models.synthetic import SyntheticModel
from creme.runner.experiment import build_model, parse, select
from creme.testing.tests import RandomModel
from toy import MODEL

WRONG_BINS: list[tuple[Any, str]] = [
    (["a"], "give 'tss', 'all', 'first-last', a bin or a list of bins"),
    ([448.0], "a list of bins"),
    (448.0, "a list of bins"),
    (True, "a list of bins"),
    ([True], "a list of bins"),
    ([[0]], "a list of bins"),
    ({"a": {"b": 1}}, "a list of bins"),
    ([None], "a list of bins"),
    ("a", "'first-last' or a list of bins"),
    ("1-", "'first-last' or a list of bins"),
]
NO_SUCH_BINS: list[Any] = [
    [-1],
    -1,
    [0, 2],
    2,
    [],
    "1-0",
    "0-2",
    "0-99999999999",
    f"0-{'9' * 5000}",
    f"{'9' * 5000}-{'9' * 5000}",
    [0, 10**30],
]
WRONG_TRACKS: list[Any] = [
    [0.0],
    0.0,
    True,
    [True],
    {"a": {"b": 1}},
    [["one"]],
    [None],
    [],
    b"one",
]
NO_SUCH_TRACKS: list[Any] = [-1, [-1], 2, [0, 7], "thr.e", 10**30]


def written(value: Any) -> str:
    """A value in TOML."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{key} = {written(part)}" for key, part in value.items()) + "}"
        case list():
            return f"[{', '.join(map(written, value))}]"
    return repr(value)


def refuse(message: str, **choice: Any) -> None:
    """A choice is refused by the model, by a readout, and in both of a file."""
    kept = Selection((0, 1), (0, 1))
    with pytest.raises(ConfigError, match=message):
        select(MODEL, **choice)
    with pytest.raises(ConfigError, match=message):
        MODEL.bind(Readout(**choice), kept)
    ((key, value),) = choice.items()
    text = written(value)
    if "None" in text or text.startswith("b'"):
        return  # TOML has no word for it
    head = 'name = "x"\n[loci]\nfasta = "x"\nbed = "x"\n[[tests]]\nname = "necessity"\n'
    table = parse(f"{head}[model]\nplugin = 'python'\n{key} = {text}\n").model
    with pytest.raises(ConfigError, match=message):
        select(MODEL, **{key: table[key]})
    with pytest.raises(ConfigError, match=message):
        MODEL.bind(parse(f"{head}[model]\n[[readouts]]\n{key} = {text}\n").readouts[0], kept)


@pytest.mark.parametrize(("bins", "message"), WRONG_BINS, ids=repr)
def test_what_is_no_choice_of_bins(bins, message):
    refuse(message, bins=bins)


@pytest.mark.parametrize("bins", NO_SUCH_BINS, ids=lambda bins: repr(bins)[:20])
def test_bins_that_a_model_does_not_have(bins):
    refuse("model toy has bins 0 to 1, and at least one must be chosen", bins=bins)


@pytest.mark.parametrize("tracks", WRONG_TRACKS, ids=repr)
def test_what_is_no_choice_of_tracks(tracks):
    refuse("give indices, names or regular expressions|choose at least one", tracks=tracks)


@pytest.mark.parametrize("tracks", NO_SUCH_TRACKS, ids=repr)
def test_tracks_that_a_model_does_not_have(tracks):
    refuse("matches none of the model's 2 tracks", tracks=tracks)


def test_a_range_of_bins_is_not_built_to_be_refused():
    tracemalloc.start()
    try:
        for bins in ("0-99999999999", range(10**12)):
            with pytest.raises(ConfigError, match="has bins 0 to 1"):
                MODEL.select_bins(bins)
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("bins", "expected"),
    [
        ("all", (0, 1)),
        ("tss", (1,)),
        ("0-1", (0, 1)),
        (" 1 - 1 ", (1,)),
        (1, (1,)),
        (np.int64(1), (1,)),
        ([1, 0, 1], (0, 1)),
        ((0,), (0,)),
        (range(2), (0, 1)),
        (np.array([1]), (1,)),
        ({0}, (0,)),
    ],
    ids=repr,
)
def test_bins_may_be_chosen_in_several_ways(bins, expected):
    assert select(MODEL, bins=bins).bins == expected
    assert MODEL.bind(Readout(bins=bins), Selection((0, 1), (0,))).bins == expected


@pytest.mark.parametrize(
    ("tracks", "expected"),
    [
        ("all", (0, 1)),
        (["all"], (0, 1)),
        ("two", (1,)),
        ("o", (0, 1)),
        (1, (1,)),
        (np.int64(1), (1,)),
        (["two", 0, "two"], (0, 1)),
        (np.array([1]), (1,)),
        (("one",), (0,)),
    ],
    ids=repr,
)
def test_tracks_may_be_chosen_in_several_ways(tracks, expected):
    assert select(MODEL, tracks=tracks).tracks == expected
    assert MODEL.bind(Readout(tracks=tracks), Selection((0,), (0, 1))).tracks == expected


def test_a_single_choice_is_a_list_of_one():
    assert Readout(tracks="one", bins=1) == Readout(tracks=["one"], bins=[1])
    assert Readout(tracks="one").configuration()["tracks"] == ["one"]


def test_a_readouts_mistake_is_said_with_its_name():
    with pytest.raises(ConfigError, match=r"^readout 'mine': tracks: 'three' matches none"):
        MODEL.bind(Readout(name="mine", tracks="three"), Selection((0,), (0, 1)))
    with pytest.raises(ConfigError, match=r"^readout: bins 0 are not among those"):
        MODEL.bind(Readout(bins=0), Selection((1,), (0, 1)))
    with pytest.raises(ConfigError, match=r"^readout: tracks = \['one'\] are not among .*\(two\)"):
        MODEL.bind(Readout(tracks="one"), Selection((1,), (1,)))
    with pytest.raises(ConfigError, match=r"tracks = \[0, 1\] are not among"):
        MODEL.bind(Readout(tracks=[0, 1]), Selection((1,), (1,)))


def test_a_mistake_in_the_table_of_the_model_is_said_with_its_name(tmp_path):
    with pytest.raises(ConfigError, match=r"^\[model\]: bins = \[448\.0\] is not allowed: give"):
        build_model({"plugin": "synthetic", "bins": [448.0]}, tmp_path)


class Many(RandomModel):
    """As many tracks and bins as Borzoi."""

    @property
    def n_bins(self) -> int:
        return 6144

    @property
    def bin_size(self) -> int:
        return 1

    @property
    def tracks(self) -> TrackTable:
        return TABLE


TABLE = TrackTable(tuple(Track(f"track{k}", f"CAGE:{k}") for k in range(7611)))


@pytest.mark.parametrize(
    "choice",
    [
        {"tracks": "CAGE", "bins": "0-895"},
        {"tracks": [f"track{k}" for k in range(7611)], "bins": range(896)},
        {"strand": "+"},
        {},
    ],
    ids=["expression", "names", "strand", "all"],
)
def test_a_readout_of_many_tracks_is_bound_at_once(choice):
    model = Many(length=12_288)
    kept = Selection(tuple(range(896)), tuple(range(7611)))
    readout = Readout(**choice)
    seconds = []
    for _ in range(5):
        began = time.process_time()
        bound = model.bind(readout, kept)
        seconds.append(time.process_time() - began)
    assert bound.tracks == kept.tracks
    assert bound.bins == kept.bins
    assert min(seconds) < 0.1
    np.testing.assert_array_equal(bound.labels, [track.name for track in TABLE])


def test_places_are_those_in_what_is_kept():
    model = SyntheticModel(length=24_576)
    kept = select(model, bins=[40, 50, 60])
    bound = model.bind(Readout(bins=[60, 40], tracks="beta"), kept)
    assert (bound.bins, bound.tracks, bound.labels) == ((0, 2), (1,), ("synthetic:beta",))
