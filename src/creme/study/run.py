"""Running a study: its stages in their order, each from where it was left."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creme.engines.cluster import ClusterLike, opened
from creme.errors import ResultsError
from creme.files.trusted import Trust
from creme.results.calibrated import keep_panel
from creme.runner.plan import Plan
from creme.store.compact import compact_at_the_end
from creme.study.config import StudyFile
from creme.study.folder import Folder
from creme.study.location import Location
from creme.study.loci import Hooks
from creme.study.prepared import PreparedStudy
from creme.study.stage_runner import StageRunner
from creme.study.view import StudyResults

if TYPE_CHECKING:
    from distributed import Client


def run_study(
    study: str | Path | StudyFile,
    *,
    output: str | Path | None = None,
    stages: SequenceOf[str] | None = None,
    progress: Callable[[str, Plan], AbstractContextManager[Hooks]] | None = None,
    on_stage: Callable[[str, dict[str, Any], bool], None] = lambda stage, state, ran: None,
    trust: Trust = False,
    cluster: ClusterLike | Client | None = None,
) -> StudyResults:
    """Run a study, or go on with it.

    What is finished is left as it is, but for stages with units that failed, which are tried again,
    and for those that were made from other results than earlier stages have now.

    Parameters
    ----------
    study : str, Path or StudyFile
        A study file, the folder of a study, or a study made in Python.
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
    trust : bool or callable
        Whether Python files are run that the folder of a study names and that were not run before.
    cluster : ClusterTable, mapping, int, str or Client; optional
        Whose workers predict, instead of the study's; see `creme.engines.cluster.opened`.

    Returns
    -------
    StudyResults
        Also where it was interrupted; see `StudyResults.interrupted`.

    Raises
    ------
    CremeError
        Whatever is wrong with the study; if another process runs it; or if the model fails, after
        what was predicted is stored.
    """
    read, folder = located(study, output, trust)
    with read.trusting(trust):
        return _run_all(read, folder, stages, progress, on_stage, cluster)


def _run_all(
    study: StudyFile,
    folder: Folder,
    stages: SequenceOf[str] | None,
    progress: Callable[[str, Plan], AbstractContextManager[Hooks]] | None,
    on_stage: Callable[[str, dict[str, Any], bool], None],
    cluster: ClusterLike | Client | None,
) -> StudyResults:
    prepared = PreparedStudy.of(study, folder.identity)
    wanted = prepared.named(stages)
    for stage in wanted:
        require(stage, folder, wanted)
    with (
        folder.held(),
        prepared.open_store() as store,
        opened(cluster or prepared.study.cluster) as workers,
    ):
        folder.claim(prepared.study.text, prepared.about(), prepared.identity())
        keep_panel(folder.path, prepared.plan.panel)
        runner = StageRunner(prepared, folder, store, progress, workers)
        for name in wanted:
            ended = True
            record = prepared.stages[name]
            ran = not runner.done(record)
            if ran:
                require(name, folder)
                ended = runner.run(record)
            on_stage(name, folder.stages()[name], ran)
            if not ended:
                break
        else:
            compact_at_the_end(store)
    return StudyResults(folder.path)


def prepare(
    study: str | Path | StudyFile, output: str | Path | None = None, trust: Trust = False
) -> tuple[PreparedStudy, Folder]:
    """A study with its model, and its folder, which need not be there yet.

    Parameters
    ----------
    study : str, Path or StudyFile
    output : str or Path, optional
    trust : bool or callable
        As `run_study`.
    """
    read, folder = located(study, output, trust)
    with read.trusting(trust):
        return PreparedStudy.of(read, folder.identity), folder


def located(
    study: str | Path | StudyFile, output: str | Path | None, trust: Trust
) -> tuple[StudyFile, Folder]:
    """A study as its file describes it, and its folder; see `prepare`."""
    if isinstance(study, StudyFile):
        path = Path(output) if output else study.folder / f"{study.name}.study"
        return study, Folder(path, study.added)
    location = Location.of(study, output)
    location.check()
    read = location.read(StudyFile, trust)
    return read, location.folder_of(read)


def require(stage: str, folder: Folder, coming: SequenceOf[str] = ()) -> None:
    """Refuse a stage that needs others which are neither finished nor `coming` before it."""
    lacking = [name for name in folder.missing(stage) if name not in coming]
    if lacking:
        raise ResultsError(
            f"stage {stage!r} needs {' and '.join(lacking)} first: run --stage {lacking[0]}, or "
            f"all stages without --stage"
        )
