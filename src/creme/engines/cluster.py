"""Dask clusters: started for a run, or standing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

from creme.engines.dask_engine import DaskEngine
from creme.engines.table import ClusterTable
from creme.errors import ConfigError
from creme.model import Model, Selection
from creme.packages import lacking, pip_install

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

CONNECT = 30
"""Seconds that a scheduler is given to answer at first."""

RECONNECT = 3600
"""Seconds that a scheduler which was there may be gone."""


ClusterLike = ClusterTable | Mapping[str, Any] | int | str
"""A table, its fields, a number of workers on this machine, or the address of a scheduler."""


class OpenCluster:
    """A cluster that is there, for one run or several.

    Parameters
    ----------
    client : distributed.Client
    stands : bool
        Whether it outlives the run, so that its workers have to let go of models.
    failure : callable, optional
        Why none of its workers has started and none will; empty as long as that is not so.
    """

    def __init__(
        self, client: Client, *, stands: bool, failure: Callable[[], str] = lambda: ""
    ) -> None:
        self.client = client
        self._stands = stands
        self._failure = failure
        self._engines: dict[str, DaskEngine] = {}

    def engine(
        self,
        model: Model,
        selection: Selection,
        batch_size: int | Literal["auto"] | None,
        differences: Mapping[int, float],
    ) -> DaskEngine:
        """An engine on the workers; see `DaskEngine`."""
        engine = DaskEngine(
            self.client, model, selection, batch_size, differences, failure=self._failure
        )
        self._engines[engine.key] = engine
        return engine

    def leave(self) -> None:
        """Have workers that stay let go of the models."""
        for engine in self._engines.values() if self._stands else ():
            with suppress(OSError, RuntimeError):
                engine.release()


@contextmanager
def opened(cluster: ClusterLike | Client | OpenCluster | None) -> Iterator[OpenCluster | None]:
    """A cluster, started where that is needed, and ended if it was.

    Parameters
    ----------
    cluster : ClusterTable, mapping, int, str, Client or OpenCluster; optional
        See `ClusterLike`; a client's cluster, or one that is open, is left as it is.

    Yields
    ------
    OpenCluster or None

    Raises
    ------
    ConfigError
        If it is none of these, Dask is not installed, no scheduler answers, or the cluster refuses
        its options.
    """
    if cluster is None or isinstance(cluster, OpenCluster):
        yield cluster
        return
    distributed = _imported("distributed", "dask")
    if isinstance(cluster, distributed.Client):
        with _standing(cluster) as standing:
            yield standing
        return
    if isinstance(cluster, bool) or not isinstance(cluster, (int, str, Mapping, ClusterTable)):
        raise ConfigError(
            f"cluster = {cluster!r} is not allowed: give a number of workers, the address of a "
            f"Dask scheduler, a dask.distributed.Client, or the fields of [cluster]"
        )
    if isinstance(cluster, str):
        with _connected(cluster) as client, _standing(client) as standing:
            yield standing
        return
    if isinstance(cluster, int):
        cluster = ClusterTable(workers=cluster)
    elif isinstance(cluster, Mapping):
        cluster = ClusterTable(**cluster)
    with _started(cluster) as (started, failure), _connected(started) as client:
        yield OpenCluster(client, stands=False, failure=failure)


@contextmanager
def _standing(client: Client) -> Iterator[OpenCluster]:
    """A cluster that stays, and whose workers let go of the models in the end."""
    standing = OpenCluster(client, stands=True)
    try:
        yield standing
    finally:
        standing.leave()


@contextmanager
def _connected(cluster: Any) -> Iterator[Client]:
    """A client of a scheduler; it goes on by itself when that was gone for a while."""
    from distributed import Client

    try:
        client = Client(cluster, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"no Dask scheduler answers at {cluster}: {error}") from None
    client._timeout = RECONNECT
    try:
        yield client
    finally:
        client.close(timeout=5)


@contextmanager
def _started(table: ClusterTable) -> Iterator[tuple[Any, Callable[[], str]]]:
    """A cluster of Dask's, with its workers on their way, and why there are none."""
    failure: Callable[[], str] = lambda: ""  # noqa: E731
    make = {"local": _local, "slurm": _slurm, "ssh": _ssh, "kubernetes": _kubernetes}[table.kind]
    try:
        cluster = make(table)
    except ConfigError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(f"[cluster] options: {table.kind} refuses them: {error}") from None
    try:
        if table.kind == "local":
            failure = cluster.begin(table.workers or table.minimum or 1)
        if table.kind == "ssh":
            pass  # its workers are its hosts
        elif table.workers is not None and table.kind == "kubernetes":
            cluster.scale(table.workers)
        elif table.workers is None or table.kind != "local":
            # Of jobs as well where their number is fixed: one that is cancelled is replaced.
            least = (table.minimum or 1) if table.workers is None else table.workers
            # A worker has no more than its next batch to do, whatever waits at the driver: by
            # Dask's usual 5 s of work for each there would never be another one.
            cluster.adapt(minimum=least, maximum=table.most, target_duration="50ms")
        yield cluster, failure
    finally:
        cluster.close()


def _local(table: ClusterTable) -> LocalCluster:
    """Processes on this machine: a GPU each, or a share of the cores."""
    from creme.engines.local_workers import LocalWorkers, check_names

    check_names(table.options)
    return LocalWorkers(gpus(), table.most, **table.options)


def _slurm(table: ClusterTable) -> Any:
    module = _imported("dask_jobqueue", "dask")
    defaults = {"cores": 1, "processes": 1, "memory": "4GB"}
    return module.SLURMCluster(**{**defaults, **table.options})


def _ssh(table: ClusterTable) -> Any:
    _imported("asyncssh", "dask")
    from creme.engines.ssh_workers import ssh_workers

    options = dict(table.options)
    hosts = options.pop("hosts", None)
    if not isinstance(hosts, list) or len(hosts) < 2:
        raise ConfigError(
            "[cluster] options: kind = 'ssh' needs hosts, a list: the scheduler's and the workers'"
        )
    return ssh_workers(hosts, **options)


def _kubernetes(table: ClusterTable) -> Any:
    module = _imported("dask_kubernetes.operator", "")
    defaults = {
        # Two runs do not share one by its name.
        "name": "creme-{uuid}",
        "n_workers": table.workers or table.minimum or 1,
        # By default Dask gives a worker all processors, and the part of the memory that one is.
        "worker_command": "dask-worker --nthreads 1 --memory-limit 0",
        # In seconds: one whose driver was killed is ended by the operator.
        "idle_timeout": 3600,
        "quiet": True,
    }
    try:
        return module.KubeCluster(**{**defaults, **table.options})
    except (TypeError, ValueError):
        raise
    except Exception as error:  # of kr8s, httpx and others, which have nothing in common
        why = f"{error}" or type(error).__name__
        raise ConfigError(f"[cluster] kind = 'kubernetes': no cluster is started: {why}") from None


def _imported(name: str, extra: str) -> Any:
    """A module of Dask's; what is missing is said."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0].replace("_", "-")
        needs = f"a cluster needs {package} ({error})"
        how = lacking(needs, extra) if extra else f"{needs}: {pip_install(package)}"
        raise ConfigError(how) from None


def gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    lines = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    return [str(place) for place in range(len(lines))]
