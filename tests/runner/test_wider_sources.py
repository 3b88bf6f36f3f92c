"""Predictions with more bins or tracks answer an experiment on fewer; the reverse is said."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import sqlalchemy as sa
import xarray as xr

import mini_study as mini
from creme.model import Selection
from creme.runner.experiment import parse
from creme.runner.plan import Plan, prepare
from creme.runner.report import Report
from creme.runner.run import measure, run_experiment
from creme.runner.write_buffer import (
    ROUNDING_NOTE,
    NarrowerSource,
    StoredPredictions,
    WriteBuffer,
    narrower_sources,
    recorded_selection,
    source_description,
    source_fingerprint,
)
from creme.store import Store
from creme.store.schema import sources
from creme.study import run_study
from creme.study.folder import Folder
from creme.study.forecast.cost import forecast
from creme.study.run import prepare as prepare_study
from creme.suite.necessity import Necessity
from in_process import caller
from toy import MODEL, Toy, toy_loci

WIDE, NARROW = Selection((0, 1), (0, 1)), Selection((1,), (0,))


class Trims(Toy):
    """Computes only what is selected, and rounds differently there."""

    name: ClassVar[str] = "trims"

    def predict_selected(self, onehot, selection):
        values = super().predict_selected(onehot, selection)
        return values if selection == WIDE else values * np.float32(1 + 1e-6)


def plan(selection=NARROW, model=MODEL, loci=2) -> Plan:
    made = prepare([Necessity(tile=100, replicates=2)], model, toy_loci(loci))
    return replace(made, selection=selection, batch_size=4)


def run(made: Plan, store: Store) -> tuple[Report, xr.Dataset]:
    report = measure(made, store)
    assert not report.failures
    return report, report.datasets["necessity"]


@pytest.mark.parametrize("model", [MODEL, Trims()])
def test_fewer_bins_and_tracks_predict_nothing(model, tmp_path):
    with Store(tmp_path / "store") as store:
        wide, both = run(plan(WIDE, model), store)
        count = store.count()
        narrow, read = run(plan(NARROW, model), store)
        assert store.count() == count  # taken, and not copied
        again, _ = run(plan(NARROW, model), store)
    with Store(tmp_path / "other") as store:
        alone, predicted = run(plan(NARROW, model), store)
    asked = wide.progress.asked
    for report in (narrow, again):
        assert (report.progress.predicted, report.progress.stored) == (0, asked)
        assert report.progress.repeated == report.progress.waiting == 0
    assert alone.progress.predicted > 0
    taken = json.loads(read.attrs["predictions_from"])
    assert taken == [{"bins": 2, "tracks": 2, "predictions": asked}]
    assert read.attrs["predictions_note"] == ROUNDING_NOTE
    assert "predictions_from" not in both.attrs
    assert "predictions_from" not in predicted.attrs
    # The same values: a part of what the wide run predicted, to the last bit.
    onehot = np.stack([locus.sequence.onehot() for locus in toy_loci(2)])
    np.testing.assert_array_equal(read["wild_type"], model.predict(onehot)[:, 1, :1])
    if model is MODEL:
        assert read.drop_attrs().identical(predicted.drop_attrs())
    else:
        assert not read["wild_type"].equals(predicted["wild_type"])
        np.testing.assert_allclose(read["wild_type"], predicted["wild_type"], rtol=2e-6)


def test_what_a_wider_source_lacks_is_predicted(tmp_path):
    with Store(tmp_path / "store") as store:
        wide, _ = run(plan(WIDE, loci=1), store)
        report, dataset = run(plan(loci=2), store)
        own = store.source(source_fingerprint(MODEL, NARROW), (1, 1))
        assert store.count(own) == report.progress.predicted > 0
        assert report.progress.stored == wide.progress.asked
        # The own source comes first from now on.
        report, later = run(plan(loci=2), store)
    assert report.progress.predicted == 0
    compared = json.loads(dataset.attrs.pop("compared_with_store"))
    assert (compared["stored_rows"], compared["largest_difference"]) == (3, 0.0)
    assert later.identical(dataset)
    with Store(tmp_path / "other") as store:
        assert run(plan(loci=2), store)[1].drop_attrs().identical(dataset.drop_attrs())


def test_several_wider_sources_and_none_that_is_not(tmp_path):
    """Those with as many bins and tracks, and other ones, answer nothing."""
    digests = [number.to_bytes(32, "big") for number in range(4)]
    bins_alone, tracks_alone = Selection((0, 1), (0,)), Selection((1,), (0, 1))
    with Store(tmp_path / "store") as store:
        for number, selection in enumerate(
            [Selection((0,), (0,)), bins_alone, tracks_alone, WIDE, Selection((1,), (1,))]
        ):
            buffer = WriteBuffer(store, MODEL, selection)
            values = 100 * number + np.arange(4.0).reshape(2, 2)  # by bin and track
            part = values[np.ix_(selection.bins, selection.tracks)]
            buffer.write(digests[: number + 1][-2:], np.stack([part] * min(2, number + 1)))
            buffer.flush()
        another = WriteBuffer(store, Trims(), WIDE)
        another.write(digests[:1], np.full((1, 2, 2), 9, np.float32))
        another.flush()
        reader = StoredPredictions(store, MODEL, NARROW)
        assert reader.own is None
        rows = reader.read(digests)
        # Bin 1 of track 0; of two sources that have a sequence, the smaller one is read.
        assert {d: row.item() for d, (row, _) in rows.items()} == {
            digests[0]: 102.0,
            digests[1]: 102.0,
            digests[2]: 202.0,
            digests[3]: 302.0,
        }
        assert reader.read_from() == [
            {"bins": 2, "tracks": 1, "predictions": 2},
            {"bins": 1, "tracks": 2, "predictions": 1},
            {"bins": 2, "tracks": 2, "predictions": 1},
        ]
        # Reading registered nothing.
        assert len(store.info()) == 6


def test_a_wider_source_that_is_damaged_is_predicted_again(tmp_path):
    with Store(tmp_path / "store") as store:
        run(plan(WIDE), store)
    for file in (tmp_path / "store" / "predictions.zarr").rglob("c/*/0/0"):
        file.write_bytes(b"damaged")
    with Store(tmp_path / "store") as store, pytest.warns(match="will be made again"):
        report, dataset = run(plan(), store)
    assert report.progress.stored == 0
    with Store(tmp_path / "other") as store:
        assert run(plan(), store)[1].identical(dataset)


def rewrite(store: Store, change) -> None:
    """Change the descriptions of a store's sources."""
    with store._engine.begin() as connection:
        for line in connection.execute(sa.select(sources)).all():
            description = json.dumps(change(json.loads(line.description)))
            connection.execute(
                sources.update().where(sources.c.id == line.id).values(description=description)
            )


def older(description):
    """As earlier versions described a source: names of tracks, and no indices."""
    assert description.pop("track_indices") == [0, 1]
    return description


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (lambda d: d, True),
        (older, True),
        # Another table of tracks, or another model's: the fingerprint is not that of these.
        (lambda d: {**older(d), "tracks": ["two", "one"]}, False),
        (lambda d: {**older(d), "tracks": ["one", "three"]}, False),
        (lambda d: {**d, "track_indices": [0, 1, 2]}, False),
        (lambda d: {**d, "bins": [0]}, False),
        (lambda d: {"model_fingerprint": d["model_fingerprint"]}, False),
        (lambda d: {**d, "bins": None}, False),
        (lambda d: {**d, "model_fingerprint": "another"}, False),
    ],
)
def test_descriptions_count_where_the_fingerprint_agrees(change, counts, tmp_path):
    with Store(tmp_path / "store") as store:
        run(plan(WIDE), store)
        rewrite(store, change)
        (info,) = store.info()
        assert recorded_selection(info.source, MODEL) == (WIDE if counts else None) or (
            info.source.description["model_fingerprint"] == "another"
        )
        report, _ = run(plan(), store)
    assert (report.progress.predicted == 0) == counts


def test_a_description_has_names_and_indices():
    described = source_description(MODEL, Selection((1,), (1,)))
    assert (described["bins"], described["tracks"]) == ([1], ["two"])
    assert described["track_indices"] == [1]


def test_narrower_sources(tmp_path):
    with Store(tmp_path / "store") as store:
        assert narrower_sources(store, MODEL, WIDE) == []
        WriteBuffer(store, MODEL, WIDE)  # without predictions
        narrow, _ = run(plan(NARROW, loci=1), store)
        run(plan(Selection((0, 1), (1,))), store)
        n = narrow.progress.predicted
        found = narrower_sources(store, MODEL, WIDE)
        assert found == [NarrowerSource(2, 1, 2 * n), NarrowerSource(1, 1, n)]
        assert narrower_sources(store, Trims(), WIDE) == []
        assert narrower_sources(store, MODEL, NARROW) == []  # there are its own
        assert len(narrower_sources(store, MODEL, Selection((0,), (0,)))) == 2
        run(plan(WIDE, loci=1), store)
        assert narrower_sources(store, MODEL, WIDE) == []
        assert narrower_sources(store, MODEL, Selection((0,), (0,))) == []


def test_an_experiment_says_what_it_cannot_use(experiment, monkeypatch, capsys):
    creme = caller(monkeypatch, capsys)
    narrow, wide = experiment(), experiment(('bins = "tss"', 'bins = "all"'), name="all.toml")
    output = wide.parent / "all.results"
    creme("run", narrow)
    shown = " ".join(creme("run", wide, "--output", output).split())
    assert (
        "The store has predictions of this model that lack bins or tracks (210 with 1 bin" in shown
    )
    assert "it will predict up to 213 sequences anew" in shown
    # A second time there is something to use.
    assert "lack bins" not in creme("resume", output)
    # And the first one needs nothing of its own any more.
    assert "lack bins" not in creme("run", narrow)


def test_an_experiment_on_one_bin_after_a_study_on_all(tmp_path):
    mini.write(tmp_path)
    file = mini.study(tmp_path)
    stages = ["loci", "context_dependence", "necessity"]
    study = run_study(file, stages=stages)
    with Store(tmp_path / "predictions") as store:
        count = store.count()
    stage = Folder(study.path).results("necessity")
    text = (stage.path / "experiment.toml").read_text()
    narrow = text.replace('bins = "all"', 'bins = "tss"')
    assert tomllib.loads(narrow)["model"]["bins"] == "tss" != tomllib.loads(text)["model"]["bins"]
    report, results = run_experiment(parse(narrow, "narrow", tmp_path))
    assert report.progress.predicted == 0
    assert report.progress.stored == report.progress.asked > 0
    expected, dataset = stage.load("necessity"), results.load("necessity")
    assert dataset.drop_attrs().identical(expected.drop_attrs())
    (source,) = json.loads(dataset.attrs["predictions_from"])
    assert source["bins"] > 1
    # A study on one bin, planned in advance, finds them as well.
    one = mini.study(
        tmp_path,
        ('bins = "all"', 'bins = "tss"'),
        ('name = "mini"', 'name = "one"'),
        ("activity = 5.0", 'activity = 5.0\nsummit = "any"\nrecentre = 0'),
        name="one.toml",
    )
    planned = {each.stage: each for each in forecast(*prepare_study(one))}
    assert planned["loci"].needed == 0
    assert planned["loci"].stored == 6
    with Store(tmp_path / "predictions") as store:
        assert store.count() == count
