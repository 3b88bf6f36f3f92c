"""What each stage has to do: its test, on which loci and tiles, from what earlier stages found."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from creme.analysis.categories import CONTEXTS, context_categories, cre_classes, members, tiles_of
from creme.analysis.thresholds import Categories
from creme.genome import Locus
from creme.study.config import OF_CATEGORIES, StudyFile
from creme.test import Test


@dataclass(frozen=True)
class Work:
    """A stage made ready.

    Attributes
    ----------
    loci : list of Locus
    test : Test or None
        None where there is nothing to do; then `note` says why.
    note : str
    """

    loci: list[Locus] = field(default_factory=list)
    test: Test | None = None
    note: str = ""

    @property
    def units(self) -> int:
        """How many units the test has."""
        return 0 if self.test is None else sum(1 for _ in self.test.units(self.loci))


def labelled(dataset: xr.Dataset, thresholds: Categories) -> xr.DataArray:
    """Category of each locus, (locus, track), by the context dependence test's effect."""
    return context_categories(
        dataset,
        enhancing=thresholds.enhancing,
        neutral=thresholds.neutral,
        silencing=thresholds.silencing,
    )


def categorised(dataset: xr.Dataset, thresholds: Categories, track: str) -> dict[str, list[str]]:
    """Names of the loci of each category, in the order of the selection.

    Parameters
    ----------
    dataset : Dataset
        Of the context dependence test.
    thresholds : Categories
    track : str
    """
    found = members(labelled(dataset, thresholds), track)
    if thresholds.at_most is None:
        return found
    effect = dataset["effect"].sel(track=track)
    order = {str(name): place for place, name in enumerate(dataset["locus"].values)}
    typical: dict[str, xr.DataArray]
    typical = {"enhancing": -effect, "neutral": abs(effect), "silencing": effect}
    for category, names in found.items():
        rank = typical[category].sel(locus=names).values
        kept = np.argsort(rank, kind="stable")[: thresholds.at_most]
        found[category] = sorted((names[k] for k in kept), key=order.__getitem__)
    return found


def classified(dataset: xr.Dataset, study: StudyFile, track: str) -> xr.DataArray:
    """Class of each tile, (locus, tile), by the sufficiency test's effect."""
    thresholds = study.classes
    classes = cre_classes(dataset, weak=thresholds.weak, strong=thresholds.strong)
    return classes.sel(track=track, drop=True)


def work(
    study: StudyFile,
    stage: str,
    loci: SequenceOf[Locus],
    categories: dict[str, list[str]],
    classes: xr.DataArray | None,
) -> Work:
    """What a stage has to do.

    Parameters
    ----------
    study : StudyFile
    stage : str
        Any but the first.
    loci : sequence of Locus
        The selected ones.
    categories : dict of category to names of loci
        Used by the stages after ``context_dependence``.
    classes : DataArray of text, (locus, tile), optional
        Used by the stages after ``sufficiency``.
    """
    if not loci:
        return Work(note="no locus was selected: the funnel says why")
    if stage == "context_dependence":
        return Work(list(loci), study.test(stage))
    if stage in OF_CATEGORIES:
        wanted = {c: categories[c] for c in study.contexts(stage) if categories.get(c)}
        named = {name for names in wanted.values() for name in names}
        some = [locus for locus in loci if locus.name in named]
        if not some:
            return Work(note=f"no locus has a context that is {_or(study.contexts(stage))}")
        if stage != "context_swap":
            return Work(some, study.test(stage))
        if len(some) < 2:
            return Work(note="one locus alone has a category: there is no other context to swap")
        return Work(some, study.test(stage, groups=wanted))
    tiles: dict[str, list[tuple[int, int]]] = {}
    cres = study.cres(stage)
    if classes is not None:
        known = {str(name) for name in classes["locus"].values}
        for context, kinds in cres.items():
            names = [name for name in categories.get(context, []) if name in known]
            tiles |= tiles_of(classes.sel(locus=names), kinds)
    if not tiles:
        kinds = list(dict.fromkeys(name for of in cres.values() for name in of))
        return Work(note=f"no tile is a {_or(kinds)} in a context that is {_or(list(cres))}")
    some = [locus for locus in loci if locus.name in tiles]
    ordered = {locus.name: tiles[locus.name] for locus in some}
    return Work(some, study.test(stage, tiles=ordered))


def category_of(categories: dict[str, list[str]]) -> dict[str, str]:
    """The category of each locus that has one."""
    return {name: category for category in CONTEXTS for name in categories.get(category, [])}


def _or(words: SequenceOf[str]) -> str:
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
