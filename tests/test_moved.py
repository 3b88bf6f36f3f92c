"""Modules that have moved: the old names work for one version, warn, and are used nowhere here."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

import pytest

from creme.errors import CremeWarning

ROOT = Path(__file__).resolve().parents[1]
CREME = ROOT / "src" / "creme"


def homes_by_old() -> dict[str, list[str]]:
    """The modules that are aliases, and where their names are now."""
    moved = {}
    for file in sorted(CREME.rglob("*.py")):
        call = re.search(r"= forward\(__name__, (.*)\)", file.read_text())
        if call:
            old = ".".join(["creme", *file.relative_to(CREME).with_suffix("").parts])
            moved[old] = re.findall(r'"([\w.]+)"', call[1])
    return moved


def defined(module: str) -> list[str]:
    """The public names that a module defines itself."""
    tree = ast.parse(Path(str(import_module(module).__file__)).read_text())
    names = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in names if not name.startswith("_")]


MOVED = homes_by_old()
NAMES = [
    (old, home, name) for old, homes in MOVED.items() for home in homes for name in defined(home)
]


def test_all_aliases_are_looked_at():
    assert (
        {"creme.split", "creme.weights", "creme.models.loaded", "creme.runner.results"}
        <= {old for old, *_ in NAMES}
        == set(MOVED)
    )


@pytest.mark.parametrize(("old", "home", "name"), NAMES, ids=lambda part: str(part))
def test_an_old_name_works_and_warns_once_with_the_new_place(old, home, name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        space: dict = {}
        exec(compile(f"from {old} import {name}", "a_users_file.py", "exec"), space)
    assert space[name] is getattr(import_module(home), name)
    (warning,) = caught
    assert warning.category is CremeWarning
    assert f"{old}.{name} has moved to {home}.{name}" in str(warning.message)
    # The line that has to be changed.
    assert warning.filename == "a_users_file.py"


@pytest.mark.parametrize("old", MOVED)
def test_an_alias_has_no_other_names(old):
    module = import_module(old)
    with pytest.raises(AttributeError, match=f"module '{old}' has no attribute 'nothing'"):
        _ = module.nothing
    assert MOVED[old][0] in (module.__doc__ or "")


def imported(file: Path) -> set[str]:
    """Modules that a file imports; of ``from a import b`` both a and a.b."""
    modules = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return modules


def files(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def test_nothing_here_imports_an_old_name():
    used = {
        str(file.relative_to(ROOT)): sorted(old)
        for file in files("*.py")
        if (old := imported(file) & set(MOVED))
    }
    assert used == {}


def test_no_page_and_no_text_in_code_names_an_old_place():
    pattern = re.compile("|".join(rf"\b{re.escape(old)}\b(?![-_/])" for old in MOVED))
    named = {}
    for file in files("*.md", "*.toml", "*.py", "*.ipynb", "*.html"):
        # The tests of former notebooks, and the list of what has changed, name old places.
        if file == Path(__file__) or file.name in ("CHANGELOG.md", "test_export_folder.py"):
            continue
        hits = set(pattern.findall(file.read_text(encoding="utf-8")))
        if hits:
            named[str(file.relative_to(ROOT))] = sorted(hits)
    assert named == {}


def test_importing_the_package_warns_of_nothing():
    code = "import creme; [getattr(creme, name) for name in creme.__all__]"
    done = subprocess.run(
        [sys.executable, "-W", "error::creme.errors.CremeWarning", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
