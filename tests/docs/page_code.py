"""Runs the code of a page: Python, commands, and the files that both need.

In their order on the page: a block whose first line is a comment with a file's name is written to
that file; Python runs, all blocks of a page in one namespace; of a console block each line that
begins with ``$ `` runs. A block of text after Python, and the other lines of a console block, are
what is printed: ``...`` stands for anything in a line, and on a line of its own for any lines.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import in_process
from creme.errors import CremeWarning

DOCS = Path(__file__).resolve().parents[2] / "docs"
FENCE = re.compile(r"^```(python|toml|console|text)\n(.*?)^```$", flags=re.M | re.S)
NAMED = re.compile(r"# ([\w./-]+\.(?:py|toml|tsv|bed))\n")


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each block that counts."""
    return FENCE.findall((DOCS / page).read_text(encoding="utf-8"))


def assert_printed(printed: str, expected: str, code: str) -> None:
    """Whether a text is what the page shows, runs of spaces and ends of lines apart."""
    plain = "".join(f"{line}\n" for line in _lines(printed))
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
        for line in _lines(expected)
    )
    assert re.fullmatch(pattern, plain), f"{code}\nprinted:\n{printed}"


def _lines(text: str) -> list[str]:
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return [line for line in lines if line]


def run(
    page: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, object]:
    """Run a page in an empty folder, and compare what it prints; its Python names."""
    monkeypatch.chdir(folder)
    # As a terminal would have it that is as wide as the page.
    monkeypatch.setenv("COLUMNS", "100")
    creme = in_process.caller(monkeypatch, capsys)
    names: dict[str, object] = {"__name__": "page"}
    parts = blocks(page)
    assert parts, f"{page} has no code"
    for (language, text), (after, expected) in zip(parts, [*parts[1:], ("", "")], strict=True):
        if named := NAMED.match(text):
            Path(named[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(named[1]).write_text(text, encoding="utf-8")
        elif language == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CremeWarning)
                exec(compile(text, page, "exec"), names)
            printed = capsys.readouterr().out
            if after == "text":
                assert_printed(printed, expected, text)
            else:
                assert not printed, f"{text}\nprints what the page does not show:\n{printed}"
        elif language == "console":
            for command, shown in commands(text):
                printed = _ran(creme, command, capsys)
                if shown:
                    assert_printed(printed, shown, command)
    return names


def commands(text: str) -> list[tuple[str, str]]:
    """Each command of a console block, and the lines below it."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.M)
    assert not parts[0].strip(), f"a console block begins with a command: {text}"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def _ran(creme: Callable, command: str, capsys: pytest.CaptureFixture[str]) -> str:
    first, *arguments = shlex.split(command)
    if first == "creme":
        return str(creme(*arguments))
    if first in ("python", "pytest"):
        program = [sys.executable] if first == "python" else [sys.executable, "-m", "pytest"]
        here = os.pathsep.join(["src", *sys.path])
        done = subprocess.run(
            [*program, *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": here},
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    if first == "ls":
        return "\n".join(sorted(path.name for path in Path(*arguments or ".").iterdir()))
    raise AssertionError(f"{command}: a page's commands are creme, python, pytest and ls")
