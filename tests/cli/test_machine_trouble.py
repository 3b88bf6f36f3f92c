"""Trouble of the machine is called what it is, and not a fault of the program."""

from __future__ import annotations

import errno
import sys

import pytest

from creme.cli import main
from creme.cli.trouble import trouble


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left", "/data/x"), "/data/x: the disk is full"),
        (PermissionError(errno.EACCES, "denied", b"/data"), "/data: the permission"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (MemoryError("Unable to allocate 3 GiB"), "not enough memory (Unable to allocate 3 GiB)"),
        (MemoryError(), "out of memory"),
    ],
)
def test_the_machines_trouble(error, words):
    sentence = trouble(error)
    assert sentence is not None
    assert words in sentence


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("x"), OSError(errno.EBADF, "x")])
def test_faults_of_the_program(error):
    assert trouble(error) is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "full", "/data/x"), "/data/x: the disk is full"),
        (OSError(errno.EBADF, "Bad file descriptor"), "fault of the program"),
    ],
)
def test_the_command_says_which_it_is(monkeypatch, capsys, error, words):
    def fails(*_args, **_more):
        raise error

    monkeypatch.setattr("creme.cli.app.app", fails)
    monkeypatch.setattr(sys, "argv", ["creme", "results", "x"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said_there = " ".join(capsys.readouterr().err.split())
    assert words in said_there
