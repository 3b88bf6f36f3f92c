"""A stage at work: its loci and test, its results directory, its tables."""

from __future__ import annotations

import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from collections.abc import Sequence as SequenceOf
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import creme
from creme.engines.cluster import OpenCluster
from creme.errors import CremeWarning, PluginError, listing
from creme.files.durable import write_text
from creme.interrupts import held_back
from creme.results import ALL_UNITS
from creme.results.calibrated import keep_distributions
from creme.results.csv_text import csv_text
from creme.results.directory import STATE, Results
from creme.results.experiment_view import ExperimentResults
from creme.results.neighbours import own
from creme.results.state import now
from creme.runner.plan import Plan
from creme.runner.run import measure
from creme.runner.tasks import Progress
from creme.store import Store
from creme.study.folder import Folder
from creme.study.lineage import stage_inputs
from creme.study.loci import Hooks, Watch, dataset, measure_sites
from creme.study.prepared import PreparedStudy
from creme.study.selection import chosen, select, table, why_nothing_is_selected
from creme.study.stage_counts import counts_of, finished, refuse_all_failed
from creme.study.stage_work import FolderWork, experiment_text, folder_work
from creme.study.stages.grouping import category_by_locus
from creme.study.stages.loci import ALL_SITES, SELECTED
from creme.study.stages.stage import Part, Stage, StageData, Tables
from creme.study.stages.tables import empty
from creme.study.stages.work import StageWork, table_of_loci
from creme.test import REMARKS

if TYPE_CHECKING:
    import xarray as xr

COUNTED_EVERY = 10.0
"""Seconds between counts of a running stage in ``study.json``."""


class StageRunner:
    """Runs the stages of a study, each from what earlier ones have in its folder.

    Parameters
    ----------
    prepared : PreparedStudy
    folder : Folder
        Is held, and claimed for the study.
    store : Store
    progress : callable, optional
        See `creme.study.run.run_study`.
    cluster : OpenCluster, optional
        Whose workers predict.
    """

    def __init__(
        self,
        prepared: PreparedStudy,
        folder: Folder,
        store: Store,
        progress: Callable[[str, Plan], AbstractContextManager[Hooks]] | None,
        cluster: OpenCluster | None,
    ) -> None:
        self.prepared = prepared
        self.folder = folder
        self.store = store
        self.progress = progress
        self.cluster = cluster

    def done(self, stage: Stage) -> bool:
        """Whether a stage is finished, no unit has failed, and its results are there."""
        entry = self.folder.stages().get(stage.name, {})
        if entry.get("state") != "finished" or entry.get("failures"):
            return False
        sources = stage_inputs(
            stage.name, self.folder.passed_on(), self.prepared.study.stage_records
        )
        # An earlier version has not recorded what a stage was made from.
        if entry.get("made_from", {}) != sources:
            return False
        if damaged := self.folder.set_aside_damaged(stage):
            warnings.warn(
                f"{listing(damaged)} in {self.folder.path}: damaged, or edited; stage "
                f"{stage.name!r} makes it anew, and what stood there is now called "
                f"{listing([f'{name}.damaged' for name in damaged])}",
                CremeWarning,
                stacklevel=2,
            )
            return False
        files = all((self.folder.path / name).is_file() for name in stage.files)
        labels = self.folder.results(stage.name).labels()
        measured = bool(entry.get("note")) or stage.label in labels
        return files and measured and set(stage.tables) <= set(self.folder.tables())

    def run(self, stage: Stage) -> bool:
        """Run a stage; returns whether it came to its end."""
        began = time.monotonic()
        try:
            self.folder.begin_stage(stage.name, self.prepared.identity()[stage.name])
            changes = self._on_sites(stage) if stage.takes == "sites" else self._on_loci(stage)
        except BaseException as error:
            ended = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            why = {"state": ended, "error": f"{type(error).__name__}: {error}"}
            results = self.folder.results(stage.name)
            with held_back():
                if (results.path / STATE).is_file() and results.state()["state"] == "running":
                    results.update(why)
                self._end(stage, began, why)
            raise
        with held_back():
            self._end(stage, began, changes)
        return changes["state"] == "finished"

    def _end(self, stage: Stage, began: float, changes: dict[str, Any]) -> None:
        spent = {"ended": now(), "seconds": round(time.monotonic() - began, 3)}
        self.folder.update_stage(stage.name, {**changes, **spent})
        for other, entry in self.folder.stages().items():
            results = self.folder.results(other)
            if entry["state"] == "outdated" and (results.path / STATE).is_file():
                results.update({"state": "outdated", "error": entry["error"]})

    def _watch(self, stage: str) -> Watch:
        """The caller's hooks, and counts in ``study.json`` now and then."""

        @contextmanager
        def watching(plan: Plan) -> Iterator[Hooks]:
            counted = time.monotonic()
            none: Hooks = (lambda progress: None, lambda scheduler: None)
            display = self.progress(stage, plan) if self.progress else nullcontext(none)
            with display as (outer, on_start):

                def on_progress(progress: Progress) -> None:
                    nonlocal counted
                    outer(progress)
                    if time.monotonic() - counted > COUNTED_EVERY:
                        counted = time.monotonic()
                        self.folder.update_stage(stage, counts_of(progress))

                yield on_progress, on_start

        return watching

    def _on_sites(self, stage: Stage) -> dict[str, Any]:
        """The stage that selects loci among all TSSs."""
        with self.folder.results(stage.name).held():
            return self._select(stage)

    def _select(self, stage: Stage) -> dict[str, Any]:
        prepared, candidates = self.prepared, self.prepared.candidates
        activity, selection = prepared.activity, prepared.selection
        plan = prepared.of_test(stage.label, activity, [])
        results = self.folder.results(stage.name)
        identity = prepared.identity()[stage.name]
        text = experiment_text(prepared, stage, activity, None)
        results.claim(text, prepared.study.folder, identity, anew=True)
        self._begin(results)
        watch = self._watch(stage.name)
        sites, progress, stopped = measure_sites(
            plan, candidates, selection, prepared.track, self.store, watch, self.cluster
        )
        if stopped:
            results.update({"state": "interrupted"})
            return {"state": "interrupted", **counts_of(progress)}
        units = sum(candidates.kept)
        failures = [
            [":".join(map(str, candidates.sites[k].place)), sites.failures[k]]
            for k in sorted(sites.failures)
        ]
        refuse_all_failed(stage, units, failures)
        deciding = sites.by_track(prepared.track)
        funnel = select(candidates, deciding, selection, plan.model.bin_size)
        frame = table(candidates, deciding, funnel)
        attrs = {
            "test": stage.label,
            "configuration": json.dumps(activity.configuration()),
            "model": json.dumps(prepared.about()["model"]),
            "readouts": json.dumps([one.configuration() for one in prepared.plan.readouts]),
            "funnel": json.dumps(funnel.rows),
            "seed": str(prepared.study.seed),
            "creme_version": creme.__version__,
        }
        measured = dataset(frame, sites, prepared.tracks, attrs)
        results.save(stage.label, measured)
        labelled = [[stage.label, *failure] for failure in failures]
        results.update({"state": "finished", "counts": counts_of(progress), "failures": labelled})
        files = {ALL_SITES: frame, SELECTED: chosen(frame)}
        self._write(stage, stage.make_tables(self._data(stage, measured)), files)
        ended = {"state": "finished", "units": units, **counts_of(progress), "failures": failures}
        if not funnel.selected.size:
            why = why_nothing_is_selected(
                candidates, deciding, funnel, selection, plan.model.bin_size
            )
            ended["remarks"] = [why]
        return ended

    def _on_loci(self, stage: Stage) -> dict[str, Any]:
        """A stage whose test is run on selected loci, or on CREs."""
        prepared = self.prepared
        ready = folder_work(prepared, self.folder, stage)
        work = ready.work
        if work.test is None:
            if self.folder.results(stage.name).path.exists():
                shutil.rmtree(self.folder.results(stage.name).path)
            self._write(stage, empty(stage))
            return {"state": "finished", "units": 0, **counts_of(Progress()), "note": work.note}
        results = self.folder.results(stage.name)
        with results.held():
            measured = self._measure(stage, work, results)
        if measured["state"] != "finished":
            return measured
        loaded = results.load(stage.label)
        keep_distributions(ExperimentResults(results.path))
        measured["remarks"] = json.loads(loaded.attrs.get(REMARKS, "[]"))
        made = stage.make_tables(self._data(stage, loaded, ready))
        measured["remarks"] += stage.remarks(made)
        if stage.from_store is not None:
            more, taken = stage.from_store(prepared, own(loaded), work.loci, self.store)
            made |= more
            # None but for what the store has lost since.
            for count in ("asked", "predicted"):
                measured[count] += taken.predicted
        self._write(stage, made)
        return measured

    def _measure(self, stage: Stage, work: StageWork, results: Results) -> dict[str, Any]:
        """A stage's results directory, from the store where it has the predictions."""
        prepared, label = self.prepared, stage.label
        assert work.test is not None
        plan = prepared.of_test(label, work.test, work.loci)
        plan.size()
        listed = results.path / "loci.tsv"
        here = Path(os.path.relpath(listed.resolve(), prepared.study.folder.resolve())).as_posix()
        text = experiment_text(prepared, stage, work.test, here)
        results.claim(text, prepared.study.folder, plan.identity(), anew=True)
        state = results.state()
        whole = state["state"] == "finished" and not state["failures"]
        if whole and label in results.labels():
            return finished(work, state["counts"], state["failures"]) | {"from_results": True}
        write_text(listed, csv_text(table_of_loci(work, plan.model.inputs), "\t"))
        self._begin(results)
        with self._watch(stage.name)(plan) as (on_progress, on_start):
            report = measure(
                plan,
                self.store,
                results=results,
                on_progress=on_progress,
                on_start=on_start,
                cluster=self.cluster,
            )
        counts = counts_of(report.progress)
        if report.interrupted:
            results.update({"state": "interrupted", "counts": counts})
            return {"state": "interrupted", **counts}
        failures = [[unit, message] for _, unit, message in report.failures]
        refuse_all_failed(stage, work.units, failures)
        for unit, message in failures:
            if unit == ALL_UNITS:
                raise PluginError(f"stage {stage.name!r}: {message}")
        results.update({"state": "finished", "counts": counts, "failures": report.failures})
        return finished(work, counts, failures)

    def _begin(self, results: Results) -> None:
        store = self.prepared.store_place.recorded()
        state = {"state": "running", "error": "", "failures": [], "units": {}}
        results.update({**state, "store": store})

    def _data(
        self,
        stage: Stage,
        stored: xr.Dataset,
        work: FolderWork | None = None,
    ) -> StageData:
        by_locus = classes = None
        parts: SequenceOf[Part] = ()
        if work is not None:
            by_locus = None if work.categories is None else category_by_locus(work.categories)
            classes, parts = work.classes, work.parts
        study, track = self.prepared.study, self.prepared.label
        if stage.takes != "sites":
            stored = self.prepared.compared(stored)
        return StageData(stage.name, study, track, stored, by_locus, classes, parts, self._earlier)

    def _earlier(self, name: str) -> xr.Dataset | None:
        stage, results = self.prepared.study.stage_records[name], self.folder.results(name)
        return results.load(stage.label) if stage.label in results.labels() else None

    def _write(self, stage: Stage, tables: Tables, files: Tables | None = None) -> None:
        """Tables, and the outcome in ``study.json``, where readers look first."""
        named = {f"tables/{name}.csv": frame for name, frame in tables.items()}
        self.folder.write_tables({**(files or {}), **named})
        if stage.outcome is not None and (value := stage.outcome.count(tables)):
            self.folder.update({stage.outcome.key: value})
