"""The file of a scorecard: a model, where its genome is, and the panel."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from creme.engines.table import ClusterTable
from creme.errors import ConfigError
from creme.genome import Annotation, LociConfig
from creme.model import Readout
from creme.parameters import Parameters
from creme.runner.experiment import BatchSize, FolderName
from creme.runner.other_stores import READ_FROM, ReadFrom
from creme.runner.toml_file import TomlFile
from creme.scorecards.panel_file import ScorecardPanel


class PanelGenome(Parameters):
    """The table ``[genome]``: the assembly's sequence, and an annotation where genes have to be
    placed."""

    name: ClassVar[str] = "[genome]"

    fasta: Path = Field(description="the genome: FASTA, plain or compressed by gzip or bgzip")
    gtf: Path | None = Field(None, description="annotation that places genes without a TSS")
    bed: Path | None = Field(None, description="BED file (6 columns) of TSSs, in place of gtf")
    table: Path | None = Field(
        None, description="TSV or CSV with columns gene, contig, tss, strand, in place of gtf"
    )
    contigs: list[str] | None = Field(
        None, min_length=1, description="loci on others are left out; all unless given"
    )

    @model_validator(mode="after")
    def _one_annotation(self) -> Self:
        sources = [name for name in ("gtf", "bed", "table") if getattr(self, name) is not None]
        if len(sources) > 1:
            raise ValueError(f"give one of gtf, bed and table, not {' and '.join(sources)}")
        return self

    def annotation(self, folder: Path) -> Annotation | None:
        """The annotation, if there is one."""
        if self.gtf is self.bed is self.table is None:
            return None
        chosen = LociConfig(fasta=self.fasta, gtf=self.gtf, bed=self.bed, table=self.table)
        return chosen.annotation(folder)


class CrispriTable(Parameters):
    """The table ``[crispri]``: element-gene pairs as `creme validate crispri` takes them."""

    name: ClassVar[str] = "[crispri]"

    table: Path = Field(description="element-gene pairs: .tsv, .csv, or gzipped")
    cell_type: str | None = Field(None, description="of the table, if it has several")
    build: str | None = Field(None, description="genome build, unless the file's name says it")


class ScorecardSettings(TomlFile):
    """A scorecard as its file describes it.

    Relative paths start from the folder of the file; from the current directory for one that is
    made in Python.
    """

    called: ClassVar[str] = "scorecard"

    name: FolderName = Field(description="of the model, as cards side by side show it")
    panel: str = Field(description="a panel that is shipped, by its name, or a panel's file")
    store: str = Field("predictions", description="as in an experiment file")
    index: str | None = Field(
        None,
        repr=False,  # a password may stand in it
        description="as in an experiment file",
    )
    read_from: ReadFrom = Field([], description=READ_FROM)
    batch_size: BatchSize = Field(None, description="as in an experiment file")
    track: str | None = Field(
        None, description="label of the activity that is scored; needed where there are several"
    )
    cluster: ClusterTable | None = Field(None, description="as in an experiment file")
    model: dict[str, Any] = Field(description="as in an experiment file")
    genome: PanelGenome | None = Field(
        None, description="may be left out where the toolkit writes the panel's genome itself"
    )
    crispri: CrispriTable | None = Field(None, description="measurements to compare with")
    readouts: list[Readout] = Field(default=[], description="as in an experiment file")

    @classmethod
    def _from_table(cls, table: dict[str, Any]) -> Self:
        for key, section in _SECTIONS.items():
            if isinstance(table.get(key), dict):
                table[key] = section(**table[key])
        return cls(**table)

    def with_genome(self, panel: ScorecardPanel, to: Path) -> Self:
        """The same with a genome; that of a synthetic panel is written into a folder.

        Raises
        ------
        ConfigError
            If none is given, and the panel's is not synthetic.
        """
        if self.genome is not None:
            return self
        source = panel.synthetic
        if source is None:
            raise ConfigError(
                f"{self.title}: panel {panel.name!r} is of {panel.assembly}: give [genome] fasta"
            )
        from creme.demo.loci import write_loci
        from creme.demo.rules import grammar

        rules = grammar(source.grammar)
        drawn = (source.loci, source.length, source.seed, source.draw)
        written = write_loci(to / "genome", rules, *drawn)
        place = os.path.relpath(written.fasta.absolute(), self.folder.absolute())
        return self.model_copy(update={"genome": PanelGenome(fasta=Path(place))})

    def load_panel(self) -> ScorecardPanel:
        """The panel; see `ScorecardPanel.read`."""
        return ScorecardPanel.read(self.panel, self.folder)


_SECTIONS: dict[str, type[Parameters]] = {
    "cluster": ClusterTable,
    "genome": PanelGenome,
    "crispri": CrispriTable,
}
