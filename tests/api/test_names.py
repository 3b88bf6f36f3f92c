"""The names in `creme`: few, typed, and imported when they are first used."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import creme

HEAVY = ("numpy", "pandas", "pydantic", "xarray", "zarr", "sqlalchemy", "numba", "rich", "typer")


@pytest.mark.parametrize("name", creme.__all__)
def test_every_name_is_there(name):
    if name == "Study" and not hasattr(import_module("creme.study.config"), "Study"):
        pytest.skip("creme.study.config has no Study yet")
    value = getattr(creme, name)
    assert name in dir(creme)
    if name != "__version__":
        assert value.__name__ == name
        assert value.__doc__


def test_importing_the_package_imports_nothing_else():
    code = (
        "import sys; import creme; "
        "own = sorted(name for name in sys.modules if name.startswith('creme.')); "
        f"heavy = sorted(set({HEAVY!r}) & set(sys.modules)); print(own, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['creme.lazy'] []\n"


def test_experiments_are_read_without_what_runs_them():
    code = (
        "import sys; from creme import Experiment; "
        "print(sorted({'zarr', 'sqlalchemy', 'numba', 'xarray'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_type_checkers_see_the_same_names():
    """The list, the lazy imports and the imports for type checkers say one thing."""
    tree = ast.parse(Path(creme.__file__).read_text())
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    checked = {
        alias.name: node.module
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted([*checked, "__version__"]) == creme.__all__
    (homes,) = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    assert ast.literal_eval(homes) == checked


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'measures'"):
        creme.measures  # noqa: B018
