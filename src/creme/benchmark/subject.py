"""A model that answers the benchmark's questions, with the grammar whose truth is compared."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creme.api import measure
from creme.demo.loci import GrammarLocus, random_loci
from creme.demo.rules import Grammar
from creme.errors import ConfigError, listing
from creme.genome import Locus
from creme.model import Model
from creme.models.oracle import OracleModel
from creme.sequence import Sequence
from creme.test import Test

if TYPE_CHECKING:
    import xarray as xr

HELD_OUT = "held out"
"""Names of loci begin with it: no network may be trained on them."""


def held_out_loci(
    grammar: Grammar, number: int, length: int, seed: int
) -> tuple[GrammarLocus, ...]:
    """Loci that no network was trained on: the names that they come from are theirs alone."""
    return random_loci(grammar, number, length, seed, HELD_OUT)


def windows_of(loci: SequenceOf[GrammarLocus]) -> list[Locus]:
    """The loci as a test takes them."""
    return [Locus.from_sequence(Sequence(one.codes), one.gene) for one in loci]


@dataclass(frozen=True)
class Subject:
    """A model and how it is asked.

    Parameters
    ----------
    name : str
        As it stands in tables.
    model : Model
    rules : str
        The grammar of the truth, which the loci come from: ``cis``, ``simple`` or a file.
    cell_type : str
        Of the grammar.
    track : int or str, optional
        The model's track of the cell type; the only one of coverage that bears its name unless
        given.
    store : str or Path, optional
        Keeps predictions.
    seed : int
        Of loci, shuffles and bootstrap.
    progress : bool, optional
        Whether to show how far it is.

    Raises
    ------
    ConfigError
        If the grammar has no such cell type, or the model no such track.
    """

    name: str
    model: Model
    rules: str = "cis"
    cell_type: str = "alpha"
    track: int | str | None = None
    store: str | Path | None = None
    seed: int = 0
    progress: bool | None = None

    def __post_init__(self) -> None:
        if self.cell_type not in self.grammar.cell_types:
            raise ConfigError(
                f"cell type {self.cell_type!r} is none of grammar {self.grammar.name}: "
                f"{', '.join(self.grammar.cell_types)}"
            )
        if self.track is None:
            object.__setattr__(self, "track", self._track())

    def _track(self) -> int:
        tracks = [self.model.tracks[k] for k in range(len(self.model.tracks))]
        named = [k for k, track in enumerate(tracks) if track.cell_type == self.cell_type]
        if len(named) > 1:
            coverage = [k for k in named if tracks[k].assay in ("coverage", "CAGE")]
            named = coverage or named
        if len(named) != 1:
            raise ConfigError(
                f"{len(named)} tracks of model {self.name} are of cell type {self.cell_type!r}: "
                f"give one of {listing([track.name for track in tracks])}"
            )
        return named[0]

    @cached_property
    def grammar(self) -> Grammar:
        """The grammar."""
        return Grammar.read(self.rules)

    @cached_property
    def cell(self) -> int:
        """Number of the cell type in the grammar."""
        return self.grammar.cell_types.index(self.cell_type)

    @property
    def oracle(self) -> Subject:
        """The oracle of the grammar, asked alike."""
        model = OracleModel(length=self.model.input_length, grammar=self.rules)
        return replace(self, name="oracle", model=model, track=None)

    def loci(self, number: int) -> tuple[GrammarLocus, ...]:
        """Held-out loci, as long as the model's input."""
        return held_out_loci(self.grammar, number, self.model.input_length, self.seed)

    def ask(
        self, test: str | type[Test] | Test, loci: SequenceOf[Locus], **parameters: Any
    ) -> xr.Dataset:
        """Run a test; see `creme.measure`."""
        return measure(
            test,
            self.model,
            list(loci),
            tracks=0 if self.track is None else self.track,
            store=self.store,
            seed=self.seed,
            progress=self.progress,
            **parameters,
        )
