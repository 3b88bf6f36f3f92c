"""A store on servers of S3's, Azure's and Google's language, its index on one of PostgreSQL."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import creme
from creme.errors import StoreError
from creme.runner.other_stores import OtherStore
from creme.store import Store
from creme.store.verify import verify
from creme.testing import store_checks
from in_process import streams_of
from services import google, s3

SPAWN = multiprocessing.get_context("spawn")


@pytest.mark.parametrize("check", store_checks(), ids=str)
def test_contract(check, objects, postgres):
    url, index = objects.url(), postgres.url()
    check(lambda: lambda: Store(url, index_url=index))


def test_a_chunk_that_is_sent_in_parts(objects, postgres):
    """Clients send what has more than 5 MB so."""
    if isinstance(objects, google.GoogleServer):
        pytest.skip("fake-gcs-server does not know the upload in parts of Google's XML interface")
    url, index = objects.url(), postgres.url()
    values = np.random.default_rng(1).normal(size=(1, 2000, 1000)).astype(np.float32)
    with Store(url, index_url=index) as store:
        source = store.source("ab" * 32, (2000, 1000))
        store.write(source, [bytes(32)], values)
    with Store(url, index_url=index) as store:
        np.testing.assert_array_equal(store.read(source, [bytes(32)])[bytes(32)], values[0])
        (folder,) = store.place.names("predictions.zarr/source-abababababababab/c")
        objects_of_it, size = store.place.size(
            f"predictions.zarr/source-abababababababab/c/{folder}"
        )
        assert objects_of_it == 1
        assert size > 5 * 2**20


@pytest.fixture(scope="module")
def store(objects, postgres):
    """A store's URL, and that of its index, with the predictions of an experiment."""
    return objects.url(), postgres.url()


def _file(experiment, store: tuple[str, str], name: str = "small.toml") -> Path:
    url, index = store
    head = f'store = "{url}"\nindex = "{index}"\nseed = 7'
    return experiment(("seed = 7", head), name=name)


def test_an_experiment_and_the_verbs_of_the_cache(
    store, experiment, objects, postgres, tmp_path, monkeypatch, capsys
):
    streams = streams_of(monkeypatch, capsys)

    def creme_command(*arguments: object, status: int = 0) -> str:
        printed = "".join(streams(*arguments, status=status))
        assert objects.secret not in printed
        return " ".join(printed.split())

    file = _file(experiment, store)
    folder = experiment(('name = "small"', 'name = "folder"'), name="folder.toml")
    creme_command("run", folder)
    assert "there is no store" in creme_command("cache", "info", file, status=2)
    creme_command("run", file, "--plan")
    assert "0 taken from the store" in creme_command("run", file)
    assert " 0 predicted" in creme_command("run", file, "--output", tmp_path / "again")
    expected = creme.open_results(tmp_path / "folder.results")
    for directory in ("small.results", "again"):
        results = creme.open_results(tmp_path / directory)
        for test in expected.tests:
            xr.testing.assert_equal(results.dataset(test), expected.dataset(test))
        assert results.raw["store"] == store[0]

    with Store(store[0], index_url=store[1], read_only=True) as opened:
        count = opened.count()
    assert store[0] in creme_command("cache", "info", file)
    assert f"{count:,} predictions in" in creme_command("cache", "verify", file)
    creme_command("cache", "compact", file, "--grace", "0")
    assert "0 predictions of 0 chunks" in creme_command("cache", "compact", file)
    creme_command("cache", "export", file, "--to", tmp_path / "all.zarr")
    assert xr.open_zarr(tmp_path / "all.zarr").sizes["prediction"] == count
    # From a folder, from another one, and into a folder.
    other = _file(experiment, (objects.url(), postgres.url()), "other.toml")
    creme_command("cache", "merge", tmp_path / "predictions", "--into", other)
    merged = creme_command("cache", "merge", file, "--into", other)
    assert f"0 added, {count:,} were there" in merged
    merged = creme_command("cache", "merge", other, "--into", tmp_path / "new")
    assert f"{count:,} added" in merged
    assert "nothing was changed" in creme_command("cache", "prune", other, "--model", "synthetic")
    creme_command("cache", "prune", other, "--model", "synthetic", "--delete", "--grace", "0")
    assert "nothing of that is stored" in creme_command(
        "cache", "prune", other, "--model", "synthetic"
    )
    creme_command("cache", "seal", other)
    assert "is sealed" in creme_command("cache", "compact", other, status=2)
    creme_command("cache", "seal", other, "--undo")
    unlocked = creme_command("cache", "unlock", file, status=2)
    assert "has its index on a server, which has no lock" in unlocked
    alone = creme_command("cache", "info", store[0], status=2)
    assert "its index is in PostgreSQL; give 'index'" in alone
    shard = creme_command("run", file, "--shard", "1/2", status=2)
    assert "give a directory as 'store' for the shards" in shard
    assert f"{count:,} predictions" in creme_command("doctor", file)
    for path in (*tmp_path.rglob("*.json"), *tmp_path.rglob("*.toml"), *tmp_path.rglob("*.log")):
        assert objects.secret not in path.read_text()


def test_from_python(objects, postgres, genome):
    model = creme.load_model("synthetic", length=24_576)
    loci = creme.load_loci(model, fasta=genome.fasta, bed=genome.bed)
    arguments: Any = {"bins": "tss", "tile": 1000, "replicates": 3, "progress": False}
    url, index = objects.url(), postgres.url()
    first = creme.measure("necessity", model, loci, store=url, index=index, **arguments)
    with Store(url, index_url=index) as opened:
        n = opened.count()
        from_store = creme.measure("necessity", model, loci, store=opened, **arguments)
    xr.testing.assert_equal(first, from_store)
    # Read first, and not written.
    third = creme.measure(
        "necessity",
        model,
        loci,
        store=objects.url(),
        index=postgres.url(),
        read_from=[OtherStore(store=url, index=index)],
        **arguments,
    )
    xr.testing.assert_equal(first, third)
    with Store(url, index_url=index, read_only=True) as opened:
        assert opened.count() == n


WITH_A_PROFILE = """
import sys

sys.path.append(sys.argv[1])  # boto3 does not go with all that is installed
from creme.store import Store
from creme.testing.stores import ensure_holds, fill

with Store(sys.argv[2], index_url=sys.argv[3]) as store:
    ensure_holds(store, fill(store, range(20)), range(20))
    print(store.arrays.root.store._store.store.credential_provider()["access_key_id"])
"""


def test_keys_may_be_those_of_a_profile(s3_server, postgres, tmp_path):
    keys = f"aws_access_key_id = IDOFLAB\naws_secret_access_key = {s3_server.secret}\n"
    (tmp_path / "credentials").write_text(f"[lab]\n{keys}")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {
        **plain,
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_ENDPOINT_URL": s3_server.address,
        "AWS_REGION": "us-east-1",
    }

    def run(profile: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", WITH_A_PROFILE, s3.packages(), s3_server.url(), postgres.url()],
            env={**environment, "AWS_PROFILE": profile},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    assert run("lab").stdout == "IDOFLAB\n"
    other = run("another")
    assert other.returncode
    assert "AWS's profile gives no credentials: The config profile (another)" in other.stderr


def _work(url: str, index: str, k: int, enough=None) -> None:
    from creme.testing.stores import fill

    with Store(url, index_url=index) as store:
        if enough is None:
            fill(store, range(20 * k, 20 * k + 20))
            return
        start = 1000
        while True:
            fill(store, range(start, start + 7))
            start += 7
            if start > 1040:
                enough.set()


def test_writers_at_once_and_one_that_is_killed(objects, postgres):
    from creme.testing.stores import ensure_holds, fill

    url, index = objects.url(), postgres.url()
    jobs = [SPAWN.Process(target=_work, args=(url, index, k)) for k in range(3)]
    enough = SPAWN.Event()
    killed = SPAWN.Process(target=_work, args=(url, index, 0, enough))
    for job in (*jobs, killed):
        job.start()
    assert enough.wait(300)
    killed.kill()
    for job in jobs:
        job.join(300)
        assert job.exitcode == 0
    killed.join(300)
    with Store(url, index_url=index) as store:
        (source,) = store.sources()
        ensure_holds(store, source, [*range(60), *range(1000, 1040)])
        findings = verify(store, repair=True, grace=0)
        assert not findings.damage
        assert verify(store, grace=0).orphans == []
        fill(store, range(60, 80))
        ensure_holds(store, source, range(80))


def test_a_server_that_is_suspended_is_waited_for(objects, postgres):
    from creme.testing.stores import ensure_holds, fill, forget

    url, index = objects.url(), postgres.url()
    with Store(url, index_url=index) as store:
        source = fill(store, range(20))
        forget(store)
        writing = threading.Thread(target=fill, args=(store, range(20, 40)))
        with objects.suspended():
            writing.start()
            writing.join(1)
            assert writing.is_alive()
        writing.join(300)
        ensure_holds(store, source, range(40))


def test_a_server_that_is_gone_costs_nothing(objects, postgres, monkeypatch):
    """Another one than the others', since it forgets all that it had."""
    from datetime import timedelta

    from creme.testing.stores import ensure_holds, fill, forget

    monkeypatch.setattr("creme.store.objects.PATIENCE", timedelta(seconds=1))
    index = postgres.url()
    with s3.server(type(objects)) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        url = running.url()
        with Store(url, index_url=index) as store:
            source = fill(store, range(20))
            running.stop()
            ensure_holds(store, source, range(20))  # which are remembered
            forget(store)
            with pytest.raises(StoreError, match="cannot be read now") as error:
                ensure_holds(store, source, range(20))
            assert running.secret not in str(error.value)
            assert "Debug" not in str(error.value)
            with pytest.raises(StoreError, match=r"cannot be written to store (s3|az|gs)://"):
                fill(store, range(20, 30))
            assert store.count() == 20
        with pytest.raises(StoreError, match=r"store (s3|az|gs)://.* cannot be made"):
            Store(url, index_url=index)
        # The same server with nothing in it: an index without its arrays is refused.
        running.start()
        with pytest.raises(StoreError):
            Store(url, index_url=index)


def test_keys_that_are_wrong_and_buckets_that_are_not_there_are_sentences(objects, postgres):
    url = objects.url("no-such-bucket")
    with pytest.raises(StoreError, match=rf"store {url} cannot be made"):
        Store(url, index_url=postgres.url())
