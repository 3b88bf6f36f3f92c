"""What a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from unittest import SkipTest

from creme.errors import CremeError


class ConformanceError(CremeError, AssertionError):
    """A plugin does not do what its contract says."""


class NotChecked(SkipTest):
    """A check needs what the plugin does not say; pytest reports it as skipped."""


@dataclass(frozen=True)
class Check:
    """One independent check of a plugin; called with a function that makes the plugin anew."""

    function: Callable[[Callable[[], Any]], str | None]

    def __call__(self, make: Callable[[], Any]) -> str:
        """Run the check.

        Returns
        -------
        str
            What of it could not be checked; empty as a rule.

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
class Outcome:
    """The result of a check, with the reason unless it passed, or what it left out."""

    check: Check
    state: Literal["passed", "failed", "not checked"]
    reason: str = ""


def outcomes(checks: Iterable[Check], make: Callable[[], Any]) -> Iterator[Outcome]:
    """The result of each check, also after one has failed."""
    for check in checks:
        try:
            remark = check(make)
        except NotChecked as reason:
            yield Outcome(check, "not checked", str(reason))
        except ConformanceError as error:
            yield Outcome(check, "failed", str(error))
        except Exception as error:
            yield Outcome(check, "failed", f"raised {type(error).__name__}: {error}")
        else:
            yield Outcome(check, "passed", remark)


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
    """An assertion that stays when Python runs without them."""
    if not condition:
        raise ConformanceError(message)
