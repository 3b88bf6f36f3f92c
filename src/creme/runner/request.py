"""A test's generator in flight, and the request that it waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.errors import SequenceError
from creme.model import Model, Selection
from creme.runner.tasks import Task
from creme.sequence import Mutant, Sequence, Sequenceable
from creme.test import Profiles, Steps


@dataclass(eq=False)
class InFlight:
    """A generator in flight and the request that it waits for.

    Attributes
    ----------
    task : Task
    steps : generator
    sequences : iterator of Sequence or Mutant
        Those of the request that were not taken yet.
    rows : list of array or None
        The answer so far, a row for each sequence that was taken; None where it is missing.
    missing : int
        How many are.
    exhausted : bool
        Whether all sequences were taken.
    profiles : bool
        Whether the request is for whole profiles.
    readout : callable
        Kept values, (n, bins, tracks), to the unit's activities, (n, activities).
    selection : Selection
        The part of the model's output that is kept.
    """

    task: Task
    steps: Steps
    readout: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    selection: Selection
    sequences: Iterator[Sequenceable] = field(default_factory=lambda: iter(()))
    rows: list[NDArray[np.float32] | None] = field(default_factory=list)
    missing: int = 0
    exhausted: bool = True
    profiles: bool = False

    def accept(self, request: Any) -> None:
        """Take what the generator yielded as its next request.

        Raises
        ------
        SequenceError
            If it is no request.
        """
        self.profiles = isinstance(request, Profiles)
        self.sequences = _iterator(request.sequences if self.profiles else request, self.profiles)
        self.rows, self.missing, self.exhausted = [], 0, False

    def read(self, kept: NDArray[np.float32]) -> NDArray[np.float32]:
        """The answer that kept values make: activities, or profiles of the model's own grid."""
        return self.selection.values(kept) if self.profiles else self.readout(kept)

    @property
    def answered(self) -> bool:
        """Whether the generator can go on."""
        return self.exhausted and not self.missing

    def close(self) -> None:
        """End the generator; one that does not want to is left to itself."""
        try:
            self.steps.close()
        except KeyboardInterrupt:
            raise
        except BaseException:
            pass


def check_sequences(sequences: SequenceOf[Any], model: Model) -> None:
    """See that a model takes what a test has yielded.

    Raises
    ------
    SequenceError
        At the first that is no sequence, or has another length.
    """
    for one in sequences:
        if not isinstance(one, (Sequence, Mutant)):
            raise SequenceError(
                f"a test yields Sequence or Mutant objects, not {type(one).__name__}"
            )
    # Mutants are as long as their base.
    bases = {id(one.base): one.base for one in sequences}
    for base in bases.values():
        if len(base) != model.input_length:
            raise SequenceError(
                f"a sequence of {len(base)} bp was asked for, and model {model.name} takes "
                f"{model.input_length} bp"
            )


def _iterator(sequences: Any, profiles: bool) -> Iterator[Sequenceable]:
    listed = "yield Profiles([locus.sequence])" if profiles else "yield [locus.sequence]"
    if isinstance(sequences, Sequenceable):
        raise SequenceError(
            f"a test yielded a {type(sequences).__name__} by itself: put it into a list, as in "
            f"`{listed}`"
        )
    try:
        # Iterating over a text or a dict gives letters or keys.
        iterator = None if isinstance(sequences, (str, bytes, Mapping)) else iter(sequences)
    except TypeError:
        iterator = None
    if iterator is None:
        kind = "None" if sequences is None else f"an object of type {type(sequences).__name__}"
        raise SequenceError(
            f"a test yielded {kind}: it has to yield a list, or another iterable, of Sequence or "
            f"Mutant objects, as in `{listed}`"
        )
    return iterator
