"""A Ctrl-C that Python drops is not lost: the command remembers that it was pressed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_pressed = False


@contextmanager
def remembered() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt within this context, as it ever does, and is remembered.

    Python drops an exception that is raised in the callback of a weak reference or in a
    ``__del__``, and so may what is imported. `stop_if_pressed` then raises it again. Outside the
    main thread, and where there is a handler of somebody else's, nothing is changed.
    """
    global _pressed
    usual = signal.default_int_handler
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not usual:
        yield
        return
    _pressed = False
    signal.signal(signal.SIGINT, _remember)
    try:
        yield
    finally:
        _pressed = False
        signal.signal(signal.SIGINT, usual)


def stop_if_pressed() -> None:
    """Stop here if Ctrl-C was pressed and did not come through.

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
