"""The report: one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creme.errors import ConfigError

Annotations = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="laid beside the results: assembly=hg38, genes=FILE.gtf, meme=FILE, or NAME=FILE.bed; "
        "may be repeated, and comes before [annotate] of the file",
    ),
]


def annotated(values: list[str] | None) -> dict[str, str]:
    """The values of ``--annotate`` by their keys.

    Raises
    ------
    ConfigError
        For a value without a key.
    """
    pairs = [value.partition("=") for value in values or []]
    for (key, sign, _), value in zip(pairs, values or [], strict=True):
        if not sign or not key:
            raise ConfigError(f"--annotate {value!r}: give KEY=VALUE, such as ccre=ccres.bed")
    return {key: value for key, _, value in pairs}


def report(
    folder: Annotated[Path, typer.Argument(help="the folder of a study, or a results directory")],
    output: Annotated[
        Path | None, typer.Option(help="the file, instead of report.html in the folder")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="another study or results directory, to compare with")
    ] = None,
    annotate: Annotations = None,
) -> None:
    """Write the report of results as one HTML file.

    Of a study or of an experiment; it needs no network."""
    from creme.cli.choices import add_values
    from creme.cli.terminal import out

    path = write_report(folder, output, compare, annotated(annotate))
    size = path.stat().st_size
    add_values(report=path, bytes=size)
    out.print(f"Report: {path} ({size / 1e6:.1f} MB)")


def write_report(
    folder: Path,
    output: Path | None = None,
    compare: Path | None = None,
    annotate: dict[str, str] | None = None,
) -> Path:
    """Write a report, and return its file; see `creme.report.page.write_report`."""
    from creme.report.page import write_report as write

    return write(folder, output, compare, annotate)
