"""Design of a synthetic CRE for a target TSS."""

from __future__ import annotations

from collections.abc import Callable, Generator
from collections.abc import Sequence as SequenceOf
from functools import partial
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import xarray as xr
from pydantic import Field, model_validator

from creme.analysis.natural import naturalness
from creme.errors import ConfigError, SequenceError
from creme.genome import Locus
from creme.seeds import Name, derive
from creme.sequence import Codes, N, Sequence, complement, encode
from creme.suite.background import BackgroundTest
from creme.suite.constraints import Constraints, sites_of
from creme.suite.draws import Draws
from creme.suite.objective import Objective, ScoredContexts
from creme.suite.population import Candidate, PopulationSearch, PopulationTrace, worst
from creme.suite.statistics import averaged, relative, result
from creme.test import Activities, Request, Steps, remarked
from creme.tiling import Tile

SETS = ("search", "choose", "report")
"""The sets of backgrounds, by what they are for; no background is in two of them."""
CHECKED = 4
"""Rounds whose best sequence is measured in the other two sets as well, at most."""
_POOL = 200

_TRIES = 20
_FEWER = (
    "designs that the search did not find: {count}. It has fewer sequences that meet the "
    "constraints and differ in `apart` bases"
)
Share = Annotated[float, Field(ge=0, le=1)]


class Design(BackgroundTest):
    """A synthetic CRE that is best for the target gene, by population search.

    The design is put at `distance` from the TSS, into random context with the TSS tile as in the
    sufficiency test, or into the locus itself. Its score is the weighted sum of the activities, or
    of their log2 ratios to the same sequence without it; `goal` says what of it is best. All
    sequences meet the constraints.

    A search finds what is lucky on the backgrounds that it sees. So there are three sets of them
    that have none in common: on the first the search is made, on the second the designs are chosen
    among its best, and what is reported is measured on the third. ``curse`` is what the search
    promised and the report does not keep.

    Notes
    -----
    The paper's future work ("design synthetic CREs that are optimal for a target gene"). The search
    is `creme.suite.population.PopulationSearch`. In the locus itself there is one context: the
    search and the choice are made in it, and random contexts report.
    """

    name: ClassVar[str] = "design"
    title: ClassVar[str] = "Design"
    summary: ClassVar[str] = "Synthetic CREs for a TSS, and how much they do in random context."
    along: ClassVar[str] = ""

    length: int = Field(200, ge=50, le=5000, description="length of the design, bp")
    distance: int = Field(
        -3000,
        description="of the design's centre from the TSS, bp; negative upstream",
    )
    orientation: Literal["forward", "reverse"] = Field(
        "forward", description="strand that the design stands on, seen along the gene"
    )
    context: Literal["random", "native"] = Field(
        "random", description="where it is searched: random contexts, or the locus as it is"
    )
    weights: list[float] = Field(
        [1.0],
        min_length=1,
        description="of the activities in the score, in their order; below 0 for off-targets",
    )
    others: float = Field(
        0.0, description="weight of the mean of all activities that `weights` does not reach"
    )
    scale: Literal["activity", "log_ratio"] = Field(
        "activity",
        description="what is weighed: activities, or log2 of their ratio to those without design",
    )
    goal: Literal["maximise", "minimise"] | float = Field(
        "maximise", description="what of the score is best: the most, the least, or near a value"
    )
    gc: tuple[Share, Share] = Field((0.0, 1.0), description="share of G and C, least and most")
    forbidden: list[str] = Field(
        [],
        description="sites that stand on neither strand, in IUPAC letters or by the name of a "
        "restriction enzyme (with Biopython)",
    )
    homopolymer: int | None = Field(
        None, ge=1, description="length of a run of one base, at most; any unless given"
    )
    native: str | None = Field(
        None,
        description="the native CRE that designs are compared with, `length` bp; the locus's own "
        "bases at the place unless given",
    )
    edits: int | None = Field(
        None, ge=1, description="bases that differ from the native CRE, at most; any unless given"
    )
    left: str = Field("", description="bases at the design's start that stay, part of its length")
    right: str = Field("", description="bases at its end that stay")
    start: Literal["random", "native"] | list[str] = Field(
        "random",
        description="where the search begins: random sequences, the native CRE, or a list of "
        "sequences",
    )
    rounds: int = Field(30, ge=1, description="rounds after the first")
    candidates: int = Field(50, ge=2, description="sequences that a round measures, at most")
    beam: int = Field(10, ge=1, description="best sequences, of which the next round is made")
    replicates: int = Field(4, ge=1, description="backgrounds of the search")
    choose: int = Field(10, ge=1, description="backgrounds on which the designs are chosen")
    report: int = Field(20, ge=20, description="backgrounds on which they are reported")
    finalists: int = Field(20, ge=1, description="best sequences of the search, of which to choose")
    designs: int = Field(3, ge=1, description="designs that are reported")
    apart: int = Field(1, ge=1, description="bases that two finalists differ in, at least")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.gc[0] > self.gc[1]:
            raise ValueError(f"gc = {list(self.gc)}: the least share comes first")
        if self.designs > self.finalists:
            raise ValueError(f"designs = {self.designs}: there are {self.finalists} finalists")
        if self.native is not None and len(_codes(self.native, "native")) != self.length:
            raise ValueError(f"native has {len(self.native)} bp, and length is {self.length}")
        if not any(self.weights) and not self.others:
            raise ValueError("weights: at least one is not 0")
        starts = self.start if isinstance(self.start, list) else []
        for text in starts:
            if len(_codes(text, "start")) != self.length or N in _codes(text, "start"):
                raise ValueError(
                    f"start has a sequence of {len(text)} bp: each has length = {self.length} "
                    f"bases, without N"
                )
        if isinstance(self.start, list) and not starts:
            raise ValueError("start is an empty list: give sequences, 'random' or 'native'")
        if len(self.left) + len(self.right) >= self.length:
            raise ValueError(f"left and right leave nothing of length = {self.length} to design")
        ends = [_codes(self.left, "left"), _codes(self.right, "right")]
        sites = Constraints(self.length, forbidden=sites_of(self.forbidden))
        for text, codes in zip(("left", "right"), ends, strict=True):
            if N in codes or not Constraints(len(codes), forbidden=sites.forbidden).met(codes):
                raise ValueError(f"{text} has an N or a forbidden site, and stays as it is")
        return self

    def place(self, locus: Locus) -> Tile:
        """The interval of the design in the locus sequence.

        Raises
        ------
        ConfigError
            If it leaves the sequence or covers the TSS base.
        """
        start = locus.tss + self.distance - self.length // 2
        if start < 0 or start + self.length > locus.length:
            raise ConfigError(
                f"distance = {self.distance}: a design of {self.length} bp there leaves the "
                f"sequence of {locus.length} bp, whose TSS is at {locus.tss}"
            )
        place = Tile(start, start + self.length)
        if place.start <= locus.tss < place.end:
            raise ConfigError(
                f"distance = {self.distance}: a design of {self.length} bp there would cover the "
                f"TSS base"
            )
        return place

    def size(self, unit: Locus) -> None:
        """None, since equal sequences of a search are asked for once; checks the place."""
        self.place(unit)
        self.tss(unit)

    def run(self, unit: Locus) -> Steps:
        """Measure a locus.

        Along ``design`` are the designs, the best first, as ``"1"``, ``"2"`` and so on, and before
        them ``"native"``, the native CRE, and ``"random"``, the first start that was drawn.
        ``sequence`` is theirs, empty where the search found fewer. ``mutant`` is (design,
        replicate, track), ``control``, (replicate, track), the same without a design, and
        ``in_locus``, (design, track), the activity with the design in the locus itself.
        ``score_replicates``, (design, replicate), are scores on the set that reports, and
        ``search_score`` and ``choose_score``, (design,), means over the other two; ``curse`` is by
        how much the report is worse than the search.

        Along ``round``: ``measured``, the sequences of the round; ``round_median``, the median of
        their scores; and ``round_score``, (set, round), that of the best sequence so far, in the
        sets other than the search's for some rounds alone.

        ``place_start`` and ``place_end`` are the design's place in the locus sequence,
        ``place_genomic_start`` and ``place_genomic_end`` that in the genome.

        ``gc``, ``edits`` (bases other than the native CRE's), ``kmer_distance``, ``kmer_rank``,
        ``nearest_identity`` and ``nearest_start``, (design,), say how near to nature a design is:
        see `creme.analysis.natural.naturalness`.
        """
        place = self.place(unit)
        objective = Objective(tuple(self.weights), self.others, self.scale, self.goal)
        constraints, native = self.constraints(unit)
        draw = partial(self._random, unit, constraints)
        starts = self._starts(native, constraints, draw)
        (wild_type,) = yield [unit.sequence]
        objective.check(len(wild_type))
        sets = {}
        for name, contexts in zip(SETS, self.contexts(unit), strict=True):
            sets[name] = ScoredContexts(objective, place, self.orientation == "reverse", contexts)
            sets[name].controls = yield list(contexts)
        trace = yield from self._search(unit, constraints, starts, objective, sets["search"])
        finalists = [one.codes for one in _distinct(trace.pool, self.finalists, self.apart)]
        chosen = yield from sets["choose"].mean_scores(finalists)
        ranked = map(Candidate, finalists, chosen, worst(objective.fitness(chosen)))
        designs = [one.codes for one in sorted(ranked, key=lambda one: one.rank)][: self.designs]
        shown = [native, draw(0), *designs]
        mutant = yield from sets["report"].activities(shown)
        reported = objective.scores(mutant, sets["report"].controls)
        locus = ScoredContexts(objective, place, self.orientation == "reverse", [unit.sequence])
        in_locus = yield from locus.activities(shown)
        means = {}
        for name in SETS[:2]:
            means[name] = yield from sets[name].mean_scores(shown)
        curves = {"search": np.array([one.score for one in trace.best])}
        at = np.unique(np.linspace(0, self.rounds, CHECKED).round().astype(int))
        for name in SETS[1:]:
            curves[name] = np.full(self.rounds + 1, np.nan)
            curves[name][at] = yield from sets[name].mean_scores([trace.best[k].codes for k in at])
        dims = ("design", "replicate", "track")
        by_design = ("design",)
        optimism = objective.fitness(means["search"]) - objective.fitness(reported.mean(axis=1))
        differing = np.array([np.sum(one != native) for one in shown], dtype=np.float64)
        dataset = result(
            averaged("effect", dims, relative(mutant - sets["report"].controls, wild_type)).merge(
                averaged("score", dims[:2], reported)
            ),
            {
                "wild_type": (("track",), wild_type),
                "control": (dims[1:], sets["report"].controls),
                "mutant": (dims, mutant),
                "in_locus": (("design", "track"), in_locus[:, 0]),
                "search_score": (by_design, means["search"]),
                "choose_score": (by_design, means["choose"]),
                "curse": (by_design, optimism),
                "edits": (by_design, differing),
                **naturalness(shown, unit.sequence.codes),
                "measured": (("round",), np.array(trace.counts, dtype=np.float64)),
                "round_median": (("round",), np.array(trace.medians)),
                "round_score": (("set", "round"), np.stack([curves[name] for name in SETS])),
            },
            {"set": list(SETS)},
        )
        dataset = self.looked_at(dataset, unit, sets["report"].controls[None])
        return self._labelled(dataset, shown, unit, place)

    def _search(
        self,
        unit: Locus,
        constraints: Constraints,
        starts: list[Codes],
        objective: Objective,
        contexts: ScoredContexts,
    ) -> Generator[Request, Activities, PopulationTrace]:
        search = PopulationSearch(
            constraints,
            lambda *names: self._draws(unit, *names),
            objective.fitness,
            self.rounds,
            self.candidates,
            self.beam,
            max(self.beam, self.finalists, _POOL),
        ).run(starts)
        sequences = next(search)
        while True:
            scores = yield from contexts.mean_scores(sequences)
            try:
                sequences = search.send(scores)
            except StopIteration as end:
                return end.value

    def contexts(self, unit: Locus) -> tuple[list[Sequence], list[Sequence], list[Sequence]]:
        """The contexts of each of `SETS`, without a design."""
        report = self.controls(unit, "design", "report", replicates=range(self.report))
        if self.context == "native":
            return [unit.sequence], [unit.sequence], report
        choose = self.controls(unit, "design", "choose", replicates=range(self.choose))
        return self.controls(unit), choose, report

    def _draws(self, unit: Locus, *names: Name) -> Draws:
        return Draws(derive(self.seed, unit.key, "design", *names))

    def constraints(self, unit: Locus) -> tuple[Constraints, Codes]:
        """The constraints at a locus, and the native CRE in the design's own orientation."""
        if self.native is not None:
            native = encode(self.native)
        else:
            native = self.place(unit).of(unit.sequence).codes
            if self.orientation == "reverse":
                native = complement(native[::-1])
        if self.edits is not None and (native == N).any():
            raise ConfigError(f"edits = {self.edits}: the native CRE has N, which no design has")
        return (
            Constraints(
                length=self.length,
                gc=self.gc,
                forbidden=sites_of(self.forbidden),
                homopolymer=self.homopolymer,
                left=encode(self.left),
                right=encode(self.right),
                native=native,
                edits=self.edits,
            ),
            native,
        )

    def _random(self, unit: Locus, constraints: Constraints, number: int) -> Codes:
        """The number-th random sequence that meets the constraints."""
        draws = self._draws(unit, "start", number)
        for _ in range(_TRIES):
            codes = np.array([draws.below(4) for _ in range(self.length)], dtype=np.uint8)
            repaired = constraints.repaired(codes, draws)
            if repaired is not None:
                return repaired
        raise ConfigError(
            f"no sequence of {self.length} bp was found that meets the constraints: allow a wider "
            f"gc, fewer forbidden sites, longer homopolymers, or more edits"
        )

    def _starts(
        self, native: Codes, constraints: Constraints, draw: Callable[[int], Codes]
    ) -> list[Codes]:
        if self.start == "random":
            return [draw(number) for number in range(self.candidates)]
        texts = self.start if isinstance(self.start, list) else []
        starts = []
        for number, codes in enumerate(map(encode, texts) if texts else [native]):
            random = draw(number)
            # An N is drawn; a sequence that breaks a constraint is repaired, or drawn as a whole.
            whole = np.where(codes == N, random, codes)
            draws = Draws(derive(self.seed, "design", "repair", number))
            repaired = constraints.repaired(whole, draws)
            starts.append(random if repaired is None else repaired)
        return starts

    def _labelled(
        self, dataset: xr.Dataset, shown: list[Codes], unit: Locus, place: Tile
    ) -> xr.Dataset:
        """With the sequences, and a row for each design that there may be."""
        texts = [str(Sequence(codes)) for codes in shown]
        missing = 2 + self.designs - len(shown)
        if missing:
            dataset = remarked(dataset.pad(design=(0, missing)), _FEWER, missing)
        low, high = unit.interval(place)
        names = ["native", "random", *map(str, range(1, self.designs + 1))]
        return dataset.assign_coords(design=names).assign(
            sequence=("design", np.array([*texts, *[""] * missing], dtype=object)),
            place_start=place.start,
            place_end=place.end,
            place_genomic_start=low,
            place_genomic_end=high,
            orientation=self.orientation,
        )


def _distinct(pool: SequenceOf[Candidate], most: int, apart: int) -> list[Candidate]:
    """The best candidates, each of which differs from the ones before in `apart` bases."""
    kept: list[Candidate] = []
    for one in pool:
        if len(kept) < most and all(np.sum(one.codes != k.codes) >= apart for k in kept):
            kept.append(one)
    return kept


def _codes(text: str, name: str) -> Codes:
    try:
        return encode(text)
    except SequenceError as error:
        raise ValueError(f"{name}: {error}") from None
