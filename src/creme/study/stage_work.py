"""The work of a stage, as the folder of its study has it by now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from creme.study.folder import Folder
from creme.study.prepared import PreparedStudy
from creme.study.stages.loci import SELECTED
from creme.study.stages.order import FOUND_BY, earlier
from creme.study.stages.stage import Stage
from creme.study.stages.work import StageWork, work_of

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class FolderWork:
    """A stage's work, and what earlier stages found that it comes from.

    Attributes
    ----------
    work : StageWork
    categories : dict of category to names of loci, optional
    classes : DataArray of text, (locus, tile), optional
        None where the stage comes before those that find them.
    """

    work: StageWork
    categories: dict[str, list[str]] | None
    classes: xr.DataArray | None


def folder_work(prepared: PreparedStudy, folder: Folder, stage: Stage) -> FolderWork:
    """The work of a stage, of which the earlier ones are finished.

    Parameters
    ----------
    prepared : PreparedStudy
    folder : Folder
    stage : Stage
        Any but the first.
    """
    loci = prepared.selected(folder.path / SELECTED)
    categories: dict[str, list[str]] | None = None
    classes: xr.DataArray | None = None
    before = earlier(stage.name, prepared.study.stage_records)
    if FOUND_BY["categories"].name in before:
        categories = prepared.categories(folder)
    if FOUND_BY["classes"].name in before:
        classes = prepared.classes(folder)
    sets = prepared.sets(folder) if stage.takes == "sets" else None
    work = work_of(prepared.study, stage, loci, categories or {}, classes, sets)
    return FolderWork(work, categories, classes)
