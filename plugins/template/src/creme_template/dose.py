"""The test: a generator that asks for sequences and receives their activities."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import xarray as xr
from creme import Edit, Mutant, Sequence, Test


class Dose(Test):
    """How activity grows with copies of a motif, until a copy no longer adds to it."""

    name: ClassVar[str] = "dose"
    measure: ClassVar[str] = "activity"  # the variable that answers the question
    neutral: ClassVar[float] = np.nan  # its value where nothing happens; an activity has none
    along: ClassVar[str] = ""  # no dimension lies along the sequence

    motif: str = "TGACTCAGCAGTTC"
    copies: int = 4

    def run(self, locus):
        (wild_type,) = yield [locus.sequence]
        insert, activities = Sequence.from_string(self.motif), [wild_type]
        for copies in range(1, self.copies + 1):
            edits = [Edit(locus.tss + 3000 + 100 * i, insert) for i in range(copies)]
            (activity,) = yield [Mutant(locus.sequence, edits)]
            activities.append(activity)
            if np.all(activity <= activities[-2]):
                break
        return xr.Dataset({"activity": (("copies", "track"), np.array(activities))})
