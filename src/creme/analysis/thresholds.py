"""Thresholds of categories and classes, which a study file may set."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from creme.parameters import Parameters


class Categories(Parameters):
    """Thresholds of the context dependence test's effect."""

    name: ClassVar[str] = "[categories]"

    enhancing: float = Field(0.95, description="enhancing contexts have an effect above")
    neutral: float = Field(0.2, ge=0, description="neutral ones within plus and minus")
    silencing: float = Field(-0.5, description="silencing ones below")
    at_most: int | None = Field(
        None, ge=1, description="loci to keep of each category, those that are most typical of it"
    )

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
    additive: float = Field(
        0.3, ge=0, description="mean squared error above which a set of tiles is not additive"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.weak > self.strong:
            raise ValueError(f"weak = {self.weak} is above strong = {self.strong}")
        return self
