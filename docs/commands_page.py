"""Write docs/commands.md from the command line itself: python docs/commands_page.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("commands.md")

_HEAD = """\
# Commands

This page is written by `python docs/commands_page.py` from the program's own help.

`creme COMMAND --help` (or `-h`) prints the same help at the terminal. `python -m creme` is another
way to call `creme`, and `creme --version` prints the version. After `creme --install-completion`
your shell completes commands and options.

## Common options

Every command has these:

| option | meaning |
|---|---|
| `--json` | print one JSON document and nothing else on standard output |
| `--quiet`, `-q` | no progress, notes and warnings; errors stay |
| `--verbose`, `-v` | more of what it does, and every failure; `creme results` shows all columns |
| `--debug` | show the traceback of an error |
| `--help`, `-h` | the help, with examples |

## Output

Results go to standard output; progress, notes, warnings and errors go to standard error. Tables fit
the width of the terminal: cells wrap between words, and if that is not enough, the columns continue
in another table that repeats the first column. `COLUMNS` sets the width (180 if the output is a
file or a pipe and `COLUMNS` is not set), and `NO_COLOR` turns colours off.

Places on the genome are printed in the form that genome browsers take, `chr1:101-200`: 1-based,
both ends included. Files and Datasets hold 0-based, half-open intervals.

With `--json` a command prints one object, also if it fails:

| key | value |
|---|---|
| `creme` | the toolkit's version |
| `command` | the command, such as `creme cache info` |
| `status` | the exit status |
| `values` | single values by name, such as a file that was written |
| `tables` | by name, lists of rows; a row is an object with a value for each column |
| `error` | the error message; only if the command fails |

The names of columns are the headings of the printed tables in lower case, with underscores for
spaces. Numbers are not rounded, and NaN is `null`. A mistake in the command line itself (an unknown
option, a missing argument) is printed on standard error alone.

## Exit status

| status | meaning |
|---|---|
| 0 | done |
| 1 | the command ended, but something is wrong: units failed, a check failed, a store is damaged \
or has conflicts; or the machine had no disk space, memory or permission |
| 2 | a mistake in the command, a file or a setting, or a model or plugin that does not work: the \
message says what is wrong, and often gives the command that repairs it |
| 130 | stopped by Ctrl-C or SIGTERM; the same command continues from there |
"""


def page() -> str:
    """The page, of all commands in their order."""
    import typer

    from creme.cli.app import app

    parts = [_HEAD]
    for words, command in walk(typer.main.get_command(app), ("creme",)):
        parts.append(_section(words, command))
    return "\n".join(parts)


def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands below one, each with its words; groups too where they do something."""
    below = getattr(command, "commands", {})
    if len(words) > 1 and (not below or command.invoke_without_command):
        yield words, command
    for name, one in below.items():
        yield from walk(one, (*words, name))


def examples(command: Any) -> list[str]:
    """Lines of the examples in a command's help."""
    text = (command.epilog or "").partition("Examples:")[2]
    return [line.strip("\b").rstrip()[2:] for line in text.splitlines() if line.startswith("  ")]


def _section(words: tuple[str, ...], command: Any) -> str:
    lines = [f"## {' '.join(words)}", "", _words(command.help or ""), ""]
    lines += ["```sh", *examples(command), "```", ""]
    rows = [row for param in command.params if (row := _row(param))]
    if rows:
        lines += ["| argument or option | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines)


COMMON = {"json", "quiet", "verbose", "debug", "help"}


def _row(param: Any) -> str:
    if param.name in COMMON or getattr(param, "hidden", False):
        return ""
    if param.param_type_name == "argument":
        name = f"`{param.name.upper()}`" + ("" if param.required else ", optional")
    else:
        name = ", ".join(f"`{each}`" for each in (*param.opts, *param.secondary_opts))
    default = param.default() if callable(param.default) else param.default
    notes = ["required"] if param.required and param.param_type_name == "option" else []
    if isinstance(default, int | float | str | Path) and not isinstance(default, bool):
        notes.append(f"default: {default}")
    note = f" ({'; '.join(notes)})" if notes else ""
    return f"| {name} | {_words(param.help or '')}{note} |".replace("\n", " ")


def _words(text: str) -> str:
    paragraphs = [" ".join(one.split()) for one in re.split(r"\n\s*\n", text)]
    return "\n\n".join(paragraphs).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
