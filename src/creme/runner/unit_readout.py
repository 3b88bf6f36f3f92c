"""The activities of one unit: all readouts as one function, and where its results have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creme.genome.neighbours import BinShares, Neighbour
from creme.model import BoundReadout, Readout
from creme.results.neighbours import laid_out
from creme.test import remarked


@dataclass(frozen=True, eq=False)
class SiteActivity:
    """The activities of one readout at one TSS, compared with another readout's where it says so.

    Attributes
    ----------
    neighbour : int
    tracks : tuple of int
        Their places among all labels.
    """

    bound: BoundReadout
    neighbour: int
    tracks: tuple[int, ...]
    minus: BoundReadout | None = None
    scale: str = "difference"

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.minus is None:
            return self.bound(values)
        one, other = self.bound.exact(values), self.minus.exact(values)
        if self.scale == "difference":
            return (one - other).astype(np.float32)
        one, other = np.broadcast_arrays(one, other)
        above = (one > 0) & (other > 0)
        ratio = np.divide(one, other, out=np.ones_like(one), where=above)
        return np.where(above, np.log2(ratio), np.nan).astype(np.float32)


@dataclass(frozen=True, eq=False)
class UnitReadout:
    """All readouts of one unit, as one function.

    Attributes
    ----------
    sites : tuple of Neighbour
        Empty where no readout is of neighbours.
    labels : dict of str to number
        Of the unit, which become coordinates along `locus`.
    remarks : dict of sentence to count
    """

    parts: tuple[SiteActivity, ...]
    n_labels: int
    sites: tuple[Neighbour, ...] = ()
    labels: Mapping[str, float] = field(default_factory=dict)
    remarks: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Activities of kept values, (n, bins, tracks) to (n, activities) float32."""
        if len(self.parts) == 1:
            return self.parts[0](values)
        return np.concatenate([part(values) for part in self.parts], axis=1)

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """Neighbour and place among all labels of each activity."""
        return [(part.neighbour, track) for part in self.parts for track in part.tracks]

    def laid_out(self, dataset: Any) -> Any:
        """A test's Dataset of the unit by neighbour and track, with the readouts' remarks."""
        import xarray as xr

        if not isinstance(dataset, xr.Dataset):  # a mistake of the test's, which the run finds
            return dataset
        for sentence, count in self.remarks.items():
            dataset = remarked(dataset, sentence, count)
        if not self.sites and self.places == [(0, track) for track in range(self.n_labels)]:
            return dataset
        return laid_out(dataset, self.places, self.n_labels, self._coords())

    def _coords(self) -> dict[str, list[Any]] | None:
        if not self.sites:
            return None
        names = ("gene", "transcript", "position", "strand", "distance")
        return {name: [getattr(site, name) for site in self.sites] for name in names}


@dataclass
class Remarkable:
    """Facts about a locus besides its activities.

    Attributes
    ----------
    sites : list of Neighbour
        The TSSs that have activities.
    labels, remarks
        As those of `UnitReadout`.
    """

    sites: list[Neighbour] = field(default_factory=list)
    labels: dict[str, float] = field(default_factory=dict)
    remarks: dict[str, int] = field(default_factory=dict)

    def add(self, site: Neighbour) -> None:
        """Add a TSS that is not there yet."""
        if all(site.place != other.place for other in self.sites):
            self.sites.append(site)

    def leave_out(self, readout: Readout, why: str) -> None:
        """Count a TSS that is in the output window and is not read."""
        sentence = f"{titled(readout)}: {{count}} TSSs {why}: they are not read"
        self.remarks[sentence] = self.remarks.get(sentence, 0) + 1

    def tell_of_exons(self, prefix: str, shares: BinShares | None) -> None:
        """How many exons there are and how much is outside; NaN at a locus that has none."""
        labels = [f"{prefix}{name}" for name in ("exons", "exons_outside", "exon_bp")]
        labels.append(f"{prefix}exon_bp_outside")
        values = [np.nan] * 4
        if shares is not None:
            numbers = (shares.intervals, shares.outside, shares.bp, shares.bp_outside)
            values = list(map(float, numbers))
            if shares.outside:
                sentence = (
                    f"of the gene's exons {{count}} lie outside the output window, whole or in "
                    f"part, and what is outside is not read ({prefix}exon_bp_outside)"
                )
                self.remarks[sentence] = shares.outside
        self.labels |= dict(zip(labels, values, strict=True))


def titled(readout: Readout) -> str:
    """A readout in errors and remarks."""
    return f"readout {readout.name!r}" if readout.name else "readout"
