"""Print what runs and stores hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from creme.cli.terminal import err, out, table
from creme.errors import ConfigError, StoreError, listing
from creme.results.directory import Results
from creme.results.tidy import tidy, tidy_columns
from creme.runner.experiment import Experiment
from creme.store import Store
from creme.study.folder import of_study


def show_status(directory: Path) -> None:
    """State, counts and failures of a run."""
    results = Results.existing(directory)
    state = results.state()
    rows = [["state", state["state"]], ["updated", state["updated"]]]
    rows += [[name, str(value)] for name, value in state.get("counts", {}).items()]
    if state.get("batch_size"):
        differences = {int(size): each for size, each in state["batch_differences"].items()}
        rows += [["batch size", str(state["batch_size"])]]
        rows += [["batch against alone", _batches(differences) or "not measured"]]
    rows += [["store", state.get("store", "")], ["results of", listing(results.labels(), 50)]]
    if state.get("error"):
        rows.append(["error", state["error"]])
    rows += [
        ["failure", f"{test} on {unit}: {why}"] for test, unit, why in state.get("failures", [])
    ]
    out.print(table(["", ""], rows, title=str(directory)))
    if state["state"] not in ("finished", "running"):
        out.print(f"To continue: {_further(directory)}")


def _further(directory: Path) -> str:
    study = of_study(directory)
    return f"creme resume {directory}" if study is None else f"creme study {study}"


def show_results(directory: Path, test: str | None, top: int) -> None:
    """The loci with the TSS that was used, and the strongest effects of each test."""
    results = Results.existing(directory)
    labels = [test] if test else results.labels()
    if not labels:
        state = results.state()["state"]
        out.print(f"No results yet; the run is {state}. To continue: {_further(directory)}")
        return
    say_if_outdated(results)
    for place, label in enumerate(labels):
        dataset = results.load(label)
        if place == 0:
            out.print(table(*_loci(dataset), title="loci (TSS and window 0-based)"))
        columns, rows = _strongest(dataset, top)
        out.print(table(columns, rows, title=f"{label}: strongest first"))


def say_if_outdated(results: Results) -> None:
    """Warn of a study's stage that was made from other results than earlier ones have now."""
    state = results.state()
    if state["state"] == "outdated":
        further = _further(results.path)
        err.print(f"These results are outdated: {state['error']}. To continue: {further}")


def _loci(dataset: xr.Dataset) -> tuple[list[str], list[list[object]]]:
    names = [
        name
        for name in tidy_columns(dataset)
        if dataset[name].dims == ("locus",) and not name.startswith("padding")
    ]
    columns = [dataset[name].values.tolist() for name in names]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return names, rows


# What a test is about, and what it is where nothing happens.
_MEASURES = {"effect": 0.0, "fold_change": 1.0, "score": 0.0}


def _strongest(dataset: xr.Dataset, top: int) -> tuple[list[str], list[list[object]]]:
    """Rows furthest from nothing happening; the first ones if a test has no such measure."""
    measure = next((name for name in _MEASURES if name in dataset), None)
    if measure is None:
        frame = tidy(dataset)
        columns = [str(name) for name in frame]
        return columns, frame.head(top).to_numpy(dtype=object).tolist()
    names = ["wild_type", measure, f"{measure}_std", f"{measure}_se"]
    part = dataset[[name for name in names if name in dataset]]
    frame = tidy(part).dropna(subset=[measure])
    away = (frame[measure] - _MEASURES[measure]).abs()
    frame = frame.reindex(away.sort_values(ascending=False, kind="stable").index)
    columns = [
        name for name in tidy_columns(part) if name in frame and name not in _ABOUT_THE_LOCUS
    ]
    columns = [*columns, *(name for name in names if name in frame and name not in columns)]
    return columns, frame[columns].head(top).to_numpy(dtype=object).tolist()


# In the table of the loci, and in columns that say the same more plainly.
_ABOUT_THE_LOCUS = {
    *("gene", "transcript", "contig", "tss_position", "strand", "start", "end"),
    *("padding_left", "padding_right", "genomic_start", "genomic_end"),
    *("tile", "copy", "position", "source", "target", "selected", "kept"),
}


def export_results(directory: Path, test: str | None, path: Path, replicates: bool) -> None:
    """Write one test's tidy table."""
    results = Results.existing(directory)
    say_if_outdated(results)
    if test is None:
        if len(results.labels()) != 1:
            raise ConfigError(
                f"{directory} has results of {listing(results.labels())}: choose one with --test"
            )
        test = results.labels()[0]
    frame = tidy(results.load(test), replicates=replicates)
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}: make it first")
    if path.suffix in (".csv", ".tsv"):
        frame.to_csv(path, index=False, sep="," if path.suffix == ".csv" else "\t")
    elif path.suffix == ".parquet":
        try:
            frame.to_parquet(path, index=False)
        except ImportError:
            raise ConfigError(
                "Parquet needs pyarrow: pip install 'creme-toolkit[parquet]', or export .csv"
            ) from None
    else:
        raise ConfigError(f"{path}: the ending says the format; give .csv, .tsv or .parquet")
    out.print(f"Wrote {len(frame)} rows to {path}")


def show_store(path: Path) -> None:
    """What a store holds, source by source; `path` may be an experiment file."""
    url = None
    if path.is_file():
        experiment = Experiment.from_file(path)
        path, url = path.parent / Path(experiment.store).expanduser(), experiment.index
    if not path.is_dir():
        raise StoreError(f"there is no store {path}")
    with Store(path, index_url=url) as store:
        found = store.info()
        rows = [
            [
                info.source.description.get("model", "?"),
                info.source.fingerprint[:12],
                " x ".join(map(str, info.source.shape)),
                info.predictions,
                info.chunks,
                float(np.round(info.bytes / 2**20, 3)),
                _batches(info.batches),
            ]
            for info in found
        ]
        columns = ["model", "fingerprint", "bins x tracks", "predictions", "chunks", "MiB"]
        columns.append("batch against alone")
        out.print(table(columns, rows, title=f"{path} (schema version {store.schema_version})"))


def _batches(differences: dict[int, float]) -> str:
    """How far predictions in batches are from those of sequences alone, by size of batch."""
    return ", ".join(f"{size}: {each:.1g}" for size, each in sorted(differences.items()))
