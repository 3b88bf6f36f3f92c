"""``[cluster] kind = "kubernetes"`` as far as it can be seen without a cluster.

An API server is asked for a cluster by Dask's package, and refuses it: there are no pods. ``make
test-services`` runs them in an environment that has dask-kubernetes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from creme.engines.cluster import opened
from creme.errors import ConfigError

dask_kubernetes = pytest.importorskip("dask_kubernetes")
jsonschema = pytest.importorskip("jsonschema")

FORBIDDEN = 'daskclusters.kubernetes.dask.org is forbidden: User "lab" cannot create it'


def _resource(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "singularName": kind.lower(), "kind": kind, "namespaced": True}


THERE: dict[str, dict[str, Any]] = {
    "/version": {"gitVersion": "v1.33.0"},
    "/api": {"versions": ["v1"]},
    "/api/v1": {"resources": [_resource("pods", "Pod"), _resource("services", "Service")]},
    "/apis": {"groups": []},
}
"""The answers by which a client sees what the server has."""


class Api(ThreadingHTTPServer):
    """Has nothing, and creates nothing; remembers the objects that it was to create."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked_for: list[tuple[str, dict[str, Any]]] = []


class _Answers(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        if self.path.rstrip("/") in THERE:
            self._answer(200, THERE[self.path.rstrip("/")])
        else:
            self._refuse(404, "not found")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked_for.append((self.path, body))
        self._refuse(403, FORBIDDEN)

    def _refuse(self, code: int, message: str) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message}
        self._answer(code, {**status, "code": code})

    def _answer(self, code: int, what: dict[str, Any]) -> None:
        content = json.dumps(what).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def api(tmp_path, monkeypatch) -> Iterator[Api]:
    """An API server that ``KUBECONFIG`` names."""
    with Api() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        _configure(tmp_path, monkeypatch, running.server_port)
        yield running
        running.shutdown()
        thread.join()


def _configure(folder: Path, monkeypatch, port: int) -> None:
    configuration = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "lab", "user": {"token": "none"}}],
        "contexts": [
            {"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": "lab"}}
        ],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(configuration))
    monkeypatch.setenv("KUBECONFIG", str(file))


def _refused(words: str, **options: Any) -> None:
    table = {"kind": "kubernetes", "workers": 5, "options": options}
    refused = pytest.raises(ConfigError, match=rf"kind = 'kubernetes': .*{words}")
    with refused, opened(table):
        pass


def _schema() -> dict[str, Any]:
    """The schema of a DaskCluster, as Dask's operator tells it to Kubernetes."""
    operator = Path(dask_kubernetes.__file__).parent / "operator" / "deployment" / "helm"
    file = operator / "dask-kubernetes-operator" / "crds" / "daskcluster.yaml"
    (version,) = yaml.safe_load(file.read_text())["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def test_the_cluster_that_is_asked_for(api, capsys):
    """It is a valid one, of as many workers, each with one thread and all of its pod's memory."""
    resources = {"limits": {"nvidia.com/gpu": "1", "memory": "32Gi"}}
    _refused("forbidden", image="lab/creme:1", resources=resources, env={"A": "1"})
    path, asked = api.asked_for[0]  # and once more with its credentials read anew
    assert path == "/apis/kubernetes.dask.org/v1/namespaces/lab/daskclusters"
    jsonschema.validate(asked, _schema())
    assert asked["metadata"]["name"].startswith("creme-")
    worker = asked["spec"]["worker"]
    assert worker["replicas"] == 5
    (container,) = worker["spec"]["containers"]
    assert container["image"] == "lab/creme:1"
    assert container["resources"] == resources
    command = " ".join(container.get("command", []) + container["args"])
    assert "--nthreads 1 --memory-limit 0" in command
    assert {"name": "A", "value": "1"} in container["env"]
    assert capsys.readouterr().out == ""
    # Another run has one of its own.
    _refused("forbidden")
    assert api.asked_for[-1][1]["metadata"]["name"] != asked["metadata"]["name"]


def test_no_server(tmp_path, monkeypatch):
    _configure(tmp_path, monkeypatch, 1)
    _refused("")


def test_options_that_it_refuses():
    table = {"kind": "kubernetes", "workers": 1, "options": {"resources": {"most": 1}}}
    with pytest.raises(ConfigError, match="unknown field 'most'"), opened(table):
        pass
