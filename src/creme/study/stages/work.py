"""The loci and tiles that a stage's test is run on, from what earlier stages found."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from creme.analysis.categories import tiles_of
from creme.errors import CremeError, PluginError, reason
from creme.genome import Locus
from creme.study.stages import compatibility
from creme.study.stages.compatibility import matrix_of_parts
from creme.study.stages.order import FOUND_BY
from creme.study.stages.parts import parts_taken
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
    of_classes = dict.fromkeys(("cres", "parts"), ("categories", "classes"))
    sources = {**of_classes, **dict.fromkeys(_BY_CATEGORY, ("categories",))}
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


def work_of(stage: Stage, findings: Found) -> StageWork:
    """The test of a stage, and the loci that it is run on.

    Parameters
    ----------
    stage : Stage
        Any but the first.
    findings : Found
        The selected loci, and what the stage takes.
    """
    study, loci = findings.study, findings.loci
    if not loci:
        return StageWork(note="no locus was selected: the funnel says why")
    if why := without_classes(study, stage.takes):
        return StageWork(note=why)
    if stage.chooses is not None:
        work = stage.chooses(findings)
        if work.note:
            return StageWork(note=work.note)
        return _checked(stage, list(work.loci), study.test(stage.name, **work.parameters))
    if stage.takes == "cres":
        return _on_cres(stage, findings)
    if stage.takes == "parts":
        return _on_parts(stage, findings)
    if stage.takes == "sets":
        chosen = [locus for locus in loci if locus.name in findings.sets]
        if not chosen:
            return StageWork(note="no search of a locus has found a set")
        of_loci = {locus.name: findings.sets[locus.name] for locus in chosen}
        return _checked(stage, chosen, study.test(stage.name, sets=of_loci))
    if stage.takes == "selected":
        return _checked(stage, list(loci), study.test(stage.name))
    wanted = {
        c: findings.categories[c] for c in study.contexts(stage.name) if findings.categories.get(c)
    }
    names = {name for members in wanted.values() for name in members}
    chosen = [locus for locus in loci if locus.name in names]
    if not chosen:
        return StageWork(note=f"no locus has a context that is {_or(study.contexts(stage.name))}")
    if len(chosen) < stage.fewest:
        return StageWork(note=stage.too_few)
    groups = {"groups": wanted} if study.has_field(stage.name, "groups") else {}
    return _checked(stage, chosen, study.test(stage.name, **groups))


def _on_cres(stage: Stage, findings: Found) -> StageWork:
    """On the tiles that are CREs, or on the loci that have any where the test takes no tiles."""
    study, classes = findings.study, findings.classes
    tiles: dict[str, list[tuple[int, int]]] = {}
    cres = study.cres(stage.name)
    if classes is not None:
        with_classes = {str(name) for name in classes["locus"].values}
        for context, kinds in cres.items():
            names = [name for name in findings.categories.get(context, []) if name in with_classes]
            tiles |= tiles_of(classes.sel(locus=names), kinds)
    if not tiles:
        return StageWork(note=f"no tile is {_of_classes(cres)}")
    chosen = [locus for locus in findings.loci if locus.name in tiles]
    fields: dict[str, Any] = {}
    if study.has_field(stage.name, "tiles"):
        fields["tiles"] = {locus.name: tiles[locus.name] for locus in chosen}
        fields |= _groups(stage, findings, cres, tiles)
    return _checked(stage, chosen, study.test(stage.name, **fields))


def _on_parts(stage: Stage, findings: Found) -> StageWork:
    """On the parts of CREs that the fine-tile search has kept, and on whole CREs beside them."""
    study = findings.study
    parts, whole = study.parts(stage.name), study.cres(stage.name)
    taken = parts_taken(findings, parts, whole).tiles
    if not taken:
        return StageWork(note=f"no tile of which parts were searched for is {_of_classes(parts)}")
    if stage.test == compatibility.TEST:
        return _checked(stage, *matrix_of_parts(stage.name, findings))
    chosen = [locus for locus in findings.loci if locus.name in taken]
    fields = {"tiles": {locus.name: taken[locus.name] for locus in chosen}}
    test = study.test(stage.name, **fields, **_groups(stage, findings, parts, taken))
    return _checked(stage, chosen, test)


def _groups(
    stage: Stage,
    findings: Found,
    contexts: Iterable[str],
    tiles: Collection[str],
) -> dict[str, Any]:
    """The loci of each context as groups, where the test has any and the file gives none."""
    own = {} if stage.built_in else findings.study.stages.added[stage.name].parameters
    if "groups" in own or not findings.study.has_field(stage.name, "groups"):
        return {}
    groups = {
        context: names
        for context in contexts
        if (names := [name for name in findings.categories.get(context, []) if name in tiles])
    }
    return {"groups": groups}


def _of_classes(cres: Mapping[str, SequenceOf[str]]) -> str:
    kinds = list(dict.fromkeys(name for names in cres.values() for name in names))
    return f"a {_or(kinds)} in a context that is {_or(list(cres))}"


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
