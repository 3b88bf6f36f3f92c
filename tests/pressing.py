"""Ctrl-C and SIGTERM in chosen moments of this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class Presses:
    """A signal after the n-th call, by the main thread, of any of some functions.

    Parameters
    ----------
    patched : MonkeyPatch
    *functions : (object, str)
        What has each, and its name there.
    """

    def __init__(self, patched: pytest.MonkeyPatch, *functions: tuple[object, str]) -> None:
        self._left = 0
        for owner, name in functions:
            patched.setattr(owner, name, self._then_press(getattr(owner, name)))

    @contextmanager
    def at(self, moment: int) -> Iterator[None]:
        """Press at this moment of what is done within the context."""
        self._left = moment
        try:
            yield
        finally:
            self._left = 0

    def _then_press(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **more: Any) -> Any:
            answer = function(*arguments, **more)
            if self._left and threading.current_thread() is threading.main_thread():
                self._left -= 1
                if not self._left:
                    signal.raise_signal(signal.SIGTERM)
            return answer

        return step
