"""Thresholds of categories and classes, and what effects are compared with, as files set them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from creme.parameters import Parameters

if TYPE_CHECKING:
    from creme.analysis.panel import Panel


class Calibration(Parameters):
    """The effects that those of an experiment or a study are compared with."""

    name: ClassVar[str] = "[calibration]"

    panel: Path | None = Field(
        None, description="a file of 'creme calibrate': effects where nothing is expected"
    )

    def load(self, folder: Path) -> Panel | None:
        """The panel, if one is named; relative paths start from `folder`.

        Raises
        ------
        ConfigError
            If its file is missing, or no panel.
        """
        if self.panel is None:
            return None
        from creme.analysis.panel import Panel

        return Panel.from_file(folder / self.panel.expanduser())


class Categories(Parameters):
    """Thresholds of the context dependence test's effect."""

    name: ClassVar[str] = "[categories]"

    enhancing: float = Field(0.95, description="enhancing contexts have an effect above")
    neutral: float = Field(0.2, ge=0, description="neutral ones within plus and minus")
    silencing: float = Field(-0.5, description="silencing ones below")
    q_below: float | None = Field(
        None,
        gt=0,
        le=1,
        description="enhancing and silencing ones have a q-value below, if given; see "
        "docs/trust.md",
    )
    at_most: int | None = Field(
        None, ge=1, description="loci to keep of each category, those that are most typical of it"
    )

    def of_loci(self) -> dict[str, Any]:
        """The fields that class loci, as `creme.analysis.categories.context_categories` takes them.

        `q_below` is left out where there is none.
        """
        return {name: value for name, value in self.identity().items() if name != "at_most"}

    def identity(self) -> dict[str, Any]:
        """The fields; `q_below` only if there is one."""
        identity = super().identity()
        # A study of before there was a choice stays the same.
        if self.q_below is None:
            del identity["q_below"]
        return identity

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if not self.silencing <= -self.neutral <= self.neutral <= self.enhancing:
            raise ValueError(
                f"the categories overlap: silencing = {self.silencing} <= -neutral = "
                f"{-self.neutral} <= neutral <= enhancing = {self.enhancing} is needed"
            )
        return self


class Classes(Parameters):
    """Thresholds of the sufficiency test's effect, and of additivity."""

    name: ClassVar[str] = "[classes]"

    weak: float = Field(0.3, ge=0, description="weak CREs have an effect above, or below minus")
    strong: float = Field(0.5, ge=0, description="strong ones")
    weak_silencer: float | None = Field(
        None, ge=0, description="weak silencers have an effect below minus; `weak` unless given"
    )
    strong_silencer: float | None = Field(
        None, ge=0, description="strong silencers; `strong` unless given"
    )
    silencers_by: Literal["wild_type", "control"] = Field(
        "wild_type",
        description="silencers lose a share of the wild type, or of the TSS tile's activity in "
        "random context",
    )
    q_below: float | None = Field(
        None, gt=0, le=1, description="CREs have a q-value below, if given; see docs/trust.md"
    )
    p_below: float | None = Field(
        None,
        gt=0,
        le=1,
        description="CREs have a rank p among the effects of [calibration] panel below, if given",
    )
    minimum_effect: float = Field(
        0.05, ge=0, description="and an effect of at least plus or minus this"
    )
    additive: float = Field(
        0.3, ge=0, description="mean squared error above which a set of tiles is not additive"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.weak > self.strong:
            raise ValueError(f"weak = {self.weak} is above strong = {self.strong}")
        weak, strong = self.silencers
        if weak > strong:
            raise ValueError(f"weak_silencer = {weak} is above strong_silencer = {strong}")
        return self

    @property
    def silencers(self) -> tuple[float, float]:
        """The thresholds of weak and of strong silencers, without their sign."""
        return (
            self.weak if self.weak_silencer is None else self.weak_silencer,
            self.strong if self.strong_silencer is None else self.strong_silencer,
        )

    def of_tiles(self) -> dict[str, Any]:
        """The fields that class tiles, as `creme.analysis.categories.cre_classes` takes them.

        Those at their defaults are left out but for `weak` and `strong`, so that the identity of a
        study without them is what it was.
        """
        fields = type(self).model_fields
        changed = {n: v for n, v in self.configuration().items() if v != fields[n].default}
        if self.q_below is None and self.p_below is None:
            changed.pop("minimum_effect", None)
        changed.pop("additive", None)
        return {**changed, "weak": self.weak, "strong": self.strong}


class Networks(Parameters):
    """Thresholds of the edges and pairs of local networks, and what is read for them."""

    name: ClassVar[str] = "[network]"

    q_below: float = Field(
        0.05, gt=0, le=1, description="edges have a q-value of at most, and pairs a kind"
    )
    minimum_effect: float = Field(
        0.05, ge=0, description="and an effect of at least plus or minus this share of the target"
    )
    minimum_activity: float = Field(
        0.0, description="activity below which a TSS or a tile is no target"
    )
    apart: int = Field(
        0,
        ge=0,
        description="bp between a tile and its target at least: the model's receptive field, "
        "within which a tile alters the bins beside it",
    )
    minimum_log: float = Field(
        0.32,
        ge=0,
        description="epistasis of pairs in log2 that counts as none, plus or minus; 0.32 is a "
        "factor of 1.25",
    )
    minimum_share: float = Field(
        0.05, ge=0, description="the same on the additive scale, by the wild type"
    )
    accessibility: str | list[str | int] | None = Field(
        None,
        description="tracks of accessibility, among the kept ones, for edges between tiles; none "
        "unless given; needs bins = 'all'",
    )

    def of_edges(self) -> dict[str, Any]:
        """The fields that `creme.analysis.network.edges` takes."""
        names = ("q_below", "minimum_effect", "minimum_activity", "apart")
        return {name: getattr(self, name) for name in names}

    def of_pairs(self) -> dict[str, Any]:
        """The fields that `creme.analysis.epistasis.pair_table` takes."""
        return {name: getattr(self, name) for name in ("q_below", "minimum_log", "minimum_share")}
