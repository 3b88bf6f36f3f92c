"""A study made ready: everything that can be checked without a prediction is checked here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

import creme
from creme import file_plugins
from creme.errors import ConfigError, CremeError, listing, nearest
from creme.files.digests import digest
from creme.genome import Annotation, Genome, Locus
from creme.genome.files import compression
from creme.model import Readout
from creme.results.calibrated import calibrated
from creme.results.presentation import presentation_of
from creme.runner.experiment import build_model
from creme.runner.locus_readouts import identity_of
from creme.runner.other_stores import places
from creme.runner.plan import Plan, resolved
from creme.runner.unit_readout import titled
from creme.runner.write_buffer import source_description, source_fingerprint
from creme.sequence import N, Sequence
from creme.store import Store
from creme.store.location import place_at
from creme.store.others import NamedPlace, open_store
from creme.store.place import Place
from creme.study.candidates import Candidates
from creme.study.config import StudyFile
from creme.study.folder import Folder
from creme.study.lineage import files
from creme.study.loci import activity_test
from creme.study.sections import LocusSelection
from creme.study.stages.loci import INPUT
from creme.study.stages.order import FOUND_BY
from creme.study.stages.stage import Stage, Takes
from creme.study.stages.work import without_classes
from creme.suite.background import BackgroundTest
from creme.suite.tiled import TiledTest
from creme.suite.tss_activity import TssActivity
from creme.test import Test

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class PreparedStudy:
    """A study with its model.

    Attributes
    ----------
    study : StudyFile
    plan : Plan
        Model, selection and readouts; no tests and no loci.
    tracks : list of str
        Labels of all activities.
    track : int
        The deciding one.
    selection : LocusSelection
        That of the study, with the limits that hold in its folder.
    """

    study: StudyFile
    plan: Plan
    tracks: list[str]
    track: int
    selection: LocusSelection

    @classmethod
    def of(cls, study: StudyFile, recorded: Mapping[str, Any] | None = None) -> PreparedStudy:
        """Check a study against its model.

        Parameters
        ----------
        study : StudyFile
        recorded : mapping, optional
            The identity in the study's folder, by stage, where it has begun.

        Raises
        ------
        CremeError
            Whatever is wrong with the model, the tests or the annotation.
        """
        try:
            with study.carrying_trust():
                return cls._of(study, recorded or {})
        except ConfigError as error:
            raise ConfigError(f"{study.title}: {error}") from None

    @classmethod
    def _of(cls, study: StudyFile, recorded: Mapping[str, Any]) -> PreparedStudy:
        study.check_added()
        model, selection = build_model(study.model, study.folder)
        plan = Plan(
            model=model,
            selection=selection,
            readouts=resolved(study.readouts, study.folder) or (Readout(bins="tss"),),
            tests={},
            loci=[],
            seed=study.seed,
            batch_size=study.batch_size,
            panel=study.calibration.load(study.folder),
            spread=study.spread,
        )
        tracks = plan.bound.labels_of(plan.bound.everywhere)
        settled = study.selection.settled(recorded.get("loci", {}).get("selection", {}))
        prepared = cls(study, plan, tracks, _deciding(study.track, tracks), settled)
        prepared.activity  # noqa: B018  # its check of the bins
        prepared._check_tiles()
        prepared._check_panel()
        plan.check_spread()
        for path in files(study, prepared.study.folder).values():
            compression(path)
        for readout in plan.readouts:
            if readout.gtf is not None:
                compression(readout.gtf)
            elif readout.of == "exons" and study.loci.gtf is None:
                raise ConfigError(
                    f"{titled(readout)}: of = 'exons' needs a GTF, and [loci] has none: give the "
                    f"readout one, gtf = 'FILE'"
                )
        return prepared

    @property
    def stages(self) -> dict[str, Stage]:
        """The stages that the study runs, by name in their order."""
        return {name: self.study.stage_records[name] for name in self.study.stages.in_order}

    @cached_property
    def activity(self) -> TssActivity:
        """The first stage's test."""
        return activity_test(self.plan, self.selection, self.study.seed)

    @property
    def label(self) -> str:
        """The deciding track."""
        return self.tracks[self.track]

    @property
    def store_place(self) -> Place:
        """Where the predictions are."""
        return place_at(self.study.store, self.study.folder)

    @property
    def other_stores(self) -> tuple[NamedPlace, ...]:
        """The stores that are read first."""
        return places(self.study.read_from, self.study.folder)

    def open_store(self) -> Store:
        """The store that the study writes to, with those that are read first."""
        return open_store(
            self.store_place,
            index_url=self.study.index,
            origin=self.study.name,
            read_from=self.other_stores,
        )

    @cached_property
    def candidates(self) -> Candidates:
        """All TSSs; reads the annotation."""
        inputs = self.plan.model.inputs
        return Candidates.load(self.study.loci, self.selection, self.study.folder, inputs)

    @cached_property
    def genome(self) -> Genome:
        """The genome alone."""
        return Genome(files(self.study, self.study.folder)["fasta"])

    def named(self, stages: SequenceOf[str] | None) -> list[str]:
        """The given stages of the study in their order; all of the file unless given.

        Raises
        ------
        ConfigError
            If one of them is not a stage of the file.
        """
        own, records = self.stages, self.study.stage_records
        for stage in stages or ():
            if stage not in records:
                raise ConfigError(
                    f"{stage!r} is no stage{nearest(stage, records)}; they are "
                    f"{listing(records, 20)}"
                )
            if stage not in own:
                raise ConfigError(
                    f"stage {stage!r} is not among the study's stages ({listing(own, 20)}): add "
                    f"it to the file"
                )
        return [stage for stage in own if stages is None or stage in stages]

    def of_test(self, label: str, test: Test, loci: Any) -> Plan:
        """The plan of one test."""
        return replace(self.plan, tests={label: test}, loci=loci)

    def about(self) -> dict[str, Any]:
        """The study's part of ``study.json``."""
        description = source_description(self.plan.model, self.plan.selection)
        return _plain(
            {
                "name": self.study.name,
                "folder": str(self.study.folder.resolve()),
                "store": self.store_place.recorded(),
                "track": self.label,
                "source": source_fingerprint(self.plan.model, self.plan.selection),
                "model": {
                    "name": description["model"],
                    "fingerprint": description["model_fingerprint"],
                    **{k: v for k, v in description.items() if not k.startswith("model")},
                },
                "notes": self.notes(),
                "versions": {"creme-toolkit": creme.__version__, "numpy": np.__version__},
            }
        )

    def notes(self) -> list[str]:
        """Sentences that a reader of all values has to know."""
        kinds: tuple[Takes, ...] = ("categories", "cres", "parts", "sets")
        taken = [kind for kind in kinds if any(s.takes == kind for s in self.stages.values())]
        reasons = [without_classes(self.study, kind) for kind in taken]
        return [*self.plan.notes(), *dict.fromkeys(reason for reason in reasons if reason)]

    def identity(self) -> dict[str, dict[str, Any]]:
        """The settings that make each stage of the study this one, by section: JSON values."""
        return _plain({name: self._identity(stage) for name, stage in self.stages.items()})

    def _identity(self, stage: Stage) -> dict[str, Any]:
        study = self.study
        if stage.takes == "sites":
            return {
                "seed": study.seed,
                "model": source_fingerprint(self.plan.model, self.plan.selection),
                "readouts": [identity_of(readout) for readout in self.plan.readouts],
                "track": self.label,
                **{name: digest(path) for name, path in files(study, self.study.folder).items()},
                "genes": study.loci.genes,
                "selection": self.selection.identity(),
            }
        taken: Any = study.contexts(stage.name)
        if stage.takes == "cres":
            taken = study.cres(stage.name)
        elif stage.takes == "parts":
            taken = {"parts": study.parts(stage.name), "cres": study.cres(stage.name)}
        parameters = file_plugins.identity(study.test(stage.name))
        del parameters["name"]
        added: dict[str, Any] = {}
        if not stage.built_in:
            added = {"test": stage.test, "run_on": stage.takes}
        if self.plan.panel is not None and stage.finds not in ("", "parts"):
            # By its floor and its effects loci and tiles lose their category or class; which parts
            # of a tile are kept is the search's alone.
            assert study.calibration.panel is not None
            added["panel"] = digest(study.folder / study.calibration.panel.expanduser())
        if spread := study.spread.configuration():
            added["spread"] = spread
        return {
            **added,
            "parameters": parameters,
            "takes": taken,
            **{key: getattr(study.options(stage.name), key) for key in stage.keys},
            **stage.thresholds(study),
        }

    def compared(self, dataset: xr.Dataset) -> xr.Dataset:
        """A stage's Dataset with the percentile of each effect, and what the panel says of it."""
        shown = presentation_of(dataset, str(dataset.attrs["test"]))
        return calibrated(dataset, shown, self.plan.panel)

    def selected(self, folder: Folder) -> list[Locus]:
        """The loci of a study, by its ``selected.tsv``."""
        model = self.plan.model
        return [
            Locus(
                name=row["locus"],
                contig=row["contig"],
                position=int(row["tss"]),
                strand=row["strand"],
                length=model.input_length,
                genome=self.genome,
                tss=model.tss,
                gene=row["gene"],
                transcript=row["transcript"],
                annotation=self._annotation,
                inputs=tuple(float(row[INPUT + name]) for name in model.inputs),
            )
            for row in folder.selected().to_dict("records")
        ]

    @cached_property
    def _annotation(self) -> Annotation | None:
        """The annotation, where a readout needs it."""
        needed = any(each.of != "bins" and each.gtf is None for each in self.plan.readouts)
        return self.study.loci.annotation(self.study.folder) if needed else None

    def _check_panel(self) -> None:
        """Check that the panel is of this model, readouts and tests, and can decide."""
        panel, p_below = self.plan.panel, self.study.classes.p_below
        if panel is None:
            if p_below is not None:
                raise ConfigError(
                    f"[classes] p_below = {p_below} needs [calibration] panel, a file of 'creme "
                    f"calibrate'"
                )
            return
        tests = {s.name: self.study.test(s.name) for s in self.stages.values() if s.name != "loci"}
        replace(self.plan, tests=tests).check_panel()
        source = FOUND_BY["classes"]
        smallest = panel.smallest_p(source.test)
        if p_below is not None and source.name in self.stages and smallest >= p_below:
            raise ConfigError(
                f"[classes] p_below = {p_below}: no effect of {source.test} can have a rank p "
                f"below {smallest:.2g} by this panel; make one of more loci or contexts"
            )

    def _check_tiles(self) -> None:
        """Check that every test's tiles fit, on a sequence as long as the model's."""
        model = self.plan.model
        blank = Sequence(np.full(model.input_length, N, dtype=np.uint8))
        locus = Locus.from_sequence(blank, "any", model.tss)
        for stage in self.stages.values():
            if stage.takes == "sites":
                continue
            test = self.study.test(stage.name)
            if not isinstance(test, BackgroundTest):
                continue  # it may want of a locus what this one has not
            try:
                if isinstance(test, TiledTest) and not isinstance(test.tiles, dict):
                    test.tiling(locus)
                if (
                    stage.pairs is None
                    and stage.takes not in ("sets", "designs")
                    and not isinstance(getattr(test, "tiles", None), dict)
                ):
                    test.size(locus)
            except CremeError as error:
                raise ConfigError(f"{stage.heading}: {error}") from None


def _deciding(wanted: str | None, tracks: list[str]) -> int:
    if wanted is None and len(tracks) == 1:
        return 0
    if wanted is None:
        raise ConfigError(
            f"track: there are {len(tracks)} activities ({listing(tracks)}): say by which one loci "
            f"are selected and classified, or make one of them with [[readouts]]"
        )
    if wanted not in tracks:
        raise ConfigError(
            f"track = {wanted!r} is not an activity{nearest(wanted, tracks)}: they are "
            f"{listing(tracks)}"
        )
    return tracks.index(wanted)


def _plain(values: Any) -> Any:
    return json.loads(json.dumps(values))
