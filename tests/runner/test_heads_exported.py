"""Predictions of a model with heads, as `creme cache export` writes them: head, bin and track."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from creme.model import Selection
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.runner.sources import source_description, source_fingerprint
from creme.store import Store
from creme.store.export import export_source
from creme.suite.necessity import Necessity
from heads import MODEL, PAIRED, outputs
from toy import toy_loci

HEADS: dict[str, dict[str, Any]] = {
    "counts": {"bins": "all"},
    "profile": {"bins": [3, 7, 8], "tracks": ["rev"]},
    "contacts": {"bins": "1:4, 0:2"},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    loci = toy_loci(1)
    plan = prepare([Necessity(tile=400, replicates=1)], MODEL, loci, heads=HEADS, bins="all")
    with Store(tmp_path_factory.mktemp("heads") / "store") as store:
        assert not measure(plan, store).failures
        yield store, store.info()[0].source, loci[0].sequence, plan.selection


def test_columns_of_a_table(store, tmp_path):
    import pyarrow.parquet as pq

    opened, source, sequence, selection = store
    tracks = [MODEL.tracks[index].name for index in selection.tracks]
    assert export_source(opened, source, tmp_path / "x.parquet") == opened.count(source)
    frame = pq.read_table(tmp_path / "x.parquet").to_pandas().set_index("digest")
    own = [f"{track} bin {bin_}" for bin_ in (0, 1) for track in tracks]
    contacts = ["contacts: map bin 0:2", "contacts: map bin 1:4"]
    profile = [f"profile: rev bin {bin_}" for bin_ in (3, 7, 8)]
    assert frame.columns.tolist() == [*own, *contacts, "counts: sum", *profile]
    line, expected = frame.loc[sequence.digest.hex()], outputs(sequence.codes)
    pairs = np.stack(np.triu_indices(PAIRED, 1), axis=1).tolist()
    places = [pairs.index([0, 2]), pairs.index([1, 4])]
    for columns, values in (
        (own, expected[""][:, list(selection.tracks)].ravel()),
        (contacts, expected["contacts"][places, 0]),
        (["counts: sum"], expected["counts"][0]),
        (profile, expected["profile"][[3, 7, 8], 1]),
    ):
        np.testing.assert_array_equal(line[columns], values)


def test_variables_of_a_dataset(store, tmp_path):
    opened, source, sequence, selection = store
    export_source(opened, source, tmp_path / "x.zarr")
    expected = outputs(sequence.codes)
    with xr.open_zarr(tmp_path / "x.zarr") as dataset:
        assert dataset.value.dims == ("prediction", "bin", "track")
        assert dataset.value_profile.dims == ("prediction", "bin_profile", "track_profile")
        assert dataset.bin.values.tolist() == [0, 1]
        assert dataset.bin_contacts.values.tolist() == ["0:2", "1:4"]
        assert dataset.track_profile.values.tolist() == ["rev"]
        digest = sequence.digest.hex().encode()
        (row,) = np.flatnonzero(dataset.digest.values == digest)
        one = dataset.isel(prediction=row)
        np.testing.assert_array_equal(one.value_counts, expected["counts"])
        np.testing.assert_array_equal(one.value_profile, expected["profile"][[3, 7, 8]][:, [1]])
        own = expected[""][:, list(selection.tracks)]
        np.testing.assert_array_equal(one.value, own)


def test_a_description_that_does_not_fit_gives_places(tmp_path):
    import pyarrow.parquet as pq

    kept = Selection((0,), (0,), (("counts", Selection((0,), (0,))),))
    description = source_description(MODEL, kept)
    with Store(tmp_path / "store") as store:
        source = store.source(source_fingerprint(MODEL, kept), (1, 3), description)
        export_source(store, source, tmp_path / "x.parquet")
    names = pq.read_table(tmp_path / "x.parquet").column_names
    assert names == ["digest", "track 0", "track 1", "track 2"]
