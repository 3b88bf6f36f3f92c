"""The template of a plugin, copied, renamed and installed as its page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from command import CREME

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "plugins" / "template"
RENAME, INSTALL = re.findall(
    r"^```sh\n(.*?)^```", (TEMPLATE / "README.md").read_text(), re.M | re.S
)
NAMES = "motif_scan|point_mutations|dose"


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A renamed copy, and the environment that it is installed in."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("template")
    (folder / "plugins").symlink_to(ROOT / "plugins")
    subprocess.run(["sh", "-ec", RENAME], cwd=folder, check=True)
    copy, site = folder / "my-plugin", folder / "site"
    # The page's second step: the template itself is installed beside it here.
    for path in (copy / "pyproject.toml", *(copy / "src").rglob("*.py")):
        path.write_text(
            re.sub(rf'(^|")({NAMES})(?=" = |"$| = ")', r"\1my_\2", path.read_text(), flags=re.M)
        )
    # What the page's `pip install` does, without asking a server for what is here already.
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", "--no-index", "--target", site, copy],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return copy, {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}


def run(command: list[str], copied: tuple[Path, dict[str, str]]) -> str:
    folder, environment = copied
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nothing_is_left_of_the_old_name(copied):
    for path in copied[0].rglob("*"):
        assert "creme_template" not in path.name
        if path.suffix in (".py", ".toml", ".md"):
            assert not re.search("creme[-_]template", path.read_text()), path


def test_its_tests_pass(copied):
    shown = run([sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"], copied)
    assert re.search(r"^\d+ passed", shown, re.M)
    skipped = re.findall(r"^SKIPPED .+$", shown, re.M)
    assert len(skipped) == 1
    assert "the model takes one-hot alone" in skipped[0]


def test_creme_finds_and_checks_what_it_registers(copied):
    shown = run([*CREME, "plugins", "-v"], copied)
    for kind in ("models", "perturbations", "tests"):
        (table,) = re.findall(
            rf'^\[project\.entry-points\."creme\.{kind}"\]\n((?:.+\n)+)',
            (copied[0] / "pyproject.toml").read_text(),
            re.M,
        )
        for name, target in re.findall(r'^(\w+) = "(.+)"$', table, re.M):
            assert re.search(rf"^  {name} +my-plugin 0\.1\.0  {target}$", shown, re.M)
    checks = [line.split()[1:] for line in INSTALL.splitlines() if " check " in line]
    assert len(checks) == 3
    for plugins, check, name, *parameters in checks:
        shown = run([*CREME, plugins, check, f"my_{name}", *parameters], copied)
        assert "passed" in shown
        assert "failed" not in shown


def test_the_readmes_test_is_the_templates():
    (block,) = re.findall(
        r"^```python\n(class Dose\(Test\):.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S
    )
    assert (TEMPLATE / "src" / "creme_template" / "dose.py").read_text().endswith(block)
