"""Stage ``compatibility``: CREs and other tiles with the promoters of their loci, all pairs.

A study file may add stages of the same test; their tables and forecast are made here, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from creme.analysis.categories import CONTEXTS, texts
from creme.analysis.compatibility import compatibility, pair_table
from creme.analysis.compatibility_classes import compatibility_classes
from creme.errors import ConfigError
from creme.genome import Locus
from creme.seeds import derive
from creme.sequence import N
from creme.study.stages.parts import Intervals, parts_taken, tiles_of_classes, with_part_of
from creme.study.stages.stage import (
    AssumedCounts,
    Chosen,
    Found,
    PairForecast,
    Stage,
    StageData,
)
from creme.study.stages.tables import own_table
from creme.suite.compatibility import LOCI, Compatibility
from creme.tiling import Tile

if TYPE_CHECKING:
    from creme.study.config import StudyFile

TEST = "compatibility"
MOST = 20
"""Promoters, and elements of each group, that the stage takes unless the study file says so."""
NEUTRAL = "neutral tile"
"""The group of tiles without a class."""
_PROMOTERS = 3
_OF_PROMOTERS = ("responsiveness", "responsiveness_low", "responsiveness_high")


def with_pairs(stage: Stage) -> Stage:
    """The stage with a table of pairs and one of promoters, ``NAME_pairs`` and ``NAME_promoters``.

    It is no stage of every study: its matrix grows with the square of the loci.
    """
    return replace(
        stage,
        make_tables=_tables,
        further_tables=(f"{stage.name}_pairs", f"{stage.name}_promoters"),
        pairs=PairForecast(_count, shares="sufficiency"),
    )


def _tables(data: StageData) -> dict[str, pd.DataFrame]:
    try:
        result, classes = compatibility(data.dataset), compatibility_classes(data.dataset)
    except ConfigError:  # fewer carriers or promoters than say anything
        pairs = promoters = pd.DataFrame(columns=["promoter"])
    else:
        pairs = pair_table(result)
        if data.parts:
            pairs = with_part_of(pairs, data.parts, data.classes)
        places = classes[["promoter_place", "promoter_q", "promoter_class", "promoter_subclass"]]
        merged = result[[*_OF_PROMOTERS]].assign(places.data_vars)
        kept = [name for name in merged.coords if name not in (*merged.dims, "promoter_group")]
        promoters = merged.drop_vars(kept).to_dataframe().reset_index()
    return {
        **own_table(data),
        f"{data.name}_pairs": pairs,
        f"{data.name}_promoters": promoters,
    }


def _count(test: Compatibility, enhancers: int, shared: bool) -> tuple[int, int, int]:
    """Carriers, sequences, and those to be predicted, with a promoter for each enhancer at most."""
    promoters = enhancers if test.promoters is None else len(test.promoters)
    return _of_matrix(test, promoters, enhancers)


def _of_matrix(test: Compatibility, promoters: int, enhancers: int) -> tuple[int, int, int]:
    places = 1 if test.distances is None else len(test.distances)
    sequences = test.replicates * promoters * (1 + places * (enhancers + test.shuffled))
    # The promoters at home are controls of the sufficiency test: few, and not counted.
    return test.replicates, sequences, sequences


def _assumed(study: StudyFile, test: Compatibility, counts: AssumedCounts) -> tuple[int, int, int]:
    most = _most(study)
    promoters = min(most, counts.loci) if test.promoters is None else len(test.promoters)
    groups = [*counts.cres.values(), min(promoters, counts.loci)]
    return _of_matrix(test, promoters, sum(min(most, number) for number in groups))


def _most(study: StudyFile) -> int:
    limit = study.built_in_options(COMPATIBILITY.name).at_most
    return MOST if limit is None else limit


def _chosen(findings: Found) -> Chosen:
    """The promoters of loci with CREs first; elements of these loci; carriers of at least five."""
    study, most = findings.study, _most(findings.study)
    by_name = {locus.name: locus for locus in findings.loci}
    with_category = _with_category(findings)
    test = study.test(COMPATIBILITY.name)
    assert isinstance(test, Compatibility)
    if findings.classes is None:
        return Chosen(note="no tile has a class")

    def at_random(locus: Locus, *names: int) -> int:
        return derive(study.seed, locus.key, "element", *names)

    by_class = tiles_of_classes(findings, study.cres(COMPATIBILITY.name))
    with_cre = {name for tiles in by_class.values() for name in tiles}
    if test.promoters is None:
        order = sorted(with_category, key=lambda one: (one.name not in with_cre, at_random(one)))
        promoters = [one.name for one in order[:most]]
    else:
        promoters = list(test.promoters)
    by_class = {
        kind: {name: spans for name, spans in tiles.items() if name in promoters}
        for kind, tiles in by_class.items()
    }
    if not any(by_class.values()) and test.enhancers is None:
        return Chosen(note="no tile of a promoter's locus is a CRE of the classes that it takes")
    if len(promoters) < _PROMOTERS:
        few = f"{len(promoters)} loci with a category: a matrix has {_PROMOTERS} promoters at least"
        return Chosen(note=few)
    homes = [by_name[name] for name in promoters if name in by_name]
    groups: dict[str, list[tuple[str, tuple[int, int]]]] = {}
    for sign in ("enhancer", "silencer"):
        drawn = [
            (kind, name, span)
            for kind, tiles in by_class.items()
            if kind.endswith(sign)
            for name, spans in tiles.items()
            for span in spans
        ]
        drawn.sort(key=lambda one: at_random(by_name[one[1]], *one[2]))
        for kind, name, span in drawn[:most]:
            groups.setdefault(kind, []).append((name, span))
    neutral = _neutral(findings.classes, homes, at_random)
    groups[NEUTRAL] = sorted(neutral, key=lambda one: at_random(by_name[one[0]]))[:most]
    tiles: Intervals = {}
    for members in groups.values():
        for name, span in members:
            tiles.setdefault(name, []).append(span)
    tiles = {
        locus.name: sorted(tiles[locus.name]) for locus in findings.loci if locus.name in tiles
    }
    named = {kind: [f"{n}:{a}-{b}" for n, (a, b) in of] for kind, of in groups.items() if of}
    return Chosen(
        _carrying(findings, {*promoters, *(test.carriers or ())}),
        {
            "tiles": tiles,
            "groups": {**_contexts(findings, promoters), **named},
            **({} if test.promoters is not None else {"promoters": sorted(promoters)}),
        },
    )


def _with_category(findings: Found) -> list[Locus]:
    named = {name for of in findings.categories.values() for name in of}
    return [locus for locus in findings.loci if locus.name in named]


def _carrying(findings: Found, needed: Collection[str]) -> list[Locus]:
    """The loci of a matrix: those with a category, and those whose names are needed."""
    enough = _with_category(findings)
    # Carriers of fewer loci would speak for these alone.
    enough = enough if len(enough) >= LOCI else list(findings.loci)
    return [one for one in findings.loci if one in enough or one.name in needed]


def _contexts(findings: Found, promoters: Collection[str]) -> dict[str, list[str]]:
    """The promoters of each category that has any."""
    of = {c: [n for n in findings.categories.get(c, []) if n in promoters] for c in CONTEXTS}
    return {context: names for context, names in of.items() if names}


def matrix_of_parts(name: str, findings: Found) -> tuple[list[Locus], Compatibility]:
    """The matrix of an added stage that takes parts, and its loci.

    Promoters are those that the study file names, or of the loci that parts are of.
    """
    study = findings.study
    taken = parts_taken(findings, study.parts(name), study.cres(name))
    test = study.test(name)
    assert isinstance(test, Compatibility)
    promoters = sorted(taken.tiles) if test.promoters is None else test.promoters
    groups = test.groups or {**_contexts(findings, promoters), **taken.groups}
    chosen = {"tiles": taken.tiles, "promoters": promoters, "groups": groups}
    needed = {*promoters, *taken.tiles, *(test.carriers or ())}
    matrix = study.test(name, **chosen)
    assert isinstance(matrix, Compatibility)
    return _carrying(findings, needed), matrix


def _neutral(
    classes: xr.DataArray, loci: SequenceOf[Locus], at_random: Callable[..., int]
) -> list[tuple[str, tuple[int, int]]]:
    """A tile of each locus that has no class, drawn by chance of those without N."""
    out = []
    there = {str(name) for name in classes["locus"].values}
    for locus in loci:
        if locus.name not in there:
            continue
        one = classes.sel(locus=locus.name)
        starts, ends = (np.asarray(one[name].values, float) for name in ("tile_start", "tile_end"))
        free = (texts(one) == "") & np.isfinite(starts)
        spans = [(int(a), int(b)) for a, b in zip(starts[free], ends[free], strict=True)]
        for span in sorted(spans, key=lambda each: at_random(locus, *each)):
            if not (Tile(*span).of(locus.sequence).codes == N).any():
                out.append((locus.name, span))
                break
    return out


COMPATIBILITY = with_pairs(
    Stage(
        name="compatibility",
        test=TEST,
        title="Compatibility",
        make_tables=_tables,
        needs=("sufficiency",),
        takes="cres",
        chooses=_chosen,
        keys=("at_most",),
        cres={context: ["enhancer", "silencer"] for context in CONTEXTS},
        # Replicates are carriers here, and not the shuffles that [common] has.
        defaults=lambda classes: {"replicates": LOCI},
        assumed=_assumed,
        by_default=False,
    )
)
