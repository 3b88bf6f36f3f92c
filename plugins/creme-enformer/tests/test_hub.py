"""SavedModels that tensorflow_hub and kagglehub have downloaded, whole and in part."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from creme.errors import ModelError
from creme.testing import sequences

from creme_enformer.hub import HANDLE, KAGGLE_HANDLE
from creme_enformer.model import Enformer
from saved import Hub, save

tf = pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save(tmp_path_factory.mktemp("saved"))


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    """Empty caches of all three kinds."""
    for name in ("TFHUB_CACHE_DIR", "KAGGLEHUB_CACHE", "CREME_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


@pytest.fixture
def hub(weights):
    server = Hub(weights)
    yield server
    server.close()


def sha1(handle):
    return hashlib.sha1(handle.encode()).hexdigest()


def test_what_tensorflow_hub_loads_by_a_handle_gives_the_same_numbers(hub, weights, caches):
    tensorflow_hub = pytest.importorskip("tensorflow_hub")
    handle = f"{hub.url}/deepmind/enformer/1"
    with pytest.raises(ModelError, match="not there"):
        _ = Enformer(weights=handle).fingerprint
    loaded = tensorflow_hub.load(handle)
    model = Enformer(weights=handle, head="mouse")
    onehot = sequences(model, 1)
    padded = np.pad(onehot, ((0, 0), (98_304, 98_304), (0, 0)))
    expected = loaded.model.predict_on_batch(tf.constant(padded))["mouse"].numpy()
    np.testing.assert_array_equal(model.predict(onehot), expected)
    assert model.folder == caches / "TFHUB_CACHE_DIR" / sha1(handle)
    assert model.fingerprint == Enformer(weights=weights, head="mouse").fingerprint
    # A folder of one's own goes through tensorflow_hub as well, to the same numbers.
    local = tensorflow_hub.load(str(weights))
    again = local.model.predict_on_batch(tf.constant(padded))["mouse"].numpy()
    np.testing.assert_array_equal(again, expected)


def test_a_download_of_tensorflow_hub_that_was_killed_counts_as_none(hub, caches):
    pytest.importorskip("tensorflow_hub")
    handle = f"{hub.url}/deepmind/enformer/1"
    hub.breaks_off = "stall"
    code = f"import tensorflow_hub; tensorflow_hub.resolve({handle!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    cache = caches / "TFHUB_CACHE_DIR"
    try:
        until = time.monotonic() + 120
        while not list(cache.glob("*.tmp/*")):
            assert time.monotonic() < until, "nothing arrived"
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = sorted(path.name.partition(".")[2].rpartition(".")[2] for path in cache.iterdir())
    assert left == ["lock", "tmp"]
    with pytest.raises(ModelError, match=rf"{sha1(handle)} \(not there\)"):
        _ = Enformer(weights=handle).fingerprint


def test_a_cache_that_was_swept_counts_as_none(weights, caches):
    """The cache is in the folder for temporary files unless told otherwise."""
    place = caches / "TFHUB_CACHE_DIR" / sha1(HANDLE)
    shutil.copytree(weights, place)
    whole = Enformer().fingerprint
    assert whole == Enformer(weights=weights).fingerprint
    for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000"):
        (file,) = place.glob(f"{name}*")
        kept = file.read_bytes()
        file.unlink()
        with pytest.raises(ModelError, match=rf"{place} \(lacks {name}"):
            _ = Enformer().fingerprint
        file.write_bytes(kept)
    # Of weights in several files, every one has to be there.
    (file,) = (place / "variables").glob("variables.data-*")
    shards = [file.with_name(f"variables.data-0000{k}-of-00002") for k in (0, 1)]
    file.rename(shards[0])
    with pytest.raises(ModelError, match=f"lacks variables/{shards[1].name}"):
        _ = Enformer().fingerprint
    shards[1].touch()
    assert Enformer().folder == place
    # The folder may be empty: tensorflow_hub then downloads anew.
    shutil.rmtree(place)
    place.mkdir()
    with pytest.raises(ModelError, match="lacks saved_model"):
        _ = Enformer().fingerprint


@pytest.fixture
def kagglehub(hub, monkeypatch):
    """The real kagglehub, with our server as its host."""
    module = pytest.importorskip("kagglehub")
    from kagglesdk import kaggle_env

    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, hub.url)
    return module


@pytest.mark.parametrize("framework", ["tensorFlow2", "TensorFlow2"])
def test_what_kagglehub_downloads_is_found(kagglehub, weights, caches, framework):
    with pytest.raises(ModelError, match=r"KAGGLEHUB_CACHE/models/deepmind/enformer/tensorFlow2/"):
        _ = Enformer(weights=KAGGLE_HANDLE).fingerprint
    folder = kagglehub.model_download(f"deepmind/enformer/{framework}/enformer/1")
    for handle in (
        HANDLE,
        KAGGLE_HANDLE,
        "https://www.kaggle.com/models/deepmind/enformer/tensorFlow2/enformer/1",
        "https://www.kaggle.com/models/deepmind/enformer/frameworks/TensorFlow2/variations/"
        "enformer/versions/1",
    ):
        model = Enformer(weights=handle)
        assert model.folder == Path(folder)
        assert model.fingerprint == Enformer(weights=weights).fingerprint
    with pytest.raises(ModelError, match="enformer/2"):
        _ = Enformer(weights="deepmind/enformer/tensorFlow2/enformer/2").fingerprint


def test_a_download_of_kagglehub_that_broke_off_counts_as_none(hub, kagglehub, caches):
    hub.breaks_off = "close"
    with pytest.raises(Exception, match=r"(?i)incomplete|broken"):
        kagglehub.model_download(KAGGLE_HANDLE)
    folder = caches / "KAGGLEHUB_CACHE/models/deepmind/enformer/tensorFlow2/enformer/1"
    # All files have their names, and one of them is cut short.
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == set(hub.files)
    said = rf"{folder} \(its download did not end: there is no 1\.complete beside it\)"
    for handle in (HANDLE, KAGGLE_HANDLE):
        with pytest.raises(ModelError, match=said):
            _ = Enformer(weights=handle).fingerprint
    hub.breaks_off = ""
    kagglehub.model_download(KAGGLE_HANDLE)
    assert Enformer().folder == folder


@pytest.mark.parametrize(
    "address",
    [
        "https://www.kaggle.com/models/deepmind/enformer/frameworks/TensorFlow2/variations/"
        "enformer/versions/1",
        "https://kaggle.com/models/deepmind/enformer/TensorFlow2/enformer/1",
        HANDLE,
    ],
)
def test_an_address_that_tensorflow_hub_was_given_is_one_of_enformers(address, weights, caches):
    place = caches / "TFHUB_CACHE_DIR" / sha1(address)
    shutil.copytree(weights, place)
    assert {Enformer(weights=h).folder for h in (address, HANDLE, KAGGLE_HANDLE)} == {place}


def test_what_the_toolkit_has_fetched_is_found(weights, caches):
    place = caches / "CREME_CACHE_DIR" / "models" / "enformer" / "weights" / "enformer_1"
    shutil.copytree(weights, place)
    assert Enformer().folder == place


def test_the_usual_caches_are_named(monkeypatch, tmp_path):
    for name in ("TFHUB_CACHE_DIR", "KAGGLEHUB_CACHE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        _ = Enformer().fingerprint
    said = str(caught.value)
    assert f"{tmp_path}/tfhub_modules/{sha1(HANDLE)} (not there)" in said
    assert f"{tmp_path}/.cache/kagglehub/models/deepmind/enformer" in said
    assert "creme models fetch enformer weights" in said
    assert f"kagglehub.model_download({KAGGLE_HANDLE!r})" in said


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ModelError, match=rf"looked for in {tmp_path}/absent \(not there\)"):
        _ = Enformer(weights=tmp_path / "absent").fingerprint
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"empty \(lacks saved_model\.pb\)"):
        _ = Enformer(weights=tmp_path / "empty").fingerprint


def test_finding_imports_neither_library(weights, caches):
    code = (
        "import sys; from creme_enformer.model import Enformer\n"
        "try: Enformer().fingerprint\n"
        "except Exception as e: print(type(e).__name__)\n"
        "print(sorted({'tensorflow', 'tensorflow_hub', 'kagglehub'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.split("\n")[:2] == ["ModelError", "[]"]
