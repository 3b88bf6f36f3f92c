"""The page on moving from creme-nn names its functions, and ours, as they are."""

from __future__ import annotations

import ast
import os
import re
from importlib import import_module
from pathlib import Path

import pytest

import creme
from creme import registry

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "howto" / "from_creme_nn.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| .+? \|$", PAGE, flags=re.M)[1:]
INNER = {"make_dir", "clean_cell_name", "get_summary", "string_to_char_array", "batch_np",
         "char_array_to_string", "one_hot_to_tokens", "tokens_to_one_hot", "random_shuffle",
         "convert_pvalue_to_asterisks", "get_saliency_and_creme_mask_overlap",
         "grad_times_input_to_df", "plot_one_seq_feature_map"}  # fmt: skip
"""Functions of theirs that serve their own scripts."""


def reference() -> Path:
    """The folder of the package, in the environment that `make test-reference` makes."""
    python = os.environ.get("CREME_REFERENCE_PYTHON", ROOT / ".venv-reference" / "bin" / "python")
    places = list(Path(python).parent.parent.glob("lib/python*/site-packages/creme/creme.py"))
    if not places:
        pytest.skip("the reference package is not there; make test-reference installs it")
    return places[0].parent


def functions(folder: Path) -> dict[str, set[str]]:
    """Names of functions and classes by module, and the parameters of each."""
    made = {}
    for module in ("creme", "utils", "shuffle", "custom_model"):
        tree = ast.parse((folder / f"{module}.py").read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                made[node.name] = {each.arg for each in node.args.args}
            elif isinstance(node, ast.ClassDef):
                made[node.name] = set()
    return made


def named(cell: str) -> list[tuple[str, list[str]]]:
    """Functions in a cell of the table, each with its parameters."""
    return [
        (name.rpartition(".")[2], re.findall(r"\w+", arguments or ""))
        for name, arguments in re.findall(r"`([\w.]+)(?:\(([^)`]*)\))?`", cell)
    ]


def test_every_function_of_theirs_is_in_the_table_as_it_is():
    theirs = functions(reference())
    mentioned = {name: parameters for cell, _ in ROWS for name, parameters in named(cell)}
    for name, parameters in mentioned.items():
        assert name in theirs, f"{name} is no function of creme-nn"
        assert set(parameters) <= theirs[name], name
    assert set(theirs) - set(mentioned) <= INNER


def test_ours_are_named_as_they_are():
    assert len(ROWS) > 15
    ours = [name for _, cell in ROWS for name in re.findall(r"`(creme\.\w+)", cell)]
    for name in ours:
        assert name.removeprefix("creme.") in {*creme.__all__, "report"}, name
    tests = set(re.findall(r"test \[`(\w+)`\]", PAGE))
    assert tests == {"context_dependence", "context_swap", "necessity", "sufficiency", "distance",
                     "higher_order", "multiplicity", "fine_tile"}  # fmt: skip
    assert tests <= set(registry.plugins("test"))
    assert import_module("creme.perturbations.dinucleotide_shuffle").DinucleotideShuffle
    assert creme.Tiling.around(1000, 500, 200)
