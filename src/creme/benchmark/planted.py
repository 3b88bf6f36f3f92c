"""Loci of a grammar on which sets of elements stand that random loci rarely have.

They are held out as all loci of the benchmark, and others than those: each is a promoter, the
elements that a question is about, and a decoy, at random places. What is drawn is taken if it is
truly what was wanted, by the sites, and drawn anew otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from itertools import count, pairwise

import numpy as np

from creme.benchmark.sets import CLASSES, LEAST, pair_class, true_changes
from creme.benchmark.subject import HELD_OUT, Subject
from creme.demo.loci import GrammarLocus, locus_of
from creme.demo.oracle import Oracle
from creme.demo.rules import Grammar
from creme.demo.truth import Interval
from creme.demo.windows import ELEMENT, PlantedElement, planted_window
from creme.errors import SequenceError
from creme.seeds import derive
from creme.tiling import Tiling

TRIES = 100
"""Draws for each locus that is wanted; a grammar that gives too few by then gives fewer."""
_NEAR, _FAR = 600.0, 9000.0
_HALF, _HALF_SITES = 48, 3
"""Width of a half of a pair at a tile's edge, bp, and its sites: near enough to the other half."""

_ENHANCING = ("additive", "multiplicative", "redundant")


@dataclass(frozen=True)
class PlantedLocus:
    """A locus, and the tiles that its elements stand in, in the order of their drawing."""

    locus: GrammarLocus
    tiles: tuple[Interval, ...]


Accepts = Callable[[PlantedLocus], bool]
Draws = Callable[[np.random.Generator], tuple[list[str], bool] | None]
"""Kinds of elements for a locus, and whether they are the halves of a pair, side by side."""


def planted_pairs(subject: Subject, number: int, tile: int) -> dict[str, list[PlantedLocus]]:
    """Loci with a pair of elements in two tiles, by how the two truly act together.

    Parameters
    ----------
    subject : Subject
    number : int
        Of loci of each class.
    tile : int
        Bp.

    Returns
    -------
    dict
        Of each of `creme.benchmark.sets.CLASSES`, pairs that lower the activity by
        `creme.benchmark.sets.LEAST` together and are of that class; and ``silencers``, pairs that
        raise it by as much, of any class. Each of a pair changes as much alone, or once the other
        is gone.
    """
    loci = {}
    numbers = count()
    for name in (*CLASSES, "silencers"):

        def accepted(one: PlantedLocus, name: str = name) -> bool:
            first, second, both = true_changes(one.locus, one.tiles, subject.cell)
            each = (
                max(abs(1 - first), abs(second - both)),
                max(abs(1 - second), abs(first - both)),
            )
            if min(each) < LEAST:
                return False
            if name == "silencers":
                return both >= 1 + LEAST
            return 1 - both >= LEAST and pair_class(first, second, both) == name

        loci[name] = _planted(
            subject, name, number, tile, _pair_of(subject.grammar, name), accepted, numbers
        )
    return loci


def planted_sets(
    subject: Subject, number: int, tile: int, size: int, search: str, accepted: Accepts
) -> list[PlantedLocus]:
    """Loci with so many enhancers (or silencers) in tiles of their own, of any kind.

    Parameters
    ----------
    subject : Subject
    number : int
        Of loci.
    tile, size : int
        Bp; elements.
    search : str
        ``enhancers`` or ``silencers``.
    accepted : callable
        Whether a locus is one that was wanted.
    """
    kinds = _kinds(subject.grammar, _ENHANCING if search == "enhancers" else ("repressive",))
    if search == "enhancers":
        kinds += ["+".join(pair.factors) for pair in subject.grammar.pairs]

    def draws(random: np.random.Generator) -> tuple[list[str], bool] | None:
        if not kinds:
            return None
        return [kinds[k] for k in random.integers(len(kinds), size=size)], False

    return _planted(subject, f"{size} {search}", number, tile, draws, accepted, count())


def _pair_of(grammar: Grammar, name: str) -> Draws:
    if name == "cooperative":
        pairs = grammar.pairs

        def halves(random: np.random.Generator) -> tuple[list[str], bool] | None:
            return (list(pairs[random.integers(len(pairs))].factors), True) if pairs else None

        return halves
    kinds = _kinds(grammar, ("repressive",) if name == "silencers" else (name,))

    def two(random: np.random.Generator) -> tuple[list[str], bool] | None:
        if not kinds:
            return None
        one, other = random.integers(len(kinds), size=2)
        return [kinds[one], kinds[one if name == "redundant" else other]], False

    return two


def _kinds(grammar: Grammar, effects: SequenceOf[str]) -> list[str]:
    return [name for name, factor in grammar.factors.items() if factor.effect in effects]


def _decoys(grammar: Grammar) -> list[str]:
    halves = {name for pair in grammar.pairs for name in pair.factors}
    return [name for name in _kinds(grammar, ("none",)) if name not in halves]


def _planted(
    subject: Subject,
    name: str,
    number: int,
    tile: int,
    draws: Draws,
    accepted: Accepts,
    numbers: Iterator[int],
) -> list[PlantedLocus]:
    """The first so many draws that are accepted; their genes are numbered on."""
    grammar, length = subject.grammar, subject.model.input_length
    oracle = Oracle(grammar)
    tiles = [(one.start, one.end) for one in Tiling.around(length, length // 2, tile)]
    promoters, decoys = list(grammar.promoters), _decoys(grammar)
    chosen: list[PlantedLocus] = []
    for attempt in range(TRIES * number):
        if len(chosen) == number:
            break
        label = f"{HELD_OUT} {name} {attempt}"
        seed = derive(subject.seed, "planted", grammar.name, label, "places")
        random = np.random.Generator(np.random.Philox(seed))
        drawn = draws(random)
        if drawn is None:
            break
        kinds, halves = drawn
        promoter = promoters[random.integers(len(promoters))]
        its = (
            _side_by_side(random, tiles, length)
            if halves
            else _distinct(random, tiles, length, len(kinds) + bool(decoys))
        )
        if its is None:
            continue
        if halves:
            edge = its[0][1]
            elements = [
                PlantedElement(kinds[0], edge - _HALF, _HALF, _HALF_SITES),
                PlantedElement(kinds[1], edge, _HALF, _HALF_SITES),
            ]
        else:
            named = [*kinds, *([decoys[random.integers(len(decoys))]] if decoys else [])]
            elements = [
                PlantedElement(kind, start + int(random.integers(end - start - ELEMENT + 1)))
                for kind, (start, end) in zip(named, its, strict=False)
            ]
        try:
            window = planted_window(
                grammar,
                length,
                subject.seed,
                label,
                tss=length // 2,
                promoter=promoter,
                elements=elements,
            )
        except SequenceError:
            continue
        locus = locus_of(oracle, window, length // 2, next(numbers))
        one = PlantedLocus(locus, tuple(its[: len(kinds)]))
        if accepted(one):
            chosen.append(one)
    return chosen


def _distinct(
    random: np.random.Generator, tiles: SequenceOf[Interval], length: int, number: int
) -> list[Interval] | None:
    """Different tiles, the logarithm of their distance uniform; None where a hundred draws fail."""
    chosen: list[Interval] = []
    for _ in range(100):
        at = length // 2 + _distance(random)
        inside = [tile for tile in tiles if tile[0] <= at < tile[1]]
        if inside and inside[0] not in chosen:
            chosen.append(inside[0])
        if len(chosen) == number:
            return chosen
    return None


def _side_by_side(
    random: np.random.Generator, tiles: SequenceOf[Interval], length: int
) -> list[Interval] | None:
    """Two tiles that share an edge."""
    at = length // 2 + _distance(random)
    for one, other in pairwise(tiles):
        if one[0] <= at < one[1] == other[0]:
            return [one, other]
    return None


def _distance(random: np.random.Generator) -> float:
    side = 1 if random.integers(2) else -1
    return side * float(np.exp(random.uniform(np.log(_NEAR), np.log(_FAR))))
