"""The tables of stages in a study file: what they take, and the stages that a file adds."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_serializer, model_validator

from creme.errors import ConfigError, listing, nearest
from creme.parameters import Parameters
from creme.runner.experiment import FolderName
from creme.study.stages.order import BUILT_IN, BY_DEFAULT, earlier, source_of
from creme.study.stages.stage import Takes

Context = Literal["enhancing", "neutral", "silencing"]
CreClass = Literal[
    "enhancer",
    "silencer",
    "strong enhancer",
    "weak enhancer",
    "weak silencer",
    "strong silencer",
]


class StageOptions(Parameters):
    """The keys of a stage's table that are no parameters of its test."""

    name: ClassVar[str] = "[stage]"

    categories: list[Context] | None = Field(
        None, min_length=1, description="categories whose loci the stage takes"
    )
    cres: dict[Context, list[CreClass]] | None = Field(
        None, min_length=1, description="classes of CREs that the stage takes, by category"
    )


class BuiltInOptions(StageOptions):
    """Those of the toolkit's stages, each of which has some."""

    at_most: int | None = Field(
        None,
        ge=3,
        description="of compatibility: promoters, and elements of each group (enhancers, "
        "silencers, neutral tiles), at most; drawn by chance; 20 unless given",
    )
    targets: list[str] | None = Field(
        None, min_length=1, description="of design: names of the loci that designs are for"
    )


class AddedStage(StageOptions):
    """A stage that a study file adds: ``[stages.NAME]``.

    All keys but these are parameters of the test.
    """

    test: str = Field(description="registered name of its test")
    parts: dict[Context, list[CreClass]] | None = Field(
        None,
        min_length=1,
        description="classes of CREs, by category, whose parts the stage takes: those that stage "
        "fine_tile has kept; with cres, these whole CREs beside them",
    )
    after: str | None = Field(
        None,
        description="the stage that has to be finished before; the one whose outcome it takes "
        "unless given: sufficiency for CREs, fine_tile for parts, context_dependence for "
        "categories, loci for all loci",
    )
    parameters: dict[str, Any] = Field({}, description="parameters of the test")

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The test's parameters stand beside the stage's keys."""
        if not isinstance(values, dict):
            return values
        fields = {key: value for key, value in values.items() if key in cls.model_fields}
        rest = {key: value for key, value in values.items() if key not in cls.model_fields}
        return (
            {**fields, "parameters": {**fields.get("parameters", {}), **rest}} if rest else fields
        )

    @model_validator(mode="after")
    def _one_choice(self) -> AddedStage:
        if self.categories is not None and self.cres is not None:
            raise ValueError("give categories or cres: a stage is run on loci or on CREs")
        if self.categories is not None and self.parts is not None:
            raise ValueError("give categories or parts: a stage is run on loci or on parts")
        return self

    @model_serializer(mode="wrap")
    def _beside(self, dump: Any) -> dict[str, Any]:
        table: dict[str, Any] = dump(self)
        parameters = table.pop("parameters")
        return {**table, **parameters}

    @property
    def takes(self) -> Takes:
        """The loci, CREs or parts of CREs that its test is run on."""
        if self.parts is not None:
            return "parts"
        if self.cres is not None:
            return "cres"
        return "selected" if self.categories is None else "categories"

    @property
    def needs(self) -> tuple[str, ...]:
        """The stages that have to be finished before."""
        source = source_of(self.takes).name
        return (source,) if self.after in (None, source) else (source, str(self.after))


class Stages(Parameters):
    """The stages of a study: a list of the toolkit's, or a table with stages of the file's own."""

    name: ClassVar[str] = "[stages]"

    run: list[str] = Field(
        list(BY_DEFAULT),
        min_length=1,
        description="the toolkit's stages to run; unless given, all but interactions, "
        "compatibility, design and design_check",
    )
    added: dict[FolderName, AddedStage] = Field({}, description="stages of the file's own, by name")

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, values: Any) -> Any:
        """``run`` beside a table for each added stage, or ``run`` alone."""
        if isinstance(values, list | tuple):
            return {"run": list(values)}
        if not isinstance(values, dict):
            return values
        tables = {name: table for name, table in values.items() if name != "run"}
        for name, table in tables.items():
            if isinstance(table, dict):
                try:
                    tables[name] = AddedStage(**table)
                except ConfigError as error:
                    words = str(error).removeprefix("[stage]: ")
                    raise ConfigError(f"[stages.{name}]: {words}") from None
            elif not isinstance(table, AddedStage):
                raise ConfigError(
                    f"{name} = {table!r}: give a table [stages.{name}] with its test, or 'run', a "
                    f"list of the toolkit's stages"
                )
        return {**({"run": values["run"]} if "run" in values else {}), "added": tables}

    @model_serializer(mode="wrap")
    def _side_by_side(self, dump: Any) -> dict[str, Any] | list[str]:
        table: dict[str, Any] = dump(self)
        run: list[str] = table["run"]
        return {"run": run, **table["added"]} if table["added"] else run

    @field_validator("run")
    @classmethod
    def _in_order(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in BUILT_IN:
                raise ValueError(
                    f"{name!r} is no stage; they are {listing(BUILT_IN, 20)}; one of your own has "
                    f"a table [stages.NAME]"
                )
            _refuse_missing(name, BUILT_IN[name].needs, names)
        return [name for name in BUILT_IN if name in names]

    @model_validator(mode="after")
    def _added_fit(self) -> Stages:
        # One that a study names to have it leaves its name to others as long as it is not named.
        there = {name: BUILT_IN[name] for name in BUILT_IN if name in (*BY_DEFAULT, *self.run)}
        taken = {table: stage for stage, of in there.items() for table in (stage, *of.tables)}
        for name, stage in self.added.items():
            if name in taken:
                raise ValueError(
                    f"[stages.{name}]: stage {taken[name]!r} of the toolkit has this name, or a "
                    f"table of this name; give another one"
                )
            stages = [*self.run, *self.added]
            if stage.after is not None and stage.after not in stages:
                raise ValueError(
                    f"[stages.{name}] after = {stage.after!r} is not a stage of the study"
                    f"{nearest(stage.after, stages)}; they are {listing(stages, 20)}"
                )
            _refuse_missing(name, stage.needs, stages)
            source = source_of(stage.takes).name
            if stage.after in earlier(source):
                raise ValueError(
                    f"[stages.{name}] after = {stage.after!r}: it takes {stage.takes}, which stage "
                    f"{source!r} finds, and that comes later; leave 'after' out"
                )
        self._refuse_circles()
        return self

    def _refuse_circles(self) -> None:
        for name in self.added:
            path = [name]
            while (after := self.added[path[-1]].after) in self.added:
                assert after is not None
                path.append(after)
                if after in path[:-1]:
                    circle = " after ".join(repr(one) for one in path[path.index(after) :])
                    raise ValueError(f"[stages.{name}] after: the stages make a circle, {circle}")

    @property
    def in_order(self) -> list[str]:
        """All stages, each after those that it needs."""
        names, rest = list(self.run), list(self.added)
        while rest:
            ready = [name for name in rest if set(self.added[name].needs) <= set(names)]
            names += ready
            rest = [name for name in rest if name not in ready]
        return names


def _refuse_missing(name: str, needs: tuple[str, ...], stages: list[str]) -> None:
    missing = [need for need in needs if need not in stages]
    if missing:
        raise ValueError(f"stage {name!r} needs stage {listing(missing)}, which is not among them")
