"""A small SavedModel with the published signature, and a server that hands it out."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np


def save(folder: Path, seed: int = 0, tracks: int = 5313) -> Path:
    """A SavedModel of `model.predict_on_batch(x) -> {"human", "mouse"}`, as the published one."""
    import tensorflow as tf

    random = np.random.default_rng(seed)

    class Small(tf.Module):
        def __init__(self):
            super().__init__()
            kernel = random.normal(size=(128, 4, 3)) / 10
            self.kernel = tf.Variable(kernel, dtype=tf.float32)
            self.heads = [
                tf.Variable(random.normal(size=(3, n)), dtype=tf.float32) for n in (tracks, 1643)
            ]

        @tf.function(input_signature=[tf.TensorSpec([None, 393_216, 4], tf.float32)])
        def predict_on_batch(self, x):
            # The outer half does not reach the output.
            hidden = tf.nn.conv1d(x, self.kernel, stride=128, padding="VALID")[:, 1088:1984]
            return {
                name: tf.nn.softplus(tf.tensordot(tf.tanh(hidden), head, 1))
                for name, head in zip(("human", "mouse"), self.heads, strict=True)
            }

    outer = tf.Module()
    outer.model = Small()
    tf.saved_model.save(outer, str(folder))
    return folder


class Hub:
    """Answers as the hosts of tensorflow_hub and of kagglehub do, with one SavedModel.

    Attributes
    ----------
    breaks_off : {'', 'stall', 'close'}
        What happens half-way through the largest file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        self.breaks_off = ""
        self.go_on = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def archive(self) -> bytes:
        """As tfhub.dev hands it out."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.add(self.folder, arcname=".")
        return buffer.getvalue()

    def _handler(hub):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                assert "tf-hub-format=compressed" in self.path
                self._send(hub.archive(), "application/x-tar")

            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path.endswith("/ListModelInstanceVersionFiles"):
                    files = [{"name": name, "size": len(c)} for name, c in hub.files.items()]
                    answer = {"files": files, "nextPageToken": ""}
                    self._send(json.dumps(answer).encode(), "application/json")
                else:
                    assert self.path.endswith("/DownloadModelInstanceVersion")
                    assert (asked["ownerSlug"], asked["versionNumber"]) == ("deepmind", 1)
                    self._send(hub.files[asked["path"]], "application/octet-stream")

            def _send(self, content, kind):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if hub.breaks_off and len(content) >= max(map(len, hub.files.values())):
                    # Past the first file of an archive, and not at the end of the last one.
                    self.wfile.write(content[: len(content) * 2 // 3])
                    self.wfile.flush()
                    if hub.breaks_off == "stall":
                        hub.go_on.wait(60)
                    self.close_connection = True
                    return
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        return Handler
