"""Dask workers on this machine, each with a GPU or a share of the cores."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from distributed import LocalCluster, Nanny, SpecCluster, Worker

from creme.errors import ConfigError, nearest

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Environment variables by which frameworks are told how many threads they may have."""


class LocalWorkers(LocalCluster):
    """Processes with one thread for Dask, and their own device.

    Parameters
    ----------
    gpus : list of str
        Names of GPUs; a worker sees the one that fewest others have.
    most : int
        Workers that may be there at once, and share the cores.
    **options
        Of `distributed.LocalCluster`.
    """

    def __init__(self, gpus: list[str], most: int, **options: Any) -> None:
        self._gpus = gpus
        cores = max(1, len(os.sched_getaffinity(0)) // most)
        # Dask itself sets them to 1, before a worker starts.
        environment = {name: str(cores) for name in THREADS if name not in os.environ}
        environment |= {"TF_NUM_INTRAOP_THREADS": str(cores)}
        defaults = {
            "threads_per_worker": 1,
            "processes": True,
            "memory_limit": 0,
            "dashboard_address": "127.0.0.1:0",
            "silence_logs": logging.CRITICAL,
            "preload": ["creme.engines.preload"],
            "env": environment,
        }
        super().__init__(n_workers=0, **{**defaults, **options})

    def begin(self, n: int) -> Callable[[], str]:
        """Start workers; the function says why there are none, once that is certain."""

        # As `scale` does, which keeps an error to itself.
        async def started() -> bool:
            while len(self.worker_spec) < n:
                self.worker_spec.update(self.new_worker_spec())
            await self._correct_state()
            return self.scheduler is not None and bool(self.scheduler.workers)

        start = asyncio.run_coroutine_threadsafe(started(), self.loop.asyncio_loop)  # type: ignore[union-attr]

        def failure() -> str:
            if not start.done() or start.cancelled():
                return ""
            error = start.exception()
            if error is None and start.result():
                return ""
            why = f": {type(error).__name__}: {error}" if error else ""
            return f"no worker starts on this machine{why}; see [cluster.options]"

        return failure

    def new_worker_spec(self) -> dict[Any, Any]:
        """The next worker, with a GPU of its own where there is one."""
        made: dict[Any, Any] = super().new_worker_spec()
        if not self._gpus:
            return made
        in_use: Counter[str] = Counter(dict.fromkeys(self._gpus, 0))
        for spec in self.worker_spec.values():
            in_use[spec["options"]["env"].get("CUDA_VISIBLE_DEVICES", "")] += 1
        gpu = min(self._gpus, key=lambda name: in_use[name])
        return {name: _with(spec, {"CUDA_VISIBLE_DEVICES": gpu}) for name, spec in made.items()}

    def _update_worker_status(self, op: str, msg: Any) -> None:
        """Leave a worker that was killed to its nanny, which starts it again.

        Dask would give up one that happens to be down 15 seconds after it was killed before.
        """
        super(SpecCluster, self)._update_worker_status(op, msg)


def check_names(options: Iterable[str]) -> None:
    """See that options are those of a cluster on this machine or of its workers.

    Dask would hand others to the workers, which would not start, one after another.

    Raises
    ------
    ConfigError
    """
    classes: tuple[type, ...] = (LocalCluster, SpecCluster, Nanny, Worker)
    allowed = {name for one in classes for name in inspect.signature(one).parameters}
    for name in options:
        if name not in allowed:
            raise ConfigError(
                f"[cluster.options] {name!r} is no option of distributed.LocalCluster or of its "
                f"workers{nearest(name, allowed)}"
            )


def _with(spec: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    options = spec["options"]
    return {**spec, "options": {**options, "env": {**options["env"], **environment}}}
