"""The stages of the toolkit in their order, and those that a study file adds to them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from typing import Any

from creme.study.stages import compatibility
from creme.study.stages.compatibility import COMPATIBILITY
from creme.study.stages.context_dependence import CONTEXT_DEPENDENCE
from creme.study.stages.context_swap import CONTEXT_SWAP
from creme.study.stages.design import DESIGN
from creme.study.stages.design_check import DESIGN_CHECK
from creme.study.stages.distance import DISTANCE
from creme.study.stages.fine_tile import FINE_TILE
from creme.study.stages.higher_order import HIGHER_ORDER
from creme.study.stages.interactions import INTERACTIONS, with_pairs_of_parts
from creme.study.stages.loci import LOCI
from creme.study.stages.multiplicity import MULTIPLICITY
from creme.study.stages.necessity import NECESSITY
from creme.study.stages.set_sufficiency import SET_SUFFICIENCY
from creme.study.stages.stage import Finds, Stage, Takes
from creme.study.stages.sufficiency import SUFFICIENCY
from creme.study.stages.tables import own_table

BUILT_IN: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        LOCI,
        CONTEXT_DEPENDENCE,
        CONTEXT_SWAP,
        NECESSITY,
        SUFFICIENCY,
        DISTANCE,
        HIGHER_ORDER,
        SET_SUFFICIENCY,
        MULTIPLICITY,
        FINE_TILE,
        INTERACTIONS,
        COMPATIBILITY,
        DESIGN,
        DESIGN_CHECK,
    )
}
"""The toolkit's stages by name, in their order."""

BY_DEFAULT = tuple(name for name, stage in BUILT_IN.items() if stage.by_default)
"""Those that a study runs which names none."""

FOUND_BY: dict[Finds, Stage] = {stage.finds: stage for stage in BUILT_IN.values() if stage.finds}
"""The stage that finds the loci, categories, classes, parts, sets and designs."""

_TAKEN: dict[Takes, Finds] = {
    **{
        "selected": "loci",
        "categories": "categories",
        "cres": "classes",
        "parts": "parts",
        "sets": "sets",
        "designs": "designs",
    },
}


def source_of(takes: Takes) -> Stage:
    """The stage whose outcome is taken."""
    return FOUND_BY[_TAKEN[takes]]


def added_stage(name: str, test: str, needs: SequenceOf[str], takes: Takes) -> Stage:
    """The record of a stage that a study file adds.

    A test of the toolkit is forecast as in its own stage.

    Parameters
    ----------
    name : str
    test : str
        The registered name of its test, which is not loaded.
    needs : sequence of str
    takes : {'selected', 'categories', 'cres', 'parts'}
    """
    words = name.replace("_", " ").replace("-", " ")
    stage = Stage(
        name=name,
        test=test,
        title=words[:1].upper() + words[1:],
        make_tables=own_table,
        needs=tuple(needs),
        takes=takes,
        built_in=False,
    )
    if test == compatibility.TEST:
        return compatibility.with_pairs(stage)
    if test == INTERACTIONS.test and takes == "parts":
        stage = with_pairs_of_parts(stage)
    alike = next((s for s in BUILT_IN.values() if s.test == test and s.takes != "sites"), None)
    if alike is None:
        return stage
    return replace(
        stage,
        fewest=alike.fewest,
        too_few=alike.too_few,
        defaults=alike.defaults if takes == "cres" else stage.defaults,
        searches=alike.searches,
        pairs=alike.pairs,
    )


def recorded(stage: Stage) -> dict[str, Any]:
    """An added stage as ``study.json`` describes it; `from_record` reads it."""
    return {"test": stage.test, "needs": list(stage.needs), "takes": stage.takes}


def from_record(name: str, record: Mapping[str, Any]) -> Stage:
    """An added stage that ``study.json`` describes."""
    return added_stage(name, record["test"], record["needs"], record["takes"])


def earlier(stage: str, stages: Mapping[str, Stage] = BUILT_IN) -> tuple[str, ...]:
    """All stages that a stage depends on, in their order.

    Parameters
    ----------
    stage : str
    stages : mapping of name to Stage
        In their order.
    """
    before: set[str] = set()
    rest = list(stages[stage].needs)
    while rest:
        name = rest.pop()
        if name not in before and name in stages:
            before.add(name)
            rest += stages[name].needs
    return tuple(name for name in stages if name in before)
