"""The notebook runs from its first cell to its last, and prints what it shows."""

from __future__ import annotations

import json

import pytest

from page_code import DOCS


def shown(cells: list) -> list[list[str]]:
    """What the code cells print, without pictures."""
    return [
        ["".join(output.get("text") or output.get("data", {}).get("text/plain", "")) for output in
         cell["outputs"]] for cell in cells if cell["cell_type"] == "code"
    ]  # fmt: skip


def test_the_notebook_runs_and_prints_what_it_shows(tmp_path):
    pytest.importorskip("matplotlib")
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    path = DOCS / "tutorials" / "notebook.ipynb"
    kept = shown(json.loads(path.read_text(encoding="utf-8"))["cells"])
    notebook = nbformat.read(path, 4)
    resources = {"metadata": {"path": str(tmp_path)}}
    client.NotebookClient(notebook, timeout=600, resources=resources).execute()
    assert shown(notebook.cells) == kept
    (figure,) = notebook.cells[-2]["outputs"]
    assert "image/png" in figure["data"]
