"""An SSH server of this machine alone for the tests, in a folder that goes with it.

python tests/services/ssh.py            start one, say how to use it, and stop it at Enter
python tests/services/ssh.py --install  install Debian's package first, as root
"""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    from postgres import Missing  # type: ignore[import-not-found]
else:
    from services.postgres import Missing

CONFIGURATION = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
PidFile {folder}/pid
AuthorizedKeysFile {folder}/authorized
AllowUsers {user}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
LogLevel VERBOSE
{variables}
"""

MARK = "CREME_SSH_SERVER"
"""A variable of all that a server starts, which is its folder."""

SEPARATED = Path("/run/sshd")
"""Where a server of root's shuts a part of itself in."""


class Ssh:
    """A server that lets in the present user, with a key of its own.

    Attributes
    ----------
    port : int
    folder : Path
        Has the keys ``user`` and ``stranger``, which is not let in, and ``known``, the list of
        known hosts.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self._variables = {MARK: str(folder), **variables}
        self._made = False
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    def start(self) -> None:
        """Start it; it answers when this returns.

        Raises
        ------
        Missing
        """
        program = _server()
        for name in ("host", "user", "stranger"):
            self._key(name)
        shutil.copy(self.folder / "user.pub", self.folder / "authorized")
        host = (self.folder / "host.pub").read_text()
        (self.folder / "known").write_text(f"[127.0.0.1]:{self.port} {host}")
        configuration = CONFIGURATION.format(
            port=self.port,
            folder=self.folder,
            user=getpass.getuser(),
            variables="SetEnv " + " ".join(f'"{k}={v}"' for k, v in self._variables.items()),
        )
        (self.folder / "sshd_config").write_text(configuration)
        if os.geteuid() == 0 and not SEPARATED.exists():
            # As the package's own unit does.
            SEPARATED.mkdir(mode=0o755)
            self._made = True
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-D", "-e", "-f", self.folder / "sshd_config"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + 60
        while self._process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
                return
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise Missing(f"sshd does not start: {self.log()[-300:]}")

    def stop(self) -> None:
        """End it; a session ends with its connection."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._made:
            SEPARATED.rmdir()

    def log(self) -> str:
        """All that the server has said."""
        return (self.folder / "log").read_text()

    def connect_options(self) -> dict[str, Any]:
        """The options by which asyncssh connects to it."""
        return {
            "port": self.port,
            "username": getpass.getuser(),
            "client_keys": [str(self.folder / "user")],
            "known_hosts": str(self.folder / "known"),
        }

    def _key(self, name: str) -> None:
        file = str(self.folder / name)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)


@contextmanager
def server(variables: Mapping[str, str]) -> Iterator[Ssh]:
    """A server that runs within this context, and sets variables for what it starts.

    Raises
    ------
    Missing
        If there is none here, or it cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="creme-ssh-", dir="/tmp") as folder:
        running = Ssh(Path(folder), variables)
        running.start()
        try:
            yield running
        finally:
            running.stop()


def _server() -> str:
    path = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None or shutil.which("ssh-keygen") is None:
        raise Missing("no sshd: apt-get install openssh-server")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="Debian's package, if missing")
    options = parser.parse_args()
    if options.install:
        try:
            _server()
        except Missing:
            quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            command = ["apt-get", "install", "-y", "-q", "--no-install-recommends"]
            subprocess.run([*command, "openssh-server"], env=quiet, check=True)
        return
    with server({}) as ssh:
        print(
            f"ssh -p {ssh.port} -i {ssh.folder}/user -o UserKnownHostsFile={ssh.folder}/known "
            f"{getpass.getuser()}@127.0.0.1"
        )
        input("Enter stops it. ")


if __name__ == "__main__":
    main()
