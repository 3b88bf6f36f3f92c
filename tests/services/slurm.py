"""A SLURM cluster of this machine alone for the tests, in a folder that goes with it.

python tests/services/slurm.py            start one, say how to use it, and stop it at Enter
python tests/services/slurm.py --install  install Debian's packages first, as root
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":
    from process import Missing, ServerProcess, free_port, install  # type: ignore[import-not-found]
else:
    from services.process import Missing, ServerProcess, free_port, install

PACKAGES = ("slurm-wlm", "munge")
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scontrol", "scancel")
KEY = Path("/etc/munge/munge.key")

CONFIGURATION = """\
ClusterName=creme
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5,socket={folder}/munge/socket
CryptoType=crypto/munge
SlurmctldPort={control}
SlurmdPort={node}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
KillWait=5
MinJobAge=300
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory}
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE OverSubscribe=FORCE:4 State=UP
"""
"""As sites have it, but for what takes other machines or seconds of waiting."""


class Slurm:
    """A controller and a node that listen on this machine alone.

    Attributes
    ----------
    environment : dict of str to str
        What ``sbatch`` and the others need to find it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[ServerProcess] = []
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}

    def start(self) -> None:
        """Start it; the node takes jobs when this returns.

        Raises
        ------
        Missing
        """
        _check()
        for name in ("state", "spool", "logs"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        configuration = CONFIGURATION.format(
            folder=self.folder,
            host=socket.gethostname().partition(".")[0],
            control=free_port(),
            node=free_port(),
            **_size_of_node(),
        )
        (self.folder / "slurm.conf").write_text(configuration)
        self._start_munge()
        for daemon in ("slurmctld", "slurmd"):
            self._spawn(daemon, "-D", "-f", self.folder / "slurm.conf")
            time.sleep(1)
        self._wait_for_node()

    def stop(self) -> None:
        """End all jobs, and the daemons."""
        self.run("scancel", "--user=root", check=False)
        self.wait_until_empty(20)
        for process in self._running[::-1]:
            process.stop(10)

    def run(self, *command: object, check: bool = True) -> str:
        """What one of SLURM's commands prints."""
        done = subprocess.run(
            [str(part) for part in command],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def submit(self, script: Path, *options: object, arguments: Sequence[object] = ()) -> str:
        """The number of a job that is a script, with its arguments."""
        return self.run("sbatch", "--parsable", *options, script, *arguments).strip()

    def job(self, number: str) -> dict[str, str]:
        """What the controller knows of a job: ``JobState``, ``Restarts`` and others."""
        return dict(re.findall(r"(\w+)=(\S*)", self.run("scontrol", "show", "job", number)))

    def queue(self) -> list[str]:
        """Numbers of the jobs that wait or run; of an array's, each."""
        return self.run("squeue", "--noheader", "--array", "--format=%i").split()

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait until no job waits or runs; returns whether it came to that."""
        until = time.monotonic() + seconds
        while self.queue():
            if time.monotonic() > until:
                return False
            time.sleep(0.5)
        return True

    def log(self) -> str:
        """The ends of the daemons' logs."""
        logs = sorted((self.folder / "logs").iterdir())
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in logs)

    def _start_munge(self) -> None:
        """A daemon of its own, with the package's key, on a socket in the folder."""
        munge = self.folder / "munge"
        munge.mkdir(mode=0o755)
        shutil.chown(munge, "munge", "munge")
        socket_ = munge / "socket"
        self._spawn(
            "munged", "--foreground", f"--socket={socket_}", f"--pid-file={munge}/pid",
            f"--log-file={munge}/log", f"--seed-file={munge}/seed", f"--key-file={KEY}",
            user="munge",
        )  # fmt: skip
        self._running[-1].wait_until(socket_.exists, 15)

    def _spawn(self, program: str, *arguments: object, user: str | None = None) -> None:
        command = [_program(program), *arguments]
        log = self.folder / "logs" / program
        self._running.append(ServerProcess(command, log, user=user, environment=self.environment))

    def _wait_for_node(self) -> None:
        until = time.monotonic() + 40
        while "idle" not in self.run("sinfo", "--noheader", "--format=%T", check=False):
            if time.monotonic() > until:
                raise Missing(f"the node does not come up: {self.log()}")
            time.sleep(0.5)


@contextmanager
def cluster() -> Iterator[Slurm]:
    """A cluster that runs within this context.

    Raises
    ------
    Missing
        If there is no SLURM here, or it cannot be started.
    """
    folder = Path(tempfile.mkdtemp(prefix="creme-slurm-", dir="/tmp"))
    slurm = Slurm(folder)
    try:
        try:
            slurm.start()
            yield slurm
        finally:
            slurm.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check() -> None:
    """See that it can be started here."""
    lacking = [name for name in PROGRAMS if _program(name) is None]
    if lacking:
        raise Missing(f"no {lacking[0]}: apt-get install {' '.join(PACKAGES)}")
    if os.geteuid() != 0:
        raise Missing("SLURM's daemons are started as root, and this is another user")
    if not KEY.exists():
        raise Missing(f"no {KEY}: munge is installed without a key (mungekey --create)")


def _program(name: str) -> Path | None:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return None if path is None else Path(path)


def _size_of_node() -> dict[str, str]:
    """Processors and memory as ``slurmd`` sees them: a node with less than it says is refused."""
    output = subprocess.run(
        [str(_program("slurmd")), "-C"], capture_output=True, text=True, check=False
    )
    size = dict(re.findall(r"(CPUs|RealMemory)=(\d+)", output.stdout))
    if len(size) < 2:
        raise Missing(f"slurmd -C does not say what this machine has: {output.stderr[-200:]}")
    return {"cpus": size["CPUs"], "memory": size["RealMemory"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="Debian's packages, if missing")
    options = parser.parse_args()
    if options.install:
        if any(_program(name) is None for name in PROGRAMS):
            install(*PACKAGES)
        return
    with cluster() as slurm:
        print(f"export SLURM_CONF={slurm.folder / 'slurm.conf'}")
        input("Enter stops it. ")


if __name__ == "__main__":
    main()
