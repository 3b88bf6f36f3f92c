"""Constraints on a designed sequence, and the repair of one that breaks them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from creme.codes import IUPAC, share_of_gc
from creme.errors import ConfigError
from creme.packages import lacking
from creme.sequence import ALPHABET, Codes
from creme.suite.draws import Draws

_BASES = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


def site_of(name: str) -> str:
    """A recognition site in IUPAC letters, of its letters or of the name of its enzyme.

    Raises
    ------
    ConfigError
        If the name is no enzyme's, or Biopython, which knows them, is not installed.
    """
    if name and not set(name) - set(IUPAC):
        return name
    try:
        from Bio import Restriction
    except ImportError:
        raise ConfigError(
            f"{name!r} is no site in IUPAC letters ({''.join(IUPAC)}): give its site; or "
            + lacking("names of enzymes need Biopython", "bgzip")
        ) from None
    enzyme = getattr(Restriction, name, None) if name.isidentifier() else None
    site = getattr(enzyme, "site", None)
    if not isinstance(site, str):
        raise ConfigError(
            f"{name!r} is neither a site in IUPAC letters ({''.join(IUPAC)}) nor the name of a "
            f"restriction enzyme that Biopython knows, such as EcoRI"
        )
    return site


def both_strands(site: str) -> str:
    """A regular expression of a site and its reverse complement."""
    return "|".join(
        "".join(f"[{IUPAC[letter]}]" for letter in one)
        for one in dict.fromkeys((site, site.translate(_COMPLEMENT)[::-1]))
    )


@dataclass(frozen=True, eq=False)
class Constraints:
    """The sequences that a design may be.

    Attributes
    ----------
    length : int
        Bp.
    gc : (float, float)
        Share of G and C, least and most.
    forbidden : tuple of str
        Sites in IUPAC letters that stand on neither strand.
    homopolymer : int, optional
        Length of a run of one base, at most.
    left, right : Codes
        Bases that stand at the ends, and are no other.
    native : Codes, optional
        The sequence that `edits` counts differences from.
    edits : int, optional
        Bases that differ from `native`, at most.
    """

    length: int
    gc: tuple[float, float] = (0.0, 1.0)
    forbidden: tuple[str, ...] = ()
    homopolymer: int | None = None
    left: Codes = field(default_factory=lambda: np.zeros(0, np.uint8))
    right: Codes = field(default_factory=lambda: np.zeros(0, np.uint8))
    native: Codes | None = None
    edits: int | None = None

    @cached_property
    def free(self) -> NDArray[np.intp]:
        """Positions between the fixed ends."""
        return np.arange(len(self.left), self.length - len(self.right))

    @cached_property
    def _broken(self) -> re.Pattern[bytes] | None:
        parts = [both_strands(site) for site in self.forbidden]
        if self.homopolymer is not None:
            parts += [f"{base}{{{self.homopolymer + 1}}}" for base in "ACGT"]
        return re.compile("|".join(parts).encode()) if parts else None

    def fixed(self, codes: Codes) -> Codes:
        """A copy with the fixed ends in their places."""
        codes = codes.copy()
        codes[: len(self.left)] = self.left
        codes[self.length - len(self.right) :] = self.right
        return codes

    def met(self, codes: Codes) -> bool:
        """Whether a sequence meets all of them."""
        return (
            len(codes) == self.length
            and bool((codes < 4).all())
            and np.array_equal(codes, self.fixed(codes))
            and self._problem(codes) is None
        )

    def differences(self, codes: Codes) -> NDArray[np.intp]:
        """Positions that differ from the native sequence; none without one."""
        return np.flatnonzero(codes != self.native) if self.native is not None else np.arange(0)

    def repaired(self, codes: Codes, draws: Draws) -> Codes | None:
        """A sequence near `codes` that meets all constraints, or None where none was found.

        One problem after another is solved by changing one base that is part of it: of a site, or
        of a run; an A or T to G or C where these are too few, or the other way round; and a base
        back to the native one where too many differ.
        """
        codes = self.fixed(codes)
        for _ in range(self.length + 50):
            problem = self._problem(codes)
            if problem is None:
                return codes
            places, choices = problem
            if not len(places):
                return None
            place = int(places[draws.below(len(places))])
            if choices is None:
                assert self.native is not None
                codes[place] = self.native[place]
            else:
                codes[place] = draws.one_of([c for c in choices if c != codes[place]])
        return None

    def _problem(self, codes: Codes) -> tuple[NDArray[np.intp], tuple[int, ...] | None] | None:
        """The first one: positions of which one has to change, and to which bases.

        None for the bases are the native ones.
        """
        free = slice(len(self.left), self.length - len(self.right))
        if self.edits is not None:
            differing = self.differences(codes)
            if len(differing) > self.edits:
                inside = (differing >= free.start) & (differing < free.stop)
                return differing[inside], None
        if self._broken is not None and (match := self._broken.search(_BASES[codes].tobytes())):
            span = np.arange(max(match.start(), free.start), min(match.end(), free.stop))
            return span, (0, 1, 2, 3)
        share = share_of_gc(codes)
        low, high = self.gc
        is_gc = (codes[free] == 1) | (codes[free] == 2)
        if share < low:
            return self.free[~is_gc], (1, 2)
        if share > high:
            return self.free[is_gc], (0, 3)
        return None


def sites_of(names: Iterable[str]) -> tuple[str, ...]:
    """The sites of letters and names of enzymes, each once."""
    return tuple(dict.fromkeys(map(site_of, names)))
