"""The study file: from a genome and an annotation to every test's tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from creme import registry
from creme.analysis.categories import CONTEXTS, CRE_CLASSES
from creme.analysis.thresholds import Categories, Classes
from creme.errors import ConfigError, listing
from creme.genome import LociConfig
from creme.model import Readout
from creme.parameters import Parameters
from creme.runner.experiment import BatchSize, FolderName, parse_toml
from creme.test import Test

Context = Literal["enhancing", "neutral", "silencing"]
CreClass = Literal[
    "enhancer",
    "silencer",
    "strong enhancer",
    "weak enhancer",
    "weak silencer",
    "strong silencer",
]

NEEDS: dict[str, tuple[str, ...]] = {
    "loci": (),
    "context_dependence": ("loci",),
    "context_swap": ("context_dependence",),
    "necessity": ("context_dependence",),
    "sufficiency": ("context_dependence",),
    "distance": ("sufficiency",),
    "higher_order": ("context_dependence",),
    "multiplicity": ("sufficiency",),
    "fine_tile": ("sufficiency",),
}
"""The stages in their order, each with those that have to be finished before."""

STAGES = tuple(NEEDS)
TESTS = STAGES[1:]
OF_CATEGORIES = ("context_swap", "necessity", "sufficiency", "higher_order")
OF_CRES = ("distance", "multiplicity", "fine_tile")

_ENHANCERS: dict[str, list[str]] = {context: ["enhancer"] for context in CONTEXTS}
CRES: dict[str, dict[str, list[str]]] = {
    "distance": {"enhancing": ["enhancer"], "silencing": ["silencer"]},
    "multiplicity": _ENHANCERS,
    "fine_tile": _ENHANCERS,
}
"""Which CREs a stage takes of each category's loci, as the paper does, unless the file says."""


class Selection(Parameters):
    """Which TSSs the study is about; the paper's section "Transcription start site selection"."""

    name: ClassVar[str] = "[selection]"

    activity: float = Field(30.0, ge=0, description="predicted activity at the TSS, at least")
    summit: Literal["tss", "any"] = Field(
        "tss", description="'tss': the highest bin of the profile has to be the TSS's"
    )
    within: int = Field(0, ge=0, description="or this many bins away from it, at most")
    recentre: int = Field(
        0, ge=0, description="move the TSS to a summit that is at most this far away, bp"
    )
    per_gene: int = Field(1, ge=0, description="most active TSSs to keep of a gene; 0 keeps all")
    max_n: float = Field(1.0, ge=0, le=1, description="share of N in the window, at most")
    contigs: list[str] | None = Field(None, min_length=1, description="only TSSs on these contigs")
    transcripts: Literal["all", "representative"] = Field(
        "all", description="TSSs of all transcripts, or of the one that stands for its gene"
    )
    max_loci: int | None = Field(None, ge=1, description="most active loci to keep, at most")


class Common(Parameters):
    """Parameters of every stage's test that its own table does not give."""

    name: ClassVar[str] = "[common]"

    tile: int | None = Field(None, ge=1, description="bp")
    tss_tile: int | None = Field(None, ge=1, description="bp")
    replicates: int | None = Field(None, ge=1)
    perturbation: str | dict[str, Any] | None = None


class Stage(Parameters):
    """What a stage's table says beside the parameters of its test."""

    categories: list[Context] | None = Field(None, min_length=1)
    cres: dict[Context, list[CreClass]] | None = Field(None, min_length=1)


class StudyFile(Parameters):
    """A study as its file describes it.

    Relative paths are relative to the folder of the file.
    """

    name: FolderName = Field(description="names the study's folder")
    seed: int = Field(0, ge=0, description="seed of everything random")
    store: str = Field("predictions", description="directory of predictions, shared by all stages")
    index: str | None = Field(None, description="SQLAlchemy URL of the store's index")
    batch_size: BatchSize = Field(None, description="as in an experiment file")
    track: str | None = Field(
        None,
        description="label of the activity that selects, categorises and classifies; needed where "
        "there are several",
    )
    stages: list[str] = Field(list(STAGES), min_length=1, description="which stages to run")
    model: dict[str, Any] = Field(description="as in an experiment file")
    loci: LociConfig
    readouts: list[Readout] = Field(
        default=[], description="activities that are read; the TSS's bin of each track unless given"
    )
    selection: Selection = Selection()
    categories: Categories = Categories()
    classes: Classes = Classes()
    common: Common = Common()
    context_dependence: dict[str, Any] = {}
    context_swap: dict[str, Any] = {}
    necessity: dict[str, Any] = {}
    sufficiency: dict[str, Any] = {}
    distance: dict[str, Any] = {}
    higher_order: dict[str, Any] = {}
    multiplicity: dict[str, Any] = {}
    fine_tile: dict[str, Any] = {}

    @field_validator("stages")
    @classmethod
    def _in_order(cls, stages: list[str]) -> list[str]:
        for stage in stages:
            if stage not in STAGES:
                raise ValueError(f"{stage!r} is no stage; they are {listing(STAGES, 20)}")
            missing = [one for one in NEEDS[stage] if one not in stages]
            if missing:
                raise ValueError(
                    f"stage {stage!r} needs stage {listing(missing)}, which is not among them"
                )
        return [stage for stage in STAGES if stage in stages]

    @model_validator(mode="after")
    def _tests_are_valid(self) -> Self:
        for stage in TESTS:
            self.test(stage)
        for stage in OF_CRES:
            for field in ("tile", "tss_tile"):
                mine, theirs = (self._parameters(s).get(field) for s in (stage, "sufficiency"))
                if mine != theirs:
                    raise ValueError(
                        f"[{stage}] {field} = {mine}, and that of [sufficiency] is {theirs}: the "
                        f"CREs are tiles of the sufficiency test, so both have to be equal"
                    )
        return self

    def takes(self, stage: str) -> Stage:
        """The loci or CREs that a stage takes."""
        table = getattr(self, stage)
        keys = {
            **dict.fromkeys(OF_CATEGORIES, "categories"),
            **dict.fromkeys(OF_CRES, "cres"),
        }
        key = keys.get(stage)
        try:
            return Stage(**{k: v for k, v in table.items() if k == key})
        except ConfigError as error:
            raise ConfigError(str(error).replace("Stage:", f"[{stage}]", 1)) from None

    def contexts(self, stage: str) -> tuple[str, ...]:
        """The categories whose loci a stage takes."""
        wanted = self.takes(stage).categories
        return CONTEXTS if wanted is None else tuple(c for c in CONTEXTS if c in wanted)

    def cres(self, stage: str) -> dict[str, list[str]]:
        """The classes of CREs that a stage takes, by category, each class in full."""
        given: Mapping[Any, list[Any]] = self.takes(stage).cres or CRES[stage]
        return {
            context: [
                name
                for name in CRE_CLASSES
                if name in given[context] or name.rpartition(" ")[2] in given[context]
            ]
            for context in CONTEXTS
            if context in given
        }

    def test(self, stage: str, **chosen: Any) -> Test:
        """A stage's test; `chosen` are its groups or tiles."""
        try:
            test: Test = registry.create(
                "tests", {"name": stage, "seed": self.seed, **self._parameters(stage), **chosen}
            )
        except ConfigError as error:
            raise ConfigError(f"[{stage}]: {str(error).removeprefix(f'{stage}: ')}") from None
        return test

    def _parameters(self, stage: str) -> dict[str, Any]:
        table = {k: v for k, v in getattr(self, stage).items() if k not in _TAKES}
        for key in ("name", "label", "seed", "tiles", "groups"):
            if key in table:
                raise ConfigError(f"[{stage}] {key}: the study sets it")
        self.takes(stage)
        for key in _TAKES:
            if key in getattr(self, stage) and getattr(self.takes(stage), key) is None:
                raise ConfigError(f"[{stage}] {key}: this stage has none")
        given = {k: v for k, v in self.common.configuration().items() if v is not None}
        if stage in OF_CRES:
            own = self.sufficiency
            given |= {k: own[k] for k in ("tile", "tss_tile") if k in own}
        if stage == "multiplicity" and "searches" not in table:
            # An enhancer is put where it raises the activity most, a silencer where it lowers it.
            wanted = {name.rpartition(" ")[2] for of in self.cres(stage).values() for name in of}
            given["searches"] = sorted(f"{kind}s" for kind in wanted)
        return {**given, **table}


_TAKES = ("categories", "cres")


def parse(text: str, title: str = "study") -> StudyFile:
    """A study from the text of a file; `title` names it in errors.

    Raises
    ------
    ConfigError
        If it is not TOML, or holds a key or a value that is not allowed.
    """
    table = parse_toml(text, title)
    parts: dict[str, type[Parameters]] = {
        "loci": LociConfig,
        "selection": Selection,
        "categories": Categories,
        "classes": Classes,
        "common": Common,
    }
    try:
        for key, part in parts.items():
            if isinstance(table.get(key), dict):
                table[key] = part(**table[key])
        return StudyFile(**table)
    except ConfigError as error:
        raise ConfigError(f"{title}: {str(error).removeprefix('StudyFile: ')}") from None
