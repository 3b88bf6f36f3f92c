"""The work of a stage, as the folder of its study has it by now, and as an experiment file."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creme import registry
from creme.study import findings
from creme.study.folder import Folder
from creme.study.prepared import PreparedStudy
from creme.study.stages.order import FOUND_BY, earlier
from creme.study.stages.stage import Part, Stage
from creme.study.stages.work import StageWork, work_of
from creme.test import Test

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
    parts : sequence of Part
        Those of all tiles, where the stage takes parts.
    """

    work: StageWork
    categories: dict[str, list[str]] | None
    classes: xr.DataArray | None
    parts: SequenceOf[Part]


def folder_work(prepared: PreparedStudy, folder: Folder, stage: Stage) -> FolderWork:
    """The work of a stage, of which the earlier ones are finished.

    Parameters
    ----------
    prepared : PreparedStudy
    folder : Folder
    stage : Stage
        Any but the first.
    """
    loci = prepared.selected(folder)
    categories: dict[str, list[str]] | None = None
    classes: xr.DataArray | None = None
    before = earlier(stage.name, prepared.study.stage_records)
    if FOUND_BY["categories"].name in before:
        categories = findings.categories(prepared, folder)
    if FOUND_BY["classes"].name in before:
        classes = findings.classes(prepared, folder)
    everything = findings.findings_for(prepared, folder, stage, loci, categories, classes)
    return FolderWork(work_of(stage, everything), categories, classes, everything.parts)


def experiment_text(prepared: PreparedStudy, stage: Stage, test: Test, table: str | None) -> str:
    """A stage as an experiment file, for its results directory.

    Parameters
    ----------
    prepared : PreparedStudy
    stage : Stage
    test : Test
    table : str, optional
        Path of the stage's loci; the annotation unless given.
    """
    import tomli_w

    study = prepared.study
    loci = {"fasta": str(study.loci.fasta), "table": table} if table else study.loci.configuration()
    label = {} if stage.label == test.name else {"label": stage.label}
    described = {
        "name": f"{study.name}-{stage.name}",
        "seed": study.seed,
        "store": study.store,
        "index": study.index,
        "read_from": study.configuration()["read_from"],
        "batch_size": study.batch_size,
        "model": study.configuration()["model"],
        "loci": loci,
        "readouts": [readout.configuration() for readout in prepared.plan.readouts],
        "tests": [{**registry.specification(test), **label}],
    }
    if spread := study.spread.configuration():
        described["spread"] = spread
    note = (
        f"# Stage {stage.name!r} of study {study.name!r}, written by `creme study`; go on with the "
        f"study.\n\n"
    )
    return note + tomli_w.dumps(_stated(described))


def _stated(value: Any) -> Any:
    """Without what is None, which TOML cannot say, and without empty lists."""
    if isinstance(value, dict):
        return {k: _stated(v) for k, v in value.items() if v is not None and v != []}
    return [_stated(v) for v in value] if isinstance(value, list) else value
