"""Tests: questions to a model, written as generators.

A test yields the mutants that it wants measured and receives their activities; the runner sees to
batches, the store and the device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from creme.parameters import Parameters
from creme.sequence import Sequenceable

if TYPE_CHECKING:
    import xarray as xr

    from creme.genome import Locus

Activities = NDArray[np.float32]
"""Shape (n, activities): a row for each sequence of the request, in its order."""


@dataclass(frozen=True)
class Profiles:
    """A request for whole kept profiles, (n, bins, tracks), instead of activities.

    ``profiles = yield Profiles([locus.sequence])``
    """

    sequences: Iterable[Sequenceable]


Request = Iterable[Sequenceable] | Profiles
Steps = Generator[Request, Activities, "xr.Dataset"]
"""Type of `Test.run`: yields requests, receives arrays, returns a Dataset."""


@runtime_checkable
class Unit(Protocol):
    """An input of a test: a locus, or an object that the test makes of loci.

    Attributes
    ----------
    name : str
        Unique among the units of a test; labels its results and errors.
    labels : mapping
        Scalars that become coordinates along the dimension `locus` of the results.
    """

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> Mapping[str, Any]: ...


REMARKS = "remarks"
"""Attribute of a Dataset: sentences on its values that a reader of them has to know."""


SITE, ANY_SITE = "site", "site"
"""Attribute of a Dataset of loci that need not be TSSs, and the word that they are called by."""


def remarked(dataset: xr.Dataset, sentence: str, count: int = 1) -> xr.Dataset:
    """A unit's Dataset with a remark, which the run counts over units and prints at its end.

    Parameters
    ----------
    dataset : Dataset
        Of one unit.
    sentence : str
        The same for all units; ``{count}`` in it stands for the sum of their counts.
    count : int
    """
    return dataset.assign_attrs({REMARKS: {**dataset.attrs.get(REMARKS, {}), sentence: count}})


@dataclass(frozen=True)
class Presentation:
    """How results, report and export show a test; kept with its results.

    Attributes
    ----------
    test : str
        The name that it is registered by.
    measure : str
        The variable of its Dataset that answers its question.
    neutral : float
        The measure's value where nothing happens: 0 for a difference, 1 for a ratio, NaN where no
        value says so.
    title : str
        A heading.
    summary : str
        One sentence.
    along : str
        The dimension that lies along the sequence, whose positions have a genomic interval;
        empty if there is none.
    """

    test: str
    measure: str = "effect"
    neutral: float = 0.0
    title: str = ""
    summary: str = ""
    along: str = "tile"


class Test(Parameters, ABC):
    """A CREME test, or a user's own.

    A subclass declares its parameters as annotated fields, sets ``name``, and implements `run`.

    Attributes
    ----------
    name : str
        The name that it is registered by.
    measure : str
        The variable of its Dataset that answers its question. A standard deviation and error over
        replicates are looked for as ``MEASURE_std`` and ``MEASURE_se``, replicates as
        ``MEASURE_replicates``.
    neutral : float
        The measure's value where nothing happens: 0 for a difference, 1 for a ratio, NaN where no
        value says so.
    title : str
        A heading; made of the name unless given.
    summary : str
        One sentence; the first line of the class's docstring unless given.
    along : str
        The dimension that lies along the sequence; the genomic interval of each of its positions
        is read from ``genomic_start`` and ``genomic_end``. Empty if there is none.
    """

    # pytest collects classes called Test*; this one is not a test of code.
    __test__: ClassVar[bool] = False

    name: ClassVar[str]
    measure: ClassVar[str] = "effect"
    neutral: ClassVar[float] = 0.0
    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    along: ClassVar[str] = "tile"

    seed: int = Field(
        0, ge=0, description="seed of everything random; the experiment's unless given"
    )

    @classmethod
    def presentation(cls) -> Presentation:
        """How results, report and export show the test."""
        words = cls.name.replace("_", " ").replace("-", " ")
        first, *_ = (cls.__doc__ or "").strip().splitlines() or [""]
        return Presentation(
            test=cls.name,
            measure=cls.measure,
            neutral=cls.neutral,
            title=cls.title or words[:1].upper() + words[1:],
            summary=cls.summary or first,
            along=cls.along,
        )

    def units(self, loci: SequenceOf[Locus]) -> Iterable[Unit]:
        """The units that the test is run on, one after another: the loci unless overridden."""
        return loci

    @abstractmethod
    def run(self, unit: Any) -> Steps:
        """Measure one unit.

        Parameters
        ----------
        unit : Locus or what `units` makes

        Yields
        ------
        iterable of Sequence or Mutant, or Profiles
            Sequences to measure, consumed lazily; evaluates to activities, (n, activities).
            Rows of the same sequence are equal, and are paid for once.

        Returns
        -------
        xarray.Dataset
            Of this unit alone, without a dimension for units; activities have the dimension
            ``track``. The runner joins the units' Datasets along ``locus`` and labels them.
        """

    def size(self, unit: Any) -> int | None:
        """The number of sequences that `run` will request; None if it depends on activities."""
        return None
