"""A message says how what is not installed gets installed, without the toolkit on an index."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from creme import packages

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "creme"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
WRITTEN = ("docs", "examples", "plugins", "release", "src", "tests/example_plugin")
BUILT = ("_build", "_generated", ".ipynb_checkpoints")


def test_an_extra_has_the_packages_that_are_declared():
    for extra in ("parquet", "postgres", "objects", "report", "bigwig", "motifs", "network"):
        assert {*packages.declared(extra)} == {*map(Requirement, EXTRAS[extra])}
    assert {*packages.declared()} == {*map(Requirement, PROJECT["dependencies"])}
    assert packages.declared("no-such-extra") == ()


def test_the_sentence_has_a_command_that_a_shell_takes():
    (least,) = EXTRAS["bigwig"]
    shown = packages.lacking("bigWig needs pybigtools", "bigwig")
    assert shown == (
        f"bigWig needs pybigtools, of the extra [bigwig] of creme-toolkit: pip install '{least}'"
    )
    shown = packages.lacking("it needs both", "objects", "postgres")
    start, _, command = shown.partition(": ")
    assert start == "it needs both, of the extras [objects] and [postgres] of creme-toolkit"
    assert shlex.split(command) == ["pip", "install", *EXTRAS["objects"], *EXTRAS["postgres"]]


def test_without_metadata_the_sentence_names_the_extra(monkeypatch):
    def requires(name: str) -> list[str]:
        raise packages.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packages.metadata, "requires", requires)
    monkeypatch.setattr(packages, "declared", packages.declared.__wrapped__)
    shown = packages.lacking("figures need matplotlib", "report")
    assert shown == "figures need matplotlib, of the extra [report] of creme-toolkit"


@pytest.mark.parametrize("folder", ["a checkout", "site-packages"])
def test_a_plugin_is_installed_from_the_checkout_or_from_wheels(folder, tmp_path, monkeypatch):
    plugins = tmp_path / folder / "plugins"
    monkeypatch.setattr(packages, "PLUGINS", plugins)
    if folder == "a checkout":
        (plugins / "creme-seqnn").mkdir(parents=True)
        (plugins / "creme-seqnn" / "pyproject.toml").touch()
        command = packages.plugin_install("creme-seqnn")
        assert shlex.split(command) == ["pip", "install", "-e", str(plugins / "creme-seqnn")]
    else:
        command = packages.plugin_install("creme-seqnn")
        assert command.startswith("pip install --find-links FOLDER creme-seqnn, where FOLDER")


def test_the_extras_of_messages_exist():
    """`lacking` is called with names that pyproject.toml has."""
    seen = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "lacking":
                named = [each for each in node.args[1:] if isinstance(each, ast.Constant)]
                seen |= {str(each.value) for each in named}
    assert {"report", "parquet", "postgres"} <= seen <= set(EXTRAS)


def test_nothing_tells_to_install_ours_from_an_index():
    """None of the distributions is on one: pip is given a folder of theirs, or their wheels."""
    files = [path for folder in WRITTEN for path in sorted((ROOT / folder).rglob("*"))]
    files += [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    wrong = []
    for path in files:
        if path.suffix not in (".py", ".md", ".toml", ".ipynb") or {*path.parts} & {*BUILT}:
            continue
        text = re.sub(r"\s*\n(?! {4})[ #>]*", " ", path.read_text())
        for command in re.findall(r"pip install [^`;|\n]*?\bcreme-[a-z]+", text):
            if not re.search(r"-e |--find-links|PyPI yet|plugins/", command):
                wrong.append(f"{path.relative_to(ROOT)}: {command[:80]}")
    assert not wrong, "\n".join(wrong)
