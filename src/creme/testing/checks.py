"""What a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from creme.errors import CremeError


class ConformanceError(CremeError, AssertionError):
    """A plugin does not do what its contract says."""


@dataclass(frozen=True)
class Check:
    """One independent check of a plugin; called with a function that makes the plugin anew."""

    function: Callable[[Callable[[], Any]], None]

    def __call__(self, make: Callable[[], Any]) -> None:
        """Run the check.

        Raises
        ------
        ConformanceError
            If the plugin does not pass; the message says what was wrong and what is expected.
        """
        self.function(make)

    def __str__(self) -> str:
        return self.function.__name__

    @property
    def about(self) -> str:
        """What is checked, in a sentence."""
        return (self.function.__doc__ or "").strip().split("\n")[0]


def run_all(checks: Iterable[Check], make: Callable[[], Any]) -> None:
    """Run all checks, also after one has failed.

    Raises
    ------
    ConformanceError
        If any failed; it names them all.
    """
    failures = []
    for check in checks:
        try:
            check(make)
        except ConformanceError as error:
            failures.append(f"{check}: {error}")
        except Exception as error:
            failures.append(f"{check}: raised {type(error).__name__}: {error}")
    if failures:
        raise ConformanceError("\n".join(failures))


def ensure(condition: bool, message: str) -> None:
    """An assertion that stays when Python runs without them."""
    if not condition:
        raise ConformanceError(message)
