"""A real server with the interface of Google's object store, for tests: fake-gcs-server of PyPI.

Clients write by the XML interface, of which the server has all verbs but the write, and read by
the same. So a front passes requests on as they come, but turns writes into uploads of the JSON
interface. The server keeps the objects, and decides whose write is the first.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
import urllib.request
import uuid
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from services.process import free_port
from services.s3 import ObjectServer

_OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
_OBJECT = re.compile(r"/([^/?]+)/([^?]+)")
_BOUNDARY = "the-parts-of-a-write"


class GoogleServer(ObjectServer):
    """fake-gcs-server, which keeps its buckets in its memory, behind a front of this process."""

    variable = "CREME_GOOGLE_SERVER"
    secret = "SECRETOFTHETESTS"

    def __init__(self, program: str, log: Path) -> None:
        super().__init__(program, log)
        self._front_port = free_port()
        front = f"http://127.0.0.1:{self._front_port}"
        # A key of this form is sent with no request.
        account = {"gcs_base_url": front, "disable_oauth": True}
        keys = {"client_email": "", "private_key_id": "", "private_key": self.secret}
        self.environment = {
            "GOOGLE_BASE_URL": front,
            "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps({**account, **keys}),
        }
        self._front: ThreadingHTTPServer | None = None

    def _arguments(self) -> list[str]:
        host = f"127.0.0.1:{self._port}"
        return [
            "-scheme", "http", "-host", "127.0.0.1", "-port", str(self._port),
            "-backend", "memory", "-public-host", host, "-external-url", self.address,
            "-log-level", "error",
        ]  # fmt: skip

    def start(self) -> None:
        """Start both."""
        super().start()
        server = ThreadingHTTPServer(("127.0.0.1", self._front_port), _Front)
        server.daemon_threads = True
        server.behind = self._port  # type: ignore[attr-defined]
        self._front = server
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End both."""
        super().stop()
        if self._front is not None:
            self._front.shutdown()
            self._front.server_close()
            self._front = None

    def url(self, bucket: str | None = None) -> str:
        """The URL of a prefix in a bucket, which is new unless it is named."""
        if bucket is None:
            bucket = f"lab-{uuid.uuid4().hex[:12]}"
            request = urllib.request.Request(
                f"{self.address}/storage/v1/b",
                data=json.dumps({"name": bucket}).encode(),
                headers={"Content-Type": "application/json"},
            )
            urllib.request.urlopen(request, timeout=60).close()
        return f"gs://{bucket}/predictions"


class _Front(BaseHTTPRequestHandler):
    """Passes requests on; where the server is gone, the connection ends without an answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _hand_on(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if self.command == "PUT":
                self._answer(*self._write(content))
            else:
                headers = _without(self.headers)
                self._answer(*self._ask(self.command, self.path, content, headers))
        except (OSError, http.client.HTTPException):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _hand_on

    def _write(self, content: bytes) -> tuple[int, dict[str, str], bytes]:
        """An object's write, as JSON's upload in two parts, which are its name and its content."""
        path = _OBJECT.fullmatch(self.path)
        assert path is not None, self.path
        bucket, name = map(unquote, path.groups())
        parts = (
            f"--{_BOUNDARY}\r\nContent-Type: application/json\r\n\r\n{json.dumps({'name': name})}",
            f"\r\n--{_BOUNDARY}\r\nContent-Type: application/octet-stream\r\n\r\n",
            f"\r\n--{_BOUNDARY}--\r\n",
        )
        whole = (parts[0] + parts[1]).encode() + content + parts[2].encode()
        where = f"/upload/storage/v1/b/{quote(bucket)}/o?uploadType=multipart"
        condition = self.headers.get("x-goog-if-generation-match")
        if condition is not None:
            where += f"&ifGenerationMatch={condition}"
        kind = {"Content-Type": f"multipart/related; boundary={_BOUNDARY}"}
        status, _, answer = self._ask("POST", where, whole, kind)
        if status != 200:
            return status, {}, answer
        written = json.loads(answer)
        named = {"ETag": f'"{written["etag"]}"', "x-goog-generation": str(written["generation"])}
        return status, named, b""

    def _ask(
        self, verb: str, path: str, content: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        port: int = self.server.behind  # type: ignore[attr-defined]
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.request(verb, path, content, headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        return response.status, dict(response.getheaders()), answer

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in _without(headers).items():
            self.send_header(name, value)
        length = headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None:
        """Nothing: the server has its log."""


def _without(headers: dict[str, str] | Message) -> dict[str, str]:
    """Those that are for the next server or client too."""
    return {name: value for name, value in headers.items() if name.lower() not in _OF_A_CONNECTION}
