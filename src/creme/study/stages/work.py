"""The loci and tiles that a stage's test is run on, from what earlier stages found."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import xarray as xr

from creme.analysis.categories import tiles_of
from creme.errors import CremeError, PluginError, reason
from creme.genome import Locus
from creme.study.stages.order import FOUND_BY
from creme.study.stages.stage import Found, Stage, Takes
from creme.test import Test

if TYPE_CHECKING:
    import pandas as pd

    from creme.study.config import StudyFile


@dataclass(frozen=True)
class StageWork:
    """A stage's test with its loci.

    Attributes
    ----------
    loci : list of Locus
    test : Test or None
        None where there is nothing to do; then `note` says why.
    units : int
        Units that the test makes of the loci.
    note : str
    """

    loci: list[Locus] = field(default_factory=list)
    test: Test | None = None
    units: int = 0
    note: str = ""


_BY_CATEGORY = ("categories", "sets")


def without_classes(study: StudyFile, takes: Takes) -> str:
    """Why a study finds no categories or no CREs at all; empty where it may find some.

    Thresholds are shares of the wild type's activity, so that effects on other scales get no class.
    """
    sources = {"cres": ("categories", "classes"), **dict.fromkeys(_BY_CATEGORY, ("categories",))}
    for finds in sources.get(takes, ()):
        stage = FOUND_BY[finds]  # type: ignore[index]
        scale = getattr(study.test(stage.name), "effect", "relative")
        if scale != "relative":
            lacking = "no locus has a category" if finds == "categories" else "no tile is a CRE"
            return (
                f"{lacking}: the thresholds of [{finds}] are shares of the wild type's activity, "
                f"and [{stage.name}] effect = {scale!r} is on another scale. Stages of all loci "
                f"need no class ([stages.NAME] without 'categories' and 'cres')"
            )
    return ""


def work_of(
    study: StudyFile,
    stage: Stage,
    loci: SequenceOf[Locus],
    categories: dict[str, list[str]],
    classes: xr.DataArray | None,
    sets: Mapping[str, list[tuple[int, int]]] | None = None,
    designs: Mapping[str, list[str]] | None = None,
) -> StageWork:
    """The test of a stage, and the loci that it is run on.

    Parameters
    ----------
    study : StudyFile
    stage : Stage
        Any but the first.
    loci : sequence of Locus
        The selected ones.
    categories : dict of category to names of loci
        Used where the stage takes categories or CREs.
    classes : DataArray of text, (locus, tile), optional
        Used where the stage takes CREs.
    sets : mapping of locus to list of (int, int), optional
        Used where the stage takes the sets of searches.
    designs : mapping of locus to list of str, optional
        Used where the stage takes designs.
    """
    if not loci:
        return StageWork(note="no locus was selected: the funnel says why")
    if why := without_classes(study, stage.takes):
        return StageWork(note=why)
    if stage.chooses is not None:
        work = stage.chooses(Found(study, loci, categories, classes, designs or {}))
        if work.note:
            return StageWork(note=work.note)
        return _checked(stage, list(work.loci), study.test(stage.name, **work.parameters))
    if stage.takes == "cres":
        return _on_cres(study, stage, loci, categories, classes)
    if stage.takes == "sets":
        chosen = [locus for locus in loci if locus.name in (sets or {})]
        if not chosen:
            return StageWork(note="no search of a locus has found a set")
        of_loci = {locus.name: (sets or {})[locus.name] for locus in chosen}
        return _checked(stage, chosen, study.test(stage.name, sets=of_loci))
    if stage.takes == "selected":
        return _checked(stage, list(loci), study.test(stage.name))
    wanted = {c: categories[c] for c in study.contexts(stage.name) if categories.get(c)}
    names = {name for members in wanted.values() for name in members}
    chosen = [locus for locus in loci if locus.name in names]
    if not chosen:
        return StageWork(note=f"no locus has a context that is {_or(study.contexts(stage.name))}")
    if len(chosen) < stage.fewest:
        return StageWork(note=stage.too_few)
    groups = {"groups": wanted} if study.has_field(stage.name, "groups") else {}
    return _checked(stage, chosen, study.test(stage.name, **groups))


def _on_cres(
    study: StudyFile,
    stage: Stage,
    loci: SequenceOf[Locus],
    categories: dict[str, list[str]],
    classes: xr.DataArray | None,
) -> StageWork:
    """On the tiles that are CREs, or on the loci that have any where the test takes no tiles."""
    tiles: dict[str, list[tuple[int, int]]] = {}
    cres = study.cres(stage.name)
    if classes is not None:
        with_classes = {str(name) for name in classes["locus"].values}
        for context, kinds in cres.items():
            names = [name for name in categories.get(context, []) if name in with_classes]
            tiles |= tiles_of(classes.sel(locus=names), kinds)
    if not tiles:
        kinds = list(dict.fromkeys(name for names in cres.values() for name in names))
        return StageWork(note=f"no tile is a {_or(kinds)} in a context that is {_or(list(cres))}")
    chosen = [locus for locus in loci if locus.name in tiles]
    fields: dict[str, Any] = {}
    if study.has_field(stage.name, "tiles"):
        fields["tiles"] = {locus.name: tiles[locus.name] for locus in chosen}
        own = {} if stage.built_in else study.stages.added[stage.name].parameters
        if study.has_field(stage.name, "groups") and "groups" not in own:
            fields["groups"] = {
                context: names
                for context in cres
                if (names := [name for name in categories.get(context, []) if name in tiles])
            }
    return _checked(stage, chosen, study.test(stage.name, **fields))


def _checked(stage: Stage, loci: list[Locus], test: Test) -> StageWork:
    try:
        units = sum(1 for _ in test.units(loci))
    except CremeError:
        raise
    except Exception as error:  # a plugin's
        raise PluginError(
            f"stage {stage.name!r}: the units of test {stage.test!r} end in {reason(error)}"
        ) from error
    if not units:
        return StageWork(note=f"test {stage.test!r} makes no unit of the {len(loci)} loci")
    return StageWork(loci, test, units)


def _or(words: SequenceOf[str]) -> str:
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def table_of_loci(work: StageWork, inputs: SequenceOf[str] = ()) -> pd.DataFrame:
    """A stage's loci as a table that an experiment file takes, with those inputs of the model."""
    import pandas as pd

    rows = [
        {
            "contig": locus.contig,
            "tss": locus.position,
            "strand": locus.strand,
            "gene": locus.name,
            "transcript": locus.transcript,
            **dict(zip(inputs, locus.inputs, strict=True)),
        }
        for locus in work.loci
    ]
    return pd.DataFrame(rows)
