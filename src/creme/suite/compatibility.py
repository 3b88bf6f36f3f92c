"""Enhancer-promoter compatibility: every enhancer with every promoter, in the same contexts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from pydantic import Field, field_validator, model_validator

from creme.errors import ConfigError, SequenceError, nearest
from creme.genome import Locus
from creme.perturbation import checked
from creme.seeds import derive
from creme.sequence import Edit, Mutant, Sequence
from creme.suite.background import BackgroundTest
from creme.suite.elements import (
    GenomicInterval,
    PlacedElement,
    coords,
    distinct,
    elements_of_intervals,
    elements_of_tiles,
    read_intervals,
)
from creme.suite.intervals import ByLocus
from creme.test import Steps, remarked
from creme.tiling import Tile
from creme.tracks import shortened

LOCI = 5
"""Loci that carriers have to come from to speak for others than themselves."""
_FEW_LOCI = (
    f"carriers that come from fewer than {LOCI} loci: {{count}}. Intervals over carriers then "
    f"speak for these loci alone; give [loci] more genes, and name the promoters among them "
    f"(promoters)"
)
_NO_LOGARITHM = (
    "activities at or below 0 have no logarithm, so that effects with them are NaN: {count}. Give "
    "the readout a transform ('exp', 'expm1') where the model's output is on a log scale"
)
Part = tuple[int, int]


@dataclass(frozen=True)
class Carrier:
    """A shuffled sequence that carries each promoter and each pair, and what it carries.

    Attributes
    ----------
    locus : Locus
        Whose sequence is shuffled.
    background : int
        Which of the locus's backgrounds it is.
    promoters, enhancers, nulls : dict of str to PlacedElement
        By name, sorted; nulls are the shuffled enhancers.
    few : bool
        Whether the carriers come from few loci.
    """

    locus: Locus
    background: int
    promoters: Mapping[str, PlacedElement]
    enhancers: Mapping[str, PlacedElement]
    nulls: Mapping[str, PlacedElement]
    few: bool

    @property
    def name(self) -> str:
        """``LOCUS background K``, from 0."""
        return f"{self.locus.name} background {self.background}"

    @property
    def labels(self) -> Mapping[str, Any]:
        """Those of the locus, with its name and the number of the background."""
        return {**self.locus.labels, "carrier": self.locus.name, "background": self.background}


class Compatibility(BackgroundTest):
    """The activity of every promoter with every enhancer, each pair in the same random contexts.

    Shuffled sequences of several loci are the carriers. Into each are put, at the same places, each
    promoter alone (CONTROL) and with each enhancer (MUTANT), at a fixed distance; the effect is
    log2(MUTANT / CONTROL). Promoters are the TSS tiles of the loci; enhancers are tiles of the
    loci or intervals of the genome, and a few of them shuffled, which show what chance does. A
    promoter or an enhancer of the minus strand is put in 5' to 3' in its own direction.

    Notes
    -----
    "CREME to incorporate tests to study enhancer-promoter compatibility rules at both the CRE- and
    motif-level" (Conclusion); the matrix is that of reporter assays of all pairs.
    `creme.analysis.compatibility` says what of it is strength, responsiveness and compatibility.
    """

    name: ClassVar[str] = "compatibility"
    title: ClassVar[str] = "Compatibility"
    summary: ClassVar[str] = "How active every promoter is with every enhancer, in random context."
    along: ClassVar[str] = ""

    replicates: int = Field(
        5, ge=1, description="carriers: the first background of each locus in turn, then the second"
    )
    tiles: ByLocus | None = Field(
        None,
        min_length=1,
        description="[start, end) of the enhancers in the locus sequence: a list, or one for each "
        "locus by name, without the others",
    )
    enhancers: Path | list[GenomicInterval] | None = Field(
        None,
        description="enhancers as intervals of the genome, beside tiles or in their place: a BED "
        "file, or tables of contig, start, end, strand and label",
    )
    promoters: list[str] | None = Field(
        None, min_length=1, description="the loci whose TSS tiles are promoters; all unless given"
    )
    carriers: list[str] | None = Field(
        None,
        min_length=1,
        description="the loci whose shuffled sequences are carriers; all unless given, in an order "
        "that the seed gives",
    )
    distances: list[int] | None = Field(
        None,
        min_length=1,
        description="from the TSS to the enhancer's centre, bp, negative upstream; upstream beside "
        "the TSS tile unless given",
    )
    shuffled: int = Field(5, ge=5, description="enhancers that are measured shuffled as well")
    ablated: list[Part] | None = Field(
        None,
        min_length=1,
        description="[start, end) from the TSS, negative upstream: parts of every promoter, each "
        "of which is shuffled in a further promoter",
    )
    groups: dict[str, list[str]] | None = Field(
        None,
        min_length=1,
        description="names of the promoters and enhancers of each group, such as the categories "
        "of loci; shown, and without influence on the measurement",
    )

    @field_validator("enhancers", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        # The rows are the parameter, and not the name of a file that may become another one.
        return read_intervals(Path(value)) if isinstance(value, str | Path) else value

    @model_validator(mode="after")
    def _once(self) -> Compatibility:
        for field in ("promoters", "carriers", "distances", "ablated"):
            values = getattr(self, field) or []
            if len(set(values)) < len(values):
                raise ValueError(f"{field}: each may be listed once only")
        return self

    def units(self, loci: SequenceOf[Locus]) -> Iterator[Carrier]:
        """The carriers: the first background of each locus, the second, and so on.

        Raises
        ------
        ConfigError
            If there is no enhancer, or a locus is named that the experiment does not have.
        GenomeError
            If an enhancer lies beyond its contig.
        """
        where = f"test {self.name}: "
        rows: list[PlacedElement] = []
        if self.tiles is not None:
            rows += elements_of_tiles(self.tiles, loci, f"{where}tiles")
        if self.enhancers is not None:
            assert not isinstance(self.enhancers, Path)
            rows += elements_of_intervals(self.enhancers, loci, f"{where}enhancers")
        if not rows:
            raise ConfigError(
                f"{where}tiles or enhancers is needed: the enhancers, as tiles of the loci or as "
                f"intervals of the genome"
            )
        enhancers = distinct(rows, f"{where}enhancers")
        chosen = self._named("promoters", loci)
        promoters = distinct(
            [one for locus in chosen for one in self._promoters_of(locus)], f"{where}promoters"
        )
        carrying = sorted(
            self._named("carriers", loci), key=lambda one: derive(self.seed, one.key, "carrier")
        )
        nulls = self._nulls(enhancers, loci)
        few = min(len(carrying), self.replicates) < LOCI
        for number in range(self.replicates):
            background, place = divmod(number, len(carrying))
            yield Carrier(carrying[place], background, promoters, enhancers, nulls, few)

    def _named(self, field: str, loci: SequenceOf[Locus]) -> list[Locus]:
        names = getattr(self, field)
        by_name = {locus.name: locus for locus in loci}
        for name in names or ():
            if name not in by_name:
                raise ConfigError(
                    f"test {self.name}: {field} names locus {name!r}, which the experiment does "
                    f"not have{nearest(name, by_name)}"
                )
        return list(loci) if names is None else [by_name[name] for name in names]

    def _promoters_of(self, locus: Locus) -> Iterator[PlacedElement]:
        """The TSS tile, and the same with each ablated part shuffled."""
        tss = self.tss(locus)
        start, end = locus.interval(tss)
        bases = tss.of(locus.sequence)

        def element(name: str, sequence: Sequence) -> PlacedElement:
            return PlacedElement(name, sequence, locus.contig, start, end, locus.strand, locus.name)

        yield element(locus.name, bases)
        for first, last in self.ablated or ():
            low, high = locus.tss + first, locus.tss + last
            if not tss.start <= low < high <= tss.end:
                raise ConfigError(
                    f"test {self.name}: ablated has [{first}, {last}), which is no part of the "
                    f"TSS tile [{tss.start - locus.tss}, {tss.end - locus.tss}), from the TSS"
                )
            part = Tile(low - tss.start, high - tss.start)
            seed = derive(self.seed, locus.key, "ablated", first, last)
            shuffled = self._shuffled(part.of(bases), locus, seed)
            mutant = Mutant(bases, [Edit(part.start, shuffled)])
            yield element(f"{locus.name} without [{first}, {last})", mutant.sequence)

    def _nulls(
        self, enhancers: Mapping[str, PlacedElement], loci: SequenceOf[Locus]
    ) -> dict[str, PlacedElement]:
        """Shuffled enhancers: the same for all carriers and promoters, and of no locus."""
        order = sorted(enhancers, key=lambda name: derive(self.seed, name, "null"))
        by_name = {locus.name: locus for locus in loci}
        first = by_name[min(by_name)]
        out = []
        for number in range(self.shuffled):
            again, place = divmod(number, len(order))
            source = enhancers[order[place]]
            seed = derive(self.seed, source.name, "null", again)
            bases = self._shuffled(source.sequence, by_name.get(source.own, first), seed)
            name = f"{source.name} shuffled {again}"
            out.append(replace(source, name=name, sequence=bases, own=""))
        return distinct(out, f"test {self.name}: enhancers")

    def _shuffled(self, bases: Sequence, locus: Locus, seed: int) -> Sequence:
        perturb = self._perturb.bound(locus)
        if not perturb.can_change(bases):
            raise SequenceError(
                f"test {self.name}: {shortened(str(bases))} has no other arrangement, so that "
                f"{perturb.name} leaves it as it is: take a longer stretch"
            )
        return checked(perturb, bases, perturb(bases, seed=seed)).sequence

    def places(self, unit: Carrier) -> list[int]:
        """The distances, ascending.

        Raises
        ------
        ConfigError
            If an enhancer would lie over the TSS tile, or leave the sequence.
        """
        locus, tss = unit.locus, self.tss(unit.locus)
        longest = max(len(one.sequence) for one in unit.enhancers.values())
        if self.distances is None:
            return [tss.start - (longest + 1) // 2 - locus.tss]
        for distance in self.distances:
            start = locus.tss + distance - longest // 2
            place = Tile(max(0, start), max(1, start + longest))
            if start < 0 or start + longest > locus.length or place.overlaps(tss):
                raise ConfigError(
                    f"test {self.name}: distances has {distance}: an enhancer of {longest} bp "
                    f"there would lie over the TSS tile [{tss.start}, {tss.end}), or leave the "
                    f"sequence of {locus.length} bp"
                )
        return sorted(self.distances)

    def size(self, unit: Carrier) -> int:
        """Each promoter alone, and with each enhancer at each distance."""
        enhancers = len(unit.enhancers) + len(unit.nulls)
        return len(unit.promoters) * (1 + len(self.places(unit)) * enhancers)

    def run(self, unit: Carrier) -> Steps:
        """Measure a carrier.

        ``control`` is (promoter, track), ``mutant`` (distance, promoter, enhancer, track); ``null``
        says which enhancers are shuffled ones, and ``own`` which pairs come from one locus.
        """
        locus, tss, distances = unit.locus, self.tss(unit.locus), self.places(unit)
        enhancers = {**unit.enhancers, **unit.nulls}
        (background,) = self.backgrounds(locus, replicates=[unit.background])
        alone = [
            Mutant(background, [Edit(tss.start, promoter.sequence)])
            for promoter in unit.promoters.values()
        ]

        def pairs() -> Iterator[Mutant]:
            for distance in distances:
                for control in alone:
                    for one in enhancers.values():
                        start = locus.tss + distance - len(one.sequence) // 2
                        yield Mutant(control, [Edit(start, one.sequence)])

        control = yield alone
        response = yield pairs()
        mutant = response.reshape(len(distances), len(alone), len(enhancers), -1)
        dims = ("distance", "promoter", "enhancer", "track")
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log2(mutant.astype(np.float64)) - np.log2(control.astype(np.float64))[:, None]
        undefined = (mutant <= 0) | (control <= 0)[:, None]
        dataset = xr.Dataset(
            {
                "control": (("promoter", "track"), control),
                "mutant": (dims, mutant),
                "effect": (dims, np.where(undefined, np.nan, logs)),
            },
            {
                "distance": distances,
                "promoter": list(unit.promoters),
                "enhancer": list(enhancers),
                "null": ("enhancer", [name in unit.nulls for name in enhancers]),
                "own": (
                    ("promoter", "enhancer"),
                    [
                        [promoter.own == one.own != "" for one in enhancers.values()]
                        for promoter in unit.promoters.values()
                    ],
                ),
                **coords(unit.promoters, "promoter"),
                **coords(enhancers, "enhancer"),
                "promoter_group": ("promoter", [self._group_of.get(n, "") for n in unit.promoters]),
                "enhancer_group": ("enhancer", [self._group_of.get(n, "") for n in enhancers]),
            },
        )
        if undefined.any():
            dataset = remarked(dataset, _NO_LOGARITHM, int(undefined.sum()))
        return remarked(dataset, _FEW_LOCI) if unit.few else dataset

    @cached_property
    def _group_of(self) -> dict[str, str]:
        return {name: group for group, names in (self.groups or {}).items() for name in names}
