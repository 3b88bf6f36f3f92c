"""Running a study: its stages in their order, each from where it was left."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from collections.abc import Sequence as SequenceOf
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import creme
from creme.errors import ModelError, ResultsError
from creme.results.directory import STATE, Results, now
from creme.runner.plan import Plan
from creme.runner.run import measure
from creme.runner.tasks import Progress
from creme.store import Store
from creme.study.config import NEEDS
from creme.study.coverage import coverage
from creme.study.folder import LOCI, SELECTED, Folder, tables_of
from creme.study.lineage import made_from, passed_on
from creme.study.location import Where
from creme.study.loci import TEST, Hooks, Watch, dataset, measure_sites
from creme.study.prepared import Ready, experiment_text
from creme.study.selection import chosen, select, table
from creme.study.tables import Found, class_counts, counts, empty, tables
from creme.study.view import StudyResults
from creme.study.work import Work, category_of, work

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

TOLD_EVERY = 10.0
"""Seconds between counts of a running stage in ``study.json``."""


def run_study(
    path: str | Path,
    *,
    output: str | Path | None = None,
    stages: SequenceOf[str] | None = None,
    progress: Callable[[str, Plan], AbstractContextManager[Hooks]] | None = None,
    on_stage: Callable[[str, dict[str, Any], bool], None] = lambda stage, state, ran: None,
) -> StudyResults:
    """Run a study, or go on with it.

    What is finished is left as it is, but for stages with units that failed, which are tried again,
    and for those that were made from other results than earlier stages have now.

    Parameters
    ----------
    path : str or Path
        A study file, or the folder of a study.
    output : str or Path, optional
        The study's folder; ``NAME.study`` beside the file unless given.
    stages : sequence of str, optional
        Only these; earlier ones that they need have to be finished. All of the file unless given.
    progress : callable, optional
        Makes, from a stage and its plan, a context manager that gives ``on_progress`` and
        ``on_start``.
    on_stage : callable, optional
        Called with each stage, its state, and whether it ran now or was finished before; last with
        the one that was interrupted.

    Returns
    -------
    StudyResults
        Also where it was interrupted; see `StudyResults.interrupted`.

    Raises
    ------
    CremeError
        Whatever is wrong with the file; if another process runs this study; or if the model fails,
        after what was predicted is stored.
    """
    ready, folder = prepare(path, output)
    wanted = ready.named(stages)
    for stage in wanted:
        _require(stage, folder, wanted)
    with folder.held(), Store(ready.store_path, index_url=ready.study.index) as store:
        folder.claim(ready.text, ready.about(), ready.identity())
        runner = _Runner(ready, folder, store, progress)
        for stage in wanted:
            ended = True
            ran = not runner.done(stage)
            if ran:
                _require(stage, folder)
                ended = runner.run(stage)
            on_stage(stage, folder.stages()[stage], ran)
            if not ended:
                break
    return StudyResults(folder.path)


def prepare(path: str | Path, output: str | Path | None = None) -> tuple[Ready, Folder]:
    """A study made ready, and its folder, which need not be there yet."""
    where = Where.of(path, output)
    where.check()
    ready = Ready.of(where.text(), where.base, str(where.file))
    return ready, where.folder_of(ready.study)


def _require(stage: str, folder: Folder, coming: SequenceOf[str] = ()) -> None:
    lacking = [one for one in folder.missing(stage) if one not in coming]
    if lacking:
        raise ResultsError(
            f"stage {stage!r} needs {' and '.join(lacking)} first: run --stage {lacking[0]}, or "
            f"all stages without --stage"
        )


class _Runner:
    """Runs stages; keeps what one finds for the next."""

    def __init__(
        self,
        ready: Ready,
        folder: Folder,
        store: Store,
        progress: Callable[[str, Plan], AbstractContextManager[Hooks]] | None,
    ) -> None:
        self.ready = ready
        self.folder = folder
        self.store = store
        self.progress = progress

    def done(self, stage: str) -> bool:
        """Whether a stage is finished, no unit has failed, and what it made is there."""
        known = self.folder.stages().get(stage, {})
        if known.get("state") != "finished" or known.get("failures"):
            return False
        # An earlier version has not said what a stage was made from.
        if known.get("made_from", {}) != made_from(stage, passed_on(self.folder.path)):
            return False
        files = stage != "loci" or all((self.folder.path / f).is_file() for f in (LOCI, SELECTED))
        label = TEST if stage == "loci" else stage
        measured = bool(known.get("note")) or label in self.folder.results(stage).labels()
        return files and measured and set(tables_of(stage)) <= set(self.folder.tables())

    def run(self, stage: str) -> bool:
        """Run a stage; returns whether it came to its end."""
        began = time.monotonic()
        self.folder.begin(stage, self.ready.identity()[stage])
        try:
            changes = self._run_loci() if stage == "loci" else self._stage(stage)
        except BaseException as error:
            ended = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            why = {"state": ended, "error": f"{type(error).__name__}: {error}"}
            results = self.folder.results(stage)
            if (results.path / STATE).is_file() and results.state()["state"] == "running":
                results.update(why)
            self._end(stage, began, why)
            raise
        self._end(stage, began, changes)
        return changes["state"] == "finished"

    def _end(self, stage: str, began: float, changes: dict[str, Any]) -> None:
        spent = {"ended": now(), "seconds": round(time.monotonic() - began, 3)}
        self.folder.update_stage(stage, {**changes, **spent})
        for other, known in self.folder.stages().items():
            results = self.folder.results(other)
            if known["state"] == "outdated" and (results.path / STATE).is_file():
                results.update({"state": "outdated", "error": known["error"]})

    def _watch(self, stage: str) -> Watch:
        """The caller's hooks, and counts in ``study.json`` now and then."""

        @contextmanager
        def watching(plan: Plan) -> Iterator[Hooks]:
            told = time.monotonic()
            none: Hooks = (lambda progress: None, lambda scheduler: None)
            given = self.progress(stage, plan) if self.progress else nullcontext(none)
            with given as (outer, on_start):

                def on_progress(progress: Progress) -> None:
                    nonlocal told
                    outer(progress)
                    if time.monotonic() - told > TOLD_EVERY:
                        told = time.monotonic()
                        self.folder.update_stage(stage, _counts(progress))

                yield on_progress, on_start

        return watching

    def _run_loci(self) -> dict[str, Any]:
        with self.folder.results("loci").held():
            return self._loci()

    def _loci(self) -> dict[str, Any]:
        ready, candidates = self.ready, self.ready.candidates
        plan = ready.of_test(TEST, ready.activity, [])
        results = self.folder.results("loci")
        text = experiment_text(ready, "loci", ready.activity, None)
        results.claim(text, ready.folder, ready.identity()["loci"], anew=True)
        results.update({"state": "running", "error": "", "store": str(ready.store_path.resolve())})
        selection = ready.study.selection
        found, progress, stopped = measure_sites(
            plan, candidates, selection, ready.track, self.store, self._watch("loci")
        )
        if stopped:
            results.update({"state": "interrupted"})
            return {"state": "interrupted", **_counts(progress)}
        units = sum(candidates.kept)
        failures = [
            [":".join(map(str, candidates.sites[k].place)), found.failures[k]]
            for k in sorted(found.failures)
        ]
        _not_all_failed("loci", units, failures)
        measured = found.of(ready.track)
        funnel = select(candidates, measured, selection, plan.model.bin_size)
        frame = table(candidates, measured, funnel)
        attrs = {
            "test": TEST,
            "configuration": json.dumps(ready.activity.configuration()),
            "model": json.dumps(ready.about()["model"]),
            "readouts": json.dumps(ready.identity()["loci"]["readouts"]),
            "funnel": json.dumps(funnel.rows),
            "seed": str(ready.study.seed),
            "creme_version": creme.__version__,
        }
        results.save(TEST, dataset(frame, found, ready.tracks, attrs))
        told = [[TEST, *failure] for failure in failures]
        results.update({"state": "finished", "counts": _counts(progress), "failures": told})
        self.folder.write(self.folder.path / LOCI, frame, "\t")
        self.folder.write(self.folder.path / SELECTED, chosen(frame), "\t")
        import pandas as pd

        self.folder.write_table("funnel", pd.DataFrame(funnel.rows))
        self.folder.update({"funnel": funnel.rows})
        return {
            "state": "finished",
            "units": units,
            **_counts(progress),
            "failures": failures,
        }

    def _stage(self, stage: str) -> dict[str, Any]:
        ready = self.ready
        loci = ready.selected(self.folder.path / SELECTED)
        categories: dict[str, list[str]] = {}
        classes: xr.DataArray | None = None
        if stage != "context_dependence":
            categories = ready.categories(self.folder)
        if "sufficiency" in NEEDS[stage]:
            classes = ready.classes(self.folder)
        todo = work(ready.study, stage, loci, categories, classes)
        if todo.test is None:
            if self.folder.results(stage).path.exists():
                shutil.rmtree(self.folder.results(stage).path)
            for name, frame in empty(stage).items():
                self.folder.write_table(name, frame)
            self._told(stage, empty(stage))
            return {"state": "finished", "units": 0, **_counts(Progress()), "note": todo.note}
        results = self.folder.results(stage)
        with results.held():
            measured = self._measure(stage, todo, results)
        if measured["state"] != "finished":
            return measured
        found = Found(
            ready.study, ready.label, results.load(stage), category_of(categories), classes
        )
        made = tables(stage, found)
        if stage == "context_dependence":
            made["coverage"], taken = coverage(ready, found.dataset, todo.loci, self.store)
            # None but for what the store has lost since.
            for count in ("asked", "predicted"):
                measured[count] += taken.predicted
        for name, frame in made.items():
            self.folder.write_table(name, frame)
        self._told(stage, made)
        return measured

    def _measure(self, stage: str, todo: Work, results: Results) -> dict[str, Any]:
        """A stage's results directory, from the store where it is known."""
        ready = self.ready
        assert todo.test is not None
        plan = ready.of_test(stage, todo.test, todo.loci)
        plan.size()
        listed = results.path / "loci.tsv"
        here = Path(os.path.relpath(listed.resolve(), ready.folder.resolve())).as_posix()
        text = experiment_text(ready, stage, todo.test, here)
        results.claim(text, ready.folder, plan.identity(), anew=True)
        state = results.state()
        whole = state["state"] == "finished" and not state["failures"]
        if whole and stage in results.labels():
            return _finished(todo, state["counts"], state["failures"])
        self.folder.write(listed, _table_of(todo), "\t")
        results.update({"state": "running", "error": "", "store": str(ready.store_path.resolve())})
        with self._watch(stage)(plan) as (on_progress, on_start):
            report = measure(plan, self.store, on_progress=on_progress, on_start=on_start)
        told = _counts(report.progress)
        if report.interrupted:
            results.update({"state": "interrupted", "counts": told})
            return {"state": "interrupted", **told}
        failures = [[unit, message] for _, unit, message in report.failures]
        _not_all_failed(stage, todo.units, failures)
        results.save(stage, report.datasets[stage])
        results.update({"state": "finished", "counts": told, "failures": report.failures})
        return _finished(todo, told, failures)

    def _told(self, stage: str, made: dict[str, pd.DataFrame]) -> None:
        """What later readers look for first."""
        if stage == "context_dependence" and len(made["categories"]):
            self.folder.update({"categories": counts(made["categories"])})
        if stage == "sufficiency" and len(made["cre_classes"]):
            self.folder.update({"classes": class_counts(made["cre_classes"])})


def _counts(progress: Progress) -> dict[str, int]:
    return {
        "asked": progress.asked,
        "predicted": progress.predicted,
        "stored": progress.stored,
        "repeated": progress.repeated,
    }


def _finished(todo: Work, told: dict[str, Any], failures: list[Any]) -> dict[str, Any]:
    failed = [list(failure)[-2:] for failure in failures]
    return {"state": "finished", "units": todo.units, **told, "failures": failed}


def _not_all_failed(stage: str, units: int, failures: list[list[str]]) -> None:
    if units and len(failures) >= units:
        raise ModelError(
            f"stage {stage!r}: all of its {units} units failed; the first one, {failures[0][0]}: "
            f"{failures[0][1]}"
        )


def _table_of(todo: Work) -> pd.DataFrame:
    """A stage's loci as a table that an experiment file takes."""
    import pandas as pd

    assert todo.test is not None
    rows = [
        {
            "contig": locus.contig,
            "tss": locus.position,
            "strand": locus.strand,
            "gene": locus.name,
            "transcript": locus.transcript,
        }
        for locus in todo.loci
    ]
    return pd.DataFrame(rows)
