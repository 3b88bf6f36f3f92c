"""Tests that failed on loci, and remarks: as warnings, or as an error where nothing is left."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from typing import TYPE_CHECKING

from creme.errors import CremeWarning, MeasurementError
from creme.results import ALL_UNITS

if TYPE_CHECKING:
    import xarray as xr

_WARNED_ONE_BY_ONE = 5


def warn_of_failures(failures: list[tuple[str, str, str]], stacklevel: int = 3) -> None:
    """A `CremeWarning` for each locus that failed, and one for all beyond the first few.

    Parameters
    ----------
    failures : list of (test, locus, message)
    stacklevel : int
        Of the caller's caller, as `warnings.warn` counts.
    """
    for test, locus, message in failures[:_WARNED_ONE_BY_ONE]:
        where = locus if locus == ALL_UNITS else f"locus {locus!r}"
        warnings.warn(
            f"test {test!r} failed on {where}: {message}",
            CremeWarning,
            stacklevel=stacklevel,
        )
    if len(failures) > _WARNED_ONE_BY_ONE:
        warnings.warn(
            f"tests failed on {len(failures) - _WARNED_ONE_BY_ONE} more loci; all of them stand "
            f"in the failures of the results",
            CremeWarning,
            stacklevel=stacklevel,
        )


def warn_of_remarks(
    remarks: Mapping[str, list[str]], notes: SequenceOf[str] = (), stacklevel: int = 3
) -> None:
    """A `CremeWarning` for each note on a run, and for each remark of a test.

    Parameters
    ----------
    remarks : mapping of label to list of str
    notes : sequence of str
    stacklevel : int
        Of the caller's caller, as `warnings.warn` counts.
    """
    for note in notes:
        warnings.warn(note, CremeWarning, stacklevel=stacklevel)
    for test, sentences in remarks.items():
        for sentence in sentences:
            warnings.warn(f"test {test!r}, {sentence}", CremeWarning, stacklevel=stacklevel)


def refuse_empty(
    labels: list[str], datasets: dict[str, xr.Dataset], failures: list[tuple[str, str, str]]
) -> None:
    """An error for the tests without results, which has those of the others.

    Parameters
    ----------
    labels : list of str
        Of all tests that were run.
    datasets : dict of str to Dataset
        The results by label; a test without any is not in it.
    failures : list of (test, locus, message)

    Raises
    ------
    MeasurementError
        If a test has no results.
    """
    messages = []
    for label in labels:
        if label in datasets:
            continue
        own = [(unit, why) for test, unit, why in failures if test == label]
        whole = [why for unit, why in own if unit == ALL_UNITS]
        if whole:
            messages.append(f"test {label!r} failed: {whole[0]}")
        elif own:
            every = "its one locus" if len(own) == 1 else f"all of its {len(own)} loci"
            first = "" if len(own) == 1 else "the first one is "
            messages.append(f"test {label!r} failed on {every}: {first}{own[0][0]}: {own[0][1]}")
        else:
            messages.append(f"test {label!r} makes nothing to measure of these loci")
    if messages:
        others = f"; the datasets of {', '.join(datasets)} are in this error" if datasets else ""
        raise MeasurementError("; ".join(messages) + others, datasets, failures)
