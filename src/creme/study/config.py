"""The study file: from a genome and an annotation to every test's tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from creme import file_plugins, registry
from creme.analysis.categories import CONTEXTS, CRE_CLASSES
from creme.analysis.thresholds import Calibration, Categories, Classes, Networks
from creme.engines.table import ClusterTable
from creme.errors import ConfigError, PluginError
from creme.genome import LociConfig
from creme.model import Readout
from creme.parameters import Parameters
from creme.results.annotate import DESCRIPTION
from creme.runner.experiment import BatchSize, FolderName
from creme.runner.other_stores import READ_FROM, ReadFrom
from creme.runner.spread import Spread
from creme.runner.tables import build_test
from creme.study.sections import STAGES, TESTS, Common, LocusSelection, StageTables
from creme.study.stage_tables import BuiltInOptions, StageOptions, Stages
from creme.study.stages.design_check import OF_DESIGNS
from creme.study.stages.order import BUILT_IN, FOUND_BY, added_stage
from creme.study.stages.stage import Finds, Stage
from creme.suite.positioned import PositionedTest
from creme.suite.tiled import TiledTest
from creme.test import Test

__all__ = [
    "STAGES",
    "TESTS",
    "Categories",
    "Classes",
    "Common",
    "LocusSelection",
    "StudyFile",
    "parse",
]


class StudyFile(StageTables):
    """A study as its file describes it.

    Relative paths start from the folder of the file; from the current directory for a study that is
    made in Python. A stage that the file adds is checked when the study is planned or run, so that
    a study can be read where a plugin is not installed.
    """

    called: ClassVar[str] = "study"
    # They are fields of the base class, and would come first.
    last: ClassVar[tuple[str, ...]] = TESTS

    name: FolderName = Field(description="names the study's folder")
    seed: int = Field(0, ge=0, description="seed of everything random")
    store: str = Field(
        "predictions",
        description="directory of predictions, shared by all stages; or s3://bucket/prefix",
    )
    index: str | None = Field(
        None,
        repr=False,  # a password may stand in it
        description="SQLAlchemy URL of the store's index",
    )
    read_from: ReadFrom = Field([], description=READ_FROM)
    batch_size: BatchSize = Field(None, description="as in an experiment file")
    track: str | None = Field(
        None,
        description="label of the activity that selects, categorises and classifies; needed where "
        "there are several",
    )
    stages: Stages = Field(Stages(), description="which stages to run, and stages of your own")
    cluster: ClusterTable | None = Field(None, description="as in an experiment file")
    model: dict[str, Any] = Field(description="as in an experiment file")
    loci: LociConfig
    readouts: list[Readout] = Field(
        default=[], description="activities that are read; the TSS's bin of each track unless given"
    )
    selection: LocusSelection = LocusSelection()
    categories: Categories = Categories()
    classes: Classes = Classes()
    network: Networks = Networks()
    calibration: Calibration = Calibration()
    spread: Spread = Spread()
    annotate: dict[str, str] = Field({}, description=DESCRIPTION)
    common: Common = Common()

    @classmethod
    def _from_table(cls, table: dict[str, Any]) -> Self:
        for key, section in _SECTIONS.items():
            if isinstance(table.get(key), dict):
                table[key] = section(**table[key])
        try:
            return cls(**table)
        except ConfigError as error:
            words = str(error).removeprefix(f"{cls.__name__}: ")
            raise ConfigError(words.replace("[stages]: [stages.", "[stages.", 1)) from None

    @field_validator("stages", mode="before")
    @classmethod
    def _as_table(cls, stages: Any) -> Any:
        return Stages(**stages) if isinstance(stages, dict) else stages

    @model_validator(mode="after")
    def _tests_are_valid(self) -> Self:
        for stage in TESTS:
            if stage not in self.stages.added:
                self._check(BUILT_IN[stage])
        return self

    def check_added(self) -> None:
        """Check the stages that the file adds, which takes their plugins.

        Raises
        ------
        ConfigError, PluginError
            If a test is unknown, or a parameter of it is not allowed.
        """
        for stage in self.added.values():
            self._check(stage)

    def _check(self, stage: Stage) -> None:
        test = self.test(stage.name)
        if stage.takes == "cres" and self.has_field(stage.name, "tiles"):
            source, taken = FOUND_BY["classes"].name, "CREs"
        elif stage.takes == "sets":
            source, taken = FOUND_BY["sets"].name, "sets"
        else:
            if stage.takes == "parts":
                self._check_parts(stage, test)
            return
        for field in ("tile", "tss_tile"):
            here, there = (self._parameters(name).get(field) for name in (stage.name, source))
            if here != there:
                raise ConfigError(
                    f"{stage.heading} {field} = {here}, and that of [{source}] is {there}: the "
                    f"{taken} are tiles of the {source} test, so both have to be equal"
                )

    def _check_parts(self, stage: Stage, test: Test) -> None:
        """Check that parts of any length, and perhaps whole CREs beside them, are for the test."""
        if not self.has_field(stage.name, "tiles"):
            raise ConfigError(f"{stage.heading} parts: test {stage.test!r} takes no tiles")
        if isinstance(test, PositionedTest):
            raise ConfigError(
                f"{stage.heading} parts: test {stage.test!r} moves tiles that are all as long as "
                f"'tile', and parts are not; test 'compatibility' puts them at 'distances'"
            )
        if isinstance(test, TiledTest) and self.options(stage.name).cres:
            raise ConfigError(
                f"{stage.heading} has parts and cres: the tiles of test {stage.test!r} must not "
                f"overlap, as a part and its whole tile do; make a stage of each"
            )

    @cached_property
    def added(self) -> dict[str, Stage]:
        """The stages that the file adds, by name."""
        added = self.stages.added
        return {
            name: added_stage(name, added[name].test, added[name].needs, added[name].takes)
            for name in self.stages.in_order
            if name in added
        }

    @cached_property
    def stage_records(self) -> dict[str, Stage]:
        """All stages by name in their order, those among them that the study does not run too."""
        return {**BUILT_IN, **self.added}

    def options(self, stage: str) -> StageOptions:
        """The loci or CREs that a stage takes, as far as the file says."""
        if stage in self.added:
            return self.stages.added[stage]
        return self.built_in_options(stage)

    def built_in_options(self, stage: str) -> BuiltInOptions:
        """The keys of a stage of the toolkit that are no parameters of its test."""
        record = BUILT_IN[stage]
        own = {record.takes, *record.keys} & set(BuiltInOptions.model_fields)
        table = {key: value for key, value in self._table(stage).items() if key in own}
        try:
            return BuiltInOptions(**table)
        except ConfigError as error:
            raise ConfigError(str(error).replace("[stage]:", f"[{stage}]", 1)) from None

    def contexts(self, stage: str) -> tuple[str, ...]:
        """The categories whose loci a stage takes."""
        wanted = self.options(stage).categories
        return CONTEXTS if wanted is None else tuple(c for c in CONTEXTS if c in wanted)

    def cres(self, stage: str) -> dict[str, list[str]]:
        """The classes of CREs that a stage takes, by category, each class in full."""
        return self._in_full(self.options(stage).cres or self.stage_records[stage].cres)

    def parts(self, stage: str) -> dict[str, list[str]]:
        """The classes of CREs whose parts a stage takes, by category, each class in full."""
        added = self.stages.added.get(stage)
        return self._in_full((added and added.parts) or {})

    @staticmethod
    def _in_full(classes: Mapping[Any, Any]) -> dict[str, list[str]]:
        return {
            context: [
                name
                for name in CRE_CLASSES
                if name in classes[context] or name.rpartition(" ")[2] in classes[context]
            ]
            for context in CONTEXTS
            if context in classes
        }

    def test(self, stage: str, **chosen: Any) -> Test:
        """A stage's test; `chosen` are its groups or tiles."""
        record = self.stage_records[stage]
        parameters = self._parameters(stage)
        try:
            with self.carrying_trust():
                test = build_test(
                    {"name": record.test, "seed": self.seed, **parameters, **chosen},
                    self.folder.absolute(),
                )
        except (ConfigError, PluginError) as error:
            words = str(error).removeprefix(f"{record.test}: ")
            if not record.built_in and "unknown key" in words:
                words += "; beside them a stage has test, after, categories, cres, parts"
            raise type(error)(f"{record.heading}: {words}") from None
        return test

    def has_field(self, stage: str, field: str) -> bool:
        """Whether a stage's test has a field of a name."""
        record, table = self.stage_records[stage], self._table(stage)
        # A class in a file of the user's own.
        file = {key: table[key] for key in ("object", "sha256") if key in table}
        try:
            spec = file_plugins.resolved({"name": record.test, **file}, self.folder.absolute())
            with self.carrying_trust():
                return field in registry.find("test", spec)[0].model_fields
        except PluginError as error:
            raise PluginError(f"{record.heading}: {error}") from None

    def _table(self, stage: str) -> dict[str, Any]:
        """The parameters of a stage's test, as the file gives them."""
        if stage in self.added:
            return self.stages.added[stage].parameters
        table: dict[str, Any] = getattr(self, stage)
        return table

    def _parameters(self, stage: str) -> dict[str, Any]:
        record = self.stage_records[stage]
        options, table = self.options(stage), self._table(stage)
        by_study = ["name", "label", "seed"]
        by_study += ["tiles"] if record.built_in or record.takes in ("cres", "parts") else []
        by_study += ["groups"] if record.built_in or record.takes == "categories" else []
        by_study += ["sets"] if record.takes == "sets" else []
        by_study += ["designs", *OF_DESIGNS] if record.takes == "designs" else []
        for key in by_study:
            if key in table:
                raise ConfigError(f"{record.heading} {key}: the study sets it")
        if record.built_in:
            for key in BuiltInOptions.model_fields:
                if key in table and getattr(options, key) is None:
                    raise ConfigError(f"{record.heading} {key}: this stage has none")
            table = {k: v for k, v in table.items() if k not in BuiltInOptions.model_fields}
        parameters = {
            key: value
            for key, value in self.common.configuration().items()
            if value is not None and self.has_field(stage, key)
        }
        if record.takes in ("cres", "parts", "sets"):
            finds: Finds = "sets" if record.takes == "sets" else "classes"
            source = self._table(FOUND_BY[finds].name)
            parameters |= {
                key: source[key]
                for key in ("tile", "tss_tile")
                if key in source and self.has_field(stage, key)
            }
        by_class = self.cres(stage) if record.takes == "cres" else {}
        parameters |= record.defaults([name for names in by_class.values() for name in names])
        return {**parameters, **table}


_SECTIONS: dict[str, type[Parameters]] = {
    "cluster": ClusterTable,
    "loci": LociConfig,
    "stages": Stages,
    "selection": LocusSelection,
    "categories": Categories,
    "classes": Classes,
    "network": Networks,
    "calibration": Calibration,
    "spread": Spread,
    "common": Common,
}


def parse(text: str, title: str = "study") -> StudyFile:
    """A study from the text of a file; see `StudyFile.from_text`."""
    return StudyFile.from_text(text, title=title)
