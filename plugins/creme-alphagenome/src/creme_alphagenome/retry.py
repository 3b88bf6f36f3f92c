"""Requests that failed: which are repeated, after how long, and when they are given up."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar

from creme.errors import CremeWarning, ModelError
from creme.seeds import MAX_SEED, derive

FIRST = 1.0
"""Seconds before the second attempt; each further one waits twice as long."""

LONGEST = 60.0
"""Seconds that a wait is at most, unless the service asks for more: quotas count by the minute."""

LATER = frozenset({"RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"})
"""Failures that pass: such requests are repeated as long as the user has patience."""

DOUBTFUL = frozenset({"INTERNAL", "UNKNOWN", "ABORTED", "DATA_LOSS", "CANCELLED", "BROKEN"})
"""Failures that may pass or last: repeated, but not for long. BROKEN is a reply cut short."""

DOUBTFUL_ATTEMPTS = 4

NOISY = 10.0
"""Seconds of waiting after which the user is told."""

_RETRY_INFO = "google.rpc.RetryInfo"
T = TypeVar("T")


class Ended(Exception):
    """The batch has ended while this request of it was waiting."""


class Failure(Exception):
    """One attempt that failed.

    Attributes
    ----------
    code : str
        Name of the gRPC status, or BROKEN.
    details : str
        The service's words.
    wait : float
        Seconds that the service asks to wait; 0 where it does not say.
    """

    def __init__(self, code: str, details: str, wait: float = 0.0) -> None:
        super().__init__(f"{code} ({details})")
        self.code, self.details, self.wait = code, details, wait


class RequestBatch:
    """Requests that are made together: they end together when one fails, or on Ctrl-C."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._calls: set[Any] = set()

    def end(self) -> None:
        """Cancel the requests in flight, and wake those that wait."""
        self._ended.set()
        with self._lock:
            calls = list(self._calls)
        for call in calls:
            call.cancel()

    @contextmanager
    def holding(self, call: Any) -> Iterator[None]:
        """A gRPC call, which does not go on after this block or the batch."""
        with self._lock:
            self._calls.add(call)
        try:
            if self._ended.is_set():
                raise Ended
            yield
        finally:
            with self._lock:
                self._calls.discard(call)
            call.cancel()

    def pause(self, seconds: float) -> None:
        """Wait; `Ended` if the batch has ended, or ends meanwhile."""
        if self._ended.wait(seconds):
            raise Ended


def wait_after(attempt: int, name: str, requested: float = 0.0) -> float:
    """Seconds to wait after a failed attempt, the first being 1.

    They double from `FIRST` to `LONGEST`, and are up to a quarter shorter or longer, by the
    request's name, so that requests that failed together are not repeated together. Never shorter
    than what the service asks.
    """
    spread = 0.75 + 0.5 * derive(0, "alphagenome", name, attempt) / MAX_SEED
    return max(requested, min(LONGEST, FIRST * 2.0 ** min(attempt - 1, 30)) * spread)


class Persistence:
    """Repeats requests that failed. One of it serves all requests of a model.

    Parameters
    ----------
    patience : float
        Seconds after a request's first failure within which it is repeated.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._warned = False

    def __call__(self, send: Callable[[], T], name: str, batch: RequestBatch) -> T:
        """The return value of `send`, which raises `Failure` where it does not succeed.

        Raises
        ------
        ModelError
            If a further attempt would mend nothing, or the patience is at its end.
        """
        attempt, first_failure = 0, 0.0
        while True:
            self._respect_quota(batch)
            attempt += 1
            try:
                result = send()
            except Failure as error:
                failure = error
            else:
                self._warned = False
                return result
            batch.pause(0.0)
            now = monotonic()
            first_failure = first_failure or now
            if failure.code not in LATER | DOUBTFUL:
                raise ModelError(_refused(failure))
            wait = wait_after(attempt, name, failure.wait)
            doubtful = failure.code in DOUBTFUL and attempt >= DOUBTFUL_ATTEMPTS
            if doubtful or now + wait > first_failure + self.patience:
                raise ModelError(_given_up(failure, attempt, now - first_failure, self.patience))
            if failure.code == "RESOURCE_EXHAUSTED":
                # The quota is the key's: what one request was told holds for the others.
                with self._lock:
                    self._not_before = max(self._not_before, now + wait)
            if now + wait > first_failure + NOISY:
                self._tell(failure)
            batch.pause(wait)

    def _tell(self, failure: Failure) -> None:
        """Say once why nothing happens, until something does."""
        with self._lock:
            warned, self._warned = self._warned, True
        if not warned:
            warnings.warn(
                f"the service of model alphagenome answers {failure}; requests are repeated for up "
                f"to {self.patience:g} s",
                CremeWarning,
                stacklevel=2,
            )

    def _respect_quota(self, batch: RequestBatch) -> None:
        with self._lock:
            left = self._not_before - monotonic()
        if left > 0:
            batch.pause(left)


def asked_wait(trailing: Any) -> float:
    """Seconds that a reply's trailing metadata ask to wait, 0 if none do.

    Google's services say it as ``RetryInfo`` in ``grpc-status-details-bin``, proxies as
    ``retry-after``.
    """
    requested = 0.0
    for key, value in trailing or ():
        if key == "retry-after" and re.fullmatch(r"\d{1,9}(\.\d+)?", str(value)):
            requested = max(requested, float(value))
        elif key == "grpc-status-details-bin":
            requested = max(requested, _retry_info(value))
    return requested


def _retry_info(content: bytes) -> float:
    from google.protobuf.message import DecodeError
    from google.rpc import error_details_pb2, status_pb2

    try:
        details = status_pb2.Status.FromString(content).details
        delays = [error_details_pb2.RetryInfo.FromString(d.value) for d in details if _says(d)]
    except DecodeError:
        return 0.0
    return max((info.retry_delay.ToMilliseconds() / 1000 for info in delays), default=0.0)


def _says(detail: Any) -> bool:
    return detail.type_url.rpartition("/")[2] == _RETRY_INFO


def _given_up(failure: Failure, attempts: int, seconds: float, patience: float) -> str:
    times = "once" if attempts == 1 else f"{attempts} times"
    asks = f", and asks to wait {failure.wait:.0f} s" if failure.wait else ""
    rest = (
        "" if failure.code in DOUBTFUL else f"; a request is repeated for {patience:g} s (patience)"
    )
    return (
        f"model alphagenome: the service failed {times} within {seconds:.0f} s, last with "
        f"{failure}{asks}{rest}. What was predicted is stored: run again "
        f"later to go on"
    )


def _refused(failure: Failure) -> str:
    """The meaning of a refusal, and what to do."""
    message = str(failure)
    if failure.code == "UNAUTHENTICATED" or (
        failure.code in ("INVALID_ARGUMENT", "PERMISSION_DENIED")
        and re.search(r"api[ _-]?key", failure.details, re.IGNORECASE)
    ):
        return (
            f"model alphagenome: the service does not accept the API key in ALPHAGENOME_API_KEY: "
            f"{message}. Check that it is whole and still valid, or get a new one"
        )
    if failure.code == "PERMISSION_DENIED":
        return (
            f"model alphagenome: the key in ALPHAGENOME_API_KEY may not use the service: "
            f"{message}. "
            f"See the terms under which it was given"
        )
    if failure.code == "INVALID_ARGUMENT":
        return (
            f"model alphagenome: the service refuses the request: {message}. Check length, output, "
            f"ontology_terms, organism and model_version"
        )
    return (
        f"model alphagenome: the service refuses the request: {message}. If the service has "
        f"changed, a newer SDK may help: pip install --upgrade alphagenome"
    )
