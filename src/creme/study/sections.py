"""Sections of the study file: its selection, what all tests share, and the stages' tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, create_model

from creme.parameters import Parameters
from creme.runner.toml_file import TomlFile
from creme.study.stages.order import BUILT_IN, BY_DEFAULT

STAGES = BY_DEFAULT
"""Names of the stages that a study runs which names none, in their order."""

TESTS = tuple(BUILT_IN)[1:]
"""Those that have a table in the study file; the first one has none."""


MAX_N = 0.1
"""Share of N in a locus's window, at most, unless the study file gives another."""

_EARLIER_MAX_N = 1.0
"""That of studies of before there was a limit."""


class LocusSelection(Parameters):
    """The TSSs of the study; the paper's section "Transcription start site selection"."""

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
    max_n: float | None = Field(
        None, ge=0, le=1, description=f"share of N in the window, at most; {MAX_N} unless given"
    )
    contigs: list[str] | None = Field(None, min_length=1, description="only TSSs on these contigs")
    transcripts: Literal["all", "representative"] = Field(
        "all", description="TSSs of all transcripts, or of the one that stands for its gene"
    )
    max_loci: int | None = Field(None, ge=1, description="most active loci to keep, at most")

    def settled(self, recorded: Mapping[str, Any]) -> Self:
        """With `max_n` as a number, for a study whose folder has begun or not.

        Parameters
        ----------
        recorded : mapping
            The selection in the folder's identity of stage ``loci``; empty where it has not begun.

        Notes
        -----
        A study that began when there was no limit, and whose file gives none, goes on without:
        otherwise its finished stages would be another study's.
        """
        if self.max_n is not None:
            return self
        earlier = recorded.get("max_n") == _EARLIER_MAX_N
        return self.model_copy(update={"max_n": _EARLIER_MAX_N if earlier else MAX_N})


class Common(Parameters):
    """Parameters of every stage's test that its own table does not give."""

    name: ClassVar[str] = "[common]"

    tile: int | None = Field(None, ge=1, description="bp")
    tss_tile: int | None = Field(None, ge=1, description="bp")
    replicates: int | None = Field(None, ge=1)
    perturbation: str | dict[str, Any] | None = None
    minimum_activity: float | None = Field(
        None,
        allow_inf_nan=False,
        description="activity of the wild type below which nothing gets a class",
    )


if TYPE_CHECKING:

    class StageTables(TomlFile):
        pass
else:
    # A field for the table of each of the toolkit's stages.
    StageTables = create_model(
        "StageTables",
        __base__=TomlFile,
        **{
            name: (dict[str, Any], Field({}, description="parameters of the stage's test"))
            for name in TESTS
        },
    )
