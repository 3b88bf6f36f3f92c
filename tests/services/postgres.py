"""A PostgreSQL server of its own for the tests, in a folder that goes with it.

python tests/services/postgres.py            start one, print its URL, and stop it at Enter
python tests/services/postgres.py --install  install Debian's package first, as root
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

if __name__ == "__main__":
    from process import Missing, free_port, install  # type: ignore[import-not-found]
else:
    from services.process import Missing, free_port, install

PASSWORD = "a:b/c@d e"
"""Of the user `creme`; its letters are those that a URL gives a meaning."""


class Postgres:
    """A server that listens on this machine alone, for the time of its folder.

    Attributes
    ----------
    port : int
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self._durable = durable
        self.port = 0
        self._tools = _tools()
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._data = folder / "data"

    def start(self) -> None:
        """Make the database and start the server, which answers when this returns.

        Raises
        ------
        Missing
        """
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if self._user is not None:
            try:
                shutil.chown(self.folder, self._user)
                shutil.chown(password, self._user)
            except (LookupError, OSError) as error:
                raise Missing(f"no user postgres to run the server: {error}") from None
        self._run(
            "initdb", "-D", self._data, "-U", "creme", "--no-sync", "-E", "UTF8", "--locale=C",
            "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}",
        )  # fmt: skip
        self.port = free_port()
        self.resume()

    def resume(self) -> None:
        """Start the server again, on the port that it had."""
        # Nothing of a test has to outlast a power failure.
        fsync = "on" if self._durable else "off"
        settings = (
            f"-p {self.port} -k {self.folder} -c fsync={fsync} -c listen_addresses=127.0.0.1 "
            "-c max_connections=60 -c shared_buffers=16MB"
        )
        log = self.folder / "log"
        self._run("pg_ctl", "-D", self._data, "-l", log, "-w", "-o", settings, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server, in the midst of all that it does."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    def database(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def url(self, database: str | None = None) -> str:
        """The URL of a database, a new one by default, by the socket, which asks no password."""
        name = self.database() if database is None else database
        return f"postgresql://creme@/{name}?host={self.folder}&port={self.port}"

    def sql(self, statement: str, database: str = "postgres") -> list[tuple]:
        """Execute a statement as the superuser."""
        import psycopg

        where = f"host={self.folder} port={self.port} user=creme dbname={database}"
        with psycopg.connect(where, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def cut(self, database: str) -> int:
        """End all connections to a database; how many there were."""
        ended = self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        )
        return len(ended)

    def _run(self, tool: str, *arguments: object) -> None:
        process = subprocess.run(
            [self._tools / tool, *map(str, arguments)],
            user=self._user,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if process.returncode:
            raise Missing(f"{tool} failed: {process.stderr.strip()[-300:]}")


@contextmanager
def server(*, durable: bool = False) -> Iterator[Postgres]:
    """A server that runs within this context; a durable one writes as one in use does.

    Raises
    ------
    Missing
        If there is no PostgreSQL here, or no driver for it.
    """
    if find_spec("psycopg") is None:
        raise Missing("psycopg is not installed: pip install 'psycopg[binary]'")
    # A socket's path is short, and its folder must be open to the server's user.
    folder = Path(tempfile.mkdtemp(prefix="creme-pg-", dir="/tmp"))
    try:
        postgres = Postgres(folder, durable=durable)
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tools() -> Path:
    """The folder of the server's programs, of which Debian has one for each version."""
    on_path = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: one.parent.name)
    for folder in ([Path(on_path).resolve().parent] if on_path else []) + folders[::-1]:
        if (folder / "initdb").exists():
            return folder
    raise Missing("no PostgreSQL server: apt-get install postgresql")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="Debian's package, where it is not")
    options = parser.parse_args()
    if options.install:
        try:
            _tools()
        except Missing:
            install("postgresql")
        return
    with server() as postgres:
        print(postgres.url())
        input("Enter stops it. ")


if __name__ == "__main__":
    main()
