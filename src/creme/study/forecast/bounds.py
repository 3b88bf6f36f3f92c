"""How many sequences the searches ask for, at most or about, and a swap of some loci.

The functions of searches return two numbers for a locus: the sequences asked for, and those of them
that earlier stages have not asked for.
"""

from __future__ import annotations

import math

from creme.genome import Locus
from creme.suite.acceptance import FRESH
from creme.suite.context_swap import ContextSwap
from creme.suite.design import CHECKED, Design
from creme.suite.fine_tile import FineTile
from creme.suite.higher_order import HigherOrder
from creme.suite.multiplicity import Multiplicity


def higher_order(test: HigherOrder, locus: Locus, tracks: int, shared: bool) -> tuple[int, int]:
    """At most: the first round is asked for once, later ones by each track and direction.

    With a confidence, each search also asks for its own part of the first round. Where sets are
    tested, each round measures its winner again, and at worst each is accepted together with the
    rounds before and one tile after another of these is dropped again.

    Parameters
    ----------
    test : HigherOrder
    locus : Locus
    tracks : int
        Activities that are read.
    shared : bool
        Whether the necessity test has the same shuffles: the first round's.
    """
    tiles, paths = len(test.tiling(locus)), tracks * len(test.searches)
    rounds = min(test.rounds or tiles, tiles)
    later = sum(tiles - number for number in range(1, rounds))
    distinct = test.replicates * (tiles + paths * later)
    again = 0 if test.confidence is None else test.replicates * tiles * (paths - 1)
    if test.accept == "tested":
        distinct += _tested(test, rounds, tiles, paths)
    return 1 + distinct + again, distinct - (test.replicates * tiles if shared else 0)


def _tested(test: HigherOrder, rounds: int, tiles: int, paths: int) -> int:
    """Measurements that are repeated at most: winners, tiles of accepted sets, single tiles."""
    fresh = max(test.replicates, FRESH)
    groups, rest = divmod(rounds, test.patience)
    sizes = [test.patience] * groups + [rest] * (rest > 0)
    # While a set of n has passengers: each tile as the last one, and each set of n - 1.
    eliminated = sum(n * (1 + 2 * fresh) for size in sizes for n in range(2, size + 1))
    return paths * (rounds * fresh + eliminated) + tiles * fresh


def multiplicity(test: Multiplicity, locus: Locus, tracks: int, shared: bool) -> tuple[int, int]:
    """At most: the first copy is tried once for all, later ones by each track and direction.

    `shared`: whether the sufficiency test has the same backgrounds: the controls.
    """
    tiles, places = len(test.tiling(locus)), len(test.places(locus))
    paths = tracks * len(test.searches)
    later = sum(places - copy for copy in range(1, test.copies))
    controls = test.replicates * (1 + tiles)
    requested = 1 + controls + test.replicates * tiles * (places + paths * later)
    return requested, requested - 1 - (controls if shared else 0)


def fine_tile(test: FineTile, locus: Locus, tracks: int, shared: bool) -> tuple[int, int]:
    """About: all windows but one of a stage are removed, and no step is taken back before that."""
    tiles = tuple(test.tiling(locus))
    controls = test.replicates * (1 + len(tiles))
    groups = sum(_groups(test, len(tile)) for tile in tiles)
    requested = 1 + controls + test.replicates * tracks * groups
    return requested, requested - 1 - (controls if shared else 0)


def context_swap(test: ContextSwap, loci: int, shared: bool) -> tuple[int, int, int]:
    """Pairs, sequences, and those that have to be predicted, of so many loci.

    `shared`: whether the context dependence test has the same shuffles: the controls.
    """
    replicates = test.replicates
    needed = loci * (loci - 1) * (1 + replicates) + (0 if shared else loci * replicates)
    return loci**2, loci**2 * (3 + 2 * replicates), needed


def design(test: Design, locus: Locus, tracks: int, shared: bool) -> tuple[int, int]:
    """At most: each round of the search measures as many new candidates as it may.

    `shared`: whether the sufficiency test has the same backgrounds: the controls of the search.
    """
    native = test.context == "native"
    search, choose = (1, 1) if native else (test.replicates, test.choose)
    shown = 2 + test.designs
    measured = test.candidates * (test.rounds + 1) * search
    chosen = test.finalists * choose
    reported = shown * (search + choose + test.report + 1)
    checked = min(CHECKED, test.rounds + 1) * (choose + test.report)
    controls = search + choose + test.report
    requested = 1 + controls + measured + chosen + reported + checked
    # Designs were measured by the search and the choice before they are reported.
    again = 1 + test.designs * (search + choose) + (search if shared or native else 0)
    return requested, requested - again


def _groups(test: FineTile, length: int) -> int:
    """States of one tile that a search measures, each with all replicates."""
    groups = 1  # what is left, at the end
    for window, removed in zip(test.windows, test.removed, strict=True):
        step = max(1, int(window * test.step))
        left = max(1, math.ceil((length - window) / step) + 1)
        while left > 1:
            groups += left + 1
            left = max(1, left - removed)
        groups += 2 + max(0, math.ceil(math.log2(removed)))  # the last one cannot go
        length = min(length, window)
    return groups
