"""Loci with a promoter and an element under a grammar, and the activities that it gives them."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

import numpy as np

from creme.demo.rules import Grammar
from creme.genome import Locus
from creme.sequence import Codes, Sequence, encode

LENGTH, TILE = 8192, 400
ELEMENT = (2400, 2800)
"""Of each locus, in its sequence."""


def locus_of(
    grammar: Grammar, promoter: str, factor: str, sites: int, name: str, random: np.random.Generator
) -> Locus:
    """A locus of random bases with a promoter at the TSS and an element of some sites."""
    codes = random.integers(0, 4, LENGTH, dtype=np.uint8)
    motif = encode(grammar.promoters[promoter].motifs[0])
    codes[LENGTH // 2 : LENGTH // 2 + len(motif)] = motif
    codes[slice(*ELEMENT)] = element(grammar, factor, sites, random)
    return Locus.from_sequence(Sequence(codes), name)


def element(grammar: Grammar, factor: str, sites: int, random: np.random.Generator) -> Codes:
    """Random bases with the sites of a factor in even distances."""
    codes = random.integers(0, 4, TILE, dtype=np.uint8)
    for site in range(sites):
        motif = encode(grammar.factors[factor].motifs[0])
        at = 10 + site * (TILE - 20) // sites
        codes[at : at + len(motif)] = motif
    return codes


def loci_of(
    grammar: Grammar, kinds: SequenceOf[tuple[str, str, int]], seed: int = 5
) -> list[Locus]:
    """A locus for each (promoter, factor, sites); its name says them."""
    random = np.random.default_rng(seed)
    return [
        locus_of(grammar, promoter, factor, sites, f"{promoter}{k}", random)
        for k, (promoter, factor, sites) in enumerate(kinds)
    ]
