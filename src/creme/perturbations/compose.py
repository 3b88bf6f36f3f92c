"""Composition."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from creme import registry
from creme.errors import CremeError
from creme.perturbation import Perturbation
from creme.seeds import derive
from creme.sequence import Mutant, Sequence


class Compose(Perturbation):
    """Apply perturbations one after another; the result is one mutant of the first sequence."""

    name: ClassVar[str] = "compose"

    steps: list[Any] = Field(
        min_length=1, description="perturbations: objects, names, or tables of name and parameters"
    )

    @field_validator("steps")
    @classmethod
    def _made(cls, steps: list[Any]) -> list[Perturbation]:
        try:
            return [
                step if isinstance(step, Perturbation) else registry.create("perturbations", step)
                for step in steps
            ]
        except CremeError as error:
            raise ValueError(str(error)) from None

    def __call__(self, sequence: Sequence, *, seed: int = 0) -> Mutant:
        """Apply all; step k draws from the seed's k-th derivative."""
        result = Mutant(sequence, [])
        for place, step in enumerate(self.steps):
            mutant = step(result.sequence, seed=derive(seed, "step", place))
            result = Mutant(result, mutant.edits)
        return result
