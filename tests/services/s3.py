"""A real S3-compatible server for tests: moto's, in an environment of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.postgres import Missing

VARIABLE = "CREME_S3_SERVER"
_KEY = "IDOFTHETESTS"
SECRET = "SECRETOFTHETESTS"


class ObjectServer:
    """A server that runs.

    Attributes
    ----------
    environment : dict of str to str
        The variables by which clients reach it.
    """

    def __init__(self, program: str, log: Path) -> None:
        self._program = program
        self._log = log
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.address,
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start it; it has forgotten all that it had."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-H", "127.0.0.1", "-p", str(self._port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + 300
        while time.monotonic() < end and self._process.poll() is None:
            try:
                urllib.request.urlopen(self.address, timeout=10).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.2)
        self.stop()
        raise Missing(f"{self._program} does not answer: {self._log.read_text()[-300:]}")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """It answers nothing within this context, and all that it was asked afterwards."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def url(self) -> str:
        """The URL of a new prefix in a new bucket."""
        bucket = f"lab-{uuid.uuid4().hex[:12]}"
        request = urllib.request.Request(f"{self.address}/{bucket}", method="PUT")
        urllib.request.urlopen(request, timeout=60).close()
        return f"s3://{bucket}/predictions"


def packages() -> str:
    """The folder of what is installed beside the server's program, boto3 among it."""
    (folder,) = Path(os.environ[VARIABLE]).parents[1].glob("lib/python*/site-packages")
    return str(folder)


@contextmanager
def server() -> Iterator[ObjectServer]:
    """A server that runs within this context.

    Raises
    ------
    Missing
        If there is none here.
    """
    program = os.environ.get(VARIABLE, "")
    if not program:
        raise Missing(f"an S3-compatible server is started by make test-services alone: {VARIABLE}")
    with tempfile.TemporaryDirectory(prefix="creme-s3-") as folder:
        running = ObjectServer(program, Path(folder) / "log")
        running.start()
        try:
            yield running
        finally:
            running.stop()
