"""Print results, and how far they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from creme.cli.choices import add_values, chosen
from creme.cli.strongest import first_rows, strongest
from creme.cli.tables import of_batches, write_table
from creme.cli.terminal import out, say_aside, show_table
from creme.errors import ConfigError, listing
from creme.genome.places import interval_text, one_place
from creme.packages import lacking

if TYPE_CHECKING:
    import xarray as xr

    from creme.results.progress import RunProgress
    from creme.results.view import ResultsView
    from creme.test import Presentation


def show_status(directory: Path) -> None:
    """State, counts and failures of an experiment; the stages of a study."""
    from creme.study.view import open_results

    view = open_results(directory)
    if view.kind == "study":
        from creme.cli.study import show_study

        show_study(directory, None, None)
        return
    state = view.raw
    rows = [["state", view.state], ["updated", state["updated"]]]
    rows += _progress_rows(view.progress)
    rows += [[name, str(value)] for name, value in state.get("counts", {}).items()]
    if state.get("batch_size"):
        differences = {int(size): each for size, each in state["batch_differences"].items()}
        rows += [["batch size", str(state["batch_size"])]]
        rows += [["batch against alone", of_batches(differences) or "not measured"]]
    rows += [["store", state.get("store", "")], ["results of", listing(view.tests, 50)]]
    if state.get("error"):
        rows.append(["error", state["error"]])
    rows += [["failure", f"{test} on {unit}: {why}"] for test, unit, why in view.failures]
    show_table("status", ["of", "value"], rows, str(directory))
    if view.state not in ("finished", "running"):
        out.print(f"To continue: {view.further}")


def _progress_rows(progress: RunProgress) -> list[list[str]]:
    """Units of each test, predictions a second, and the time left."""
    from creme.results.words import duration

    rows = []
    for label, units in progress.tests.items():
        of = "" if units.of is None else f" of {units.of}"
        failed = f", {units.failed} failed" if units.failed else ""
        rows.append([label, f"{units.finished}{of} units{failed}"])
    if progress.rate is not None:
        rows.append(["predictions a second", f"{progress.rate:.3g}"])
    if progress.seconds_left is not None:
        rows.append(["time left", f"about {duration(progress.seconds_left)}"])
    return rows


def show_results(directory: Path, test: str | None, top: int) -> None:
    """The loci with the TSS that was used, and the strongest values of each test."""
    from creme.results.calibrated import calibrated, calibration_sentences
    from creme.study.view import open_results

    view = open_results(directory)
    labels = [test] if test else list(view.tests)
    if not labels:
        out.print(f"No results yet; it is {view.state}. To continue: {view.further}")
        return
    warn_if_outdated(view)
    for note in view.notes:
        out.print(note[:1].upper() + note[1:])
    counts = view.progress.tests
    for place, label in enumerate(labels):
        dataset, shown = view.open(label), view.presentation(label)
        dataset = calibrated(dataset, shown, view.panel)
        if place == 0 and view.kind == "experiment":
            show_table("loci", *_loci(dataset), "loci, by places as in genome browsers (1-based)")
        _show_test(label, dataset, shown, top)
        for sentence in calibration_sentences(dataset, shown, view.panel):
            if "_percentile:" in sentence and not chosen.verbose:
                continue  # nor is the column shown
            out.print(f"{label}: {sentence}")
        for sentence in view.remarks(label):
            out.print(f"{label}, {sentence}")
        units = counts.get(label)
        if units is not None and units.of is not None and units.finished < units.of:
            out.print(f"{label}: {units.finished} of {units.of} units are finished.")


def _show_test(label: str, dataset: xr.Dataset, shown: Presentation, top: int) -> None:
    from creme.analysis.noise import Q
    from creme.results.gaps import gap_sentence

    title = shown.title if label == shown.test else f"{shown.title} ({label})"
    out.print(f"{title}: {shown.summary}" if shown.summary else title)
    columns, rows = strongest(dataset, shown, top, whole=chosen.verbose or chosen.json)
    in_order = np.isnan(shown.neutral) or not shown.measure
    title = f"{label}: {'in order' if in_order else 'strongest first'}"
    if "track" not in columns and dataset.sizes.get("track") == 1:
        title += f", {dataset['track'].values[0]}"
    if "q" in columns:
        place = columns.index("q")
        show_table(label, columns, rows, title, grey=lambda row: row[place] > Q)
        out.print(f"Grey: within noise (q above {Q:g}).")
    else:
        show_table(label, columns, rows, title)
    if sentence := gap_sentence(dataset):
        out.print(f"{label}: {sentence}.")
    _show_backgrounds(label, dataset, top)


def _show_backgrounds(label: str, dataset: xr.Dataset, top: int) -> None:
    """How active a test's backgrounds are, the loci with outliers first."""
    from creme.analysis.backgrounds import background_table, in_order_of_doubt
    from creme.analysis.outliers import RULE

    frame = background_table(dataset)
    if frame is None or frame.empty:
        return
    columns = [name for name in _OF_BACKGROUNDS if frame[name].notna().any()]
    if not (chosen.verbose or chosen.json):
        single = dataset.sizes.get("track") == 1
        columns = [name for name in columns if name not in {"gc", "n", "track" if single else ""}]
    if not frame["outliers"].any():
        columns.remove("outlier_backgrounds")
    rows = in_order_of_doubt(frame)[columns].fillna("")
    title = f"{label}: activities of its backgrounds"
    show_table(f"{label} backgrounds", columns, first_rows(rows, top), title)
    if number := int((frame["outliers"] > 0).sum()):
        where = f"Outliers in {number} of {len(frame)} rows"
        out.print(f"{where}. An outlier is an activity that {RULE}.")


def warn_if_outdated(view: ResultsView) -> None:
    """Warn of stages of a study that were made from other results than earlier ones have now."""
    states = [view.raw] if view.kind == "experiment" else view.stages.values()
    reasons = [state["error"] for state in states if state["state"] == "outdated"]
    if not reasons:
        return
    say_aside(f"These results are outdated: {listing(reasons)}. To continue: {view.further}")


def _loci(dataset: xr.Dataset) -> tuple[list[str], list[list[object]]]:
    """The loci: gene, and TSS and window as one pastes them into a genome browser."""
    from creme.results.words import site_word

    values = {
        name: dataset[name].values.tolist()
        for name in ("locus", "gene", "transcript", "contig", "tss_position", "strand", *_WINDOW)
        if name in dataset.variables and dataset[name].dims == ("locus",)
    }
    columns: dict[str, list[object]] = {
        n: values[n] for n in ("locus", "gene", "transcript") if n in values
    }
    if {"contig", "tss_position"} <= set(values):
        places = zip(values["contig"], values["tss_position"], strict=True)
        columns[site_word(dataset.attrs)] = [one_place(*place) for place in places]
    if "strand" in values:
        columns["strand"] = values["strand"]
    if {"contig", *_WINDOW} <= set(values):
        windows = zip(values["contig"], *(values[n] for n in _WINDOW), strict=True)
        columns["window"] = [interval_text(*window) for window in windows]
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


_WINDOW = ("start", "end")

_OF_BACKGROUNDS = (
    *("locus", "track", "backgrounds", "wild_type", "median", "std", "lowest", "highest"),
    *("outlier_backgrounds", "gc", "n"),
)


def export_results(directory: Path, test: str | None, path: Path, replicates: bool) -> None:
    """Write one test's tidy table."""
    from creme.results.tidy import tidy
    from creme.study.view import open_results

    view = open_results(directory)
    warn_if_outdated(view)
    if test is None:
        if len(view.tests) != 1:
            raise ConfigError(
                f"{directory} has results of {listing(view.tests, 20)}: choose one with --test"
            )
        test = view.tests[0]
    dataset = view.dataset(test) if replicates else view.calibrated(test)
    frame = tidy(dataset, replicates=replicates)
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}: make it first")
    if path.suffix in (".csv", ".tsv"):
        write_table(path, frame)
    elif path.suffix == ".parquet":
        try:
            frame.to_parquet(path, index=False)
        except ImportError:
            how = lacking("Parquet needs pyarrow", "parquet")
            raise ConfigError(f"{how}; or export .csv") from None
    else:
        raise ConfigError(f"{path}: the ending says the format; give .csv, .tsv or .parquet")
    add_values(file=path, rows=len(frame))
    out.print(f"Wrote {len(frame)} rows to {path}")
