"""Checks of designed CREs: moved, copied, at other TSSs, and without each of their parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from creme.errors import ConfigError, SequenceError, nearest
from creme.genome import Locus
from creme.seeds import derive
from creme.sequence import Codes, Edit, Mutant, N, Sequence, complement, encode
from creme.suite.background import BackgroundTest
from creme.suite.draws import Draws
from creme.suite.statistics import averaged, result
from creme.test import Steps, remarked
from creme.tiling import Tile

KINDS = ("place", "moved", "copies", "swap", "part")
"""Of the checks, in their order."""
_FARTHER = (1, 2, 4, 8)
_NO_LOGARITHM = (
    "activities at or below 0 have no logarithm, so that effects with them are NaN: {count}. Give "
    "the readout a transform ('exp', 'expm1') where the model's output is on a log scale"
)


@dataclass(frozen=True)
class DesignOfLocus:
    """A design, the locus that it is for, and the others that it is put in.

    Attributes
    ----------
    locus : Locus
    rank : int
        From 1.
    codes : array of uint8
        5' to 3' along the gene of the locus, whatever the orientation.
    others : tuple of Locus
    """

    locus: Locus
    rank: int
    codes: Codes
    others: tuple[Locus, ...]

    @property
    def name(self) -> str:
        """``LOCUS_dRANK``, as in the table to order from."""
        return f"{self.locus.name}_d{self.rank}"

    @property
    def labels(self) -> Mapping[str, Any]:
        """Those of the locus, with its name and the design's rank."""
        return {**self.locus.labels, "designed_for": self.locus.name, "design": str(self.rank)}


@dataclass(frozen=True)
class DesignComparison:
    """A pair of sequences in each background: with what is checked, and without.

    Attributes
    ----------
    name, kind, target : str
        `target` is the locus whose TSS tile and backgrounds they have.
    at : int
        Distance of the centre from the TSS, bp; number of copies; or first base of the part.
    mutant, control : tuple of Mutant
        By background.
    """

    name: str
    kind: str
    target: str
    at: int
    mutant: tuple[Mutant, ...]
    control: tuple[Mutant, ...]


class DesignCheck(BackgroundTest):
    """Designs in random context: at their place, moved, copied, at other TSSs, and in parts.

    The effect of each check is log2 of the activity with (MUTANT) over that without (CONTROL) the
    design in the same backgrounds, those on which the design test reports. Of a part MUTANT has
    random bases in its place and CONTROL the whole design, so that a negative effect says that the
    part matters.

    Notes
    -----
    It is the CRE sufficiency, distance and multiplicity tests, a swap, and a fine-tile scan, of a
    CRE that is in no genome.
    """

    name: ClassVar[str] = "design_check"
    title: ClassVar[str] = "Checks of designs"
    summary: ClassVar[str] = (
        "What designs do moved, copied, at other TSSs, and without each of their parts."
    )
    along: ClassVar[str] = ""

    designs: list[str] | dict[str, list[str]] = Field(
        {},
        description="sequences of the designs, the best first: by the locus that they are for, or "
        "a list for each locus",
    )
    distance: int = Field(
        -3000, description="of the designs' centres from the TSS, bp; negative upstream"
    )
    orientation: Literal["forward", "reverse"] = Field(
        "forward", description="strand that the designs stand on, seen along the gene"
    )
    distances: list[int] | None = Field(
        None,
        min_length=1,
        description="other distances that they are moved to, bp; `distance` mirrored and its "
        "double, fourfold and eightfold on both sides, as far as they fit, unless given",
    )
    copies: int = Field(3, ge=1, description="copies side by side, away from the TSS, at most")
    others: int = Field(5, ge=0, description="other loci whose TSS tile they are put beside")
    part: int = Field(10, ge=1, description="length of the parts, bp")

    @field_validator("designs")
    @classmethod
    def _bases(cls, value: list[str] | dict[str, list[str]]) -> list[str] | dict[str, list[str]]:
        for name, texts in ({"designs": value} if isinstance(value, list) else value).items():
            for text in texts:
                try:
                    good = text and not (encode(text) == N).any()
                except SequenceError:
                    good = False
                if not good:
                    raise ValueError(f"{name} has {text[:20]!r}: designs are of A, C, G and T")
        return value

    def units(self, loci: SequenceOf[Locus]) -> Iterator[DesignOfLocus]:
        """The designs, by locus and rank; each goes beside the TSSs of some other loci.

        Raises
        ------
        ConfigError
            If there is no design, or one is for a locus that the experiment does not have.
        """
        by_name = {locus.name: locus for locus in loci}
        if not self.designs:
            raise ConfigError(f"test {self.name}: designs is needed, sequences by locus")
        chosen = self.designs
        if isinstance(chosen, list):
            chosen = dict.fromkeys(by_name, chosen)
        for name in chosen:
            if name not in by_name:
                raise ConfigError(
                    f"test {self.name}: designs names locus {name!r}, which the experiment does "
                    f"not have{nearest(name, by_name)}"
                )
        for locus in loci:
            rest = [one for one in loci if one.name != locus.name]
            rest.sort(key=lambda one: derive(self.seed, one.key, "design swap"))
            for rank, text in enumerate(chosen.get(locus.name, []), 1):
                codes = encode(text)
                if self.orientation == "reverse":
                    codes = complement(codes[::-1])
                yield DesignOfLocus(locus, rank, codes, tuple(rest[: self.others]))

    def place(self, unit: DesignOfLocus, distance: int, copies: int = 1) -> Tile | None:
        """The interval of copies; None where they leave the sequence or cover the TSS base."""
        size, locus = len(unit.codes), unit.locus
        start = locus.tss + distance - size // 2
        end = start + size
        if distance < 0:
            start -= (copies - 1) * size
        else:
            end += (copies - 1) * size
        if start < 0 or end > locus.length:
            return None
        return None if start <= locus.tss < end else Tile(start, end)

    def moves(self, unit: DesignOfLocus) -> list[int]:
        """The distances that a design is moved to, ascending.

        Raises
        ------
        ConfigError
            If a design at one of `distances` leaves the sequence or covers the TSS base.
        """
        if self.distances is None:
            far = [sign * times * self.distance for times in _FARTHER for sign in (1, -1)]
            fit = {at for at in far if self.place(unit, at) is not None}
            return sorted(fit - {self.distance})
        for at in self.distances:
            if self.place(unit, at) is None:
                raise ConfigError(
                    f"test {self.name}: distances has {at}, where a design of {len(unit.codes)} bp "
                    f"would leave the sequence or cover the TSS base"
                )
        return sorted({*self.distances} - {self.distance})

    def parts(self, unit: DesignOfLocus) -> list[Tile]:
        """The parts of a design, along the gene; the last one may be shorter."""
        size = len(unit.codes)
        return [Tile(at, min(at + self.part, size)) for at in range(0, size, self.part)]

    def size(self, unit: DesignOfLocus) -> int:
        """The sequences of all checks; each check's controls are asked for once."""
        return self.replicates * (
            2
            + len(self.moves(unit))
            + len(self._copies(unit))
            + len(self.parts(unit))
            + 2 * len(unit.others)
        )

    def _copies(self, unit: DesignOfLocus) -> range:
        most = 1
        while most < self.copies and self.place(unit, self.distance, most + 1) is not None:
            most += 1
        return range(2, most + 1)

    def checks(self, unit: DesignOfLocus) -> Iterator[DesignComparison]:
        """All checks of a design, those of one kind beside one another.

        Raises
        ------
        ConfigError
            If the design's own place leaves the sequence or covers the TSS base.
        """
        own = self.place(unit, self.distance)
        if own is None:
            raise ConfigError(
                f"test {self.name}: distance = {self.distance}: a design of {len(unit.codes)} bp "
                f"there leaves the sequence of {unit.locus.length} bp, or covers the TSS base"
            )
        here = self._contexts(unit.locus)
        name = unit.locus.name
        whole = _with(here, own.start, unit.codes)
        yield DesignComparison("place", "place", name, self.distance, whole, here)
        for at in self.moves(unit):
            place = self.place(unit, at)
            assert place is not None
            moved = _with(here, place.start, unit.codes)
            yield DesignComparison(f"moved {at}", "moved", name, at, moved, here)
        for number in self._copies(unit):
            place = self.place(unit, self.distance, number)
            assert place is not None
            copied = _with(here, place.start, np.tile(unit.codes, number))
            yield DesignComparison(f"copies {number}", "copies", name, number, copied, here)
        for number, other in enumerate(unit.others, 1):
            there = self._contexts(other)
            # The window is as long in all loci, and the TSS in its middle.
            swapped = _with(there, own.start, unit.codes)
            yield DesignComparison(
                f"swap {number}", "swap", other.name, self.distance, swapped, there
            )
        for part in self.parts(unit):
            lost = tuple(
                Mutant(context, [Edit(own.start, self._without(unit, part, k))])
                for k, context in enumerate(here)
            )
            yield DesignComparison(f"part {part.start}", "part", name, part.start, lost, whole)

    def _contexts(self, locus: Locus) -> tuple[Mutant, ...]:
        """Backgrounds on which the design test reports, with the locus's TSS tile."""
        made = self.controls(locus, "design", "report", replicates=range(self.replicates))
        return tuple(Mutant(context, []) for context in made)

    def _without(self, unit: DesignOfLocus, part: Tile, replicate: int) -> Codes:
        """The design with random bases in the place of a part."""
        key = (self.seed, unit.locus.key, "design part", unit.rank, part.start, replicate)
        draws = Draws(derive(*key))
        codes = unit.codes.copy()
        codes[part.start : part.end] = [draws.below(4) for _ in range(len(part))]
        return codes

    def run(self, unit: DesignOfLocus) -> Steps:
        """Measure a design.

        Along ``check`` are its checks; ``kind`` is one of `KINDS`, ``at`` the distance of the
        centre from the TSS, the number of copies or the first base of the part along the gene, and
        ``target`` the locus whose TSS tile it stands beside. ``mutant`` and ``control`` are (check,
        replicate, track), ``effect`` is log2 of their ratio.
        """
        checks = list(self.checks(unit))
        # A part's control is the first check's mutant.
        contexts = {one.target: one.control for one in checks if one.kind != "part"}
        # All at once, so that batches find sequences of the same background.
        response = yield chain(*contexts.values(), *(one.mutant for one in checks))
        measured = response.reshape(-1, self.replicates, response.shape[1])
        controls = dict(zip(contexts, measured, strict=False))
        mutant = measured[len(contexts) :]
        control = np.stack(
            [mutant[0] if one.kind == "part" else controls[one.target] for one in checks]
        )
        undefined = (mutant <= 0) | (control <= 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log2(mutant.astype(np.float64)) - np.log2(control.astype(np.float64))
        dims = ("check", "replicate", "track")
        dataset = result(
            averaged("effect", dims, np.where(undefined, np.nan, logs)),
            {
                "mutant": (dims, mutant),
                "control": (dims, control),
                "kind": (("check",), np.array([one.kind for one in checks], dtype=object)),
                "at": (("check",), np.array([one.at for one in checks], dtype=np.float64)),
                "target": (("check",), np.array([one.target for one in checks], dtype=object)),
            },
            {"check": [one.name for one in checks]},
            divisor=None,
        )
        dataset = dataset.assign(sequence=str(Sequence(unit.codes)))
        return (
            remarked(dataset, _NO_LOGARITHM, int(undefined.sum())) if undefined.any() else dataset
        )


def _with(contexts: SequenceOf[Mutant], start: int, codes: Codes) -> tuple[Mutant, ...]:
    return tuple(Mutant(context, [Edit(start, codes)]) for context in contexts)
