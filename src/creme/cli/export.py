"""Export results for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creme.cli.report import Annotations, annotated


def export(
    path: Annotated[Path, typer.Argument(help="the folder of a study, or a results directory")],
    to: Annotated[Path, typer.Option(help="a new folder, or an earlier export")],
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="tracks, tables or notebook, which are written unless one is named; hub or igv, "
            "for genome browsers; network, of tiles and genes; may be repeated"
        ),
    ] = None,
    tables_as: Annotated[str, typer.Option(help="csv or parquet")] = "csv",
    annotate: Annotations = None,
    sizes: Annotated[
        Path | None,
        typer.Option(help="lengths of contigs for hub and igv; those of the FASTA unless given"),
    ] = None,
) -> None:
    """Write genome browser tracks, tables and a notebook.

    The tables are tidy, and have every replicate. A track hub of UCSC (--only hub) needs the name
    of the assembly, --annotate assembly=hg38; it and a session of IGV (--only igv) need pybigtools.
    """
    from creme.cli.choices import add_values
    from creme.cli.terminal import out
    from creme.export import PARTS
    from creme.export import export as write

    files = write(path, to, only or PARTS, tables_as, annotated(annotate), sizes)  # type: ignore[arg-type]
    add_values(to=to, files=list(map(str, files)))
    out.print(f"Wrote {len(files)} files to {to}")
    for file in files:
        out.print(f"  {file}")
