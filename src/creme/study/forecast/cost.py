"""What a study will take, before it runs: predictions of each stage, and how many are known."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import numpy as np

from creme.errors import GenomeError, StoreError
from creme.genome import Locus
from creme.inference.device import Device
from creme.runner.write_buffer import StoredPredictions
from creme.store import Store
from creme.study.config import OF_CATEGORIES, OF_CRES
from creme.study.folder import SELECTED, Folder
from creme.study.forecast.bounds import fine_tile, higher_order, multiplicity
from creme.study.forecast.requests import alike, asked, at_least, at_most
from creme.study.prepared import Ready
from creme.study.work import work
from creme.suite.context_swap import ContextSwap
from creme.suite.fine_tile import FineTile
from creme.suite.higher_order import HigherOrder
from creme.suite.multiplicity import Multiplicity
from creme.suite.tiled import TiledTest
from creme.test import Test

LOOKED_AT = 5000
"""Sequences of a stage that are made and looked up; a larger stage is judged by a part of it."""

SELECTED_SHARE = 4527 / 57_000
CATEGORY_SHARES = {"enhancing": 152 / 4527, "neutral": 40 / 4527, "silencing": 11 / 4527}
CRES_A_LOCUS = {"enhancer": 59 / 152, "silencer": 26 / 11}
"""What is taken for what is not known yet: the paper's numbers for Enformer and K562."""

_WITH_TOLERANCE = "replicates: at most, as if no effect met the tolerance before"

Kind = Literal["exact", "estimate", "bound"]


@dataclass(frozen=True)
class Forecast:
    """What a stage will take.

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
    kind : {'exact', 'estimate', 'bound'}
        What the numbers are; a bound is what they are at most.
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
    ready: Ready,
    folder: Folder,
    assume_loci: int | None = None,
    stages: SequenceOf[str] | None = None,
) -> list[Forecast]:
    """What each stage of a study will take.

    Parameters
    ----------
    ready : Ready
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
    folder.check(ready.identity())
    some = ready.named(stages)
    needed = {one for stage in some for one in (stage, *folder.missing(stage))}
    planner = _Planner(ready, folder, assume_loci)
    try:
        return [planner.of(stage) for stage in ready.study.stages if stage in needed]
    finally:
        planner.close()


def seconds_per_prediction(ready: Ready) -> float:
    """Wall time of a prediction, from a few batches of shuffled tiles after one to warm up."""
    test = ready.study.test("necessity")
    given = ready.plan.batch_size
    size = given if isinstance(given, int) else ready.plan.model.batch_size
    sequences = list(islice(asked(ready, test, _stand_in(ready, [])), 1 + 3 * size))
    device = Device(ready.plan.model, ready.plan.selection, given)
    first, rest = sequences[: 1 + size], sequences[1 + size :] or sequences
    for start in range(0, len(first), size):
        device.predict(first[start : start + size])
    began = time.monotonic()
    for start in range(0, len(rest), size):
        device.predict(rest[start : start + size])
    return (time.monotonic() - began) / len(rest)


class _Planner:
    def __init__(self, ready: Ready, folder: Folder, assume_loci: int | None) -> None:
        self.ready = ready
        self.study = ready.study
        self.folder = folder
        self.assume_loci = assume_loci
        self.stored = _stored(ready)
        self.loci: list[Locus] | None = None
        if self.folder.finished("loci"):
            self.loci = ready.selected(folder.path / SELECTED)
        self.categories: dict[str, list[str]] | None = None
        if self.folder.finished("context_dependence"):
            self.categories = ready.categories(folder)
        self.stand_in = _stand_in(ready, self.loci or [])

    def close(self) -> None:
        if self.stored is not None:
            self.stored.store.close()

    def of(self, stage: str) -> Forecast:
        """One stage; with units that failed it is asked for whole, as a run does."""
        if not self.folder.finished(stage):
            return self._of(stage)
        state = self.folder.stages()[stage]
        failed = len(state.get("failures", []))
        if failed:
            again = self._of(stage)
            words = f"{failed} unit{'s' * (failed > 1)} that failed will be tried again"
            return replace(again, notes=(*again.notes, words))
        note = state.get("note") or "finished"
        return Forecast(stage, state.get("units", 0), notes=(note,))

    def _of(self, stage: str) -> Forecast:
        if stage == "loci":
            return self._of_sites()
        known = (
            self.loci is not None
            and (stage == "context_dependence" or self.categories is not None)
            and (stage not in OF_CRES or self.folder.finished("sufficiency"))
        )
        return self._of_known(stage) if known else self._of_assumed(stage)

    def _of_sites(self) -> Forecast:
        ready, candidates = self.ready, self.ready.candidates
        numbers = np.flatnonzero(candidates.kept)
        windows = candidates.window(numbers, ready.plan.model.input_length, ready.plan.model.tss)
        counted = self._count(ready.activity, windows)
        notes = [f"{candidates.transcripts} transcripts start at {len(candidates)} TSSs"]
        kind: Kind = "exact" if counted.whole else "estimate"
        if self.study.selection.recentre:
            kind = "estimate"
            notes.append("those that are moved to a summit are predicted once more")
        return self._forecast("loci", len(windows), counted, kind, *notes)

    def _of_known(self, stage: str) -> Forecast:
        loci = self.loci or []
        classes = self.ready.classes(self.folder) if stage in OF_CRES else None
        todo = work(self.study, stage, loci, self.categories or {}, classes)
        if todo.test is None:
            return Forecast(stage, notes=(f"nothing to do: {todo.note}",))
        adaptive = self._adaptive(stage, todo.test, todo.loci)
        if adaptive is not None:
            return replace(adaptive, units=todo.units)
        most = at_most(todo.test)
        units = list(most.units(todo.loci))
        counted = self._count(most, units)
        kind: Kind = "exact" if counted.whole else "estimate"
        if most is todo.test:
            return self._forecast(stage, len(units), counted, kind)
        kind = "bound" if counted.whole else "estimate"
        return self._forecast(stage, len(units), counted, kind, _WITH_TOLERANCE)

    def _of_assumed(self, stage: str) -> Forecast:
        loci, said = self._assumed_loci()
        if stage == "context_dependence":
            return self._scaled(stage, self.study.test(stage), loci, said)
        named, also = self._assumed_categories(loci)
        said = (*said, *also)
        if stage in OF_CATEGORIES:
            n = sum(named[c] for c in self.study.contexts(stage))
            if stage == "context_swap":
                return self._swapped(n, said)
            return self._scaled(stage, self.study.test(stage), n, said)
        cres = sum(
            math.ceil(named[context] * CRES_A_LOCUS[kind])
            for context, names in self.study.cres(stage).items()
            for kind in sorted({name.rpartition(" ")[2] for name in names})
        )
        plain = self.study.test(stage)
        assert isinstance(plain, TiledTest)
        tile = plain.tiling(self.stand_in).context[0]
        test = self.study.test(stage, tiles=[(tile.start, tile.end)])
        share = (
            "assumed: 59 enhancers in 152 enhancing contexts and 26 silencers in 11 silencing "
            "ones, as in the paper, and as many in others"
        )
        return self._scaled(stage, test, cres, (*said, share))

    def _scaled(self, stage: str, test: Test, units: int, said: tuple[str, ...]) -> Forecast:
        """As many as a stand-in asks for, for each of the units."""
        locus = self.stand_in
        one = self._adaptive(stage, test, [locus])
        if one is None:
            most = at_most(test)
            counted = self._count(most, [locus], stored=False)
            said = said if most is test else (*said, _WITH_TOLERANCE)
            one = self._forecast(stage, 1, counted, "estimate")
        return replace(
            one,
            units=units,
            asked=one.asked * units,
            needed=one.needed * units,
            assumed=True,
            notes=(*said, *one.notes),
        )

    def _swapped(self, n: int, said: tuple[str, ...]) -> Forecast:
        test = self.study.test("context_swap")
        replicates = test.replicates  # type: ignore[attr-defined]
        shared = alike(self.study, "context_swap", "context_dependence")
        asked = n * n * (3 + 2 * replicates)
        needed = n * (n - 1) * (1 + replicates) + (0 if shared else n * replicates)
        return Forecast("context_swap", n * n, asked, needed, 0, "estimate", True, said)

    def _adaptive(self, stage: str, test: Test, loci: SequenceOf[Locus]) -> Forecast | None:
        """Bounds of the tests that decide on their way what to ask; None for the others."""
        tracks = len(self.ready.tracks)
        units: list[Any] = list(test.units(loci))
        if isinstance(test, HigherOrder):
            shared = "necessity" in self.study.stages and alike(self.study, stage, "necessity")
            both = [higher_order(test, unit, tracks, shared) for unit in units]
        elif isinstance(test, Multiplicity):
            shared = alike(self.study, stage, "sufficiency")
            both = [multiplicity(test, unit, tracks, shared) for unit in units]
        elif isinstance(test, FineTile):
            shared = alike(self.study, stage, "sufficiency")
            both = [fine_tile(test, unit, tracks, shared) for unit in units]
        else:
            return None
        kind: Kind = "estimate" if isinstance(test, FineTile) else "bound"
        notes = {
            "bound": "searches: at most, each track and direction going its own way",
            "estimate": "fine tiles: as if each window but one of a search's stage were removed, "
            "and no step taken back",
        }
        asked, needed = (sum(values) for values in zip(*both, strict=True))
        return Forecast(stage, len(units), asked, needed, 0, kind, False, (notes[kind],))

    def _assumed_loci(self) -> tuple[int, tuple[str, ...]]:
        if self.loci is not None:
            return len(self.loci), ()
        most = self.study.selection.max_loci
        candidates = self.ready.candidates
        genes = {
            site.gene_id or site.gene
            for site, kept in zip(candidates.sites, candidates.kept, strict=True)
            if kept
        }
        if self.assume_loci is not None:
            n, said = self.assume_loci, "as given"
        else:
            n, said = math.ceil(len(genes) * SELECTED_SHARE), f"8 % of {len(genes)} genes"
            said += ", as in the paper (4,527 of some 57,000)"
        n = n if most is None else min(n, most)
        return n, (f"assumed: {n} selected loci, {said}",)

    def _assumed_categories(self, loci: int) -> tuple[dict[str, int], tuple[str, ...]]:
        if self.categories is not None:
            return {c: len(self.categories.get(c, [])) for c in CATEGORY_SHARES}, ()
        most = self.study.categories.at_most
        named = {c: math.ceil(loci * share) for c, share in CATEGORY_SHARES.items()}
        named = {c: n if most is None else min(n, most) for c, n in named.items()}
        shown = ", ".join(f"{n} {c}" for c, n in named.items())
        return named, (f"assumed: {shown} contexts, as 152, 40 and 11 of 4,527 in the paper",)

    def _forecast(
        self, stage: str, units: int, counted: _Counted, kind: Kind, *notes: str
    ) -> Forecast:
        return Forecast(
            stage, units, counted.asked, counted.new, counted.stored, kind, False, notes
        )

    def _count(self, test: Test, units: SequenceOf[Any], *, stored: bool = True) -> _Counted:
        """Ask a test for its sequences, of all units or of some that are spread over them.

        New are those that neither earlier stages ask for nor the store has, which is asked only if
        `stored`.
        """
        sizes = [test.size(unit) or 0 for unit in units]
        total = sum(sizes)
        step = max(1, math.ceil(total / LOOKED_AT))
        seen: set[bytes] = set()
        part = new = known = 0
        for place in range(0, len(units), step):
            unit = units[place]
            # A window with too many N is not asked for, and one that cannot be read fails alone.
            try:
                digests = [one.digest for one in asked(self.ready, test, unit)]
            except GenomeError:
                continue
            part += len(digests)
            fresh = set(digests) - seen
            seen |= fresh
            there = self._there(fresh) if stored else set()
            known += len(there)
            new += len(fresh - there - self._before(test, unit))
        if step == 1:
            return _Counted(part, new, known, whole=True)
        scale = total / max(1, part)
        return _Counted(total, math.ceil(new * scale), math.ceil(known * scale), whole=False)

    def _there(self, digests: Iterable[bytes]) -> set[bytes]:
        return set() if self.stored is None else set(self.stored.read(list(digests)))

    def _before(self, test: Test, unit: Any) -> set[bytes]:
        """What earlier stages of the study ask for at a unit's loci."""
        loci = [unit.source, unit.target] if isinstance(test, ContextSwap) else [unit]
        if test.name in ("tss_activity", "context_dependence"):
            return {locus.sequence.digest for locus in loci if test.name != "tss_activity"}
        earlier = [self.study.test("context_dependence")]
        if test.name in OF_CRES and isinstance(test, TiledTest):
            tiles = [(tile.start, tile.end) for tile in test.tiling(loci[0])]
            earlier.append(self.study.test("sufficiency", tiles=tiles))
        return {
            sequence.digest
            for locus in loci
            for one in earlier
            for sequence in asked(self.ready, at_least(one), locus)
        }


def _stand_in(ready: Ready, loci: SequenceOf[Locus]) -> Locus:
    """Some locus that can be read, where those of the study are not known: the first one."""
    candidates, model = ready.candidates, ready.plan.model
    if not loci:
        numbers = np.flatnonzero(candidates.kept)
        loci = candidates.window(numbers, model.input_length, model.tss)
    unread: GenomeError | None = None
    for locus in loci:
        try:
            locus.sequence  # noqa: B018  # read here
        except GenomeError as error:
            unread = unread or error
        else:
            return locus
    assert unread is not None
    raise unread


def _stored(ready: Ready) -> StoredPredictions | None:
    """The predictions of the model in the store, if there is one; nothing is made."""
    if ready.study.index is None and not ready.store_path.is_dir():
        return None
    try:
        store = Store(ready.store_path, index_url=ready.study.index)
    except StoreError:
        return None
    return StoredPredictions(store, ready.plan.model, ready.plan.selection)
