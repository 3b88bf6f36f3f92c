"""The cost of a study before it runs: predictions of each stage, and how many the store has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as SequenceOf
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from creme.errors import GenomeError, StoreError, reason
from creme.genome import Locus
from creme.runner.spread_of_units import about_spread
from creme.runner.write_buffer import StoredPredictions
from creme.store.others import read_others
from creme.study import findings
from creme.study.folder import Folder
from creme.study.forecast.assumptions import (
    CATEGORY_SHARES,
    CRES_NOTE,
    SETS_NOTE,
    assumed_categories,
    assumed_cres,
    assumed_loci,
    longest_set,
    stand_in,
)
from creme.study.forecast.requests import alike, at_most, digests, loci_of, requests
from creme.study.prepared import PreparedStudy
from creme.study.stages.order import FOUND_BY, earlier
from creme.study.stages.stage import AssumedCounts, Stage
from creme.study.stages.work import without_classes, work_of
from creme.suite.tiled import TiledTest
from creme.test import Test

LOOKED_AT = 5000
"""Sequences of a stage that are made and looked up; a larger stage is judged by a part of it."""

_WITH_TOLERANCE = "replicates: at most, as if no effect met the tolerance before"

_UNKNOWN = "not known beforehand: its test does not say how many sequences it asks for"

_OF_PARTS = f"not known beforehand: stage {FOUND_BY['parts'].name!r} has yet to find the parts"

Kind = Literal["exact", "estimate", "bound", "unknown"]


@dataclass(frozen=True)
class Forecast:
    """The cost of a stage.

    Attributes
    ----------
    stage : str
    units : int
        Loci, or pairs of loci.
    asked : int
        Sequences.
    needed : int
        Those of them that have to be predicted: in no store, and in no earlier stage.
    stored : int
        Those of them that the store has.
    kind : {'exact', 'estimate', 'bound', 'unknown'}
        What the numbers are; a bound is what they are at most. If unknown, they are 0.
    assumed : bool
        Whether the units are assumed, because an earlier stage finds them.
    notes : tuple of str
    """

    stage: str
    units: int = 0
    asked: int = 0
    needed: int = 0
    stored: int = 0
    kind: Kind = "exact"
    assumed: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Counted:
    """Sequences of some units."""

    asked: int
    new: int
    stored: int
    whole: bool


def forecast(
    prepared: PreparedStudy,
    folder: Folder,
    assume_loci: int | None = None,
    stages: SequenceOf[str] | None = None,
) -> list[Forecast]:
    """The cost of each stage of a study.

    Parameters
    ----------
    prepared : PreparedStudy
    folder : Folder
        What is finished there is known.
    assume_loci : int, optional
        How many loci will be selected, where that is not known; the paper's share of the genes
        unless given.
    stages : sequence of str, optional
        Only these, and those that they need and that are not finished.

    Raises
    ------
    ConfigError
        If one of `stages` is not a stage of the study.
    ResultsError
        If the folder holds another study.
    """
    folder.check(prepared.identity())
    wanted = prepared.named(stages)
    needed = {name for stage in wanted for name in (stage, *folder.missing(stage))}
    planner = _Planner(prepared, folder, assume_loci)
    try:
        return [planner.of(stage) for name, stage in prepared.stages.items() if name in needed]
    finally:
        planner.close()


class _Planner:
    def __init__(self, prepared: PreparedStudy, folder: Folder, assume_loci: int | None) -> None:
        self.prepared = prepared
        self.study = prepared.study
        self.folder = folder
        self.assume_loci = assume_loci
        self.stored = stored_predictions(prepared)
        self.loci: list[Locus] | None = None
        if self.folder.finished(FOUND_BY["loci"].name):
            self.loci = prepared.selected(folder)
        self.categories: dict[str, list[str]] | None = None
        if self.folder.finished(FOUND_BY["categories"].name):
            self.categories = findings.categories(prepared, folder)
        self.classified = self.folder.finished(FOUND_BY["classes"].name)
        self.stand_in = stand_in(prepared, self.loci or [])

    def close(self) -> None:
        self.stored.close()

    def of(self, stage: Stage) -> Forecast:
        """One stage; with units that failed it is asked for whole, as a run does."""
        if not self.folder.finished(stage.name):
            coming = self._of(stage)
            if stage.takes == "sites":
                return coming
            return replace(coming, notes=(*coming.notes, *about_spread(self.prepared.plan)))
        state = self.folder.stages()[stage.name]
        failed = len(state.get("failures", []))
        if failed:
            again = self._of(stage)
            words = f"{failed} unit{'s' * (failed > 1)} that failed will be tried again"
            return replace(again, notes=(*again.notes, words))
        note = state.get("note") or "finished"
        return Forecast(stage.name, state.get("units", 0), notes=(note,))

    def _of(self, stage: Stage) -> Forecast:
        if stage.takes == "sites":
            return self._of_sites(stage)
        units_are_known = (
            self.loci is not None
            and (stage.takes == "selected" or self.categories is not None)
            and (stage.takes not in ("cres", "parts") or self.classified)
            and (stage.takes != "parts" or self.folder.finished(FOUND_BY["parts"].name))
            and (stage.takes != "sets" or self.folder.finished(FOUND_BY["sets"].name))
            and (stage.takes != "designs" or self.folder.finished(FOUND_BY["designs"].name))
        )
        return self._of_known(stage) if units_are_known else self._of_assumed(stage)

    def _of_sites(self, stage: Stage) -> Forecast:
        prepared, candidates = self.prepared, self.prepared.candidates
        model = prepared.plan.model
        sites = candidates.window(np.flatnonzero(candidates.kept), model.input_length, model.tss)
        counted = self._count(stage, prepared.activity, sites)
        notes = [f"{candidates.transcripts} transcripts start at {len(candidates)} TSSs"]
        kind: Kind = "exact" if counted.whole else "estimate"
        if self.study.selection.recentre:
            kind = "estimate"
            notes.append("those that are moved to a summit are predicted once more")
        return _forecast(stage, len(sites), counted, kind, *notes)

    def _of_known(self, stage: Stage) -> Forecast:
        prepared, folder = self.prepared, self.folder
        of_classes = stage.takes in ("cres", "parts")
        classes = findings.classes(prepared, folder) if of_classes else None
        loci = self.loci or []
        everything = findings.findings_for(prepared, folder, stage, loci, self.categories, classes)
        work = work_of(stage, everything)
        if work.test is None:
            return Forecast(stage.name, notes=(f"nothing to do: {work.note}",))
        return self._of_units(stage, work.test, list(work.test.units(work.loci)))

    def _of_units(
        self, stage: Stage, test: Test, units: SequenceOf[Any], *, stored: bool = True
    ) -> Forecast:
        """A stage whose units are known; or one unit that stands for others."""
        if stage.searches is not None:
            return self._searched(stage, test, units)
        most = at_most(test)
        sizes = [most.size(unit) for unit in units]
        if None in sizes:
            return Forecast(stage.name, len(units), kind="unknown", notes=(_UNKNOWN,))
        try:
            counted = self._count(stage, most, units, stored=stored)
        except Exception as error:
            if stage.built_in:
                raise
            total = sum(size or 0 for size in sizes)
            note = f"at most: its test goes by the answers ({reason(error)})"
            return Forecast(stage.name, len(units), total, total, 0, "bound", False, (note,))
        if most is test:
            return _forecast(stage, len(units), counted, "exact" if counted.whole else "estimate")
        kind: Kind = "bound" if counted.whole else "estimate"
        return _forecast(stage, len(units), counted, kind, _WITH_TOLERANCE)

    def _of_assumed(self, stage: Stage) -> Forecast:
        if why := without_classes(self.study, stage.takes):
            return Forecast(stage.name, notes=(f"nothing to do: {why}",))
        if stage.takes == "parts":
            return Forecast(stage.name, kind="unknown", assumed=True, notes=(_OF_PARTS,))
        loci, notes = self._loci()
        if stage.takes == "selected":
            return self._scaled(stage, self.study.test(stage.name), loci, notes)
        sizes, more = self._categories(loci)
        notes = (*notes, *more)
        if stage.takes == "categories":
            n = sum(sizes[context] for context in self.study.contexts(stage.name))
            if stage.built_in and (targets := self.study.built_in_options(stage.name).targets):
                n = len(targets)
            return self._scaled(stage, self.study.test(stage.name), n, notes)
        if stage.takes == "sets":
            source = FOUND_BY["sets"].name
            n = sum(sizes[context] for context in self.study.contexts(source))
            most = longest_set(self.study.test(source), self.stand_in)
            bound = self._scaled(stage, self.study.test(stage.name, sets=most), n, notes)
            return replace(bound, kind="bound", notes=(*bound.notes, SETS_NOTE))
        if stage.assumed is not None:
            return self._by_stage(stage, sizes, notes)
        wanted = self.study.cres(stage.name)
        test = self.study.test(stage.name)
        cres = assumed_cres(sizes, wanted)
        if isinstance(test, TiledTest):
            tile = test.measurable(self.stand_in)[0]
            test = self.study.test(stage.name, tiles=[(tile.start, tile.end)])
        return self._scaled(stage, test, cres, (*notes, CRES_NOTE))

    def _by_stage(self, stage: Stage, sizes: Mapping[str, int], notes: tuple[str, ...]) -> Forecast:
        """As the stage counts for itself, by assumed numbers of loci and CREs."""
        assert stage.assumed is not None
        test = self.study.test(stage.name)
        kinds: dict[str, int] = {}
        if stage.takes == "designs":
            contexts = self.study.contexts(FOUND_BY["designs"].name)
            targets = self.study.built_in_options(FOUND_BY["designs"].name).targets
            loci = len(targets) if targets else sum(sizes[context] for context in contexts)
            counts = stage.assumed(self.study, test, AssumedCounts(loci, kinds))
            return Forecast(stage.name, *counts, 0, "bound", True, notes)
        wanted = self.study.cres(stage.name)
        for kind in ("enhancer", "silencer"):
            named = {c: [name for name in of if name.endswith(kind)] for c, of in wanted.items()}
            kinds[kind] = assumed_cres(sizes, named)
        loci = sum(sizes[context] for context in wanted)
        counts = stage.assumed(self.study, test, AssumedCounts(loci, kinds))
        return Forecast(stage.name, *counts, 0, "estimate", True, (*notes, CRES_NOTE))

    def _scaled(self, stage: Stage, test: Test, units: int, notes: tuple[str, ...]) -> Forecast:
        """As many as a stand-in asks for, for each of the units; pairs, for all of them."""
        if stage.pairs is not None:
            shared = alike(self.study, stage.name, stage.pairs.shares)
            pairs, requested, needed = stage.pairs.count(test, units, shared)
            return Forecast(stage.name, pairs, requested, needed, 0, "estimate", True, notes)
        one = self._of_units(stage, test, list(test.units([self.stand_in])), stored=False)
        as_is = stage.searches is not None or one.kind == "unknown"
        return replace(
            one,
            units=units,
            asked=one.asked * units,
            needed=one.needed * units,
            kind=one.kind if as_is else "estimate",
            assumed=True,
            notes=(*notes, *one.notes),
        )

    def _searched(self, stage: Stage, test: Test, units: SequenceOf[Any]) -> Forecast:
        """By the bounds of a test that decides on its way what to ask."""
        searches = stage.searches
        assert searches is not None
        tracks = len(self.prepared.tracks)
        shared = searches.shares in self.prepared.stages and alike(
            self.study, stage.name, searches.shares
        )
        both = [searches.count(test, unit, tracks, shared) for unit in units]
        requested, needed = (sum(values) for values in zip(*both, strict=True))
        notes = (searches.note,)
        return Forecast(stage.name, len(units), requested, needed, 0, searches.kind, False, notes)

    def _loci(self) -> tuple[int, tuple[str, ...]]:
        if self.loci is not None:
            return len(self.loci), ()
        n, note = assumed_loci(self.prepared, self.assume_loci)
        return n, (note,)

    def _categories(self, loci: int) -> tuple[dict[str, int], tuple[str, ...]]:
        if self.categories is not None:
            return {c: len(self.categories.get(c, [])) for c in CATEGORY_SHARES}, ()
        sizes, note = assumed_categories(self.prepared, loci)
        return sizes, (note,)

    def _count(
        self, stage: Stage, test: Test, units: SequenceOf[Any], *, stored: bool = True
    ) -> _Counted:
        """Ask a test for its sequences, of all units or of a part that is spread over them.

        New are those that neither earlier stages ask for nor the store has, which is asked only if
        `stored`.
        """
        sizes = [test.size(unit) or 0 for unit in units]
        total = sum(sizes)
        step = max(1, math.ceil(total / LOOKED_AT))
        seen: set[bytes] = set()
        part = new = in_store = 0
        for place in range(0, len(units), step):
            unit = units[place]
            # A window with too many N is not asked for, and one that cannot be read fails alone.
            try:
                of_unit = [sequence.digest for sequence in requests(self.prepared, test, unit)]
            except GenomeError:
                continue
            part += len(of_unit)
            fresh = set(of_unit) - seen
            seen |= fresh
            there = self._in_store(fresh) if stored else set()
            in_store += len(there)
            new += len(fresh - there - self._before(stage, test, unit))
        if step == 1:
            return _Counted(part, new, in_store, whole=True)
        scale = total / max(1, part)
        return _Counted(total, math.ceil(new * scale), math.ceil(in_store * scale), whole=False)

    def _in_store(self, wanted: Iterable[bytes]) -> set[bytes]:
        return set(self.stored.read(list(wanted)))

    def _before(self, stage: Stage, test: Test, unit: Any) -> set[bytes]:
        """Digests of what earlier stages of the study ask for at a unit's loci."""
        loci = loci_of(unit)
        records = self.study.stage_records
        before: set[bytes] = set()
        for name in earlier(stage.name, records):
            if records[name].takes == "sites":
                before |= {locus.sequence.digest for locus in loci}
            elif records[name].takes == "sets":
                continue  # they are known only once they are found
            elif records[name].built_in and records[name].searches is None:
                tiles = {}
                # Parts are no tiles of the sufficiency test, which has asked for all of its own.
                own = records[name].finds == "classes" and stage.takes != "parts"
                if own and isinstance(test, TiledTest):
                    tiling = test.tiling(loci[0])
                    tiles["tiles"] = [(tile.start, tile.end) for tile in tiling]
                before |= digests(self.prepared, self.study.test(name, **tiles), loci)
        return before


def _forecast(stage: Stage, units: int, counted: _Counted, kind: Kind, *notes: str) -> Forecast:
    numbers = (counted.asked, counted.new, counted.stored)
    return Forecast(stage.name, units, *numbers, kind, False, notes)


def stored_predictions(prepared: PreparedStudy) -> StoredPredictions:
    """The predictions of the model in the store, if there is one, and in those that are read first.

    Nothing is made.
    """
    model, selection = prepared.plan.model, prepared.plan.selection
    if prepared.study.index is not None or prepared.store_place.is_there():
        with suppress(StoreError):
            return StoredPredictions(prepared.open_store(), model, selection)
    others = read_others(prepared.other_stores, prepared.store_place)
    return StoredPredictions(None, model, selection, others)
