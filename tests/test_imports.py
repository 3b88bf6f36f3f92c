"""The rooms of the source tree: imports point down, without a circle, and files stay short.

An import counts at a file's head and in a function; those under ``TYPE_CHECKING`` do not, since
nothing imports them when the program runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"

LEVELS = (
    {"interrupts", "lazy"},
    {"creme", "errors"},
    {"codes", "files", "kinds", "moved", "packages", "parameters", "passwords", "rounding"},
    {"seeds", "sequence", "tracks"},
    {"fingerprint", "selection"},
    {"readout"},
    {"grid"},
    {"heads"},
    # Modules of a former version, which forward to where their contents are now.
    {"durable", "fetch", "folders", "split", "weights"},
    {"demo", "file_plugins", "kernels", "model", "perturbation", "tiling"},
    {"registry"},
    {"adapters", "genome", "perturbations", "store", "test"},
    {"analysis", "motifs"},
    {"inference", "models", "results", "suite"},
    {"engines"},
    {"runner"},
    {"study", "testing"},
    {"api", "export", "report"},
    {"benchmark", "scorecards"},
    {"cli"},
    {"__main__"},
)
"""The rooms, from the ground up. A room imports itself and the rooms of lower levels.

A room is a folder or a file of ``src/creme``; ``creme`` is its ``__init__.py``.
"""

UPWARD: dict[tuple[str, str], str] = {}
"""Imports that point up or sideways all the same, and why. This list only gets shorter."""

LONGEST = 420
LONG: dict[str, str] = {}
"""Files of more lines, and why."""


def modules(source: Path = SOURCE) -> dict[str, Path]:
    """The files of a source folder by the names of their modules."""
    paths = sorted(source.rglob("*.py"))
    return {".".join(path.relative_to(source).with_suffix("").parts): path for path in paths}


def imports(module: str, code: str, files: Mapping[str, object]) -> Iterator[str]:
    """The modules of the toolkit that a module's code imports."""
    package = module.split(".")[:-1]
    pending: list[ast.AST] = [ast.parse(code)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        pending += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name and name not in files and f"{name}.__init__" not in files:
                name = name.rpartition(".")[0]
            if name:
                yield name if name in files else f"{name}.__init__"


def graph(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """The modules that each module imports."""
    return {
        name: set(imports(name, path.read_text(encoding="utf-8"), files)) - {name}
        for name, path in files.items()
    }


def room(module: str) -> str:
    """The room of a module."""
    first, *rest = module.removesuffix(".__init__").split(".")
    return rest[0] if rest else first


def violations(edges: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """Imports from a room into another one that is not below it."""
    level = {name: height for height, names in enumerate(LEVELS) for name in names}
    return {
        (one, other)
        for one, others in edges.items()
        for other in others
        if room(one) != room(other) and level[room(other)] >= level[room(one)]
    }


def circle(edges: Mapping[str, set[str]]) -> list[str]:
    """The modules of a circle of imports, if there is one."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.fixture(scope="module")
def edges() -> dict[str, set[str]]:
    return graph(modules())


def test_every_room_has_its_level(edges):
    levels = [name for names in LEVELS for name in names]
    assert len(set(levels)) == len(levels)
    assert {room(module) for module in edges} <= set(levels)


def test_imports_point_down(edges):
    upward = {f"{one} imports {other}" for one, other in violations(edges) - set(UPWARD)}
    assert not upward


def test_exceptions_that_are_mended_leave_the_list(edges):
    assert set(UPWARD) <= violations(edges)


def test_no_circle_of_imports(edges):
    assert circle(edges) == []


def test_an_upward_import_and_a_circle_are_seen(tmp_path):
    folder = tmp_path / "creme"
    (folder / "suite").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "suite" / "__init__.py").touch()
    (folder / "errors.py").write_text("def why():\n    from creme.suite import search\n")
    (folder / "suite" / "search.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import creme.cli\n"
        "from . import race\n"
    )
    (folder / "suite" / "race.py").write_text("import creme.suite.search\n")
    edges = graph(modules(tmp_path))
    assert violations(edges) == {("creme.errors", "creme.suite.search")}
    assert set(circle(edges)) == {"creme.suite.search", "creme.suite.race"}


def test_files_are_short():
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_bytes().splitlines())
        for source in (SOURCE, *ROOT.glob("plugins/*/src"))
        for path in source.rglob("*.py")
    }
    assert lines
    assert {name: n for name, n in lines.items() if n > LONGEST and name not in LONG} == {}
    assert all(lines[name] > LONGEST for name in LONG)
