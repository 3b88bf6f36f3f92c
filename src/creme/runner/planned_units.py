"""The units of a plan's tests, locus by locus, and the tests that cannot make theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from functools import cached_property

from creme.errors import CremeError, PluginError, reason
from creme.genome import Locus
from creme.runner.tasks import Task
from creme.test import Test, Unit


@dataclass(frozen=True)
class PlannedUnits:
    """The units that a plan's tests have of its loci.

    Attributes
    ----------
    tests : dict of label to Test
    loci : list of Locus
    only : frozenset of str, optional
        Names of the units that are run; all unless given.
    """

    tests: Mapping[str, Test]
    loci: SequenceOf[Locus]
    only: frozenset[str] | None = None

    def tasks(
        self, on_error: Callable[[str, Exception], None] = lambda label, error: None
    ) -> Iterator[Task]:
        """The tests' units, those of one locus together, so that its sequence is read once.

        Parameters
        ----------
        on_error : callable
            Called with the label of a test whose units end in an error, and the error; the other
            tests go on. Those of `errors` are left out.
        """
        errors = self.errors
        coming = {label: self._of_test(label) for label in self.tests if label not in errors}
        while coming:
            for label, units in list(coming.items()):
                try:
                    unit = next(units)
                except StopIteration:
                    del coming[label]
                except Exception as error:
                    del coming[label]
                    on_error(label, error)
                else:
                    yield Task(label, self.tests[label], unit)

    def _of_test(self, label: str) -> Iterator[Unit]:
        """The units of a test.

        Raises
        ------
        PluginError
            If two have one name, or one has none.
        """
        names: set[str] = set()
        for unit in _units_of(self.tests[label], self.loci):
            name = getattr(unit, "name", None)
            if not isinstance(name, str):
                raise PluginError(
                    f"units gave {type(unit).__name__}: a unit has a name, which is text, and "
                    f"labels"
                )
            if name in names:
                raise PluginError(f"two units have the name {name!r}: give each its own")
            names.add(name)
            if self.only is None or name in self.only:
                yield unit

    @cached_property
    def _walk(self) -> tuple[dict[str, int], dict[str, Exception]]:
        """How many units each test has, and the errors of those that do not come to an end."""
        counts: dict[str, int] = {}
        errors: dict[str, Exception] = {}
        for label in self.tests:
            counts[label] = 0
            try:
                for _ in self._of_test(label):
                    counts[label] += 1
            except Exception as error:
                # A test that refuses at once refuses a setting: to be mended before anything runs.
                refused = isinstance(error, CremeError) and not isinstance(error, PluginError)
                if refused and not counts[label]:
                    raise
                errors[label] = error
        return counts, errors

    @property
    def counts(self) -> dict[str, int]:
        """By test, how many units it has, without those of `errors`.

        Raises
        ------
        CremeError
            If a test refuses its settings or the loci.
        """
        counts, errors = self._walk
        return {label: count for label, count in counts.items() if label not in errors}

    @property
    def errors(self) -> dict[str, Exception]:
        """By test, the error that its units end in; such a test cannot run, and others can.

        Raises
        ------
        CremeError
            If a test refuses its settings or the loci.
        """
        return dict(self._walk[1])


def _units_of(test: Test, loci: SequenceOf[Locus]) -> Iterator[Unit]:
    """A test's units; what would end the program, such as SystemExit, is an error of the test."""
    try:
        yield from test.units(loci)
    except (Exception, GeneratorExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(f"making its units failed: {reason(error)}") from error
