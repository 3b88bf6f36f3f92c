"""Effects beside others of their kind: those of the same results, and those of a panel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from creme.errors import ConfigError, ResultsError
from creme.test import Presentation

if TYPE_CHECKING:
    import xarray as xr

    from creme.analysis.panel import Panel
    from creme.results.view import ResultsView

PANEL, DISTRIBUTIONS = "panel.json", "calibration.json"
"""Files of a results directory: a copy of the panel that was named, and the run's own effects."""

ENDINGS = ("percentile", "panel_percentile", "panel_p")
"""Of the names of variables, after that of the measure."""


def panel_in(folder: Path) -> Panel | None:
    """The panel that a run or a study named; its copy is kept with the results."""
    from creme.analysis.panel import Panel

    path = folder / PANEL
    return Panel.from_file(path) if path.is_file() else None


def keep_panel(folder: Path, panel: Panel | None) -> None:
    """Write the copy, or remove that of an earlier run."""
    if panel is None:
        (folder / PANEL).unlink(missing_ok=True)
    else:
        panel.write(folder / PANEL)


def calibrated(dataset: xr.Dataset, shown: Presentation, panel: Panel | None) -> xr.Dataset:
    """A test's whole Dataset with the percentile of each effect.

    Parameters
    ----------
    dataset : Dataset
        May be opened; the measure is read.
    shown : Presentation
        Of the test.
    panel : Panel, optional

    Returns
    -------
    Dataset
        With ``MEASURE_percentile``, among all effects of the test and track (and search, round,
        ...) in it, in percent; and, where the panel has the test, ``MEASURE_panel_percentile`` and
        ``MEASURE_panel_p`` (`creme.analysis.calibration.with_panel`). As it was for a measure
        without a neutral value, or an activity.

    Raises
    ------
    ConfigError
        If the panel is of another model, test or readout.
    """
    from creme.analysis.calibration import is_calibrated, with_panel, with_percentiles

    measure = shown.measure
    if not _has_numbers(dataset, measure) or not is_calibrated(measure, shown.neutral):
        return dataset
    dataset = with_percentiles(dataset, measure)
    return dataset if panel is None else with_panel(dataset, measure, panel)


def compared(dataset: xr.Dataset, panel: Panel | None) -> xr.Dataset:
    """A Dataset of effects, or a part of it, with what a panel says of them, if there is one."""
    from creme.analysis.calibration import with_panel

    return dataset if panel is None else with_panel(dataset, "effect", panel)


def calibration_sentences(
    dataset: xr.Dataset, shown: Presentation, panel: Panel | None
) -> list[str]:
    """Sentences on what `calibrated` has added: what the percentiles are among."""
    measure = shown.measure
    if f"{measure}_percentile" not in dataset:
        return []
    sentences = [f"{measure}_percentile: among all effects of the track in these results."]
    if panel is None:
        return sentences
    entry = panel.test_of(dataset)
    if entry is None:
        sentences.append(f"The panel has no effects of this test: it is of {panel.source}.")
    else:
        n = [null.n for null in entry.distributions.values()]
        many = str(min(n)) if min(n) == max(n) else f"{min(n)} to {max(n)}"
        sentences.append(
            f"{measure}_panel_p: rank p among the {many} effects of the panel, {panel.source}; "
            f"the smallest possible one is {panel.smallest_p(entry.test):.2g}."
        )
    if "below_minimum" in dataset and "minimum_activity" not in dataset.attrs.get(
        "configuration", ""
    ):
        below = dataset["below_minimum"].values
        if below.any():
            sentences.append(
                f"{int(below.sum())} of {below.size} activities of the wild type are below the "
                f"panel's floor of their track: they are flagged (below_minimum) and get no class."
            )
    return sentences


def keep_distributions(view: ResultsView) -> None:
    """Write the distribution of each measure beside the results of a run.

    None where tests of an earlier version are among them, which say less of themselves.
    """
    try:
        panel = panel_of(view, f"all effects of {view.name}")
    except ConfigError:
        panel = None
    if panel is None:
        (view.path / DISTRIBUTIONS).unlink(missing_ok=True)
    else:
        panel.write(view.path / DISTRIBUTIONS)


def panel_of(view: ResultsView, source: str) -> Panel | None:
    """A panel of all effects in results; None where they have no measure to calibrate.

    Raises
    ------
    ConfigError
        If the results are of a version that does not say how activities are read.
    """
    from creme.analysis.calibration import is_calibrated
    from creme.analysis.panel import Panel

    datasets = []
    for label in view.tests:
        try:
            shown, opened = view.presentation(label), view.open(label)
        except ResultsError:  # its units do not fit together: it has no Dataset
            continue
        if _has_numbers(opened, shown.measure) and is_calibrated(shown.measure, shown.neutral):
            datasets.append((shown.measure, opened))
    return Panel.of_datasets(datasets, source) if datasets else None


def _has_numbers(dataset: xr.Dataset, measure: str) -> bool:
    return measure in dataset.data_vars and dataset[measure].dtype.kind in "iuf"
