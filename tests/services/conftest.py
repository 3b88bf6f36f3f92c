"""A SLURM cluster, servers of SSH and of objects, and the results that jobs have to come to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import azure, commands, google, s3
from services import ssh as ssh_server
from services.process import Missing
from services.slurm import Slurm, cluster


def _object_server(kind: type[s3.ObjectServer]) -> Iterator[s3.ObjectServer]:
    """A server whose address and keys are in the environment."""
    try:
        with s3.server(kind) as running, pytest.MonkeyPatch.context() as patched:
            for name, value in running.environment.items():
                patched.setenv(name, value)
            yield running
    except Missing as error:
        if os.environ.get("CREME_TEST_SERVICES") == "required":
            raise
        pytest.skip(f"{error}")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[s3.ObjectServer]:
    yield from _object_server(s3.S3Server)


@pytest.fixture(scope="session")
def azure_server() -> Iterator[s3.ObjectServer]:
    yield from _object_server(azure.AzureServer)


@pytest.fixture(scope="session")
def google_server() -> Iterator[s3.ObjectServer]:
    yield from _object_server(google.GoogleServer)


@pytest.fixture(scope="session", params=["s3", "azure", "google"])
def objects(request) -> s3.ObjectServer:
    """Each of the servers."""
    running: s3.ObjectServer = request.getfixturevalue(f"{request.param}_server")
    return running


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    if os.environ.get("CREME_TEST_SERVICES") != "required":
        pytest.skip("a SLURM cluster is started by make test-services alone")
    try:
        with cluster() as running:
            yield running
            assert running.queue() == []
    except Missing as error:
        if "apt-get install" in str(error):
            raise
        pytest.skip(f"SLURM cannot be started here: {error}")


@pytest.fixture(scope="module")
def ssh() -> Iterator[ssh_server.Ssh]:
    """A server of this machine that starts programs as they are here."""
    if os.environ.get("CREME_TEST_SERVICES") != "required":
        pytest.skip("a server of SSH is started by make test-services alone")
    import creme

    try:
        with ssh_server.server({"PYTHONPATH": str(Path(creme.__file__).parents[1])}) as running:
            yield running
    except Missing as error:
        if "apt-get install" in str(error):
            raise
        pytest.skip(f"SSH cannot be started here: {error}")


@pytest.fixture(scope="session")
def expected(genome, tmp_path_factory):
    """The results of one process."""
    file = commands.write(tmp_path_factory.mktemp("alone") / "x", genome)
    environment = {**os.environ, **commands.environment(file.parent)}
    subprocess.run(["creme", "run", file], env=environment, check=True, capture_output=True)
    return commands.datasets(file.parent / "experiment.results")
