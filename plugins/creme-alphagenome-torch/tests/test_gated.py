"""Gated weights: downloaded by the hub's own client with a token, resumed, found by their name."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from creme.errors import ModelError

from creme_alphagenome_torch.model import AlphaGenomeTorch
from creme_alphagenome_torch.weights import weights_file

NAME, COMMIT, TOKEN = "somebody/gated", "0" * 39 + "1", "hf_secret_of_a_test"


class Gate:
    """Answers as the Hugging Face hub does of a gated network.

    Attributes
    ----------
    breaks_off : bool
        Whether the next file's connection is closed in its middle.
    ranges : list of str
        What parts were asked for.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.breaks_off, self.ranges = files, False, []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def download(self, home, token) -> subprocess.CompletedProcess[str]:
        """As huggingface-cli download does it, with a token in the environment or none."""
        code = f"from huggingface_hub import snapshot_download as d; d({NAME!r}, max_workers=1)"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        environment |= {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
        environment |= {"HF_TOKEN": token} if token else {}
        return subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def _handler(gate):
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self._answer(body=False)

            def do_GET(self):
                self._answer(body=True)

            def _answer(self, body):
                if self.path.startswith(f"/api/models/{NAME}"):
                    siblings = [{"rfilename": name} for name in gate.files]
                    said = json.dumps({"id": NAME, "sha": COMMIT, "siblings": siblings})
                    return self._send(said.encode(), body)
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    self.send_response(401)
                    self.send_header("X-Error-Code", "GatedRepo")
                    self.send_header("Content-Length", "0")
                    return self.end_headers()
                return self._send(gate.files[self.path.rpartition("/")[2]], body, part=True)

            def _send(self, content, body, part=False):
                asked = self.headers.get("Range") if part and body else None
                if asked:
                    gate.ranges.append(asked)
                start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
                self.send_response(206 if asked else 200)
                if asked:
                    said = f"bytes {start}-{len(content) - 1}/{len(content)}"
                    self.send_header("Content-Range", said)
                self.send_header("Content-Length", str(len(content) - start))
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.end_headers()
                if body:
                    end = len(content)
                    if part and gate.breaks_off:
                        gate.breaks_off, end = False, len(content) * 2 // 3
                        self.close_connection = True
                    self.wfile.write(content[start:end])

            def log_message(self, *args):
                pass

        return Handler


@pytest.fixture
def gate():
    # The client writes 10 MB at a time, and goes on from what it has written.
    server = Gate({"model.safetensors": os.urandom(24_000_000)})
    yield server
    server.close()


def test_gated_weights_come_by_the_hubs_client(gate, tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(home / "hub"))
    model = AlphaGenomeTorch(weights=NAME, output="cage")
    refused = gate.download(home, None)
    assert refused.returncode != 0
    assert "Gated" in refused.stderr
    with pytest.raises(ModelError, match=r"huggingface-cli download .*gated, with .*HF_TOKEN"):
        _ = model.fingerprint
    gate.breaks_off = True
    for _ in range(3):  # the client may go on by itself, or when it is asked again
        if gate.download(home, TOKEN).returncode == 0:
            break
    assert any(not each.startswith("bytes=0-") for each in gate.ranges), gate.ranges
    file = weights_file(NAME, None)
    assert file.read_bytes() == gate.files["model.safetensors"]
    # Once it is there, neither network nor token is needed, and nothing has the token.
    gate.close()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    said = [pickle.dumps(model), json.dumps(model.identity()).encode()]
    assert not any(TOKEN.encode() in each for each in said)
    for path in home.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
