"""The names in `creme`: few, typed, and imported when they are first used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import creme

HEAVY = ("numpy", "pandas", "pydantic", "xarray", "zarr", "sqlalchemy", "numba", "rich", "typer")


@pytest.mark.parametrize("name", creme.__all__)
def test_every_name_is_there(name):
    value = getattr(creme, name)
    assert name in dir(creme)
    if name != "__version__":
        assert value.__name__ == name
        assert value.__doc__


def imported(code: str, *packages: str) -> str:
    """Those of the packages that a new process has after it ran the code."""
    code = f"import sys; {code}; print(*sorted(set({packages!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_else():
    code = "import creme; own = [name for name in sys.modules if name.startswith('creme.')]"
    assert imported(f"{code}; assert own == ['creme.lazy'], own", *HEAVY) == ""


def test_experiments_are_read_without_what_runs_them():
    assert imported("from creme import Experiment", "zarr", "sqlalchemy", "numba", "xarray") == ""


def test_results_are_looked_at_without_what_runs_experiments():
    heavy = ("zarr", "sqlalchemy", "numba", "scipy.stats", "creme.runner.plan")
    assert imported("from creme import open_results", *heavy) == ""


def test_a_doctor_asks_of_file_systems_without_the_store():
    assert imported("import creme.cli.doctor, creme.store.file_systems", *HEAVY[:-2]) == ""


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
