"""The findings of the finished stages of a study, from the results in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from typing import TYPE_CHECKING

from creme.analysis.designs import design_table
from creme.analysis.set_sufficiency import greedy_sets
from creme.genome import Locus
from creme.results.neighbours import own
from creme.study.folder import Folder
from creme.study.prepared import PreparedStudy
from creme.study.stages.grouping import class_of_tiles, loci_by_category
from creme.study.stages.order import FOUND_BY
from creme.study.stages.parts import parts_of
from creme.study.stages.stage import Finds, Found, Part, Stage

if TYPE_CHECKING:
    import xarray as xr


def findings_for(
    prepared: PreparedStudy,
    folder: Folder,
    stage: Stage,
    loci: SequenceOf[Locus],
    categories: Mapping[str, list[str]] | None,
    classes: xr.DataArray | None,
) -> Found:
    """All that a stage chooses its work of.

    Parameters
    ----------
    prepared : PreparedStudy
    folder : Folder
    stage : Stage
    loci : sequence of Locus
        The selected ones.
    categories : mapping of category to names of loci, optional
    classes : DataArray of text, (locus, tile), optional
    """
    return Found(
        prepared.study,
        loci,
        categories or {},
        classes,
        parts=parts(prepared, folder) if stage.takes == "parts" else [],
        sets=sets(prepared, folder) if stage.takes == "sets" else {},
        designs=designs(prepared, folder) if stage.takes == "designs" else {},
    )


def categories(prepared: PreparedStudy, folder: Folder) -> dict[str, list[str]]:
    """Names of the loci of each category, where the context dependence stage has results."""
    dataset = _results(folder, "categories")
    if dataset is None:
        return {}
    limits = prepared.study.categories
    return loci_by_category(prepared.compared(own(dataset)), limits, prepared.label)


def classes(prepared: PreparedStudy, folder: Folder) -> xr.DataArray | None:
    """Class of each tile, (locus, tile), where the sufficiency stage has results."""
    dataset = _results(folder, "classes")
    if dataset is None:
        return None
    limits = prepared.study.classes
    return class_of_tiles(prepared.compared(own(dataset)), limits, prepared.label)


def parts(prepared: PreparedStudy, folder: Folder) -> list[Part]:
    """The parts that the fine-tile search has kept for the deciding track, if it has results."""
    dataset = _results(folder, "parts")
    return [] if dataset is None else parts_of(own(dataset), prepared.label)


def sets(prepared: PreparedStudy, folder: Folder) -> dict[str, list[tuple[int, int]]]:
    """The set of each locus in the order of its search, where the searches have results.

    That of enhancers, by the deciding track; of silencers where only these are searched for.
    """
    dataset = _results(folder, "sets")
    if dataset is None:
        return {}
    searches = [str(name) for name in dataset["search"].values]
    search = "enhancers" if "enhancers" in searches else searches[0]
    return greedy_sets(dataset, search=search, track=prepared.label)


def designs(prepared: PreparedStudy, folder: Folder) -> dict[str, list[str]]:
    """The designed sequences of each locus, the best first, where the search has results."""
    dataset = _results(folder, "designs")
    table = None if dataset is None else design_table(own(dataset))
    if table is None or table.empty:
        return {}
    return {
        str(locus): [str(text) for text in rows["sequence"]]
        for locus, rows in table.groupby("locus", sort=False)
    }


def _results(folder: Folder, finds: Finds) -> xr.Dataset | None:
    """The Dataset of the stage that finds something, if it is there."""
    stage = FOUND_BY[finds]
    results = folder.results(stage.name)
    return results.load(stage.label) if stage.label in results.labels() else None
