"""Dask workers on hosts that are reached by SSH."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from contextlib import suppress
from typing import Any

import dask
from distributed import SpecCluster, SSHCluster

from creme.engines.local_workers import THREADS
from creme.errors import ConfigError

TIED = "creme.engines.ssh_workers"
"""This module, which the processes on the hosts run: see `dask_setup`."""


def ssh_workers(hosts: list[str], **options: Any) -> SpecCluster:
    """A scheduler on the first host and workers on the others, which are there when this returns.

    Parameters
    ----------
    hosts : list of str
    **options
        Of `distributed.SSHCluster`.

    Raises
    ------
    ConfigError
        If a host is not reached, lets nobody in, or does not start its process.
    """
    options = {"silence_logs": logging.CRITICAL, **options}
    scheduler = dict(options.pop("scheduler_options", {}))
    scheduler["preload"] = [*scheduler.get("preload", []), TIED]
    # By default Dask gives a worker the part of the memory, and of the processors, that one of its
    # host's processors is of all.
    workers = {"nthreads": 1, **options.pop("worker_options", {})}
    if "worker_class" not in options:
        workers = {"memory_limit": 0, "preload_nanny": [TIED], **workers}
    alone = workers.get("n_workers", 1) == 1
    threads = {f"distributed.nanny.pre-spawn-environ.{name}": None for name in THREADS}
    with _Lines() as lines, dask.config.set(threads if alone else {}):
        try:
            cluster = SSHCluster(
                hosts, worker_options=workers, scheduler_options=scheduler, **options
            )
        except Exception as error:
            why = f"{error}".removeprefix("Cluster failed to start: ")
            if why == "Worker failed to start":
                why = lines.last()
            raise ConfigError(
                f"[cluster] kind = 'ssh': of the hosts {', '.join(hosts)} one does not start: {why}"
            ) from None
    loop: asyncio.AbstractEventLoop = cluster.loop.asyncio_loop  # type: ignore[union-attr]
    asyncio.run_coroutine_threadsafe(_read_all(cluster), loop)
    return cluster


class _Lines(logging.Handler):
    """Lines that the processes on the hosts print, which Dask logs while they start."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._logger = logging.getLogger("distributed.deploy.ssh")
        self._before = self._logger.level, self._logger.propagate
        self._lines: list[str] = []

    def __enter__(self) -> _Lines:
        self._logger.addHandler(self)
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        level, self._logger.propagate = self._before
        self._logger.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self._lines.append(record.getMessage().strip())

    def last(self) -> str:
        """The last line, in which a traceback says the reason."""
        return self._lines[-1] if self._lines else "its process prints nothing"


async def _read_all(cluster: SpecCluster) -> None:
    """Read what the processes print, to the end: one whose output nobody reads stands still."""
    import asyncssh

    async def read(stream: Any) -> None:
        with suppress(asyncssh.Error, OSError):
            while await stream.read(1 << 16):
                pass

    processes = [cluster.scheduler, *cluster.workers.values()]
    streams = [stream for each in processes for stream in (each.proc.stdout, each.proc.stderr)]
    await asyncio.gather(*map(read, streams))


def dask_setup(server: Any) -> None:
    """End a scheduler, or a nanny with its worker, with the connection that has started it.

    A driver that is killed ends none of them, and one that closes the connection not all: the
    server of SSH leaves programs alone, and closes their input.
    """

    def wait() -> None:
        while sys.stdin.buffer.read(1 << 16):
            pass
        os._exit(0)

    threading.Thread(target=wait, name="creme-tied", daemon=True).start()
