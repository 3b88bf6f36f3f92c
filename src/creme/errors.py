"""Every error and warning that the toolkit raises on purpose.

A message says what was wrong, where, and what is allowed or what to do, in one or two sentences:
the command line prints it unchanged.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

LONGEST = 2000
"""Letters of a message, at most: a model may put its whole input into its error."""


class CremeError(Exception):
    """Base of all errors with a cause outside the toolkit: the user, a plugin, the machine."""

    def __str__(self) -> str:
        return shortened(super().__str__())


class ConfigError(CremeError, ValueError):
    """A parameter, a file of parameters or a choice cannot be used."""


class SequenceError(CremeError, ValueError):
    """A sequence, an edit or a tile is malformed or does not fit."""


class GenomeError(CremeError):
    """A FASTA or an annotation is missing, damaged, or lacks a requested contig, gene or base."""


class ModelError(CremeError):
    """A model cannot be loaded, or its output contradicts its description."""


class PluginError(CremeError):
    """A plugin is unknown, broken, or lacks a dependency."""


class StoreError(CremeError):
    """A prediction store cannot be used."""


class ResultsError(CremeError):
    """A results directory is missing, unfinished, or belongs to another experiment."""


class TrustError(CremeError):
    """Code of somebody else would be run, which the user has not agreed to."""


class MeasurementError(CremeError):
    """A test succeeded on no locus.

    Attributes
    ----------
    datasets : dict of label to Dataset
        Of the tests that did succeed.
    failures : list of (test, locus, message)
    """

    def __init__(
        self,
        message: str,
        datasets: dict[str, Any] | None = None,
        failures: list[tuple[str, str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.datasets = datasets or {}
        self.failures = failures or []


class CremeWarning(UserWarning):
    """The toolkit changed or assumed something on the user's behalf."""


def reason(error: BaseException | None) -> str:
    """The cause of a failure, in a sentence; an unforeseen error with its type."""
    kind = "" if isinstance(error, CremeError) else f"{type(error).__name__}: "
    return shortened(f"{kind}{error}")


def shortened(text: str, most: int = LONGEST) -> str:
    """A text without its middle where it is longer than `most` letters."""
    if len(text) <= most:
        return text
    note = f" [... {len(text) - most:,} letters left out ...] "
    kept = most - len(note)
    return text[: kept - kept // 2] + note + text[-(kept // 2) :]


def nearest(word: str, choices: Iterable[str]) -> str:
    """A clause such as ``" (did you mean 'tile'?)"``, or nothing where no choice is close."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def listing(items: Iterable[object], limit: int = 8) -> str:
    """Comma-separated items, cut after `limit` with the number that was left out."""
    words = [str(item) for item in items]
    if not words:
        return "none"
    cut = f" and {len(words) - limit} more" if len(words) > limit else ""
    return ", ".join(words[:limit]) + cut
