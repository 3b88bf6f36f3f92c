"""Export results for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    path: Annotated[Path, typer.Argument(help="the folder of a study, or a results directory")],
    to: Annotated[Path, typer.Option(help="a new folder, or an earlier export")],
    only: Annotated[
        list[str] | None,
        typer.Option(help="tracks, tables or notebook; may be repeated; all unless given"),
    ] = None,
    tables_as: Annotated[str, typer.Option(help="csv or parquet")] = "csv",
) -> None:
    """Write genome browser tracks, tables and a notebook.

    The tables are tidy, and have every replicate."""
    from creme.cli.choices import add_values
    from creme.cli.terminal import out
    from creme.export import PARTS
    from creme.export import export as write

    files = write(path, to, only or PARTS, tables_as)  # type: ignore[arg-type]
    add_values(to=to, files=list(map(str, files)))
    out.print(f"Wrote {len(files)} files to {to}")
    for file in files:
        out.print(f"  {file}")
