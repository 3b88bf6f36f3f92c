"""Checks, and their outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Thread
from time import perf_counter
from typing import Any, Literal
from unittest import SkipTest

from creme.errors import CremeError


class ConformanceError(CremeError, AssertionError):
    """A plugin does not do what its contract says."""


class NotChecked(SkipTest):
    """A check needs something that the plugin does not declare; pytest reports it as skipped."""


@dataclass(frozen=True)
class Check:
    """One independent check of a plugin; called with a function that makes the plugin anew."""

    function: Callable[[Callable[[], Any]], str | None]

    def __call__(self, make: Callable[[], Any]) -> str:
        """Run the check.

        Returns
        -------
        str
            The parts that could not be checked; empty as a rule.

        Raises
        ------
        ConformanceError
            If the plugin does not pass; the message says what was wrong and what is expected.
        NotChecked
            If nothing of it could be checked; the message says what is missing.
        """
        return self.function(make) or ""

    def __str__(self) -> str:
        return self.function.__name__

    @property
    def about(self) -> str:
        """The sentence that has to hold."""
        return (self.function.__doc__ or "").strip().split("\n")[0]


@dataclass(frozen=True)
class CheckResult:
    """The result of a check, with the reason unless it passed, or what it left out.

    Attributes
    ----------
    check : Check
    state : {'passed', 'failed', 'not checked', 'out of time'}
    reason : str
    seconds : float
        That it took.
    """

    check: Check
    state: Literal["passed", "failed", "not checked", "out of time"]
    reason: str = ""
    seconds: float = 0.0

    @property
    def is_bad(self) -> bool:
        """Whether the plugin is not known to be right in what was to be checked."""
        return self.state in ("failed", "out of time")


def outcomes(
    checks: Iterable[Check], make: Callable[[], Any], *, seconds: float | None = None
) -> Iterator[CheckResult]:
    """The result of each check, also after one has failed.

    Parameters
    ----------
    checks : iterable of Check
    make : callable
        Makes the plugin anew.
    seconds : float, optional
        For all of them. A check that is not done by then is left to itself, in a thread that ends
        with the process, and those after it are not begun: they are ``out of time``.
    """
    if seconds is None:
        for check in checks:
            yield _outcome(check, make)
        return
    end = perf_counter() + seconds
    for check in checks:
        result = _within(check, make, end - perf_counter())
        late = CheckResult(check, "out of time", f"the limit of {seconds:g} s was over", seconds)
        yield late if result is None else result


def _within(check: Check, make: Callable[[], Any], seconds: float) -> CheckResult | None:
    """A check's result; None if it is not there in time."""
    results: list[CheckResult] = []
    if seconds > 0:
        thread = Thread(target=lambda: results.append(_outcome(check, make)), daemon=True)
        thread.start()
        thread.join(seconds)
    return results[0] if results else None


def _outcome(check: Check, make: Callable[[], Any]) -> CheckResult:
    began = perf_counter()

    def ended(state: Literal["passed", "failed", "not checked"], reason: str) -> CheckResult:
        return CheckResult(check, state, reason, perf_counter() - began)

    try:
        return ended("passed", check(make))
    except NotChecked as reason:
        return ended("not checked", str(reason))
    except ConformanceError as error:
        return ended("failed", str(error))
    except Exception as error:
        return ended("failed", f"raised {type(error).__name__}: {error}")


def run_all(checks: Iterable[Check], make: Callable[[], Any]) -> None:
    """Run all checks, also after one has failed.

    Raises
    ------
    ConformanceError
        If any failed; it names them all.
    """
    failed = [outcome for outcome in outcomes(checks, make) if outcome.state == "failed"]
    if failed:
        raise ConformanceError("\n".join(f"{each.check}: {each.reason}" for each in failed))


def ensure(condition: bool, message: str) -> None:
    """An assertion that ``python -O`` does not remove."""
    if not condition:
        raise ConformanceError(message)
