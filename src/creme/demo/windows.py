"""Random stretches of genome on which a grammar's promoters and elements stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from creme.demo.bases import random_bases
from creme.demo.rules import LONGEST, Grammar, bases_of
from creme.errors import SequenceError
from creme.seeds import derive
from creme.sequence import Codes, complement, encode

ISLAND = 1000
"""Length of a CpG island around a promoter, bp."""
ELEMENT = 400
"""Length of an element, bp, within which its sites stand."""
_GAP = 20
"""Bases that no other motif may come near, bp."""
_NEAR, _FAR = 600.0, 15_000.0
"""Distances of elements from their promoter: the logarithm is uniform between them, bp."""


@dataclass(frozen=True)
class WindowElement:
    """An element: the sites of one factor, or of the two of a pair.

    Attributes
    ----------
    kind : str
        The factor's name, or both joined by ``+``.
    start, end : int
        From the first site's first base to the last one's end, 0-based, half-open, bp.
    sites : int
    """

    kind: str
    start: int
    end: int
    sites: int


@dataclass(frozen=True)
class RandomWindow:
    """A stretch of genome.

    Attributes
    ----------
    codes : numpy.ndarray
        (length,) uint8.
    promoters : tuple of (str, int, bool)
        Class, first base in its own direction, whether on the minus strand; the first is the one
        that was placed where it should be, if so.
    elements : tuple of WindowElement
        In order of their drawing; chance made other sites besides, which the oracle sees.
    """

    codes: Codes
    promoters: tuple[tuple[str, int, bool], ...]
    elements: tuple[WindowElement, ...]


def random_window(
    grammar: Grammar,
    length: int,
    seed: int,
    name: str,
    *,
    tss: int | None = None,
    promoters: tuple[int, int] = (3, 8),
    elements: tuple[int, int] = (2, 8),
) -> RandomWindow:
    """A window with promoters and elements at random.

    Parameters
    ----------
    grammar : Grammar
    length : int
        Bp.
    seed, name : int, str
        Everything random comes from them.
    tss : int, optional
        Where a promoter on the plus strand stands; the others, and elements, keep out of its way.
    promoters, elements : tuple of int
        Least and most of them.

    Raises
    ------
    SequenceError
        If the window is too short for them.
    """
    random = np.random.Generator(np.random.Philox(derive(seed, "window", grammar.name, name)))
    free = _Free(length, name)
    classes = list(grammar.promoters)
    placed: list[tuple[str, int, bool]] = []
    for number in range(int(random.integers(promoters[0], promoters[1] + 1))):
        kind = classes[random.integers(len(classes))]
        width = len(grammar.promoters[kind].motifs[0])
        fixed = tss is not None and number == 0
        at = tss if fixed else free.draw(random, ELEMENT)
        if at is None:
            continue
        if not fixed:
            at += ELEMENT // 2
        free.take(at - ELEMENT // 2, at + ELEMENT // 2)
        minus = bool(random.integers(2)) and not fixed and grammar.promoters[kind].both_strands
        placed.append((kind, at + width - 1 if minus else at, minus))
    kinds = [
        *(name for name in grammar.factors if not any(name in p.factors for p in grammar.pairs)),
        *("+".join(pair.factors) for pair in grammar.pairs),
    ]
    halves = [name for pair in grammar.pairs for name in pair.factors]
    drawn: list[tuple[str, int]] = []
    for _ in range(int(random.integers(elements[0], elements[1] + 1))):
        # One in ten is a half of a pair, which does nothing by itself.
        pool = halves if halves and random.random() < 0.1 else kinds
        kind = pool[random.integers(len(pool))]
        around = placed[0 if tss is not None else random.integers(len(placed))][1]
        place = free.draw(random, ELEMENT, around)
        if place is not None:
            free.take(place, place + ELEMENT)
            drawn.append((kind, place))
    codes = _with_promoters(grammar, length, placed, random)
    made = tuple(_element(codes, grammar, kind, place, random) for kind, place in drawn)
    return RandomWindow(codes, tuple(placed), made)


class PlantedElement(NamedTuple):
    """An element that is put where it is wanted.

    Attributes
    ----------
    kind : str
        As of `WindowElement`.
    start, width : int
        Of the stretch within which its sites stand, evenly, bp.
    sites : int, optional
        Their number, 3 to 7 at random unless given.
    """

    kind: str
    start: int
    width: int = ELEMENT
    sites: int | None = None


def planted_window(
    grammar: Grammar,
    length: int,
    seed: int,
    name: str,
    *,
    tss: int,
    promoter: str,
    elements: Iterable[PlantedElement],
) -> RandomWindow:
    """A window with one promoter of a class, on the plus strand, and elements where they should be.

    Parameters
    ----------
    grammar : Grammar
    length : int
        Bp.
    seed, name : int, str
        Bases come from them, and each site's motif and strand.
    tss : int
    promoter : str
        Of the grammar's.
    elements : iterable of PlantedElement

    Raises
    ------
    SequenceError
        If two of them overlap, or one lies outside or on the promoter.
    """
    elements = tuple(elements)
    taken = np.zeros(length, dtype=np.bool_)
    taken[tss : tss + LONGEST] = True
    for one in elements:
        end = one.start + one.width
        if one.start < 0 or end > length or taken[one.start : end].any():
            raise SequenceError(f"{name}: there is no room for {one.kind} at {one.start}")
        taken[one.start : end] = True
    random = np.random.Generator(np.random.Philox(derive(seed, "planted", grammar.name, name)))
    placed = [(promoter, tss, False)]
    codes = _with_promoters(grammar, length, placed, random)
    made = tuple(
        _element(codes, grammar, one.kind, one.start, random, one.sites, one.width)
        for one in elements
    )
    return RandomWindow(codes, tuple(placed), made)


def _with_promoters(
    grammar: Grammar,
    length: int,
    placed: list[tuple[str, int, bool]],
    random: np.random.Generator,
) -> Codes:
    codes = _background(length, [at for _, at, _ in placed], random)
    for kind, at, minus in placed:
        motifs = grammar.promoters[kind].motifs
        _write(codes, _site(motifs[random.integers(len(motifs))], random), at, minus)
    return codes


def _element(
    codes: Codes,
    grammar: Grammar,
    kind: str,
    place: int,
    random: np.random.Generator,
    sites: int | None = None,
    width: int = ELEMENT,
) -> WindowElement:
    """Write 3 to 7 sites, or so many; of a pair, the two factors take turns."""
    factors = kind.split("+")
    number = int(random.integers(3, 8)) if sites is None else sites
    if len(factors) == 2:
        number += number % 2
    pitch = width // number
    start, end = width, 0
    for k in range(number):
        motifs = grammar.factors[factors[k % len(factors)]].motifs
        site = _site(motifs[random.integers(len(motifs))], random)
        at = k * pitch + int(random.integers(0, pitch - len(site) + 1))
        minus = bool(random.integers(2))
        _write(codes, site, place + at + (len(site) - 1 if minus else 0), minus)
        start, end = min(start, at), max(end, at + len(site))
    return WindowElement(kind, place + start, place + end, number)


def shuffled_element(window: RandomWindow, number: int, seed: int, name: str) -> Codes:
    """The window's codes with one element's bases permuted: the same, less one element."""
    element = window.elements[number]
    random = np.random.Generator(np.random.Philox(derive(seed, "without", name, number)))
    codes = window.codes.copy()
    random.shuffle(codes[element.start : element.end])
    return codes


def _site(consensus: str, random: np.random.Generator) -> Codes:
    """The consensus; ambiguous letters get one of their bases."""
    return encode("".join(random.choice(list(bases_of(letter))) for letter in consensus))


def _write(codes: Codes, site: Codes, at: int, minus: bool) -> None:
    """Lay a site so that its first base, in its own direction, stands at `at`."""
    if minus:
        codes[at - len(site) + 1 : at + 1] = complement(site[::-1])
    else:
        codes[at : at + len(site)] = site


class _Free:
    """The places of a window where nothing stands yet."""

    def __init__(self, length: int, name: str) -> None:
        if length < 4 * ELEMENT:
            raise SequenceError(f"{name}: a window of {length} bp has no room for elements")
        self._taken = np.zeros(length, dtype=np.bool_)
        self._taken[:LONGEST] = self._taken[-LONGEST:] = True

    def take(self, start: int, end: int) -> None:
        self._taken[max(0, start - _GAP) : end + _GAP] = True

    def draw(self, random: np.random.Generator, size: int, around: int | None = None) -> int | None:
        """A place for `size` bases, or None where a hundred draws met none."""
        for _ in range(100):
            if around is None:
                start = int(random.integers(0, len(self._taken) - size))
            else:
                distance = np.exp(random.uniform(np.log(_NEAR), np.log(_FAR)))
                start = int(around + distance * (1 if random.integers(2) else -1)) - size // 2
            if (
                start >= 0
                and not self._taken[start : start + size].any()
                and (start + size <= len(self._taken))
            ):
                return start
        return None


def _background(
    length: int, promoters: list[int], random: np.random.Generator
) -> NDArray[np.uint8]:
    table = np.zeros(length, dtype=np.uint8)
    for at in promoters:
        table[max(0, at - ISLAND // 2) : at + ISLAND // 2] = 1
    words = random.integers(0, 2**32, size=length, dtype=np.uint64)
    return random_bases(words, table)
