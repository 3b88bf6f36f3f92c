"""Downloads, from a real server that breaks off."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from creme import fetch as fetching
from creme.fetch import Download, FetchError, ask, fetch

BODY = np.random.default_rng(0).bytes(3_000_000)
DIGEST = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """A server of one file, and what it is to do wrong."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.tag, self.ranges, self.slow = BODY, '"one"', True, 0.0
        self.breaks: list[int] = []
        self.answers: list[int] = []
        self.asked: list[str | None] = []
        self.sent = 0
        self.url = f"http://127.0.0.1:{self.server_port}/file"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get("Range"))
        if server.answers:
            code = server.answers.pop(0)
            self.send_response(code)
            if code in (301, 302):
                self.send_header("Location", f"http://127.0.0.1:{server.server_port}/moved")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start, end = 0, len(server.body)
        asked = self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, server.tag)
        partial = server.ranges and asked is not None and same
        if partial and asked is not None:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), int(last) + 1 if last else len(server.body)
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(server.body)}")
        self.send_header("Content-Length", str(end - start))
        if server.tag:
            self.send_header("ETag", server.tag)
        self.end_headers()
        if end - start > 1 and server.breaks:
            end = min(end, start + server.breaks.pop(0))
        for at in range(start, end, 100_000):
            time.sleep(server.slow)
            self.wfile.write(server.body[at : min(at + 100_000, end)])
            server.sent += min(at + 100_000, end) - at

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(fetching, "WAIT", 0.01)


def file(server, sha256=DIGEST):
    return Download("weights.bin", server.url, "weights", sha256)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_whole_and_once(server, tmp_path):
    seen = []
    path = fetch(file(server), tmp_path / "a" / "b", on_progress=lambda *done: seen.append(done))
    assert path.read_bytes() == BODY
    assert names(path.parent) == ["weights.bin"]
    assert seen[-1] == (len(BODY), len(BODY))
    asked = len(server.asked)
    assert fetch(file(server), path.parent) == path
    assert len(server.asked) == asked
    assert ask(server.url) == fetching.Remote(len(BODY), '"one"', True)


def test_it_goes_on_where_the_connection_broke(server, tmp_path):
    server.breaks = [700_000, 1, 1_000_000]
    path = fetch(file(server), tmp_path)
    assert path.read_bytes() == BODY
    assert server.asked[1:] == [
        None,
        "bytes=700000-",
        "bytes=700001-",
        "bytes=1700001-",
    ]


def test_a_server_without_ranges_sends_all_again(server, tmp_path):
    server.ranges = False
    server.breaks = [700_000, 900_000]
    assert fetch(file(server), tmp_path).read_bytes() == BODY
    assert names(tmp_path) == ["weights.bin"]


def test_without_a_tag_nothing_old_is_trusted(server, tmp_path):
    server.tag = ""
    (tmp_path / ".weights.bin.part").write_bytes(b"something else")
    assert fetch(file(server), tmp_path).read_bytes() == BODY


def test_a_broken_fetch_is_gone_on_with_later(server, tmp_path):
    server.breaks = [1_200_000, *[0] * 20]
    with pytest.raises(FetchError, match="1200000 bytes are kept"):
        fetch(file(server), tmp_path)
    assert not (tmp_path / "weights.bin").exists()
    server.breaks, server.asked = [], []
    assert fetch(file(server), tmp_path).read_bytes() == BODY
    assert server.asked[1:] == ["bytes=1200000-"]


def test_another_file_on_the_server_starts_anew(server, tmp_path):
    server.breaks = [1_200_000, *[0] * 20]
    with pytest.raises(FetchError):
        fetch(file(server, None), tmp_path)
    server.breaks, server.body, server.tag = [], BODY[::-1], '"two"'
    assert fetch(file(server, None), tmp_path).read_bytes() == BODY[::-1]


def test_a_wrong_digest_leaves_nothing(server, tmp_path):
    with pytest.raises(FetchError, match="was published; it was not kept"):
        fetch(file(server, "0" * 64), tmp_path)
    assert names(tmp_path) == []


def test_the_first_digest_holds(server, tmp_path):
    path = fetch(file(server, None), tmp_path)
    assert (tmp_path / "weights.bin.sha256").read_text() == f"{DIGEST}  weights.bin\n"
    path.write_bytes(BODY[:-1])
    with pytest.raises(FetchError, match="not the file that was fetched first"):
        fetch(file(server, None), tmp_path)
    path.unlink()
    server.body = BODY[:-1] + b"x"
    with pytest.raises(FetchError, match="which was fetched first"):
        fetch(file(server, None), tmp_path)


def test_busy_servers_and_redirections(server, tmp_path):
    server.answers = [503, 302, 429]
    assert fetch(file(server), tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("code", [401, 403, 404])
def test_what_is_not_there_is_said_at_once(server, tmp_path, code):
    server.answers = [code] * 50
    with pytest.raises(FetchError, match=f"cannot be fetched: {code}"):
        fetch(file(server), tmp_path)
    assert len(server.asked) == 1
    assert names(tmp_path) == []


def test_no_server(tmp_path):
    download = Download("weights.bin", "http://127.0.0.1:9/x", "weights")
    with pytest.raises(FetchError, match="refused"):
        fetch(download, tmp_path)


def test_a_full_disk(server, tmp_path, monkeypatch):
    # Only the figure is changed, not what is done with it.
    monkeypatch.setattr(
        fetching.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})
    )
    with pytest.raises(FetchError, match="needs 3000000 more bytes"):
        fetch(file(server), tmp_path)
    assert server.sent <= 1


_CHILD = """
import sys
from pathlib import Path
from creme.fetch import Download, fetch
fetch(Download("weights.bin", sys.argv[1], "weights"), Path(sys.argv[2]))
"""


def test_a_killed_fetch_goes_on(server, tmp_path):
    server.slow = 0.05
    child = subprocess.Popen([sys.executable, "-c", _CHILD, server.url, str(tmp_path)])
    part = tmp_path / ".weights.bin.part"
    while not part.exists() or part.stat().st_size < 1_000_000:
        assert child.poll() is None
        time.sleep(0.01)
    with pytest.raises(FetchError, match="by another process"):
        fetch(file(server), tmp_path)
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept = part.stat().st_size
    assert names(tmp_path) == [
        ".weights.bin.lock",
        ".weights.bin.part",
        ".weights.bin.part.json",
    ]
    server.slow, server.asked = 0.0, []
    assert fetch(file(server), tmp_path).read_bytes() == BODY
    assert server.asked[1:] == [f"bytes={kept}-"]
    assert names(tmp_path) == ["weights.bin"]
