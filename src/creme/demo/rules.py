"""A *cis*-regulatory grammar: factors and their motifs, promoters, and how they act together."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from creme.codes import IUPAC
from creme.errors import ConfigError
from creme.files.small import parse_toml
from creme.parameters import Parameters

FOLDER = Path(__file__).parent / "grammars"

LONGEST = 18
"""Of a motif, bp."""

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Consensus = Annotated[str, Field(pattern=f"^[{''.join(IUPAC)}]{{6,{LONGEST}}}$")]


def bases_of(letter: str) -> str:
    """The bases that a letter of a consensus stands for."""
    return IUPAC[letter]


class Binding(Parameters):
    """How a motif's consensus becomes a matrix, and which of its sites count.

    Either all sites with at most `mismatches` bases off the consensus have affinity 1, or a site's
    affinity is its probability under the matrix divided by that of the best site, and sites of
    less than `least` do not count.
    """

    mismatches: int | None = Field(None, ge=0, le=3, description="bases off, all alike")
    probability: float = Field(0.85, gt=0.25, lt=1, description="of the consensus' letter")
    least: float = Field(0.05, gt=0, le=1, description="affinity of the weakest site")

    def matrix(self, consensus: str) -> NDArray[np.float64]:
        """Logarithm of each base's affinity relative to the best, (width, 4), at most 0."""
        rows = np.empty((len(consensus), 4))
        for row, letter in zip(rows, consensus, strict=True):
            allowed = ["ACGT".index(base) for base in IUPAC[letter]]
            if self.mismatches is not None:
                row[:] = -1.0
            elif len(allowed) < 4:
                # An ambiguous letter shares its probability: its bases are as good as one another.
                best = self.probability / len(allowed)
                row[:] = np.log((1 - self.probability) / (4 - len(allowed)) / best)
            row[allowed] = 0.0
        return np.minimum(rows, 0.0)

    @property
    def cut(self) -> float:
        """Sum of a matrix' values at which a site still counts."""
        if self.mismatches is not None:
            return -self.mismatches - 0.5
        return float(np.log(self.least)) - 1e-9


class Factor(Parameters):
    """A transcription factor: its motifs, and what its sites do to a promoter.

    A site of affinity a, at distance d of a promoter, counts ``weight * a * exp(-d / reach)``
    times the factor's level in the cell type. How these sums act is `effect`:

    - ``additive``: they are added to the promoter's own drive;
    - ``redundant``: so is ``limit * (1 - exp(-sum / limit))``, which one strong element fills;
    - ``multiplicative``: the drive is multiplied by ``exp(sum)``;
    - ``repressive``: the drive is divided by ``1 + sum``;
    - ``insulating``: what other factors' sites beyond it contribute is multiplied by
      ``1 - min(weight * a, 1)`` for each site between them and the promoter;
    - ``none``: nothing; a decoy, which may open chromatin.
    """

    motifs: tuple[Consensus, ...] = Field(min_length=1)
    effect: Literal[
        "additive", "redundant", "multiplicative", "repressive", "insulating", "none"
    ] = "none"
    weight: Amount = Field(0.0, description="of one site of affinity 1, beside the promoter")
    reach: float = Field(10_000.0, gt=0, description="distance of 1/e of an effect, bp")
    limit: float = Field(1.0, gt=0, description="of a redundant factor's contribution")
    cells: dict[str, Amount] = Field(default_factory=dict, description="level by cell type, or 1")
    group: str = Field("common", description="compatibility: what promoters name in `responds`")
    opens: Share = Field(0.0, description="accessibility that one site makes")


class FactorPair(Parameters):
    """Two factors whose sites act together: each site with the nearest of the other's, an AND."""

    factors: tuple[str, str]
    within: int = Field(100, gt=0, description="distance between the two sites at most, bp")
    weight: Amount = Field(description="of one pair of affinity 1, beside the promoter")
    reach: float = Field(10_000.0, gt=0)
    cells: dict[str, Amount] = Field(default_factory=dict)
    group: str = "common"


class Promoter(Parameters):
    """A promoter class, by the motif that makes it.

    ``drive = (basal + additive) * exp(multiplicative) / (1 + repressive)``, and the activity is
    ``ceiling * drive**hill / (half**hill + drive**hill)``.
    """

    motifs: tuple[Consensus, ...] = Field(min_length=1)
    basal: Amount
    responds: dict[str, Amount] = Field(
        default_factory=dict, description="by group of factors: times their contributions, or 1"
    )
    both_strands: bool = Field(False, description="whether its reverse complement is one, too")
    half: float | None = Field(None, gt=0)
    hill: float | None = Field(None, gt=0)
    ceiling: float | None = Field(None, gt=0)
    opens: Share = 0.0


class Grammar(Parameters):
    """Factors, promoters and cell types: all that activities are made of.

    Parameters
    ----------
    name : str
    cell_types : tuple of str
    binding : Binding
    factors, promoters : dict
        By name.
    pairs : tuple of FactorPair
    half, hill, ceiling : float
        Of the response of promoters that have none of their own.
    floor : float
        The value of a bin without a promoter.
    spread : tuple of float
        Shares of an activity in the bins around that of the TSS, an odd number of them.
    """

    name: str
    cell_types: tuple[str, ...] = Field(min_length=1)
    binding: Binding = Binding()
    factors: dict[str, Factor]
    promoters: dict[str, Promoter] = Field(min_length=1)
    pairs: tuple[FactorPair, ...] = ()
    half: float = Field(1.0, gt=0)
    hill: float = Field(2.0, gt=0)
    ceiling: float = Field(100.0, gt=0)
    floor: Amount = 0.02
    spread: tuple[Share, ...] = (1.0,)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.spread) % 2 == 0:
            raise ValueError("spread: an odd number of shares is needed")
        acting: list[Factor | FactorPair] = [*self.factors.values(), *self.pairs]
        groups = {one.group for one in acting}
        for name, promoter in self.promoters.items():
            if unknown := set(promoter.responds) - groups:
                raise ValueError(f"promoter {name} responds to {sorted(unknown)}: no such group")
        for pair in self.pairs:
            if unknown := set(pair.factors) - set(self.factors):
                raise ValueError(f"a pair names {sorted(unknown)}: no such factor")
        for one in acting:
            if unknown := set(one.cells) - set(self.cell_types):
                raise ValueError(f"cells names {sorted(unknown)}: no such cell type")
        return self

    @classmethod
    def read(cls, name: str) -> Grammar:
        """A grammar that comes with the package, or of a TOML file.

        Parameters
        ----------
        name : str
            ``cis`` or ``simple``, or the path of a file, which ends in ``.toml``.

        Raises
        ------
        ConfigError
            If there is none, or it does not fit.
        """
        path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            shipped = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
            raise ConfigError(
                f"grammar {name!r} cannot be read ({error.strerror}): give {shipped}, or the path "
                f"of a .toml file"
            ) from None
        return cls(**parse_toml(text, str(path)))


@cache
def grammar(name: str) -> Grammar:
    """`Grammar.read`, once for each of those that come with the package."""
    return Grammar.read(name)
