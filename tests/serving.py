"""A real server of one file, and all that a server can do wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """A server of one file.

    Attributes
    ----------
    body, tag : bytes, str
        The file and its ETag; an empty one is not sent.
    ranges, sized, repeats_tag : bool
        Whether parts are sent, the size is told, and the tag is told with a part.
    breaks : list of int
        Bytes after which each of the next connections breaks.
    changes : list of (bytes, str)
        What body and tag become when a connection next breaks.
    answers : list of int
        Status codes of the next answers.
    silent : list of float
        Seconds that the next connections say nothing half-way.
    slow : float
        Seconds between pieces of 100,000 bytes.
    announced : int, optional
        A wrong size to announce.
    linked : str
        ``X-Linked-Etag`` of redirections from ``/linked``.
    asked, sent, paths :
        What was asked for (``Range``), bytes that were sent, and paths.
    """

    daemon_threads = True

    def __init__(self, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.tag = body, '"one"'
        self.ranges, self.sized, self.repeats_tag, self.slow = True, True, True, 0.0
        self.breaks: list[int] = []
        self.changes: list[tuple[bytes, str]] = []
        self.answers: list[int] = []
        self.silent: list[float] = []
        self.announced: int | None = None
        self.linked = ""
        self.asked: list[str | None] = []
        self.paths: list[str] = []
        self.sent = 0
        self.root = f"http://127.0.0.1:{self.server_port}"
        self.url = f"{self.root}/file"

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers.get("Range"))
        server.paths.append(self.path)
        if self.path == "/linked":
            self._redirect(f"{server.root}/file", server.linked)
        elif server.answers:
            code = server.answers.pop(0)
            if code in (301, 302):
                self._redirect(f"{server.root}/moved")
            else:
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()
        else:
            self._file()

    def _redirect(self, to: str, linked: str = "") -> None:
        self.send_response(302)
        self.send_header("Location", to)
        if linked:
            self.send_header("X-Linked-Etag", linked)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _file(self) -> None:
        server = self.server
        body, whole = server.body, len(server.body)
        start, end = 0, whole
        asked = self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, server.tag)
        partial = server.ranges and asked is not None and same
        if partial and asked is not None:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), int(last) + 1 if last else whole
            if start >= whole:
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        told = server.announced or whole
        self.send_response(206 if partial else 200)
        if partial:
            size = str(told) if server.sized else "*"
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        if server.sized:
            self.send_header("Content-Length", str(end - start + told - whole))
        if server.tag and (server.repeats_tag or not partial or end == 1):
            self.send_header("ETag", server.tag)
        self.end_headers()
        if end - start > 1 and server.breaks:
            end = min(end, start + server.breaks.pop(0))
            if server.changes:
                server.body, server.tag = server.changes.pop(0)
        if end - start > 1 and server.silent:
            self._send(body, start, (start + end) // 2)
            time.sleep(server.silent.pop(0))
            return
        self._send(body, start, end)

    def _send(self, body: bytes, start: int, end: int) -> None:
        for at in range(start, end, 100_000):
            time.sleep(self.server.slow)
            self.wfile.write(body[at : min(at + 100_000, end)])
            self.server.sent += min(at + 100_000, end) - at

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(body: bytes) -> Iterator[Server]:
    """A running server."""
    with Server(body) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
