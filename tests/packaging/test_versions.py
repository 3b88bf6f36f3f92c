"""All distributions are released together, of one version that stands in one place."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import creme

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path("release") / "version.py"
PLUGINS = sorted(ROOT.glob("plugins/*/pyproject.toml"))


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, root / SCRIPT, *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of the files that state the version."""
    for name in (SCRIPT, "src/creme/__init__.py", "CITATION.cff", "release/recipe/recipe.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for path in PLUGINS:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True)
        shutil.copy(path, target)
    return tmp_path


def test_all_files_state_the_version_of_the_core():
    done = run(ROOT, "--check")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == creme.__version__ == version("creme-toolkit")


def test_every_plugin_depends_on_the_core_by_version():
    for path in PLUGINS:
        project = tomllib.loads(path.read_text())["project"]
        assert project["version"] == creme.__version__
        requirements = [*project["dependencies"]]
        for extra in project["optional-dependencies"].values():
            requirements += [text for text in extra if not text.startswith(project["name"] + "[")]
        ours = [text for text in requirements if text.startswith("creme-")]
        assert f"creme-toolkit~={creme.__version__}" in ours, path
        assert all(text.endswith(f"~={creme.__version__}") for text in ours), path


def test_a_new_version_is_written_everywhere(copy):
    (copy / "CITATION.cff").write_text("version: 0.0.1\n")
    done = run(copy, "--check")
    assert done.returncode == 1
    assert "CITATION.cff: not version" in done.stderr
    assert run(copy, "7.8.9").stdout == "7.8.9\n"
    assert run(copy, "--check").returncode == 0
    for path in copy.glob("plugins/*/pyproject.toml"):
        text = path.read_text()
        assert 'version = "7.8.9"' in text
        assert "creme-toolkit~=7.8.9" in text
    assert re.search(r"^version: 7\.8\.9$", (copy / "CITATION.cff").read_text(), re.M)
    assert "is no version" in run(copy, "seven").stderr
