"""A stage of a study as one record: its test, the loci it takes, its tables, its forecast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from creme.genome import Locus
from creme.results.neighbours import own
from creme.runner.tasks import Progress

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from creme.store import Store
    from creme.study.config import StudyFile
    from creme.study.prepared import PreparedStudy

Takes = Literal["sites", "selected", "categories", "cres", "parts", "sets", "designs"]
Finds = Literal["", "loci", "categories", "classes", "parts", "sets", "designs"]
Tables = dict[str, "pd.DataFrame"]


@dataclass(frozen=True)
class Part:
    """A stretch of a tile that a fine-tile search has kept.

    Attributes
    ----------
    locus : str
        Whose tile it is of.
    tile, span : (int, int)
        [start, end) of the tile and of the part, in the locus sequence.
    """

    locus: str
    tile: tuple[int, int]
    span: tuple[int, int]

    @property
    def part_of(self) -> str:
        """The tile, as tests of several loci call it: ``LOCUS:start-end``."""
        return f"{self.locus}:{self.tile[0]}-{self.tile[1]}"


@dataclass(frozen=True)
class StageData:
    """The results that a stage's tables are made of.

    Attributes
    ----------
    name : str
        The stage.
    study : StudyFile
    track : str
        The deciding one.
    whole : Dataset
        Of all TSSs around the loci, where a readout is of neighbours.
    categories : mapping of locus to category, optional
        None where the stage does not come after the one that finds them.
    classes : DataArray of text, (locus, tile), optional
    parts : sequence of Part
        Those that a stage takes, with the tiles that they are of.
    earlier : callable
        From the name of an earlier stage to its Dataset; None where it has none.
    """

    name: str
    study: StudyFile
    track: str
    whole: xr.Dataset
    categories: Mapping[str, str] | None
    classes: xr.DataArray | None = None
    parts: SequenceOf[Part] = ()
    earlier: Callable[[str], xr.Dataset | None] = lambda stage: None

    @property
    def dataset(self) -> xr.Dataset:
        """Of the loci's own TSSs."""
        return own(self.whole)


@dataclass(frozen=True)
class PassedOn:
    """The decisions of a stage that later stages depend on.

    Attributes
    ----------
    file : str
        Where they stand in the study's folder.
    columns : tuple of str
        None of them is a measured value: rounding makes no stage another one.
    further : str
        How the names of further such columns begin, where there may be any.
    """

    file: str
    columns: tuple[str, ...]
    further: str = ""

    def places(self, header: list[str]) -> list[int]:
        """Where the columns stand in a file that has some of them."""
        further = [name for name in header if self.further and name.startswith(self.further)]
        return [header.index(name) for name in (*self.columns, *further) if name in header]


@dataclass(frozen=True)
class StageOutcome:
    """The outcome of a stage in ``study.json``.

    Attributes
    ----------
    key : str
    nothing : list or dict
        The value as long as there is no outcome.
    count : callable
        From the stage's tables to the value.
    """

    key: str
    nothing: Any
    count: Callable[[Tables], Any]


@dataclass(frozen=True)
class SearchForecast:
    """How many sequences a test asks for that decides on its way what to ask.

    Attributes
    ----------
    count : callable
        From the test, a unit, the number of tracks and whether `shares` has the same shuffles to
        two numbers of sequences: all, and those that earlier stages have not asked for.
    kind : {'estimate', 'bound'}
        What the numbers are; a bound is what they are at most.
    shares : str
        The stage that asks for the same shuffles where its parameters are the same.
    note : str
    """

    count: Callable[[Any, Any, int, bool], tuple[int, int]]
    kind: Literal["estimate", "bound"]
    shares: str
    note: str


@dataclass(frozen=True)
class PairForecast:
    """How many sequences a test of pairs of loci asks for, while the loci are not known.

    Attributes
    ----------
    count : callable
        From the test, the number of loci and whether `shares` has the same shuffles to three
        numbers: pairs, sequences, and those that have to be predicted.
    shares : str
        The stage that asks for the same shuffles where its parameters are the same.
    """

    count: Callable[[Any, int, bool], tuple[int, int, int]]
    shares: str


@dataclass(frozen=True)
class Found:
    """All that earlier stages have found, of which a stage chooses its work.

    Attributes
    ----------
    study : StudyFile
    loci : sequence of Locus
        The selected ones.
    categories : mapping of category to names of loci
    classes : DataArray of text, (locus, tile), optional
    parts : sequence of Part
        Of the tiles that were searched, in the order of the loci.
    sets : mapping of locus to list of (int, int)
        The tiles of its set, in the order of their search.
    designs : mapping of locus to list of str
        The sequences that were designed for it, the best first.
    """

    study: StudyFile
    loci: SequenceOf[Locus]
    categories: Mapping[str, list[str]]
    classes: xr.DataArray | None = None
    parts: SequenceOf[Part] = ()
    sets: Mapping[str, list[tuple[int, int]]] = field(default_factory=dict)
    designs: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Chosen:
    """The work of a stage.

    Attributes
    ----------
    loci : sequence of Locus
    parameters : dict
        Further parameters of its test.
    note : str
        Why there is nothing to do; empty where there is something.
    """

    loci: SequenceOf[Locus] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class AssumedCounts:
    """Numbers of what earlier stages have not found yet.

    Attributes
    ----------
    loci : int
        Those with a category that the stage takes.
    cres : mapping of str to int
        Enhancers and silencers that it takes.
    """

    loci: int
    cres: Mapping[str, int]


def _nothing(study: StudyFile) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Stage:
    """A stage of a study.

    Attributes
    ----------
    name : str
        Names its table in the study file, its results directory and its table.
    test : str
        The registered name of its test.
    title : str
        A heading.
    needs : tuple of str
        The stages that have to be finished before, without those that they need themselves.
    takes : {'sites', 'selected', 'categories', 'cres', 'parts', 'sets', 'designs'}
        What its test is run on: all TSSs of the annotation, all selected loci, the loci of some
        categories, CREs of some classes, the parts of these that a fine-tile search has kept, the
        sets of greedy searches, or designs.
    chooses : callable, optional
        Chooses of these in a way of its own.
    keys : tuple of str
        Further keys of its table in the study file that are no parameters of its test.
    cres : mapping of category to CRE classes
        The CREs that it takes unless the study file says otherwise.
    fewest, too_few : int, str
        Loci that it needs at least, and the note that says so.
    finds : {'', 'loci', 'categories', 'classes', 'parts', 'sets', 'designs'}
        What later stages take of it.
    make_tables : callable
        Makes the tables of the stage's results, by name.
    own_table : bool
        Whether it has a table of its own name.
    further_tables : tuple of str
        The tables that it writes beside its own.
    from_store : callable, optional
        Makes more of those tables from predictions that the store has, and counts those that it
        has lost since.
    files : tuple of str
        Files that it writes into the study's folder beside its tables.
    passes_on : PassedOn, optional
    outcome : StageOutcome, optional
    remarks : callable
        From the stage's tables to sentences that a reader has to know.
    thresholds : callable
        From the study to those of its thresholds that the tables depend on, by section.
    defaults : callable
        From the classes of CREs that it takes to parameters of its test.
    searches : SearchForecast, optional
        For a test that decides on its way what to ask.
    pairs : PairForecast, optional
        For a test of pairs of loci.
    assumed : callable, optional
        From the study, the test and assumed numbers to three: units, sequences, and those that have
        to be predicted.
    built_in : bool
        False for one that a study file adds.
    by_default : bool
        Whether a study runs it that names no stages.
    """

    name: str
    test: str
    title: str
    make_tables: Callable[[StageData], Tables]
    needs: tuple[str, ...] = ()
    takes: Takes = "selected"
    chooses: Callable[[Found], Chosen] | None = None
    keys: tuple[str, ...] = ()
    cres: Mapping[str, SequenceOf[str]] = field(default_factory=dict)
    fewest: int = 1
    too_few: str = ""
    finds: Finds = ""
    own_table: bool = True
    further_tables: tuple[str, ...] = ()
    from_store: (
        Callable[[PreparedStudy, xr.Dataset, SequenceOf[Locus], Store], tuple[Tables, Progress]]
        | None
    ) = None
    files: tuple[str, ...] = ()
    passes_on: PassedOn | None = None
    outcome: StageOutcome | None = None
    remarks: Callable[[Tables], list[str]] = lambda tables: []
    thresholds: Callable[[StudyFile], dict[str, Any]] = _nothing
    defaults: Callable[[SequenceOf[str]], dict[str, Any]] = lambda classes: {}
    searches: SearchForecast | None = None
    pairs: PairForecast | None = None
    assumed: Callable[[StudyFile, Any, AssumedCounts], tuple[int, int, int]] | None = None
    built_in: bool = True
    by_default: bool = True

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that it writes, its own first."""
        return (*((self.name,) if self.own_table else ()), *self.further_tables)

    @property
    def label(self) -> str:
        """The name of its Dataset in its results directory."""
        return self.name if self.own_table else self.test

    @property
    def heading(self) -> str:
        """Its table in the study file, for messages."""
        return f"[{self.name}]" if self.built_in else f"[stages.{self.name}]"
