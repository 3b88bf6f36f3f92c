"""A server for each test, its certificate, and an environment that points to it."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import grpc
import pytest
import trustme

import server as serving
from creme_alphagenome import retry

signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def credentials(tmp_path_factory):
    """The server's; gRPC of this process and of its children trusts who signed it."""
    authority = trustme.CA()
    signed = authority.issue_cert("localhost")
    roots = tmp_path_factory.mktemp("roots") / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(roots)
    chain = b"".join(part.bytes() for part in signed.cert_chain_pems)
    return grpc.ssl_server_credentials([(signed.private_key_pem.bytes(), chain)])


@pytest.fixture
def address(credentials, monkeypatch, tmp_path):
    """Sets the environment for a port."""
    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ALPHAGENOME_API_KEY", serving.KEY)

    def set_port(port: int) -> None:
        monkeypatch.setenv("ALPHAGENOME_ADDRESS", f"localhost:{port}")

    return set_port


@pytest.fixture
def service(credentials, address):
    """What the server was asked and shall do; the environment has its address and the key."""
    answering = serving.Service()
    server, port = serving.start(answering, credentials)
    address(port)
    answering.server = server
    yield answering
    server.stop(None).wait()


@pytest.fixture
def quick(monkeypatch):
    """Retries without long waits; waits that were made."""
    waits: list[float] = []
    pause = retry.RequestBatch.pause

    def noted(self, seconds):
        waits.append(seconds)
        pause(self, seconds)

    monkeypatch.setattr(retry, "FIRST", 0.01)
    monkeypatch.setattr(retry.RequestBatch, "pause", noted)
    return SimpleNamespace(waits=waits)
