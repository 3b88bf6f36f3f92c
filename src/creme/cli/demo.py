"""The main job on the synthetic model, compared with what was planted."""

from __future__ import annotations

from pathlib import Path

from creme.cli.execute import execute
from creme.cli.terminal import out, table
from creme.models.synthetic_genome import Element, write_genome
from creme.runner.combine import tidy
from creme.runner.results import Results, write_text

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
    rows, recovered = compare(Results(output), genome.elements)
    out.print(
        table(
            ["gene", "context", "planted", "genome interval", "distance", "necessity", "found as"],
            rows,
            title="planted elements, and what the necessity test found (synthetic)",
        )
    )
    false = false_elements(Results(output), genome.elements)
    out.print(
        f"Recovered {recovered} of {len(rows)} planted elements; {false} tiles without an element "
        f"look like one. Truth: {genome.truth}",
        highlight=False,
    )
    return 0 if recovered == len(rows) and not false else 1


def compare(results: Results, elements: tuple[Element, ...]) -> tuple[list[list[object]], int]:
    """A row for each planted element, strongest first, and how many were recovered."""
    frame = tidy(results.load("necessity"))
    rows: list[list[object]] = []
    for element in elements:
        inside = (
            (frame["locus"] == element.gene)
            & (frame["genomic_start"] <= element.start)
            & (frame["genomic_end"] >= element.end)
        )
        effect = float(frame.loc[inside, "effect"].iloc[0])
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


def false_elements(results: Results, elements: tuple[Element, ...]) -> int:
    """Tiles with an effect but no planted element."""
    frame = tidy(results.load("necessity"))
    true = {
        index
        for element in elements
        for index in frame.index[
            (frame["locus"] == element.gene)
            & (frame["genomic_start"] <= element.start)
            & (frame["genomic_end"] >= element.end)
        ]
    }
    strong = frame.index[frame["effect"].abs() > NEGLIGIBLE]
    return len(set(strong) - true)
