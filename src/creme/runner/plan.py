"""An experiment made ready: everything is checked, and nothing predicted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from creme.engines.local import LocalEngine
from creme.errors import ConfigError, CremeError, listing
from creme.file_plugins import identity
from creme.files.digests import digest
from creme.genome import Locus
from creme.model import Model, Readout, Selection
from creme.runner.locus_readouts import LocusReadouts, identity_of
from creme.runner.planned_units import PlannedUnits
from creme.runner.readings import notes_on_strands, readings
from creme.runner.scheduler import Scheduler
from creme.runner.spread import Spread
from creme.runner.tables import build_model, build_tests, select
from creme.runner.tasks import Progress, Task
from creme.runner.write_buffer import WriteBuffer, source_fingerprint
from creme.store import Store
from creme.test import Test

if TYPE_CHECKING:
    from creme.analysis.panel import Panel
    from creme.engines.cluster import OpenCluster
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
    panel : Panel, optional
        Effects that those of the tests are compared with.
    spread : Spread
        Further kinds of noise that a run measures.
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
    panel: Panel | None = None
    spread: Spread = field(default_factory=Spread)

    @classmethod
    def of(cls, experiment: Experiment) -> Plan:
        """Make an experiment ready.

        Raises
        ------
        CremeError
            Whatever is wrong with the model, the tests, the genome or the loci.
        """
        try:
            with experiment.carrying_trust():
                return cls._of(experiment)
        except ConfigError as error:
            raise ConfigError(f"{experiment.title}: {error}") from None

    @classmethod
    def _of(cls, experiment: Experiment) -> Plan:
        model, selection = build_model(experiment.model, experiment.folder)
        plan = cls(
            model=model,
            selection=selection,
            readouts=resolved(experiment.readouts, experiment.folder) or (Readout(),),
            tests=build_tests(experiment.tests, experiment.seed, experiment.folder),
            loci=experiment.loci.load(
                model.input_length, model.tss, experiment.folder, model.inputs
            ),
            seed=experiment.seed,
            batch_size=experiment.batch_size,
            panel=experiment.calibration.load(experiment.folder),
            spread=experiment.spread,
        )
        plan.check()
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
            if len(locus.inputs) != len(self.model.inputs):
                takes = f"takes {listing(self.model.inputs)} beside the sequence"
                raise ConfigError(f"locus {locus.name!r}: model {self.model.name} {takes}")
        self.bound.check(self.loci)
        self.check_panel()
        self.check_spread()
        self.size()

    def check_panel(self) -> None:
        """See that the panel, if there is one, is of this model, tests and readouts.

        Raises
        ------
        ConfigError
            If it is of others.
        """
        if self.panel is None:
            return
        read = self.readings()
        for label, test in self.tests.items():
            try:
                self.panel.check(self.model.fingerprint, test.name, test.configuration(), read)
            except ConfigError as error:
                raise ConfigError(f"test {label!r}: {error}") from None

    def check_spread(self) -> None:
        """See that the model has members, where their spread is to be measured.

        Raises
        ------
        ConfigError
            If it has none, or the TSS would leave the window.
        """
        if self.spread.members and not self.model.members:
            raise ConfigError(
                f"[spread] members: model {self.model.name} is no ensemble of several; "
                f"[model.ensemble] replicates makes one"
            )
        if any(abs(shift) >= self.model.input_length for shift in self.spread.moved):
            raise ConfigError(
                f"[spread] shift_tss = {list(self.spread.shift_tss)} leaves nothing of the window"
            )

    def by_member(self) -> list[Plan]:
        """The plan with each member of the ensemble for its model, where that was requested."""
        members = self.model.members if self.spread.members else ()
        return [replace(self, model=one, spread=Spread(), panel=None) for one in members]

    @property
    def times(self) -> int:
        """How many times a run measures each unit: once, and for each kind of `spread` more."""
        members = self.model.members if self.spread.members else ()
        return 1 + len(self.spread.moved) + len(members)

    def readings(self) -> dict[str, Any]:
        """How each activity is read; see `creme.runner.readings.readings`."""
        return readings(self.model, self.selection, self.readouts, self.activities)

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

    def notes(self) -> list[str]:
        """Sentences that a reader of all activities has to know; what is meant says how."""
        return notes_on_strands(self.model, self.selection, self.readouts)

    @cached_property
    def units(self) -> PlannedUnits:
        """The units of the tests; see `creme.runner.planned_units.PlannedUnits`."""
        return PlannedUnits(self.tests, self.loci, self.only)

    def tasks(
        self, on_error: Callable[[str, Exception], None] = lambda label, error: None
    ) -> Iterator[Task]:
        """A task for each unit of each test; see `PlannedUnits.tasks`."""
        return self.units.tasks(on_error)

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
        return None if total is None else total * self.times

    def scheduler(
        self,
        store: Store,
        on_progress: Callable[[Progress], None],
        *,
        before: Scheduler | None = None,
        progress: Progress | None = None,
        cluster: OpenCluster | None = None,
    ) -> Scheduler:
        """The scheduler that runs tasks of this plan through a store.

        With ``before`` it goes on with the run of another one: its counts, and what counts as
        predicted by this run. Otherwise it counts on in ``progress``, if that is given. The model
        is in this process unless there is a ``cluster``.
        """
        buffer = before.buffer if before else WriteBuffer(store, self.model, self.selection)
        described = (self.model, self.selection, self.batch_size, buffer.compared())
        return Scheduler(
            cluster.engine(*described) if cluster else LocalEngine(*described),
            self.bound.of,
            buffer,
            on_progress=on_progress,
            progress=before.progress if before else progress,
        )

    def _genomes(self) -> set[Path]:
        """FASTA files of the loci."""
        return {locus.genome.path for locus in self.loci if locus.genome is not None}

    def identity(self) -> dict[str, Any]:
        """The values that make this experiment, JSON by section."""
        described = {
            "seed": self.seed,
            "model": source_fingerprint(self.model, self.selection),
            "readouts": [identity_of(readout) for readout in self.readouts],
            "loci": {locus.name: locus.key for locus in self.loci},
            "genome": sorted(map(digest, self._genomes())),
            "tests": {label: identity(test) for label, test in self.tests.items()},
        }
        if self.model.inputs:
            described["inputs"] = {locus.name: locus.inputs for locus in self.loci}
        if self.bound.by_locus:
            described["read_of_loci"] = self.bound.identity(self.loci)
        # Results of before there was a choice stay those of the same experiment.
        if spread := self.spread.configuration():
            described["spread"] = spread
        return json.loads(json.dumps(described))


def prepare(
    tests: Mapping[str, Test] | SequenceOf[Test],
    model: Model,
    loci: SequenceOf[Locus],
    *,
    tracks: int | str | Iterable[int | str] = "all",
    strand: str | None = None,
    bins: int | str | list[int] = "tss",
    heads: Mapping[str, Mapping[str, Any]] | None = None,
    readouts: SequenceOf[Readout] = (Readout(),),
    seed: int = 0,
    batch_size: int | Literal["auto"] | None = None,
    spread: Spread | None = None,
) -> Plan:
    """A plan from objects, checked as one from a file.

    Parameters
    ----------
    tests : dict of label to Test, or list of Test
        Those of a list are called by their names.
    model : Model
    loci : list of Locus
    tracks, strand, bins, heads
        What is kept of the model's output; see `creme.runner.tables.select`.
    readouts : list of Readout
    seed : int
        The experiment's; the tests have theirs.
    batch_size, spread

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
    selection = select(model, tracks, strand, bins, heads)
    plan = Plan(model, selection, resolved(readouts, Path()), labelled, loci, seed, batch_size)
    if spread is not None:
        plan = replace(plan, spread=spread)
    plan.check()
    return plan


def resolved(readouts: SequenceOf[Readout], folder: Path) -> tuple[Readout, ...]:
    """Readouts whose files are taken from a folder; see `Readout.resolved`."""
    return tuple(readout.resolved(folder) for readout in readouts)


def _first_repeated(labels: list[str]) -> str:
    return next(label for place, label in enumerate(labels) if label in labels[:place])
