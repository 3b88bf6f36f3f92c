"""Windows from the oracle, with count noise, and the same with single elements shuffled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from creme.demo.oracle import Oracle
from creme.demo.rules import LONGEST, Grammar
from creme.demo.sites import Sites
from creme.demo.windows import RandomWindow, random_window, shuffled_element
from creme.seeds import derive
from numpy.typing import NDArray

from torch_network import BIN, CROP, crop_start

DEPTH = 50.0
"""Counts for a coverage of 1; four times as many for an accessibility of 1."""


@dataclass(frozen=True)
class Variant:
    """A window with one element shuffled."""

    element: int
    crop_start: int
    crop: NDArray[np.uint8]
    codes: NDArray[np.uint8]
    coverage: NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """A window, its exact coverage over all bins, and its variants."""

    name: str
    window: RandomWindow
    coverage: NDArray[np.float64]
    variants: tuple[Variant, ...]

    def tss_bins(self, first: int, last: int) -> list[int]:
        """Bins of the planted promoters' TSSs that lie in ``[first, last)``, without repeats."""
        bins = {at // BIN for _, at, _ in self.window.promoters}
        return sorted(one for one in bins if first <= one < last)


def _merged(outside: Sites, inside: Sites) -> Sites:
    columns = [
        np.concatenate([old, new])
        for old, new in zip(vars(outside).values(), vars(inside).values(), strict=True)
    ]
    both = Sites(*columns)
    return both[np.lexsort((both.owner, both.start))]


def patched_sites(
    oracle: Oracle, sites: Sites, codes: NDArray[np.uint8], start: int, end: int
) -> Sites:
    """The sites after the bases in ``[start, end)`` changed, without another look at the rest."""
    low, high = max(0, start - LONGEST), min(len(codes), end + LONGEST)
    near = oracle.sites(codes[low:high])
    moved = Sites(near.start + low, near.width, near.owner, near.minus, near.affinity)
    return _merged(sites[~sites.within(start, end)], moved[moved.within(start, end)])


def example(
    grammar: Grammar,
    oracle: Oracle,
    length: int,
    seed: int,
    name: str,
    variants: int,
    *,
    elements: tuple[int, int] = (2, 8),
    central: bool = False,
) -> Example:
    """A window and up to `variants` others with one of its elements shuffled.

    Parameters
    ----------
    grammar, oracle
    length, seed, name
        Of the window.
    variants : int
        At most; different elements, at random.
    elements : tuple of int
        Least and most of them.
    central : bool
        Whether a promoter stands in the middle and the elements are placed around it.
    """
    tss = length // 2 if central else None
    window = random_window(grammar, length, seed, name, tss=tss, elements=elements)
    sites = oracle.sites(window.codes)
    n_bins = length // BIN
    coverage = oracle.coverage(sites, BIN, 0, n_bins)
    random = np.random.Generator(np.random.Philox(derive(seed, "variants", name)))
    made = []
    for number in random.permutation(len(window.elements))[:variants]:
        element = window.elements[number]
        codes = shuffled_element(window, int(number), seed, name)
        changed = patched_sites(oracle, sites, codes, element.start, element.end)
        first = crop_start(element.start, length)
        made.append(
            Variant(
                int(number),
                first,
                codes[first : first + CROP],
                codes,
                oracle.coverage(changed, BIN, 0, n_bins),
            )
        )
    return Example(name, window, coverage, tuple(made))


def counted(coverage: NDArray[np.float64], seed: int, name: str) -> NDArray[np.float64]:
    """Coverage by counts: Poisson noise, at four times the depth for accessibility."""
    random = np.random.Generator(np.random.Philox(derive(seed, "counts", name)))
    depth = np.full(coverage.shape[1], DEPTH)
    depth[-1] *= 4
    return np.asarray(random.poisson(coverage * depth) / depth)
