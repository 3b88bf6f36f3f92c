"""Motif embedding: global importance analysis of short sequences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from creme.errors import ConfigError, SequenceError
from creme.genome import Locus
from creme.sequence import Edit, Mutant, Sequence, Sequenceable
from creme.suite.adaptive import AdaptiveTest, Layout
from creme.suite.statistics import relative, result
from creme.test import Steps
from creme.tiling import Tile


class MotifEmbedding(AdaptiveTest):
    """The effect of a motif on a TSS's activity, on average over random contexts.

    Each motif is put at each position of the locus's backgrounds, which keep the TSS tile; the
    effect is (MUTANT - CONTROL) / WT, within one background, as in the sufficiency test.

    Notes
    -----
    The paper's sufficiency test is "in line with a global importance analysis", and reaches motifs
    "by restricting the tile size" (Conclusion); here the inserted bases are given instead of cut
    from the locus. A motif may also lie inside the TSS tile.
    """

    name: ClassVar[str] = "motif_embedding"
    title: ClassVar[str] = "Motif embedding"
    summary: ClassVar[str] = (
        "How a motif changes a TSS's activity in random context, by its position."
    )
    along: ClassVar[str] = "position"

    motifs: list[str] = Field(min_length=1, description="sequences to embed, in A, C, G, T and N")
    positions: list[int] = Field(
        min_length=1, description="where a motif starts in the locus sequence"
    )

    @model_validator(mode="after")
    def _readable(self) -> Self:
        for motif in self.motifs:
            try:
                Sequence.from_string(motif)
            except SequenceError as error:
                raise ValueError(f"motifs: {motif!r}: {error}") from None
            if not motif:
                raise ValueError("motifs: a motif has at least one base")
        for field in (self.motifs, self.positions):
            if len(set(field)) < len(field):
                raise ValueError(f"{field}: each may be listed once only")
        return self

    def size(self, unit: Locus) -> int | None:
        """The wild type, the controls, and a mutant for each motif, position and replicate."""
        self.tss(unit)
        self._places(unit)
        return self.fixed_size(1 + (1 + len(self.motifs) * len(self.positions)) * self.replicates)

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        ``control`` is (replicate, track), ``mutant`` (motif, position, replicate, track).
        """
        tiles = self._places(unit)
        (wild_type,) = yield [unit.sequence]
        backgrounds = self.controls(unit)
        motifs = [Sequence.from_string(motif) for motif in self.motifs]
        shape = (len(motifs), len(self.positions))

        def sequences(cell: tuple[int, ...], replicates: range) -> Iterator[Sequenceable]:
            """Cell 0 is the control, the others are motifs by position."""
            if not cell[0]:
                return (backgrounds[k] for k in replicates)
            motif, position = divmod(cell[0] - 1, shape[1])
            edit = Edit(self.positions[position], motifs[motif])
            return (Mutant(backgrounds[k], [edit]) for k in replicates)

        measured = yield from self.measure_replicates(
            Layout(
                effects=shape,
                cells=(1 + shape[0] * shape[1],),
                sequences=sequences,
                needs=lambda at: np.append(at.any(), at),
                effect=lambda activities: relative(
                    (activities[1:] - activities[0]).reshape(*shape, *activities.shape[1:]),
                    wild_type,
                ),
            )
        )
        dims = ("motif", "position", "replicate", "track")
        dataset = result(
            measured.averaged("effect", dims),
            {
                "wild_type": (("track",), wild_type),
                "control": (("replicate", "track"), measured.activities[0]),
                "mutant": (dims, measured.activities[1:].reshape(measured.effect.shape)),
            },
            {
                "motif": self.motifs,
                "position_start": ("position", [tile.start for tile in tiles[0]]),
                "position_distance": (
                    ("motif", "position"),
                    [[unit.distance(tile) for tile in row] for row in tiles],
                ),
            },
        )
        return self.looked_at(dataset, unit, measured.activities[0])

    def _places(self, locus: Locus) -> list[list[Tile]]:
        """The interval of each motif at each position, (motif, position)."""
        for motif in self.motifs:
            last = locus.length - len(motif)
            for start in self.positions:
                if not 0 <= start <= last:
                    raise ConfigError(
                        f"positions has {start}: motif {motif} starts between 0 and {last} in a "
                        f"sequence of {locus.length} bp"
                    )
        return [
            [Tile(start, start + len(motif)) for start in self.positions] for motif in self.motifs
        ]
