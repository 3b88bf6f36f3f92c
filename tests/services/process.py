"""A server as a process of the tests: its port, its start, and its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


class Missing(Exception):
    """The server cannot be run here; the message says why."""


class ServerProcess:
    """A program that runs until it is stopped.

    Parameters
    ----------
    command : sequence
    log : Path
        Takes what it says, after what is there.
    user : str, optional
        Who runs it, and their group; the present user by default.
    environment : mapping, optional
        The variables of this process by default.
    """

    def __init__(
        self,
        command: Sequence[object],
        log: Path,
        *,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [str(part) for part in command]
        self._log = log
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                self._command,
                cwd=log.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until it answers; it is stopped where it does not.

        Raises
        ------
        Missing
        """
        until = time.monotonic() + seconds
        while self.runs and time.monotonic() < until:
            if ready():
                return
            time.sleep(0.1)
        self.stop()
        raise Missing(f"{self._command[0]} does not answer: {self._log.read_text()[-300:]}")

    def stop(self, patience: float = 30) -> None:
        """End it, by SIGKILL where it does not end in this many seconds."""
        self._process.terminate()
        try:
            self._process.wait(patience)
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


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def listens(port: int) -> bool:
    """Whether a program takes connections on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    except OSError:
        return False
    return True


def install(*packages: str) -> None:
    """Install packages of Debian, as root."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    subprocess.run(command, env=quiet, check=True)
