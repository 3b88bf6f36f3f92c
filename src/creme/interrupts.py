"""A Ctrl-C, or SIGTERM, that Python drops is not lost: the command remembers it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

STOPPED = 130
"""The exit status of a command that Ctrl-C or SIGTERM ended."""

_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""Python's own handlers, which are replaced; those of somebody else stay."""

_pressed = False


@contextmanager
def remembered() -> Iterator[None]:
    """Ctrl-C and SIGTERM raise KeyboardInterrupt within this context, and are remembered.

    Python drops an exception that is raised in the callback of a weak reference or in a
    ``__del__``, and so may what is imported. `stop_if_pressed` then raises it again. Outside the
    main thread, and where there is a handler of somebody else's, nothing is changed.
    """
    global _pressed
    _pressed = False
    with ExitStack() as undo:
        if threading.current_thread() is threading.main_thread():
            for number, usual in _USUAL.items():
                if signal.getsignal(number) == usual:
                    signal.signal(number, _remember)
                    undo.callback(signal.signal, number, usual)
        try:
            yield
        finally:
            _pressed = False


@contextmanager
def held_back() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait for the end of this context, which writes how a run ended.

    It is short. Outside the main thread, where no signal arrives, nothing is changed.
    """
    waiting: list[int] = []
    try:
        with ExitStack() as undo:
            if threading.current_thread() is threading.main_thread():
                for number in _USUAL:
                    before = signal.getsignal(number)
                    if before is not None:  # a handler that Python cannot put back
                        undo.callback(signal.signal, number, before)
                        signal.signal(number, lambda pressed, frame: waiting.append(pressed))
            yield
    finally:
        for first in waiting[:1]:
            signal.raise_signal(first)


def stop_if_pressed() -> None:
    """Stop here if the command was to stop and the exception did not come through.

    Raises
    ------
    KeyboardInterrupt
    """
    if _pressed:
        raise KeyboardInterrupt


def _remember(number: int, frame: Any) -> None:
    global _pressed
    _pressed = True
    signal.default_int_handler(number, frame)
