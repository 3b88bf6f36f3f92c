"""An SSH server of this machine alone for the tests, in a folder that goes with it.

python tests/services/ssh.py            start one, say how to use it, and stop it at Enter
python tests/services/ssh.py --install  install Debian's package first, as root
"""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    from process import Missing, ServerProcess, free_port, install, listens  # type: ignore[import-not-found]
else:
    from services.process import Missing, ServerProcess, free_port, install, listens

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
        self.port = free_port()

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
        command = [program, "-D", "-e", "-f", self.folder / "sshd_config"]
        self._process = ServerProcess(command, self.folder / "log")
        try:
            self._process.wait_until(lambda: listens(self.port), 60)
        except Missing:
            self.stop()
            raise

    def stop(self) -> None:
        """End it; a session ends with its connection."""
        self._process.stop()
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
            install("openssh-server")
        return
    with server({}) as ssh:
        print(
            f"ssh -p {ssh.port} -i {ssh.folder}/user -o UserKnownHostsFile={ssh.folder}/known "
            f"{getpass.getuser()}@127.0.0.1"
        )
        input("Enter stops it. ")


if __name__ == "__main__":
    main()
