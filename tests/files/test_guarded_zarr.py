"""Results and stores from somebody else: opening them runs no code."""

from __future__ import annotations

import asyncio
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from numcodecs import pickles
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype

from creme.errors import CremeError, ResultsError, StoreError
from creme.files.guarded_zarr import GuardedStore, refuse_codecs
from creme.results.directory import Results
from creme.store.arrays import Arrays, Source
from creme.store.place import LocalPlace


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_in_results_is_not_read(tmp_path, monkeypatch):
    # As it was in numcodecs up to 0.16.5; zarr has a switch of its own since 3.4.
    monkeypatch.setattr(pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True)
    names = np.array(["A", "B"], dtype=object)
    results = Results(tmp_path / "r")
    results.claim("text", tmp_path, {})
    results.save("t", xr.Dataset({"effect": ("locus", [1.0, 2.0])}, {"gene": ("locus", names)}))
    gene = results.path / "t.zarr" / "gene"
    metadata = json.loads((gene / ".zarray").read_text())
    metadata |= {"filters": [{"id": "vlen-utf8"}, {"id": "pickle"}], "compressor": None}
    (gene / ".zarray").write_text(json.dumps(metadata))
    bomb = tmp_path / "went-off"
    (gene / "0").write_bytes(pickle.dumps(Bomb(bomb)))
    (results.path / "t.checksums").unlink()
    with zarr.config.set({"array.allow_unsafe_pickle_decode": True}):
        with pytest.raises(ResultsError, match=r"gene/\.zarray names the codec 'pickle'"):
            results.load("t")
        assert not bomb.exists()
        # The bomb is one: zarr alone sets it off.
        with pytest.raises(Exception):  # noqa: B017
            xr.open_zarr(results.path / "t.zarr", consolidated=False)["gene"].load()
    assert bomb.exists()


def test_a_store_with_another_codec_is_not_read(tmp_path):
    source = Source(1, "f" * 64, (1, 2), 4, {})
    Arrays(LocalPlace(tmp_path)).write(source, 0, np.ones((2, 1, 2), dtype=np.float32))
    read = Arrays(LocalPlace(tmp_path)).read(source, 0, 2)
    assert read is not None
    assert read.tolist() == [[[1.0, 1.0]], [[1.0, 1.0]]]
    file = tmp_path / "predictions.zarr" / source.array / "zarr.json"
    metadata = json.loads(file.read_text())
    metadata["codecs"].insert(0, {"name": "numcodecs.pickle", "configuration": {}})
    file.write_text(json.dumps(metadata))
    with pytest.raises(StoreError, match=r"zarr\.json names the codec 'numcodecs\.pickle'"):
        Arrays(LocalPlace(tmp_path)).read(source, 0, 2)
    # Nor by metadata of the array that the group has.
    group = tmp_path / "predictions.zarr"
    (group / "zarr.json").write_text(
        json.dumps(
            {
                "zarr_format": 3,
                "node_type": "group",
                "attributes": {},
                "consolidated_metadata": {
                    "kind": "inline",
                    "must_understand": False,
                    "metadata": {source.array: metadata},
                },
            }
        )
    )
    with pytest.raises(StoreError, match="names the codec"):
        Arrays(LocalPlace(tmp_path))


@pytest.mark.parametrize(
    "metadata",
    [
        {"compressor": {"id": "pickle"}},
        {"compressor": None, "filters": [{"id": "vlen-utf8"}, {"id": "json2"}]},
        {"codecs": ["numcodecs.pickle"]},
        {"codecs": [{"name": "sharding_indexed", "configuration": {"codecs": [{"name": "x"}]}}]},
        {"metadata": {"a/.zarray": {"filters": [{"codec": "unknown"}]}}},
    ],
)
def test_codecs_outside_the_list_are_refused_wherever_they_stand(metadata, tmp_path):
    with pytest.raises(CremeError, match="names the codec"):
        refuse_codecs(json.dumps(metadata).encode(), tmp_path, CremeError)


def test_attributes_may_say_what_they_like(tmp_path):
    metadata = {"attributes": {"filters": ["pickle"]}, "codecs": [{"name": "zstd"}]}
    refuse_codecs(json.dumps(metadata).encode(), tmp_path, CremeError)
    with pytest.raises(CremeError, match="damaged"):
        refuse_codecs(b"[" * 100_000, tmp_path, CremeError)


@pytest.mark.parametrize("described", [False, True])
def test_a_part_of_a_file_is_a_part_of_the_bytes_that_were_checked(tmp_path, described):
    """A file that is replaced between two reads would be served unchecked."""
    name = ".zattrs" if described else "0"
    (tmp_path / name).write_bytes(b'{"a": 1}')
    reads = []

    def verify(key: str, content: bytes | None) -> None:
        reads.append(content)
        (tmp_path / name).write_bytes(b"xxxxxxxx")

    parts: list[tuple[ByteRequest, bytes]] = [
        (RangeByteRequest(1, 4), b'"a"'),
        (OffsetByteRequest(6), b"1}"),
        (SuffixByteRequest(1), b"}"),
        (SuffixByteRequest(99), b'{"a": 1}'),
    ]
    for part, right in parts:
        (tmp_path / name).write_bytes(b'{"a": 1}')
        store = GuardedStore.at(tmp_path, ResultsError, verify)
        read = asyncio.run(store.get(name, default_buffer_prototype(), part))
        assert read is not None
        assert read.to_bytes() == right
        plain = asyncio.run(
            GuardedStore.at(tmp_path, ResultsError).get("nothing", default_buffer_prototype(), part)
        )
        assert plain is None
    assert reads == [b'{"a": 1}'] * len(parts)
