"""An experiment made ready: everything is checked, and nothing predicted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from creme.errors import ConfigError, CremeError, PluginError, reason
from creme.file_plugins import identity
from creme.files.digests import digest
from creme.genome import Locus
from creme.inference.device import Device
from creme.model import Model, Readout, Selection
from creme.runner.locus_readouts import LocusReadouts, identity_of
from creme.runner.scheduler import Scheduler
from creme.runner.tables import build_model, build_tests, select
from creme.runner.tasks import Progress, Task
from creme.runner.write_buffer import WriteBuffer, source_fingerprint
from creme.store import Store
from creme.test import Test, Unit

if TYPE_CHECKING:
    from creme.runner.experiment import Experiment


@dataclass(frozen=True)
class Plan:
    """An experiment made ready: everything checked, nothing predicted.

    Attributes
    ----------
    model, selection, readouts
        What predicts, what is kept, and the activities that are read from it.
    tests : dict of label to Test
    loci : list of Locus
    seed : int
    readouts_of_loci : bool
        Whether exons, neighbours, and bins and tracks by locus are read; otherwise only what is
        read of all loci alike.
    only : frozenset of str, optional
        Names of the units that are run; all unless given.
    """

    model: Model
    selection: Selection
    readouts: tuple[Readout, ...]
    tests: Mapping[str, Test]
    loci: SequenceOf[Locus]
    seed: int = 0
    batch_size: int | Literal["auto"] | None = None
    readouts_of_loci: bool = True
    only: frozenset[str] | None = None

    @classmethod
    def of(cls, experiment: Experiment) -> Plan:
        """Make an experiment ready.

        Raises
        ------
        CremeError
            Whatever is wrong with the model, the tests, the genome or the loci.
        """
        try:
            model, selection = build_model(experiment.model, experiment.folder)
            plan = cls(
                model=model,
                selection=selection,
                readouts=resolved(experiment.readouts, experiment.folder) or (Readout(),),
                tests=build_tests(experiment.tests, experiment.seed, experiment.folder),
                loci=experiment.loci.load(model.input_length, model.tss, experiment.folder),
                seed=experiment.seed,
                batch_size=experiment.batch_size,
            )
            plan.check()
        except ConfigError as error:
            raise ConfigError(f"{experiment.title}: {error}") from None
        return plan

    def check(self) -> None:
        """See that a run can begin.

        Raises
        ------
        ConfigError
            If there is no locus, two have one name, one does not fit the model, a readout asks for
            what is not kept, two activities have one label, or a tile does not fit.
        """
        if not self.loci:
            raise ConfigError("loci: there are none")
        names = [locus.name for locus in self.loci]
        if len(set(names)) < len(names):
            raise ConfigError(
                f"loci: there are two {_first_repeated(names)!r}: give each its own name"
            )
        for locus in self.loci:
            if (locus.length, locus.tss) != (self.model.input_length, self.model.tss):
                raise ConfigError(
                    f"locus {locus.name!r} has {locus.length} bp with the TSS at {locus.tss}, and "
                    f"model {self.model.name} takes {self.model.input_length} bp with the TSS at "
                    f"{self.model.tss}: load the loci for this model"
                )
        self.bound.check(self.loci)
        self.size()

    @cached_property
    def bound(self) -> LocusReadouts:
        """The readouts, which give each unit its function from kept values to activities.

        Raises
        ------
        ConfigError
            If a readout asks for what is not kept, or two activities have one label.
        """
        return LocusReadouts(
            self.model, self.selection, self.readouts, of_loci=self.readouts_of_loci
        )

    @property
    def activities(self) -> list[str]:
        """Labels of all activities."""
        return self.bound.labels

    def part(self, names: frozenset[str]) -> Plan:
        """The units of these names alone, of all tests."""
        return replace(self, only=names)

    def notes(self) -> list[str]:
        """Sentences that a reader of all activities has to know; what is meant says how."""
        same = [readout for readout in self.readouts if not readout.by_locus]
        bound = [self.model.bind(readout, self.selection) for readout in same]
        table = self.model.tracks
        for one in bound:
            read = [table[self.selection.tracks[place]] for place in one.tracks]
            named = {track.strand: track.name for track in read}
            if {"+", "-"} <= set(named):
                mixed = ", and averages them" if one.over_tracks == "mean" else ""
                return [
                    f"a readout reads tracks of both strands ({named['+']!r}, {named['-']!r})"
                    f"{mixed}. A locus is read along its gene, so that '+' is the gene's own "
                    f"strand, and '-' antisense to it: strand = '+' in [model] or [[readouts]] "
                    f"takes the gene's, and a readout for each strand keeps both without this note"
                ]
        return []

    def tasks(
        self, on_error: Callable[[str, Exception], None] = lambda label, error: None
    ) -> Iterator[Task]:
        """The tests' units, those of one locus together, so that its sequence is read once.

        Parameters
        ----------
        on_error : callable
            Called with the label of a test whose units end in an error, and the error; the other
            tests go on. Those of `unit_errors` are left out.
        """
        errors = self.unit_errors()
        coming = {label: self._units(label) for label in self.tests if label not in errors}
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

    def _units(self, label: str) -> Iterator[Unit]:
        """The units of a test.

        Raises
        ------
        PluginError
            If two have one name, or one has none.
        """
        names: set[str] = set()
        for unit in _units(self.tests[label], self.loci):
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
                for _ in self._units(label):
                    counts[label] += 1
            except Exception as error:
                # A test that refuses at once refuses a setting: to be mended before anything runs.
                refused = isinstance(error, CremeError) and not isinstance(error, PluginError)
                if refused and not counts[label]:
                    raise
                errors[label] = error
        return counts, errors

    def unit_counts(self) -> dict[str, int]:
        """By test, how many units it has, without those of `unit_errors`.

        Raises
        ------
        CremeError
            If a test refuses its settings or the loci.
        """
        counts, errors = self._walk
        return {label: count for label, count in counts.items() if label not in errors}

    def unit_errors(self) -> dict[str, Exception]:
        """By test, the error that its units end in; such a test cannot run, and others can.

        Raises
        ------
        CremeError
            If a test refuses its settings or the loci.
        """
        return dict(self._walk[1])

    def size(self) -> int | None:
        """Sequences that will be asked for, where all tests know; checks every tiling.

        Raises
        ------
        ConfigError
            If a tile does not fit; it names the test and the locus.
        """
        total: int | None = 0
        for task in self.tasks():
            try:
                if not isinstance(task.unit, Locus):
                    self.bound.of(task.unit)
                size = task.test.size(task.unit)
            except CremeError as error:
                raise ConfigError(f"{task}: {error}") from None
            except Exception:  # no reason not to run it
                size = None
            total = None if size is None or total is None else total + size
        return total

    def scheduler(
        self,
        store: Store,
        on_progress: Callable[[Progress], None],
        *,
        before: Scheduler | None = None,
    ) -> Scheduler:
        """The scheduler that runs tasks of this plan through a store.

        With ``before`` it goes on with the run of another one: its counts, and what counts as
        predicted by this run.
        """
        buffer = before.buffer if before else WriteBuffer(store, self.model, self.selection)
        return Scheduler(
            Device(self.model, self.selection, self.batch_size, buffer.compared()),
            self.bound.of,
            buffer,
            on_progress=on_progress,
            progress=before.progress if before else None,
        )

    def _genomes(self) -> set[Path]:
        """FASTA files of the loci."""
        return {locus.genome.path for locus in self.loci if locus.genome is not None}

    def identity(self) -> dict[str, Any]:
        """What makes this experiment: JSON values by section."""
        described = {
            "seed": self.seed,
            "model": source_fingerprint(self.model, self.selection),
            "readouts": [identity_of(readout) for readout in self.readouts],
            "loci": {locus.name: locus.key for locus in self.loci},
            "genome": sorted(map(digest, self._genomes())),
            "tests": {label: identity(test) for label, test in self.tests.items()},
        }
        if self.bound.by_locus:
            described["read_of_loci"] = self.bound.identity(self.loci)
        return json.loads(json.dumps(described))


def prepare(
    tests: Mapping[str, Test] | SequenceOf[Test],
    model: Model,
    loci: SequenceOf[Locus],
    *,
    tracks: int | str | list[int | str] = "all",
    strand: str | None = None,
    bins: int | str | list[int] = "tss",
    readouts: SequenceOf[Readout] = (Readout(),),
    seed: int = 0,
    batch_size: int | Literal["auto"] | None = None,
) -> Plan:
    """A plan from objects, checked as one from a file.

    Parameters
    ----------
    tests : dict of label to Test, or list of Test
        Those of a list are called by their names.
    model : Model
    loci : list of Locus
    tracks, strand, bins
        What is kept of the model's output; see `creme.runner.tables.select`.
    readouts : list of Readout
    seed : int
        The experiment's; the tests have theirs.
    batch_size : int or 'auto', optional

    Raises
    ------
    ConfigError
        As `creme.runner.tables.select` and `Plan.check`; or if two tests have one label.
    """
    if isinstance(tests, Mapping):
        labelled = dict(tests)
    else:
        labelled = {test.name: test for test in tests}
        if len(labelled) < len(tests):
            repeated = _first_repeated([test.name for test in tests])
            raise ConfigError(
                f"tests: there are two {repeated!r}: give a dict, with a label of its own for each"
            )
    selection = select(model, tracks, strand, bins)
    plan = Plan(model, selection, resolved(readouts, Path()), labelled, loci, seed, batch_size)
    plan.check()
    return plan


def resolved(readouts: SequenceOf[Readout], folder: Path) -> tuple[Readout, ...]:
    """Readouts whose files are taken from a folder; see `Readout.resolved`."""
    return tuple(readout.resolved(folder) for readout in readouts)


def _units(test: Test, loci: SequenceOf[Locus]) -> Iterator[Unit]:
    """A test's units; what would end the program, such as SystemExit, is an error of the test."""
    try:
        yield from test.units(loci)
    except (Exception, GeneratorExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(f"making its units failed: {reason(error)}") from error


def _first_repeated(labels: list[str]) -> str:
    return next(label for place, label in enumerate(labels) if label in labels[:place])
