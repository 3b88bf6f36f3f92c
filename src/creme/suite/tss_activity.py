"""TSS activity, by which a study selects its loci."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, model_validator

from creme.genome import Locus
from creme.sequence import N
from creme.test import Profiles, Steps, Test


class TssActivity(Test):
    """Activity at the TSS, and the highest bin of the profile around it.

    Notes
    -----
    Section "Transcription start site selection". Of equally high bins the one nearest to the TSS
    counts as the summit. A window with more N than `max_n` is not predicted: all is NaN then.
    """

    name: ClassVar[str] = "tss_activity"
    measure: ClassVar[str] = "wild_type"
    title: ClassVar[str] = "TSS activity"
    summary: ClassVar[str] = (
        "The predicted activity at the TSS, and where the profile around it is highest."
    )
    along: ClassVar[str] = ""

    bins: list[int] = Field(min_length=1, description="the model's bins that are kept, ascending")
    tss_bin: int = Field(ge=0, description="the bin of the TSS, which must be kept")
    bin_size: int = Field(ge=1, description="bp")
    profiles: list[list[int]] | None = Field(
        None,
        min_length=1,
        description="for each activity the kept tracks whose mean is its profile, by their place; "
        "each kept track is one of its own unless given",
    )
    max_n: float = Field(1.0, ge=0, le=1, description="share of N in the window, at most")

    @model_validator(mode="after")
    def _tss_is_kept(self) -> Self:
        if self.tss_bin not in self.bins:
            raise ValueError(f"tss_bin = {self.tss_bin} is not among the bins that are kept")
        return self

    def size(self, unit: Locus) -> int:
        """The wild type, once for its activity and once for its profile."""
        return 2

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        By track: ``wild_type``, the activity; ``summit_activity``, that of the highest bin;
        ``summit_distance``, from the TSS's bin to that one, bp in gene orientation. And ``n``, the
        share of N.
        """
        sequence = unit.sequence
        share = float(np.count_nonzero(sequence.codes == N)) / len(sequence)
        if share > self.max_n:
            return xr.Dataset({"n": ((), share)})
        (profile,) = yield Profiles([sequence])
        (wild_type,) = yield [sequence]
        height, distance = self.summit(profile)
        return xr.Dataset(
            {
                "wild_type": ("track", wild_type),
                "summit_activity": ("track", height),
                "summit_distance": ("track", distance.astype(np.float64)),
                "n": ((), share),
            }
        )

    def summit(self, profile: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Height of each activity's summit, and its distance from the TSS's bin in bp.

        Parameters
        ----------
        profile : array of float32, (bins, tracks)
        """
        groups = [[k] for k in range(profile.shape[1])] if self.profiles is None else self.profiles
        values = np.stack([profile[:, group].mean(axis=1, dtype=np.float64) for group in groups], 1)
        distances = (np.array(self.bins) - self.tss_bin) * self.bin_size
        highest = values == values.max(axis=0)
        away = np.where(highest, np.abs(distances)[:, None], np.iinfo(np.int64).max)
        nearest = away.argmin(axis=0)
        heights = values[nearest, np.arange(values.shape[1])].astype(np.float32)
        return heights, distances[nearest]
