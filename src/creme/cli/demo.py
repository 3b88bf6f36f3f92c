"""A whole study of the synthetic model, compared with the planted elements, and its report."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from creme.cli.places import interval_text
from creme.cli.study import execute_study
from creme.cli.terminal import out, show_table
from creme.demo.genome import Element, write_genome
from creme.files.durable import write_text

if TYPE_CHECKING:
    import pandas as pd

_STUDY = """\
# Written by `creme demo`: a synthetic model on a synthetic genome; nothing here is biology.
name = "demo"
seed = 7
store = "predictions"

[model]
plugin = "synthetic"
tracks = ["alpha"]
bins = "432-464"                # those around the TSS's, 448

[loci]
fasta = "genome.fa"
gtf = "annotation.gtf"

[selection]
activity = 1.0                  # the paper's 30 is for Enformer's scale

[common]
tile = 5000
replicates = 2                  # the paper's: 10; two make this a matter of a minute or two

[context_swap]
replicates = 1

[higher_order]
rounds = 3
categories = ["enhancing", "silencing"]

[multiplicity]
copies = 3
cres = { enhancing = ["strong enhancer"] }

[fine_tile]
windows = [1000, 250]
cres = { enhancing = ["strong enhancer"] }
"""

NEGLIGIBLE = 0.003
"""Necessity effects below this count as no element: they are chance matches of motifs."""
SHOWN = 5
"""Number of elements that are listed, the strongest first."""


def run_demo(folder: Path, genes: int) -> int:
    """Write the genome and the study, run it, compare its results with the truth, and report."""
    from creme.cli.demo_network import show_network
    from creme.cli.report import write_report

    genome = write_genome(folder, seed=0, genes=genes, varied=True)
    file = folder / "study.toml"
    write_text(file, _STUDY)
    out.print(f"{len(genome.genes)} synthetic genes in {genome.fasta}; study file {file}")
    output = folder / "demo.study"
    status = execute_study(file, output, None)
    if status:
        return status

    from creme.study import StudyResults

    study = StudyResults(output)
    contexts = {element.gene: element.context for element in genome.elements}
    _show_contexts(study.table("categories"), contexts)
    _show_elements(study.table("necessity"), genome.elements)
    out.print(f"The truth: {genome.truth}")
    show_network(folder)
    page = write_report(output)
    out.print(f"The report, to open in a browser: {page}")
    out.print("Next steps:")
    for command, why in (
        (f"results {output}", "prints the strongest elements"),
        (f"export {output} --to {folder / 'export'}", "tracks for a genome browser, tables"),
        (f"demo {folder} --genes {genes}", "again: nothing is predicted twice"),
        ("init experiment.toml", "a commented file, for your own model and genes"),
    ):
        out.print(f"  {_program()} {command}\n      {why}")
    return 0


def _program() -> str:
    """The command as it was called, where `creme` alone would be another or none."""
    called = Path(sys.argv[0])
    if called.name != "creme":
        return "creme"
    installed = shutil.which("creme")
    return "creme" if installed and Path(installed).samefile(called) else str(called)


def _show_contexts(categories: pd.DataFrame, planted: dict[str, str]) -> None:
    compared = categories.assign(planted=categories["gene"].map(planted))
    names = ["enhancing", "neutral", "silencing"]
    rows = []
    for context in names:
        assigned = compared.loc[compared["planted"] == context, "category"]
        none = int((~assigned.isin(names)).sum())
        counts = [int((assigned == name).sum()) for name in names]
        rows.append([context, len(assigned), *counts, none])
    columns = ["planted context", "genes", *(f"found {name}" for name in names), "none"]
    show_table("contexts", columns, rows, "contexts: planted, and found by context dependence")


def _show_elements(necessity: pd.DataFrame, elements: tuple[Element, ...]) -> None:
    tiles = necessity.drop_duplicates(["locus", "tile_start"])
    compared = compare(tiles, elements)
    columns = ["gene", "context", "planted", "interval (1-based)", "distance", "necessity", "found as"]
    # Apart: a silencer's necessity has no bound, and an enhancer's is 1 at the most.
    kinds = [[row for row in compared if row[2] == kind][:SHOWN] for kind in ("enhancer", "silencer")]
    title = (
        f"the {len(kinds[0])} strongest enhancers and the {len(kinds[1])} strongest silencers "
        f"of {len(compared)} planted elements"
    )
    show_table("elements", columns, [row for rows in kinds for row in rows], title)
    recovered = sum(row[2] == row[6] for row in compared)
    others, false = false_elements(tiles, elements)
    out.print(
        f"Necessity recovered {recovered} of {len(compared)} planted elements; of {others} tiles "
        f"without one, {false} look like one (motifs that chance or a shuffle made).",
    )


def _holds(frame: pd.DataFrame, element: Element) -> pd.Series:
    """True in the rows of the tile that a planted element lies in."""
    return (
        (frame["locus"] == element.gene)
        & (frame["genomic_start"] <= element.start)
        & (frame["genomic_end"] >= element.end)
    )


def compare(frame: pd.DataFrame, elements: tuple[Element, ...]) -> list[list[object]]:
    """A row for each planted element of a gene that was selected, strongest first."""
    rows: list[list[object]] = []
    for element in elements:
        effects = frame.loc[_holds(frame, element), "effect"]
        if effects.empty:
            continue
        effect = float(effects.iloc[0])
        kind = "enhancer" if effect > 0 else "silencer"
        rows.append(
            [
                element.gene,
                element.context,
                element.kind,
                interval_text(element.contig, element.start, element.end),
                element.distance,
                effect,
                kind if abs(effect) > NEGLIGIBLE else "nothing",
            ]
        )
    return sorted(rows, key=lambda row: -abs(float(row[5])))  # type: ignore[arg-type]


def false_elements(frame: pd.DataFrame, elements: tuple[Element, ...]) -> tuple[int, int]:
    """The number of tiles without a planted element, and of those among them with an effect."""
    true = np.any([_holds(frame, element) for element in elements], axis=0)
    others = frame.loc[~true, "effect"].abs()
    return len(others), int((others > NEGLIGIBLE).sum())
