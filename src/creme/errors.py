"""Every error and warning that the toolkit raises on purpose.

A message says what was wrong, where, and what is allowed or what to do, in one or two sentences:
the command line prints it unchanged.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

LONGEST_WORD, LONGEST_MESSAGE = 200, 4000
"""Letters; a message may name what stands in a file of somebody else."""


class CremeError(Exception):
    """Base of all errors with a cause outside the toolkit: the user, a plugin, the machine.

    Parameters
    ----------
    message : str
        Control characters in it are written as escapes, and what is too long to be read is cut.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(legible(message))


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


def legible(text: str) -> str:
    """Text of an unknown origin for a message: printable, and of bounded length."""
    head = str(text)[: 1 << 20].strip("\r\n")
    words = [_cut(word, LONGEST_WORD) for word in head.split(" ")]
    letters = " ".join(words)
    printable = [one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in letters]
    return _cut("".join(printable), LONGEST_MESSAGE)


def _cut(text: str, length: int) -> str:
    """The beginning and the end of a text that is longer than `length`."""
    if len(text) <= length:
        return text
    end = length // 4
    return f"{text[: length - end - 3]}...{text[-end:]}"


def reason(error: BaseException | None) -> str:
    """The cause of a failure, in a sentence; an unforeseen error with its type."""
    kind = "" if isinstance(error, CremeError) else f"{type(error).__name__}: "
    return legible(f"{kind}{error}")


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
