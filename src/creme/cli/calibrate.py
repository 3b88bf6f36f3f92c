"""Make a panel of effects to compare others with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creme.errors import ConfigError
from creme.interrupts import STOPPED


def calibrate(
    source: Annotated[
        Path,
        typer.Argument(
            help="an experiment file, whose tests are run on its loci with their context "
            "shuffled; or results, of loci that were chosen since they carry nothing"
        ),
    ],
    to: Annotated[Path, typer.Option(help="the panel's file, .json")],
    contexts: Annotated[
        int, typer.Option(min=1, help="shuffled contexts of each locus of an experiment file")
    ] = 1,
) -> None:
    """Measure effects where nothing is expected: a panel.

    The effects of experiments and studies are compared with it."""
    from creme.cli.choices import add_values
    from creme.cli.terminal import out, progress, say_failures
    from creme.results.calibrated import panel_of
    from creme.results.kind import Kind, kind_of, mistaken
    from creme.runner.calibrate import measure_panel
    from creme.runner.experiment import Experiment
    from creme.study.view import open_results

    if to.suffix != ".json":
        raise ConfigError(f"{to}: a panel's file ends in .json")
    if not to.parent.is_dir():
        raise ConfigError(f"there is no folder {to.parent}: make it first")
    kind = kind_of(source)
    if kind in (Kind.RESULTS, Kind.STUDY):
        view = open_results(source)
        panel = panel_of(view, f"the effects of {view.name}")
    elif kind in (Kind.STUDY_FILE, Kind.STORE, Kind.REPORT):
        raise ConfigError(str(mistaken(source, "an experiment file or results")))
    else:
        experiment = Experiment.from_file(source)
        panel, report = measure_panel(experiment, contexts, progress=progress)
        say_failures(report.failures)
        if report.interrupted:
            out.print("Stopped before the end; run it again to go on.")
            raise typer.Exit(STOPPED)
    if panel is None:
        raise ConfigError(f"{source}: there are no effects to make a panel of")
    panel.write(to)
    add_values(panel=to)
    for one in panel.tests:
        n = sum(null.n for null in one.distributions.values())
        out.print(
            f"{one.test}: {n} effects; the smallest p is {panel.smallest_p(one.test):.2g}",
        )
    for track, floor in panel.floors.items():
        out.print(
            f"floor of {track}: {floor['activity']:.4g} (quantile {floor['quantile']:g} of "
            f"{floor['n']} activities in shuffled contexts)",
        )
    out.print(f'Wrote {to}; [calibration] panel = "{to}" compares with it')
