"""The help of all commands, their examples, and the page that is made of both."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import in_process
from creme.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("commands_page", ROOT / "docs" / "commands_page.py")
assert _SPEC is not None
assert _SPEC.loader is not None
commands_page = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(commands_page)

WHOLE = typer.main.get_command(app)
COMMANDS = dict(commands_page.walk(WHOLE, ("creme",)))
WIDEST = 56
"""Letters of a line of examples: help has it at 4 letters from the edge."""


@pytest.fixture
def creme(monkeypatch, capsys):
    return in_process.caller(monkeypatch, capsys)


def lines_of(command):
    """The examples as one types them: lines that end in a backslash go on."""
    text = "\n".join(commands_page.examples(command)).replace("\\\n", " ")
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_the_walk_sees_all():
    assert len(COMMANDS) > 25
    assert ("creme", "cache", "info") in COMMANDS
    assert ("creme", "plugins") in COMMANDS


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_examples_are_there_and_can_be_typed(words):
    examples = lines_of(COMMANDS[words])
    assert examples, f"{' '.join(words)} has no example"
    for line in commands_page.examples(COMMANDS[words]):
        assert len(line) <= WIDEST, line
    for example in examples:
        check(example, words)


def check(example: str, words: tuple[str, ...]) -> None:
    """An example is of its command, whose options take it as it stands."""
    typed = shlex.split(example)
    assert tuple(typed[: len(words)]) == words, example
    command, rest = COMMANDS[words], typed[len(words) :]
    if getattr(command, "commands", None):
        assert all(option in all_options(command) for option in rest), example
        return
    # Options that do not exist, arguments that are missing and values of another type are errors.
    command.make_context(" ".join(words), rest)


def all_options(command):
    return {option for param in command.params for option in (*param.opts, *param.secondary_opts)}


def test_an_example_of_an_option_that_does_not_exist_is_noticed():
    with pytest.raises(Exception, match=r"(?i)no such option"):
        check("creme run x.toml --plans", ("creme", "run"))
    with pytest.raises(Exception, match=r"(?i)missing"):
        check("creme run --plan", ("creme", "run"))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_the_common_options(words):
    assert {"--json", "--quiet", "-q", "--verbose", "-v", "--debug"} <= all_options(COMMANDS[words])


@pytest.mark.parametrize("width", [60, 80])
def test_help_fits_and_lists_commands_whole(width, creme, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    for words in (("creme",), *COMMANDS):
        shown = creme(*words[1:], "-h")
        assert max(map(len, shown.splitlines())) <= width
        assert shown == creme(*words[1:], "--help")
        if width == 80:
            listed = shown.partition("Commands:")[2].partition("Examples:")[0]
            assert "..." not in listed, "a command's first sentence is too long for the list"


def test_the_page_is_that_of_this_version():
    fresh = "python docs/commands_page.py writes it anew"
    assert commands_page.PAGE.read_text() == commands_page.page(), fresh


def test_version_and_python_m():
    env = {**os.environ, "COLUMNS": "80"}
    ran = subprocess.run(
        [sys.executable, "-m", "creme", "--version"], capture_output=True, text=True, env=env
    )
    assert re.fullmatch(r"creme \d+\.\d+\S*\n", ran.stdout)


def test_completion():
    typed = {"_CREME_COMPLETE": "complete_bash", "COMP_WORDS": "creme ca", "COMP_CWORD": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "creme"],
        capture_output=True,
        text=True,
        env={**os.environ, **typed},
    )
    assert ran.stdout.split() == ["calibrate", "cache"]
