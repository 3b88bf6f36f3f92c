"""Assumed numbers of loci, categories and CREs that earlier stages have not found yet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from typing import Any

import numpy as np

from creme.errors import GenomeError
from creme.genome import Locus
from creme.study.prepared import PreparedStudy

SELECTED_SHARE = 4527 / 57_000
CATEGORY_SHARES = {"enhancing": 152 / 4527, "neutral": 40 / 4527, "silencing": 11 / 4527}
CRES_A_LOCUS = {"enhancer": 59 / 152, "silencer": 26 / 11}
"""The paper's numbers for Enformer and K562."""

CRES_NOTE = (
    "assumed: 59 enhancers in 152 enhancing contexts and 26 silencers in 11 silencing ones, as in "
    "the paper, and as many in others"
)


def assumed_loci(prepared: PreparedStudy, assume: int | None) -> tuple[int, str]:
    """How many loci will be selected, and a note: as many as given, or the paper's share."""
    candidates, most = prepared.candidates, prepared.study.selection.max_loci
    if assume is not None:
        n, note = assume, "as given"
    else:
        genes = {
            site.gene_id or site.gene
            for site, kept in zip(candidates.sites, candidates.kept, strict=True)
            if kept
        }
        n = math.ceil(len(genes) * SELECTED_SHARE)
        note = f"8 % of {len(genes)} genes, as in the paper (4,527 of some 57,000)"
    n = n if most is None else min(n, most)
    return n, f"assumed: {n} selected loci, {note}"


def assumed_categories(prepared: PreparedStudy, loci: int) -> tuple[dict[str, int], str]:
    """How many loci each category will have, and a note."""
    limits = prepared.study.categories
    most = limits.at_most
    sizes = {c: math.ceil(loci * share) for c, share in CATEGORY_SHARES.items()}
    if limits.enhancing == limits.neutral == -limits.silencing and limits.q_below is None:
        # Without gaps between the thresholds every locus has a category.
        left, total = loci, sum(CATEGORY_SHARES.values())
        for category, share in CATEGORY_SHARES.items():
            sizes[category] = min(left, math.ceil(loci * share / total))
            left -= sizes[category]
        shown = ", ".join(f"{n} {c}" for c, n in sizes.items() if n)
        return sizes, f"assumed: {shown} contexts, as 152, 40 and 11 in the paper"
    sizes = {c: n if most is None else min(n, most) for c, n in sizes.items()}
    shown = ", ".join(f"{n} {c}" for c, n in sizes.items())
    return sizes, f"assumed: {shown} contexts, as 152, 40 and 11 of 4,527 in the paper"


def assumed_cres(sizes: Mapping[str, int], classes: Mapping[str, SequenceOf[str]]) -> int:
    """How many CREs of the classes there will be.

    Parameters
    ----------
    sizes : mapping of category to number of loci
    classes : mapping of category to CRE classes
    """
    return sum(
        math.ceil(sizes[context] * CRES_A_LOCUS[kind])
        for context, names in classes.items()
        for kind in sorted({name.rpartition(" ")[2] for name in names})
    )


SETS_NOTE = "sets: at most, each with a tile of every round that its search may have"


def longest_set(test: Any, locus: Locus) -> list[tuple[int, int]]:
    """As many tiles of a locus as a greedy search has rounds at most."""
    tiles = list(test.tiling(locus))
    return [(tile.start, tile.end) for tile in tiles[: test.rounds]]


def stand_in(prepared: PreparedStudy, loci: SequenceOf[Locus]) -> Locus:
    """A locus that can be read: the first one of the loci, or of all TSSs where there are none."""
    candidates, model = prepared.candidates, prepared.plan.model
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
