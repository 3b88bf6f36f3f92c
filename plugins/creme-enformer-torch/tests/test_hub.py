"""Networks in the Hugging Face cache: as huggingface_hub downloads them, whole and in part."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from creme.errors import ModelError

from test_enformer_torch import checkpoint, small, without

NAME = "EleutherAI/small"
COMMIT = "0" * 39 + "1"


class Hub:
    """Answers as the Hugging Face hub does, with the files of one network.

    Attributes
    ----------
    breaks_off : str
        The file in whose middle the connection is closed.
    """

    def __init__(self, folder: Path) -> None:
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.breaks_off = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def download(self, home: Path) -> int:
        """Have huggingface_hub download the network into a cache; its exit status."""
        code = f"from huggingface_hub import snapshot_download as d; d({NAME!r}, max_workers=1)"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        environment |= {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, check=False
        )
        return done.returncode

    def _handler(hub):
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self._answer(body=False)

            def do_GET(self):
                self._answer(body=True)

            def _answer(self, body):
                if self.path.startswith(f"/api/models/{NAME}"):
                    siblings = [{"rfilename": name} for name in hub.files]
                    said = {"id": NAME, "sha": COMMIT, "siblings": siblings}
                    self._send(json.dumps(said).encode(), "", body)
                    return
                name = self.path.rpartition("/")[2]
                self._send(hub.files[name], name, body)

            def _send(self, content, name, body):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.end_headers()
                if body and name and name == hub.breaks_off:
                    content = content[: len(content) // 2]
                    self.close_connection = True
                if body:
                    self.wfile.write(content)

            def log_message(self, *args):
                pass

        return Handler


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("enformer"))


@pytest.fixture
def hub(weights):
    server = Hub(weights)
    yield server
    server.close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache of its own; the library reads the variable when it is imported."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    return tmp_path / "home"


def snapshot(home):
    return home / "hub" / "models--EleutherAI--small" / "snapshots" / COMMIT


def test_a_downloaded_network_is_found_by_its_name(hub, home, weights):
    assert hub.download(home) == 0
    links = sorted(path.name for path in snapshot(home).iterdir() if path.is_symlink())
    assert links == ["config.json", "model.safetensors"]
    model = small(NAME)
    assert model.folder == snapshot(home)
    assert model.fingerprint == small(weights).fingerprint
    assert len(model.tracks) == 5
    assert model.network is not None


def test_home_is_looked_into(hub, tmp_path, weights):
    assert hub.download(tmp_path) == 0
    code = (
        "from creme_enformer_torch.model import EnformerTorch as E\n"
        f"print(E(weights={NAME!r}, length=16384, tf_gamma=False).fingerprint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == small(weights).fingerprint


def test_a_download_that_broke_off_counts_as_none(hub, home):
    hub.breaks_off = "model.safetensors"
    assert hub.download(home) != 0
    blobs = home / "hub" / "models--EleutherAI--small" / "blobs"
    assert [path.suffix for path in blobs.iterdir() if path.suffix] == [".incomplete"]
    # The library itself finds a snapshot there.
    assert snapshot(home).is_dir()
    with pytest.raises(ModelError) as caught:
        _ = small(NAME).fingerprint
    said = str(caught.value)
    assert f"{snapshot(home)} is not a network's folder: it lacks model.safetensors" in said
    assert f"huggingface-cli download {NAME}" in said
    assert "creme models fetch enformer-torch" in said
    # Fetched again, it goes on from there.
    hub.breaks_off = ""
    assert hub.download(home) == 0
    assert small(NAME).folder == snapshot(home)


def test_a_link_without_its_file_counts_as_none(hub, home):
    assert hub.download(home) == 0
    (snapshot(home) / "model.safetensors").resolve().unlink()
    with pytest.raises(ModelError, match=r"it lacks model\.safetensors or pytorch_model\.bin"):
        _ = small(NAME).fingerprint
    (snapshot(home) / "config.json").resolve().unlink()
    with pytest.raises(ModelError, match=r"it lacks config\.json, model\.safetensors"):
        _ = small(NAME).fingerprint


def test_a_network_that_is_not_in_the_cache_is_said(home):
    with pytest.raises(ModelError) as caught:
        _ = small(NAME).fingerprint
    said = str(caught.value)
    assert f"no folder {NAME!r}, and no network of this name in the Hugging Face cache" in said
    assert str(home / "hub") in said
    # Not a name either.
    with pytest.raises(ModelError, match="no folder 'weights/of/mine'"):
        _ = small("weights/of/mine").fingerprint


def test_weights_in_parts_are_whole_when_every_part_is_there(weights, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "config.json").write_bytes((weights / "config.json").read_bytes())
    state = load_file(weights / "model.safetensors")
    names = sorted(state)
    index = {}
    for number, chosen in enumerate((names[::2], names[1::2]), start=1):
        part = f"model-0000{number}-of-00002.safetensors"
        save_file({name: state[name] for name in chosen}, folder / part, metadata={"format": "pt"})
        index |= dict.fromkeys(chosen, part)
    listed = {"metadata": {"total_size": 0}, "weight_map": index}
    (folder / "model.safetensors.index.json").write_text(json.dumps(listed))
    model = small(folder)
    ours, theirs = model.network.state_dict(), small(weights).network.state_dict()
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    before = model.fingerprint
    part = folder / "model-00002-of-00002.safetensors"
    kept = part.read_bytes()
    part.unlink()
    with pytest.raises(ModelError, match=f"it lacks {part.name}"):
        _ = small(folder).fingerprint
    save_file({name: state[name] + 1 for name in names[1::2]}, part, metadata={"format": "pt"})
    assert small(folder).fingerprint != before
    part.write_bytes(kept)
    assert small(folder).fingerprint == before
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ModelError, match=r"it lacks a readable model\.safetensors\.index\.json"):
        _ = small(folder).fingerprint


def test_a_folder_needs_no_huggingface_hub_and_a_name_says_so(weights):
    code = f"""
from creme.errors import ModelError
from creme_enformer_torch.model import EnformerTorch
EnformerTorch(weights={str(weights)!r}, length=16384, tf_gamma=False).fingerprint
try:
    EnformerTorch(weights={NAME!r}, length=16384, tf_gamma=False).fingerprint
except ModelError as error:
    print(error)
"""
    assert "pip install huggingface_hub" in without("huggingface_hub", code)
