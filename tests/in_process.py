"""The command line in this process, where a test calls it often."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

import pytest


def caller(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable:
    """A function that runs a command and returns what it printed."""
    streams = streams_of(monkeypatch, capsys)
    return lambda *args, status=0: "".join(streams(*args, status=status))


def streams_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable:
    """A function that runs a command and returns its standard output and its standard error."""
    from creme.cli import main

    def creme(*args: object, status: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["creme", *map(str, args)])
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == status, printed.out + printed.err
        return printed.out, printed.err

    return creme
