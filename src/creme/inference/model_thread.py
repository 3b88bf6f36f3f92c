"""The thread that calls a model, so that the driver works meanwhile, and may leave it behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Generic, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")

NAME = "creme-model"
"""Name of the threads; `creme.cli.main` looks for one that was left behind."""


class ModelThread(Generic[Given, Made]):
    """Calls a function with one batch after another, in their order.

    It is a daemon: an executor's thread is joined when the interpreter ends, which a model that
    never returns would prevent. It starts with the first batch.

    Parameters
    ----------
    function : callable
        Called in the thread with what is submitted.
    """

    def __init__(self, function: Callable[[Given], Made]) -> None:
        self._function = function
        self._batches: SimpleQueue[tuple[Future[Made], Given] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ended: Future[None] = Future()

    def submit(self, batch: Given) -> Future[Made]:
        """Queue a batch; whatever the function raises is raised by the future's ``result``."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=NAME, daemon=True)
            self._thread.start()
        future: Future[Made] = Future()
        self._batches.put((future, batch))
        return future

    def close(self, timeout: float | None = None) -> bool:
        """Wait for the batches that were submitted and not cancelled.

        Parameters
        ----------
        timeout : float, optional
            Seconds; after them the thread is left to itself, and ends when the function returns.

        Returns
        -------
        bool
            Whether the thread has ended.
        """
        if self._thread is None:
            return True
        self._batches.put(None)
        # Not by `Thread.join`: a signal is to interrupt it at once.
        wait([self._ended], timeout)
        if self._ended.done():
            self._thread.join()
        return self._ended.done()

    def _work(self) -> None:
        while self._next():
            pass
        self._ended.set_result(None)

    def _next(self) -> bool:
        """One batch; no reference to it or to what was made of it remains."""
        job = self._batches.get()
        if job is None:
            return False
        future, batch = job
        if future.set_running_or_notify_cancel():
            try:
                made = self._function(batch)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(made)
        return True
