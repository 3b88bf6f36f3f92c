"""The panel of a scorecard: a list of loci and of questions that does not change, as a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from creme.errors import ConfigError, listing, nearest
from creme.files import small
from creme.parameters import Parameters
from creme.runner.tables import FolderName
from creme.runner.toml_file import TomlFile

FORMAT: Literal["creme scorecard panel"] = "creme scorecard panel"
VERSION = 1

Question = Literal[
    "context",
    "distance",
    "additivity",
    "saturation",
    "agreement",
    "strands",
    "crispri",
]
QUESTIONS: tuple[Question, ...] = get_args(Question)
"""In the order of a card."""


class PanelLocus(Parameters):
    """A locus of a panel: a gene alone, which an annotation places, or a gene and its TSS."""

    name: ClassVar[str] = "[[loci]]"

    gene: str = Field(min_length=1, description="name or identifier, as the annotation has it")
    contig: str | None = Field(None, description="of the TSS; with tss and strand, or none of them")
    tss: int | None = Field(None, ge=0, description="0-based position of the TSS base")
    strand: Literal["+", "-"] | None = Field(None, description="of the gene")
    core: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        description="SHA-256 of the bases of the TSS tile, 5' to 3'; where it is there, another "
        "sequence is refused",
    )

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        places = (self.contig, self.tss, self.strand)
        if any(each is None for each in places) != all(each is None for each in places):
            raise ValueError(f"{self.gene}: give contig, tss and strand, or none of the three")
        return self


class SyntheticLoci(Parameters):
    """The genome of a panel that the toolkit writes itself; see `creme.demo.loci.write_loci`."""

    name: ClassVar[str] = "[synthetic]"

    grammar: str = Field(description="of the rules, as `creme benchmark truth` takes it")
    loci: int = Field(ge=3, description="how many there are")
    length: int = Field(ge=1024, description="of each one's stretch, bp")
    seed: int = Field(0, ge=0, description="of everything random in it")
    draw: str = Field(
        "held out", description="its name among draws; networks are trained on those of others"
    )


class ScorecardPanel(TomlFile):
    """Loci and questions with all that the numbers depend on but the model.

    A panel is known by its `digest`: cards of panels with one digest are answers to the same
    questions.
    """

    called: ClassVar[str] = "panel"
    last: ClassVar[tuple[str, ...]] = ("synthetic", "loci")

    format: Literal["creme scorecard panel"] = FORMAT
    version: int = Field(VERSION, ge=1, le=VERSION, description="of the format")
    name: FolderName = Field(description="with a number: another list has another name")
    assembly: str = Field(min_length=1, description="the genome that the loci are of")
    about: str = Field("", description="a sentence; no part of the digest")
    seed: int = Field(0, ge=0, description="of all shuffles; what tiles do is asked with another")
    tile: int = Field(5000, ge=1, description="length of a tile and of the TSS tile, bp")
    reach: int = Field(
        47_500, ge=1, description="tiles lie wholly within this distance of the TSS, bp"
    )
    replicates: int = Field(
        4, ge=2, le=12, multiple_of=2, description="shuffles; their halves give the noise"
    )
    steps: tuple[int, ...] = Field(
        (1, 2, 4, 8),
        min_length=2,
        description="places that a tile is moved and copied to, on either side, in tiles from the "
        "TSS's",
    )
    copies: int = Field(4, ge=3, description="of a tile, at most")
    strongest: int = Field(4, ge=2, le=8, description="tiles of a locus that are lost in pairs")
    least: float = Field(
        0.05,
        ge=0,
        description="sufficiency effect of a tile that is moved and copied, at least: a share of "
        "the wild type's activity",
    )
    questions: tuple[Question, ...] = Field(QUESTIONS, min_length=1)
    synthetic: SyntheticLoci | None = Field(
        None, description="the genome, where the toolkit writes it: then a file needs no [genome]"
    )
    loci: list[PanelLocus] = Field(min_length=3)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        genes = [locus.gene for locus in self.loci]
        if twice := sorted({gene for gene in genes if genes.count(gene) > 1}):
            raise ValueError(f"loci: {listing(twice)} stand there twice")
        if list(self.steps) != sorted(set(self.steps)) or self.steps[0] < 1:
            raise ValueError(f"steps = {list(self.steps)}: ascending numbers from 1")
        if 2 * len(self.steps) < self.copies:
            raise ValueError(
                f"copies = {self.copies}: steps give {2 * len(self.steps)} places only"
            )
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of all fields but `about`; a card has it."""
        content = {key: part for key, part in self.configuration().items() if key != "about"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """All but the loci: what a card repeats of its panel."""
        left_out = ("format", "version", "loci", "about", "name", "assembly", "synthetic")
        return {key: part for key, part in self.configuration().items() if key not in left_out}

    @classmethod
    def read(cls, chosen: str | Path, folder: Path = Path()) -> ScorecardPanel:
        """A panel that is shipped, by its name, or that of a file.

        Parameters
        ----------
        chosen : str or Path
        folder : Path
            Where a relative path starts from.

        Raises
        ------
        ConfigError
            If there is none, or the file is no panel.
        """
        path = folder / Path(chosen).expanduser()
        try:
            if path.is_file():
                return cls.from_text(small.read_text(path), path.parent, str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read: {small.reason(error)}") from None
        names = shipped()
        if str(chosen) not in names:
            raise ConfigError(
                f"panel = {str(chosen)!r} is no file and no panel that is shipped"
                f"{nearest(str(chosen), names)}; shipped are {listing(names)}, and 'creme "
                f"scorecard panel' makes one"
            )
        text = (_SHIPPED / f"{chosen}.toml").read_text(encoding="utf-8")
        return cls.from_text(text, title=f"panel {chosen}")

    @classmethod
    def _from_table(cls, table: dict[str, Any]) -> Self:
        if table.get("format") != FORMAT:
            raise ConfigError(f'it is no panel of a scorecard, which has format = "{FORMAT}"')
        loci = table.get("loci")
        if isinstance(loci, list) and all(isinstance(each, dict) for each in loci):
            table["loci"] = [PanelLocus(**each) for each in loci]
        if isinstance(table.get("synthetic"), dict):
            table["synthetic"] = SyntheticLoci(**table["synthetic"])
        return cls(**table)


_SHIPPED = files("creme.scorecards") / "panels"


def shipped() -> list[str]:
    """The names of the panels that come with the toolkit."""
    names: Iterable[str] = (each.name for each in _SHIPPED.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))
