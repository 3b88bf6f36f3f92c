"""The main job on the synthetic model, compared with what was planted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from creme.cli.execute import execute
from creme.cli.terminal import out, table
from creme.durable import write_text
from creme.models.synthetic_genome import Element, write_genome
from creme.runner.combine import tidy
from creme.runner.results import Results

if TYPE_CHECKING:
    import pandas as pd

_EXPERIMENT = """\
# Written by `creme demo`: a synthetic model on a synthetic genome; nothing here is biology.
name = "demo"
seed = 7
store = "predictions"

[model]
plugin = "synthetic"
tracks = ["alpha"]
bins = "tss"

[loci]
fasta = "genome.fa"
gtf = "annotation.gtf"

[[tests]]
name = "context_dependence"

[[tests]]
name = "necessity"

[[tests]]
name = "sufficiency"
replicates = 4
"""

NEGLIGIBLE = 0.003
"""Necessity effects below this are no element: chance matches of invented motifs."""


def run_demo(folder: Path, genes: int) -> int:
    """Write the genome and the experiment, run it, and print what was found and what is true."""
    genome = write_genome(folder, seed=0, genes=genes)
    file = folder / "experiment.toml"
    write_text(file, _EXPERIMENT)
    out.print(f"{len(genome.genes)} synthetic genes in {genome.fasta}; experiment file {file}")
    output = folder / f"demo-{genes}.results"
    status = execute(_EXPERIMENT, folder, str(file), output)
    if status:
        return status
    frame = tidy(Results(output).load("necessity"))
    rows, recovered = compare(frame, genome.elements)
    out.print(
        table(
            ["gene", "context", "planted", "genome interval", "distance", "necessity", "found as"],
            rows,
            title="planted elements, and what the necessity test found (synthetic)",
        )
    )
    false = false_elements(frame, genome.elements)
    out.print(
        f"Recovered {recovered} of {len(rows)} planted elements; {false} tiles without an element "
        f"look like one. Truth: {genome.truth}",
        highlight=False,
    )
    return 0 if recovered == len(rows) and not false else 1


def _holds(frame: pd.DataFrame, element: Element) -> pd.Series:
    """Which rows are the tile that a planted element lies in."""
    return (
        (frame["locus"] == element.gene)
        & (frame["genomic_start"] <= element.start)
        & (frame["genomic_end"] >= element.end)
    )


def compare(frame: pd.DataFrame, elements: tuple[Element, ...]) -> tuple[list[list[object]], int]:
    """A row for each planted element, strongest first, and how many were recovered."""
    rows: list[list[object]] = []
    for element in elements:
        effect = float(frame.loc[_holds(frame, element), "effect"].iloc[0])
        found = "enhancer" if effect > 0 else "silencer"
        rows.append(
            [
                element.gene,
                element.context,
                element.kind,
                f"{element.contig}:{element.start}-{element.end}",
                element.distance,
                effect,
                found if abs(effect) > NEGLIGIBLE else "nothing",
            ]
        )
    rows.sort(key=lambda row: -abs(float(row[5])))  # type: ignore[arg-type]
    return rows, sum(row[2] == row[6] for row in rows)


def false_elements(frame: pd.DataFrame, elements: tuple[Element, ...]) -> int:
    """Tiles with an effect but no planted element."""
    true = np.any([_holds(frame, element) for element in elements], axis=0)
    return int(((frame["effect"].abs() > NEGLIGIBLE) & ~true).sum())
