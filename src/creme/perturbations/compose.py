"""Composition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_serializer, field_validator

from creme import registry
from creme.errors import CremeError
from creme.perturbation import Perturbation, checked
from creme.seeds import derive
from creme.sequence import Mutant, Sequence


class Compose(Perturbation):
    """Apply perturbations one after another; the result is one mutant of the first sequence."""

    name: ClassVar[str] = "compose"

    steps: list[Perturbation] = Field(
        min_length=1, description="perturbations: objects, names, or tables of name and parameters"
    )

    @field_validator("steps", mode="before")
    @classmethod
    def _build(cls, steps: Any) -> Any:
        return [_build_step(step) for step in steps] if isinstance(steps, list | tuple) else steps

    @field_serializer("steps")
    def _tables(self, steps: list[Perturbation]) -> list[dict[str, Any]]:
        """Tables to make the steps again: their parameters and, unlike pydantic's, their names."""
        return [registry.specification(step) for step in steps]

    def __call__(self, sequence: Sequence, *, seed: int = 0) -> Mutant:
        """Apply all; the k-th step, from 0, gets the seed ``derive(seed, "step", k)``."""
        result = Mutant(sequence, [])
        for number, step in enumerate(self.steps):
            before = result.sequence
            mutant = checked(step, before, step(before, seed=derive(seed, "step", number)))
            result = Mutant(result, mutant.edits)
        return result


def _build_step(step: Any) -> Perturbation:
    if isinstance(step, Perturbation):
        return step
    if not isinstance(step, str | Mapping):
        raise ValueError(f"a step is a perturbation, a name or a table, not {step!r}")
    try:
        return registry.create("perturbation", step)
    except CremeError as error:
        raise ValueError(str(error)) from None
