"""The table ``[cluster]`` of an experiment file or a study file."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from creme.parameters import Parameters


class ClusterTable(Parameters):
    """The table ``[cluster]``: the workers that are started for a run, and end with it.

    Dask's own packages start them: ``distributed`` on this machine and by SSH, ``dask-jobqueue`` on
    SLURM, ``dask-kubernetes`` on Kubernetes.
    """

    kind: Literal["local", "slurm", "ssh", "kubernetes"] = Field(
        "local", description="where: processes here, jobs of SLURM, hosts by SSH, or pods"
    )
    workers: int | None = Field(None, ge=1, description="how many, always")
    minimum: int | None = Field(None, ge=1, description="how many at least, as work requires")
    maximum: int | None = Field(None, ge=1, description="how many at most, as work requires")
    options: dict[str, Any] = Field(
        {}, description="of Dask's class: LocalCluster, SLURMCluster, SSHCluster or KubeCluster"
    )

    @model_validator(mode="after")
    def _a_number(self) -> Self:
        bounds = (self.minimum, self.maximum)
        if self.workers is not None and bounds != (None, None):
            raise ValueError("give workers, or minimum and maximum")
        if self.workers is None and self.maximum is None and self.kind != "ssh":
            raise ValueError("give workers, or maximum and, unless it is 1, minimum")
        if self.kind == "ssh" and bounds != (None, None):
            raise ValueError("by SSH there is a worker for each of options.hosts: no bounds")
        if self.maximum is not None and (self.minimum or 1) > self.maximum:
            raise ValueError(f"minimum = {self.minimum} is above maximum = {self.maximum}")
        return self

    @property
    def most(self) -> int:
        """Workers at most."""
        if self.kind == "ssh":
            each = self.options.get("worker_options", {}).get("n_workers", 1)
            return max(1, each * (len(self.options.get("hosts", [])) - 1))
        return self.workers or self.maximum or 1
