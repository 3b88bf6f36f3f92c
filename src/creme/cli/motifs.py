"""Instances of motifs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def motifs(
    source: Annotated[
        Path, typer.Argument(help="results, a study's folder, an experiment file or a BED file")
    ],
    meme: Annotated[Path, typer.Option(help="motifs in the MEME format")],
    to: Annotated[Path, typer.Option(help="the BED file to write")],
    within: Annotated[
        str,
        typer.Option(help="of results: loci, enhancers, silencers or fine_tiles"),
    ] = "loci",
    fasta: Annotated[
        Path | None, typer.Option(help="the genome; that of the loci unless given")
    ] = None,
    p: Annotated[float, typer.Option(help="instances have a smaller p")] = 1e-4,
    overlapping: Annotated[
        bool, typer.Option("--overlapping", help="keep all of those that overlap")
    ] = False,
) -> None:
    """Write instances of motifs as a BED file.

    The test compatibility takes it. By FIMO as memelite has it, on both strands; of instances that
    overlap, the one with the smallest p stays."""
    from creme.cli.choices import add_values
    from creme.cli.terminal import out
    from creme.export.instances import write_instances

    instances = write_instances(source, meme, to, within, fasta, p, overlapping=overlapping)  # type: ignore[arg-type]
    add_values(
        to=to,
        instances=len(instances.table),
        matches=instances.matches,
        places=instances.tests,
        motifs=instances.motifs,
        by_chance=instances.p * instances.tests,
    )
    out.print(f"{instances.summary}.")
    out.print(f"Wrote {to}")
