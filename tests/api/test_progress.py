"""How far a run is, in pipes, terminals and notebooks."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import creme
from creme.runner.progress_bar import NotebookBar
from toy import MODEL, toy_loci

TESTS = Path(__file__).resolve().parents[1]
SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import creme
from toy import MODEL, toy_loci
creme.measure("necessity", MODEL, toy_loci(1), tile=200, replicates=30, progress={progress})
"""


def script(progress: bool | None) -> list[str]:
    return [sys.executable, "-c", SCRIPT.format(tests=str(TESTS), progress=progress)]


@pytest.mark.parametrize("progress", [None, False])
def test_nothing_is_printed_into_a_pipe(progress):
    done = subprocess.run(script(progress), capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(("progress", "shown"), [(None, True), (True, True), (False, False)])
def test_a_terminal_has_a_bar(progress, shown):
    ours, its = pty.openpty()
    process = subprocess.Popen(script(progress), stdout=subprocess.PIPE, stderr=its)
    os.close(its)
    printed = b""
    try:
        while part := os.read(ours, 4096):
            printed += part
    except OSError:  # how Linux says that the other end is closed
        pass
    stdout, _ = process.communicate()
    os.close(ours)
    assert process.returncode == 0
    assert stdout == b""
    assert ("of 301 sequences" in printed.decode()) == shown
    assert bool(printed) == shown


def test_a_thread_may_measure():
    """No signal arrives there, so that none is waited for."""
    results = []
    thread = threading.Thread(
        target=lambda: results.append(
            creme.measure("necessity", MODEL, toy_loci(1), tile=400, replicates=2)
        )
    )
    thread.start()
    thread.join()
    assert results[0]["effect"].sizes["tile"] == 4


def test_what_a_notebook_shows():
    begun = NotebookBar(0, 1234, 0, 0, 0, 0.0)
    assert repr(begun) == "0 of 1,234 sequences: 0 predicted"
    half = NotebookBar(617, 1234, 600, 17, 0, 300.0)
    assert (
        repr(half) == "617 of 1,234 sequences: 600 predicted, 17 from the store, about 5 min left"
    )
    assert '<progress value="617" max="1234"' in half._repr_html_()
    search = NotebookBar(617, None, 600, 0, 0, 300.0)
    assert repr(search) == "617 sequences: 600 predicted"
    assert "<progress style" in search._repr_html_()
    done = NotebookBar(1234, 1234, 1200, 17, 17, 4000.0, ended=True)
    words = "1,234 sequences: 1,200 predicted, 17 from the store, 17 repeated, 1 h 7 min"
    assert repr(done) == words
    assert done._repr_html_() == f"<div>{words}</div>"


@pytest.fixture
def notebook(tmp_path):
    """Runs cells in the kernel of a notebook; returns what each of them shows."""
    pytest.importorskip("ipykernel")
    nbclient = pytest.importorskip("nbclient")
    import nbformat

    def run(*cells: str) -> list[list[dict]]:
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbclient.NotebookClient(
            book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
        return [cell.outputs for cell in book.cells]

    return run


def test_a_notebook_shows_one_line_that_is_updated(notebook):
    head = f"import sys; sys.path.insert(0, {str(TESTS)!r}); import creme; from toy import *"
    call = 'd = creme.measure("necessity", MODEL, toy_loci(1), tile=200, replicates=30'
    _, shown, hidden = notebook(head, f"{call})", f"{call}, progress=False)")
    (output,) = shown
    assert output["output_type"] == "display_data"
    assert output["data"]["text/plain"].startswith("301 sequences: 301 predicted, ")
    assert hidden == []
