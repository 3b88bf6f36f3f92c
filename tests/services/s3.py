"""Real object stores for tests: moto's S3-compatible server, in an environment of its own."""

from __future__ import annotations

import os
import tempfile
import urllib.error
import urllib.request
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ClassVar

from services.process import Missing, ServerProcess, free_port


class ObjectServer(ABC):
    """A server that runs, on a port of this machine.

    Attributes
    ----------
    variable : str
        The variable of the environment that names its program.
    secret : str
        Of the account, which nothing may print.
    environment : dict of str to str
        The variables by which clients reach it.
    address : str
    """

    variable: ClassVar[str]
    secret: ClassVar[str]
    environment: dict[str, str]

    def __init__(self, program: str, log: Path) -> None:
        self._program = program
        self._log = log
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}"

    @abstractmethod
    def _arguments(self) -> list[str]:
        """Those of the program."""

    @abstractmethod
    def url(self, bucket: str | None = None) -> str:
        """The URL of a prefix in a bucket, which is new unless it is named."""

    def start(self) -> None:
        """Start it; it has forgotten all that it had."""
        self._process = ServerProcess([self._program, *self._arguments()], self._log)
        self._process.wait_until(self._answers, 300)

    def stop(self) -> None:
        """End it."""
        self._process.stop()

    def suspended(self) -> AbstractContextManager[None]:
        """It answers nothing within this context, and all that it was asked afterwards."""
        return self._process.suspended()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.address, timeout=10).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


class S3Server(ObjectServer):
    """Moto's server."""

    variable = "CREME_S3_SERVER"
    secret = "SECRETOFTHETESTS"

    def __init__(self, program: str, log: Path) -> None:
        super().__init__(program, log)
        self.environment = {
            "AWS_ACCESS_KEY_ID": "IDOFTHETESTS",
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_ENDPOINT_URL": self.address,
            "AWS_REGION": "us-east-1",
        }

    def _arguments(self) -> list[str]:
        return ["-H", "127.0.0.1", "-p", str(self._port)]

    def url(self, bucket: str | None = None) -> str:
        """The URL of a prefix in a bucket, which is new unless it is named."""
        if bucket is None:
            bucket = f"lab-{uuid.uuid4().hex[:12]}"
            request = urllib.request.Request(f"{self.address}/{bucket}", method="PUT")
            urllib.request.urlopen(request, timeout=60).close()
        return f"s3://{bucket}/predictions"


def packages() -> str:
    """The folder of what is installed beside the server's program, boto3 among it."""
    (folder,) = Path(os.environ[S3Server.variable]).parents[1].glob("lib/python*/site-packages")
    return str(folder)


@contextmanager
def server(kind: type[ObjectServer]) -> Iterator[ObjectServer]:
    """A server that runs within this context.

    Raises
    ------
    Missing
        If there is none here.
    """
    program = os.environ.get(kind.variable, "")
    if not program:
        raise Missing(f"object stores are started by make test-services alone: {kind.variable}")
    with tempfile.TemporaryDirectory(prefix="creme-objects-") as folder:
        running = kind(program, Path(folder) / "log")
        running.start()
        try:
            yield running
        finally:
            running.stop()
