"""A study made ready: everything that can be checked without a prediction is checked here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import creme
from creme.errors import ConfigError, CremeError, listing, nearest
from creme.files.digests import digest
from creme.genome import Genome, Locus
from creme.genome.files import compression
from creme.model import Readout
from creme.runner.experiment import build_model
from creme.runner.plan import Plan
from creme.runner.write_buffer import source_description, source_fingerprint
from creme.sequence import N, Sequence
from creme.study.candidates import Candidates
from creme.study.config import OF_CRES, STAGES, TESTS, StudyFile, parse
from creme.study.folder import Folder
from creme.study.lineage import files
from creme.study.loci import activity_test
from creme.study.work import categorised, classified
from creme.suite.tiled import TiledTest
from creme.suite.tss_activity import TssActivity
from creme.test import Test

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Ready:
    """A study with its model.

    Attributes
    ----------
    study : StudyFile
    text : str
        The file.
    folder : Path
        Where its relative paths start from.
    plan : Plan
        Model, selection and readouts; no tests and no loci.
    tracks : list of str
        Labels of all activities.
    track : int
        The deciding one.
    """

    study: StudyFile
    text: str
    folder: Path
    plan: Plan
    tracks: list[str]
    track: int

    @classmethod
    def of(cls, text: str, folder: Path, title: str) -> Ready:
        """Read a study file's text and check it against its model.

        Raises
        ------
        CremeError
            Whatever is wrong with the file, the model, the tests or the annotation.
        """
        study = parse(text, title)
        try:
            return cls._of(study, text, folder)
        except ConfigError as error:
            raise ConfigError(f"{title}: {error}") from None

    @classmethod
    def _of(cls, study: StudyFile, text: str, folder: Path) -> Ready:
        model, selection = build_model(study.model, folder)
        plan = Plan(
            model=model,
            selection=selection,
            readouts=tuple(study.readouts) or (Readout(bins="tss"),),
            tests={},
            loci=[],
            seed=study.seed,
            batch_size=study.batch_size,
        )
        _, tracks = plan.readout()
        ready = cls(study, text, folder, plan, tracks, _deciding(study.track, tracks))
        ready.activity  # noqa: B018  # its check of the bins
        ready._check_tiles()
        for path in files(study, folder).values():
            compression(path)
        return ready

    @cached_property
    def activity(self) -> TssActivity:
        """The first stage's test."""
        return activity_test(self.plan, self.study.selection, self.study.seed)

    @property
    def label(self) -> str:
        """The deciding track."""
        return self.tracks[self.track]

    @property
    def store_path(self) -> Path:
        """Where the predictions are."""
        return self.folder / Path(self.study.store).expanduser()

    @cached_property
    def candidates(self) -> Candidates:
        """All TSSs; reads the annotation."""
        return Candidates.load(self.study.loci, self.study.selection, self.folder)

    @cached_property
    def genome(self) -> Genome:
        """The genome alone."""
        return Genome(files(self.study, self.folder)["fasta"])

    def named(self, stages: SequenceOf[str] | None) -> list[str]:
        """Some stages of the study in their order; all of the file unless given.

        Raises
        ------
        ConfigError
            If one of them is not a stage of the file.
        """
        mine = self.study.stages
        for stage in stages or ():
            if stage not in STAGES:
                raise ConfigError(f"{stage!r} is no stage; they are {listing(STAGES, 20)}")
            if stage not in mine:
                raise ConfigError(
                    f"stage {stage!r} is not among the study's stages ({listing(mine, 20)}): add "
                    f"it to the file"
                )
        return [stage for stage in mine if stages is None or stage in stages]

    def of_test(self, label: str, test: Test, loci: Any) -> Plan:
        """The plan of one test."""
        return replace(self.plan, tests={label: test}, loci=loci)

    def about(self) -> dict[str, Any]:
        """What ``study.json`` says of the study."""
        description = source_description(self.plan.model, self.plan.selection)
        return _plain(
            {
                "name": self.study.name,
                "folder": str(self.folder.resolve()),
                "store": str(self.store_path.resolve()),
                "track": self.label,
                "source": source_fingerprint(self.plan.model, self.plan.selection),
                "model": {
                    "name": description["model"],
                    "fingerprint": description["model_fingerprint"],
                    **{k: v for k, v in description.items() if not k.startswith("model")},
                },
                "versions": {"creme-toolkit": creme.__version__, "numpy": np.__version__},
            }
        )

    def identity(self) -> dict[str, dict[str, Any]]:
        """What makes each stage of the file what it is, by section: JSON values."""
        study = self.study
        described: dict[str, dict[str, Any]] = {
            "loci": {
                "seed": study.seed,
                "model": source_fingerprint(self.plan.model, self.plan.selection),
                "readouts": [readout.configuration() for readout in self.plan.readouts],
                "track": self.label,
                **{name: digest(path) for name, path in files(study, self.folder).items()},
                "genes": study.loci.genes,
                "selection": study.selection.configuration(),
            }
        }
        thresholds: Mapping[str, Mapping[str, Any]] = {
            "context_dependence": {"categories": study.categories.configuration()},
            "sufficiency": {
                "classes": {"weak": study.classes.weak, "strong": study.classes.strong}
            },
            "higher_order": {"additive": study.classes.additive},
        }
        for stage in TESTS:
            takes: Any = study.cres(stage) if stage in OF_CRES else study.contexts(stage)
            described[stage] = {
                "parameters": study.test(stage).configuration(),
                "takes": takes,
                **thresholds.get(stage, {}),
            }
        return _plain({stage: described[stage] for stage in study.stages})

    def categories(self, folder: Folder) -> dict[str, list[str]]:
        """Names of the loci of each category, where the context dependence stage has results."""
        results = folder.results("context_dependence")
        if "context_dependence" not in results.labels():
            return {}
        return categorised(results.load("context_dependence"), self.study.categories, self.label)

    def classes(self, folder: Folder) -> xr.DataArray | None:
        """Class of each tile, (locus, tile), where the sufficiency stage has results."""
        results = folder.results("sufficiency")
        if "sufficiency" not in results.labels():
            return None
        return classified(results.load("sufficiency"), self.study, self.label)

    def selected(self, path: Path) -> list[Locus]:
        """The loci of a ``selected.tsv``."""
        import pandas as pd

        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
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
            )
            for row in table.to_dict("records")
        ]

    def _check_tiles(self) -> None:
        """Whether every test's tiles fit, on a sequence as long as the model's."""
        model = self.plan.model
        blank = Sequence(np.full(model.input_length, N, dtype=np.uint8))
        locus = Locus.from_sequence(blank, "any", model.tss)
        for stage in self.study.stages[1:]:
            test = self.study.test(stage)
            try:
                if isinstance(test, TiledTest):
                    test.tiling(locus)
                if stage != "context_swap":
                    test.size(locus)
            except CremeError as error:
                raise ConfigError(f"[{stage}]: {error}") from None


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


def experiment_text(ready: Ready, label: str, test: Test, table: str | None) -> str:
    """A stage as an experiment file, for its results directory.

    Parameters
    ----------
    ready : Ready
    label : str
        The stage.
    test : Test
    table : str, optional
        Path of the stage's loci; the annotation unless given.
    """
    import tomli_w

    study = ready.study
    loci = {"fasta": str(study.loci.fasta), "table": table} if table else study.loci.configuration()
    described = {
        "name": f"{study.name}-{label}",
        "seed": study.seed,
        "store": study.store,
        "index": study.index,
        "batch_size": study.batch_size,
        "model": study.model,
        "loci": loci,
        "readouts": [readout.configuration() for readout in ready.plan.readouts],
        "tests": [{"name": test.name, **test.configuration()}],
    }
    note = (
        f"# Stage {label!r} of study {study.name!r}, written by `creme study`; go on with the "
        f"study.\n\n"
    )
    return note + tomli_w.dumps(_given(described))


def _given(value: Any) -> Any:
    """Without what is None, which TOML cannot say, and without empty lists."""
    if isinstance(value, dict):
        return {k: _given(v) for k, v in value.items() if v is not None and v != []}
    return [_given(v) for v in value] if isinstance(value, list) else value
