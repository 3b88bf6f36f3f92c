"""The names that plugins import are declared, on the page, and all that our own plugins use."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import creme.adapters
import creme.testing

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
SECTION = PAGE.split("\n### The names to import\n")[1].split("\n## ")[0]
ROOMS = set(re.findall(r"`(creme(?:\.\w+)?)`", SECTION.split("All others")[0]))
PACKAGES = [creme.adapters, creme.testing]
PLUGINS = sorted(
    [*ROOT.glob("plugins/*/src/**/*.py"), *ROOT.glob("plugins/template/tests/*.py")],
)


def test_each_name_is_on_the_page():
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", SECTION, flags=re.M)
    assert sorted(name for name, _ in rows) == sorted(creme.adapters.__all__)
    assert all(words for _, words in rows)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_each_name_can_be_imported(package):
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_no_name_is_that_of_a_module(package):
    """Once it is imported, the module would stand in its place."""
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert not modules & set(package.__all__)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_no_framework_is_imported(package):
    code = (
        f"import sys, {package.__name__} as package\n"
        "print([m for m in ('numpy', 'pydantic', 'creme.model') if m in sys.modules])\n"
        "for name in package.__all__: getattr(package, name)\n"
        "print([m for m in ('torch', 'tensorflow', 'keras', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


def test_the_declared_modules_are_there():
    assert len(ROOMS) == 8
    for room in ROOMS:
        import_module(room)


def from_creme(file: Path) -> list[tuple[str, str]]:
    """Module and name of all that a file imports from this package."""
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [(each.name, "") for each in node.names if each.name.split(".")[0] == "creme"]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "creme":
            names += [(str(node.module), each.name) for each in node.names]
    return names


@pytest.mark.parametrize("file", PLUGINS, ids=lambda file: str(file.relative_to(ROOT / "plugins")))
def test_our_plugins_import_declared_names_alone(file):
    for module, name in from_creme(file):
        assert module in ROOMS, f"from {module} import {name}"
        declared = getattr(import_module(module), "__all__", None)
        assert declared is None or name in declared, f"from {module} import {name}"


def test_what_a_plugin_may_not_import_is_found(tmp_path):
    file = tmp_path / "plugin.py"
    file.write_text(
        "def late():\n    from creme.files.durable import sync\n    import creme.store\n"
    )
    assert set(from_creme(file)) == {("creme.store", ""), ("creme.files.durable", "sync")}
    assert len(PLUGINS) > 20
