"""One part of a stage's units, predicted into a store of its own: a job of an array.

A stage needs what earlier ones found, so the arrays of a study go stage by stage: each part reads
the study's folder and writes nothing there; when all are merged, a run of the stage makes its
results from what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from creme.engines.cluster import ClusterLike, OpenCluster, opened
from creme.errors import ConfigError
from creme.files.trusted import Trust
from creme.runner.plan import Plan
from creme.runner.report import Report
from creme.runner.shards import Shard, predict, shard_store
from creme.store import Store
from creme.study.config import StudyFile
from creme.study.folder import Folder
from creme.study.loci import Hooks, Watch, measure_sites
from creme.study.prepared import PreparedStudy
from creme.study.run import located, require
from creme.study.stage_work import folder_work
from creme.study.stages.stage import Stage

if TYPE_CHECKING:
    from distributed import Client

Shown = Callable[[Plan], AbstractContextManager[Hooks]]


def run_study_shard(
    study: str | Path | StudyFile,
    stage: str,
    shard: Shard,
    *,
    output: str | Path | None = None,
    progress: Shown | None = None,
    trust: Trust = False,
    cluster: ClusterLike | Client | None = None,
) -> tuple[Report, Path]:
    """Predict a shard of a stage into its own store; the study's folder is read alone.

    Parameters
    ----------
    study : str, Path or StudyFile
    stage : str
        Earlier ones that it needs have to be finished.
    shard : Shard
    output : str or Path, optional
        The study's folder; ``NAME.study`` beside the file unless given.
    progress : callable, optional
        Makes, from a plan, a context manager that gives ``on_progress`` and ``on_start``.
    trust : bool or callable
        As `creme.study.run.run_study`.
    cluster : ClusterTable, mapping, int, str or Client; optional
        Whose workers predict, instead of the study's, which each part starts for itself.

    Returns
    -------
    Report
        Without Datasets. One without counts, and with a note, where the stage has nothing to do.
    Path
        The directory of the shard's store.

    Raises
    ------
    CremeError
        Whatever is wrong with the study; or if the model fails. What was predicted is in the store.
    """
    read, folder = located(study, output, trust)
    with read.trusting(trust):
        prepared = PreparedStudy.of(read, folder.identity)
        (name,) = prepared.named([stage])
        record = prepared.stages[name]
        require(name, folder)
        if folder.begun:
            folder.check(prepared.identity())
        place = prepared.store_place
        of_file = (prepared.study.index, prepared.study.name, prepared.other_stores)
        workers_of = cluster or prepared.study.cluster
        with shard_store(shard, place, *of_file) as store, opened(workers_of) as workers:
            if record.takes == "sites":
                report = _sites(prepared, record, shard, store, progress, workers)
            else:
                report = _loci(prepared, folder, record, shard, store, progress, workers)
            return report, store.path


def _sites(
    prepared: PreparedStudy,
    stage: Stage,
    shard: Shard,
    store: Store,
    progress: Shown | None,
    cluster: OpenCluster | None,
) -> Report:
    """The first stage's: TSSs, each with the window that is moved to its summit."""
    candidates = prepared.candidates
    names = [":".join(map(str, site.place)) for site in candidates.sites]
    dealt = shard.deal(name for name, kept in zip(names, candidates.kept, strict=True) if kept)
    part = replace(candidates, kept=tuple(name in dealt for name in names))
    plan = prepared.of_test(stage.label, prepared.activity, [])
    measured, counts, stopped = measure_sites(
        plan, part, prepared.selection, prepared.track, store, _watch(progress), cluster
    )
    failures = [(stage.label, names[k], why) for k, why in sorted(measured.failures.items())]
    return Report(failures=failures, progress=counts, interrupted=stopped, notes=plan.notes())


def _loci(
    prepared: PreparedStudy,
    folder: Folder,
    stage: Stage,
    shard: Shard,
    store: Store,
    progress: Shown | None,
    cluster: OpenCluster | None,
) -> Report:
    work = folder_work(prepared, folder, stage).work
    if work.test is None:
        return Report(notes=[work.note])
    plan = prepared.of_test(stage.label, work.test, work.loci)
    plan.size()
    return predict(shard.part(plan), store, progress=progress, cluster=cluster)


def _watch(progress: Shown | None) -> Watch:
    @contextmanager
    def watching(plan: Plan) -> Iterator[Hooks]:
        none: Hooks = (lambda progress: None, lambda scheduler: None)
        with progress(plan) if progress else nullcontext(none) as hooks:
            yield hooks

    return watching


def only_stage(stages: list[str] | None) -> str:
    """The one stage of a shard.

    Raises
    ------
    ConfigError
        If there is none, or there are several.
    """
    if stages is None or len(stages) != 1:
        raise ConfigError(
            "--shard: say of which stage, with one --stage; the next one needs what it finds, once "
            "all shards are merged"
        )
    return stages[0]
