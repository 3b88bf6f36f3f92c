"""The greedy search for a set of tiles that is accepted only on fresh shuffles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from creme.analysis.evidence import Prior
from creme.genome import Locus
from creme.seeds import Name
from creme.sequence import Edit, Mutant
from creme.suite.acceptance import Acceptance, Verdict, prior_of
from creme.suite.race import Race
from creme.suite.search import Direction, Query, Search
from creme.suite.statistics import averaged, means, nearest, relative, result
from creme.test import Activities
from creme.tiling import Tile


class Shuffling(Protocol):
    """A test's shuffles of a tile; see `creme.suite.tiled.TiledTest.shuffles`."""

    def __call__(
        self, sequence: Mutant, tile: Tile, locus: Locus, *names: Name, replicates: range
    ) -> Iterator[Mutant]: ...


@dataclass(frozen=True)
class Rules:
    """How a search proceeds, and when it ends.

    Attributes
    ----------
    replicates, fresh : int
        Shuffles that candidates are compared by, and those that the winner is measured again by.
    patience : int
        Attempts without acceptance after which it ends.
    minimum : float
        Change of the activity, as a share of the wild type's, that a set has to make.
    rounds : int
        Attempts at most.
    confidence : float or None
        Of `Race`.
    """

    replicates: int
    fresh: int
    patience: int
    minimum: float
    rounds: int
    confidence: float | None


@dataclass(frozen=True)
class Attempt:
    """One round: the candidates, the winner, and the pending set measured again.

    Attributes
    ----------
    shuffled : array of float32, (tile, replicate)
        NaN for tiles that were no candidates.
    initial : float
        Activity of the state that the candidates were tried on.
    tried : int
        The winner.
    fresh : array of float32, (replicate,)
        Activities with all pending tiles, the winner among them, shuffled anew.
    kept : int
        The replicate of these that the next round starts from.
    verdict : Verdict
    """

    shuffled: NDArray[np.float32]
    initial: float
    tried: int
    fresh: NDArray[np.float32]
    kept: int
    verdict: Verdict


@dataclass(frozen=True)
class Group:
    """Tiles that were accepted together, and the activities with them and the former ones lost."""

    tiles: tuple[int, ...]
    fresh: NDArray[np.float32]


@dataclass(frozen=True)
class SetTrace:
    """The course of one search."""

    attempts: list[Attempt] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)

    @property
    def tiles(self) -> list[int]:
        """The accepted set, in the order of the search."""
        return [tile for group in self.groups for tile in group.tiles]


@dataclass(frozen=True)
class _Shuffled:
    """A set of tiles in one arrangement each, on top of an accepted state."""

    tiles: tuple[int, ...]
    edits: Mapping[int, Edit]
    fresh: NDArray[np.float32]
    kept: int
    verdict: Verdict

    @property
    def activity(self) -> float:
        return float(self.fresh[self.kept])


class SetSearch:
    """The greedy search of one locus, track and direction.

    Parameters
    ----------
    tiles : tuple of Tile
    locus : Locus
    shuffles : callable
    rules : Rules
    track : int
    lowest : bool
        Whether shuffling has to lower the activity, or to raise it.
    wild_type : float
    """

    def __init__(
        self,
        tiles: tuple[Tile, ...],
        locus: Locus,
        shuffles: Shuffling,
        rules: Rules,
        track: int,
        lowest: bool,
        wild_type: float,
    ) -> None:
        self._tiles, self._locus, self._shuffles = tiles, locus, shuffles
        self._rules, self._track, self._lowest = rules, track, lowest
        self._wild_type = wild_type

    def run(self) -> Search[SetTrace]:
        """Search until `patience` attempts in a row were in vain, or no candidate is left.

        Each attempt adds the candidate that does most to the pending tiles, and measures all
        pending tiles again, shuffled anew together, so that two tiles of which neither shows alone
        are found. Once accepted, tiles that the set does without are dropped, and are no
        candidates any more.
        """
        trace, rules = SetTrace(), self._rules
        accepted = Mutant(self._locus.sequence, [])
        before = initial = self._wild_type
        state = accepted
        pending: tuple[int, ...] = ()
        candidates = list(range(len(self._tiles)))
        acceptance = self._acceptance(len(candidates))
        for number in range(rules.rounds):
            shuffled, tried, prior = yield from self._round(number, state, candidates)
            candidates.remove(tried)
            pending = (*pending, tried)
            names = ("round", number, "again")
            joint = yield from self._measured(accepted, before, pending, names, acceptance, prior)
            trace.attempts.append(
                Attempt(shuffled, initial, tried, joint.fresh, joint.kept, joint.verdict)
            )
            if joint.verdict.accepted:
                joint = yield from self._without_passengers(
                    number, accepted, before, joint, acceptance, prior
                )
                trace.groups.append(Group(joint.tiles, joint.fresh))
                accepted, before = _on(accepted, joint.edits), joint.activity
                state, pending = accepted, ()
                acceptance = self._acceptance(len(candidates))
            else:
                state = _on(accepted, joint.edits)
            initial = joint.activity
            if len(pending) == rules.patience or not candidates:
                break
        return trace

    def _acceptance(self, candidates: int) -> Acceptance:
        attempts = min(self._rules.patience, max(candidates, 1))
        return Acceptance(candidates, attempts, self._lowest, self._wild_type, self._rules.minimum)

    def _round(
        self, number: int, state: Mutant, candidates: list[int]
    ) -> Search[tuple[NDArray[np.float32], int, Prior]]:
        """The candidates' activities, the winner, and the prior of the shuffles' variance."""
        rules = self._rules
        race = Race(len(candidates), rules.replicates, rules.confidence, self._lowest)
        names: tuple[Name, ...] = ("round", number) if number else ()
        while pending := race.pending():
            pairs = tuple((candidates[at], replicates) for at, replicates in pending)
            response = yield Query(
                ("candidates", state.digest, number, pairs),
                (
                    mutant
                    for index, replicates in pairs
                    for mutant in self._of(state, index, names, replicates)
                ),
            )
            race.record(response[:, self._track])
        shuffled = np.full((len(self._tiles), rules.replicates), np.nan, np.float32)
        shuffled[candidates] = race.values
        return shuffled, candidates[race.best()[0]], prior_of(race.values)

    def _measured(
        self,
        accepted: Mutant,
        before: float,
        tiles: tuple[int, ...],
        names: tuple[Name, ...],
        acceptance: Acceptance,
        prior: Prior,
    ) -> Search[_Shuffled]:
        """A set shuffled anew, all of its tiles in each replicate, and judged."""
        replicates = range(self._rules.fresh)
        arrangements: list[dict[int, Edit]] = [{} for _ in replicates]
        for index in tiles:
            mutants = self._of(Mutant(self._locus.sequence, []), index, names, replicates)
            for edits, mutant in zip(arrangements, mutants, strict=True):
                (edits[index],) = mutant.edits
        response = yield Query(
            ("together", accepted.digest, tiles, names),
            (_on(accepted, edits) for edits in arrangements),
        )
        fresh = response[:, self._track].copy()
        kept = nearest(fresh, float(fresh.mean(dtype=np.float64)))
        verdict = acceptance.judge(before, fresh, len(tiles), prior)
        return _Shuffled(tiles, arrangements[kept], fresh, kept, verdict)

    def _without_passengers(
        self,
        number: int,
        accepted: Mutant,
        before: float,
        whole: _Shuffled,
        acceptance: Acceptance,
        prior: Prior,
    ) -> Search[_Shuffled]:
        """The set without tiles that it can do without, by backward elimination.

        A tile is needed if shuffling it, the others of the set being shuffled, would be accepted by
        itself. Of the others the one that does least is dropped first, as long as what remains
        is accepted on shuffles of its own.
        """
        names: tuple[Name, ...]
        while len(whole.tiles) > 1:
            spare: list[tuple[float, int]] = []
            for index in whole.tiles:
                others = {other: edit for other, edit in whole.edits.items() if other != index}
                intact = _on(accepted, others)
                names = ("round", number, "needed", len(whole.tiles))
                replicates = range(self._rules.fresh)
                response = yield Query(
                    ("needed", intact.digest, index, names),
                    chain([intact], self._of(intact, index, names, replicates)),
                )
                activities = response[:, self._track]
                verdict = acceptance.judge(float(activities[0]), activities[1:], 1, prior)
                if not verdict.accepted:
                    spare.append((verdict.gain, index))
            for _, index in sorted(spare):
                rest = tuple(other for other in whole.tiles if other != index)
                names = ("round", number, "without", self._tiles[index].start, len(whole.tiles))
                smaller = yield from self._measured(
                    accepted, before, rest, names, acceptance, prior
                )
                if smaller.verdict.accepted:
                    whole = smaller
                    break
            else:
                return whole
        return whole

    def _of(
        self, state: Mutant, index: int, names: tuple[Name, ...], replicates: range
    ) -> Iterator[Mutant]:
        return self._shuffles(state, self._tiles[index], self._locus, *names, replicates=replicates)


def tested_sets(
    traces: SequenceOf[SetTrace],
    searches: list[Direction],
    wild_type: Activities,
    singles: Mapping[int, NDArray[np.float32]],
    rules: Rules,
    places: list[tuple[int, int]],
) -> xr.Dataset:
    """The Dataset of the searches of a locus; see `creme.suite.higher_order.HigherOrder.run`.

    Parameters
    ----------
    traces : sequence of SetTrace
        Of each search's tracks.
    searches : list of {'enhancers', 'silencers'}
    wild_type : array of float32, (track,)
    singles : mapping of int to array of float32, (replicate, track)
        Activities with one tile of a set shuffled by itself.
    rules : Rules
    places : list of (int, int)
        Index in the tiling, and start, of each tile.
    """
    # Units of different sizes are joined by padding; a dimension of none would say nothing.
    attempts = max(1, *(len(trace.attempts) for trace in traces))
    rounds = max(1, *(len(trace.tiles) for trace in traces))
    shape = (len(searches), len(wild_type))
    sized = {"round": rounds, "attempt": attempts, "tile": len(places), "replicate": rules.fresh}
    where = np.array([*places, (-1, -1)])  # the last row is that of no tile

    def empty(*dims: str, of: type = np.float32) -> np.ndarray:
        filled = np.nan if of is np.float32 else -1
        return np.full((*shape, *(sized[dim] for dim in dims)), filled, of)

    shuffled = empty("attempt", "tile", "replicate")
    change, alone = empty("round", "replicate"), empty("round", "replicate")
    initial, p, again = empty("attempt"), empty("attempt"), empty("attempt", "replicate")
    selected, tried = empty("round", of=int), empty("attempt", of=int)
    kept, accepted = empty("attempt", of=int), empty("attempt", of=int) + 1
    for at, trace in zip(np.ndindex(shape), traces, strict=True):
        for number, attempt in enumerate(trace.attempts):
            here = (*at, number)
            shuffled[here][:, : rules.replicates] = attempt.shuffled
            initial[here], again[here] = attempt.initial, attempt.fresh
            tried[here], kept[here] = attempt.tried, attempt.kept
            p[here], accepted[here] = attempt.verdict.p, attempt.verdict.accepted
        size = 0
        for group in trace.groups:
            size += len(group.tiles)
            change[(*at, size - 1)] = group.fresh
        for place, tile in enumerate(trace.tiles):
            selected[(*at, place)] = tile
            alone[(*at, place)] = singles[tile][:, at[1]]

    def by_track(values: np.ndarray) -> np.ndarray:
        return np.moveaxis(values, 1, -1)

    def dims(*inner: str) -> tuple[str, ...]:
        return ("search", *inner, "track")

    shuffled = by_track(shuffled)
    used = np.isfinite(shuffled).sum(axis=3)
    measured = averaged(
        "fold_change", dims("round", "replicate"), relative(by_track(change), wild_type)
    )
    measured = measured.merge(
        averaged("alone", dims("round", "replicate"), relative(by_track(alone), wild_type))
    )
    single = np.where(used, means(relative(shuffled, wild_type), 3, used), np.nan)
    measured = measured.assign(tile_fold_change=(dims("attempt", "tile"), single))
    if rules.confidence is not None:
        measured = measured.assign(replicates_used=(dims("attempt", "tile"), used))
    selected, tried = by_track(selected), by_track(tried)
    return result(
        measured,
        {
            "wild_type": (("track",), wild_type),
            "shuffled": (dims("attempt", "tile", "replicate"), shuffled),
            "initial": (dims("attempt"), by_track(initial)),
            "tried": (dims("attempt"), where[tried, 0]),
            "tried_start": (dims("attempt"), where[tried, 1]),
            "again": (dims("attempt", "replicate"), by_track(again)),
            "kept": (dims("attempt"), by_track(kept)),
            "p": (dims("attempt"), by_track(p)),
            "accepted": (dims("attempt"), by_track(accepted)),
            "selected": (dims("round"), where[selected, 0]),
            "selected_start": (dims("round"), where[selected, 1]),
        },
        {"search": searches},
    )


def _on(state: Mutant, edits: Mapping[int, Edit]) -> Mutant:
    return Mutant(state, edits.values())
