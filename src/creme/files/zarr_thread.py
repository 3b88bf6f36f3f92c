"""Zarr's own thread, without which all that it reads and writes would wait for good.

Zarr takes note of its loop before the thread of the loop has started. Where no thread can be
started then, or the thread has died for want of memory, the next use of zarr waits for an answer
that nobody gives, and the process never ends.
"""

from __future__ import annotations

from contextlib import suppress

from zarr.core import sync


def ensure_running() -> None:
    """See that zarr's thread runs; it is started if it does not.

    Raises
    ------
    RuntimeError, MemoryError
        If it cannot be started now; a later call may.
    """
    for _ in range(2):
        try:
            sync._get_loop()
        finally:
            lives = _lives()
        if lives:
            return
    raise RuntimeError("can't start new thread")


def _lives() -> bool:
    """Whether the thread is there; otherwise zarr begins anew.

    The end of the process would stumble over one that has not started, too.
    """
    with sync._get_lock():  # whoever starts it has this lock
        thread, loop = sync.iothread[0], sync.loop[0]
        if thread is not None and thread.is_alive():
            return True
        sync.loop[0] = sync.iothread[0] = None
        if loop is not None:
            with suppress(RuntimeError, OSError):
                loop.close()
        return False
