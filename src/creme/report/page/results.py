"""Results as the page takes them: the labels of tests by their part on the page, genes around."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

import pandas as pd
import xarray as xr

from creme import registry
from creme.analysis.evidence import evidence
from creme.errors import ConfigError, CremeError, GenomeError, PluginError, ResultsError
from creme.motifs import read_motifs
from creme.motifs.meme import Matrices
from creme.report.marks import capital
from creme.report.page.gene_models import GeneModels
from creme.report.page.genes import Neighbours
from creme.report.page.lanes import Lane
from creme.report.page.motifs import Motifs
from creme.results.annotate import Annotate, fasta_of
from creme.results.neighbours import own
from creme.results.view import ResultsView
from creme.results.words import site_word
from creme.study.folder import LOCI
from creme.study.view import StudyResults

WITH_FIGURES = (
    "context_dependence",
    "context_swap",
    "necessity",
    "sufficiency",
    "distance",
    "higher_order",
    "set_sufficiency",
    "multiplicity",
    "fine_tile",
    "interactions",
    "compatibility",
    "design",
    "design_check",
)
"""The tests that have figures of their own, in the order of the page."""
HEAVY = ("shuffled", "moved", "placed", "dinuc", "dinuc_mutant", "whole")
"""Raw activities, which are large, and which neither figures nor comparisons use."""
REPLICATES = ("effect_replicates", "dinuc_effect_replicates", "fold_change_replicates", "mutant")
"""Variables that the paper's figures do not use either."""
SELECTION, RUN = "loci", "run"
"""The first stage of a study, which selects its loci, and the one stage of an experiment."""


class PageResults:
    """A view of results, and the label that stands for each test that has figures of its own.

    Parameters
    ----------
    view : ResultsView
    labels : mapping of str to str, optional
        The label by test; the first one of each test unless given.
    annotate : Annotate, optional
        What is laid beside the results; that of their file unless given.

    Attributes
    ----------
    view : ResultsView
    annotate : Annotate
    labels : dict of str to str
        For each test of `WITH_FIGURES` that has results, its label.
    notes : list of str
        Sentences on what could not be read beside the results.
    """

    def __init__(
        self,
        view: ResultsView,
        labels: Mapping[str, str] | None = None,
        annotate: Annotate | None = None,
    ) -> None:
        self.view = view
        self.annotate = Annotate.of(view) if annotate is None else annotate
        self.notes: list[str] = []
        if labels is None:
            labels = {}
            for label, test in self._each():
                if test in WITH_FIGURES:
                    labels.setdefault(test, label)
        self.labels = dict(labels)

    def _each(self) -> Iterator[tuple[str, str]]:
        """Label and test of all results that the page shows."""
        for label in self.view.tests:
            if self.view.kind == "experiment" or label != SELECTION:
                yield label, self.view.test_name(label)

    @property
    def further(self) -> list[tuple[str, str]]:
        """Labels and tests of those that have figures of their own, and are not the first."""
        return [
            (label, test)
            for label, test in self._each()
            if test in WITH_FIGURES and self.labels[test] != label
        ]

    @property
    def without_figures(self) -> list[str]:
        """Labels of the tests that have no figures of their own."""
        return [label for label, test in self._each() if test not in WITH_FIGURES]

    def with_label(self, test: str, label: str) -> PageResults:
        """The same, with another label for a test."""
        other = PageResults(self.view, {**self.labels, test: label}, self.annotate)
        other.__dict__["neighbours"] = self.neighbours  # which takes time to read
        return other

    def open(self, test: str, without: Collection[str] = ()) -> xr.Dataset:
        """The Dataset of one of `labels`, of the loci's own TSSs, read when it is used."""
        return own(self.view.open(self.labels[test], without))

    def deciding(self, test: str) -> xr.Dataset:
        """A test's Dataset of the deciding track, without what figures do not use."""
        opened = self.open(test, (*HEAVY, *REPLICATES))
        return opened.sel(track=[self.view.track]).load()

    @cached_property
    def evidence(self) -> xr.Dataset:
        """Evidence of the effects of all tiles by sufficiency."""
        return evidence(self.open("sufficiency").load())

    def table(self, name: str) -> pd.DataFrame | None:
        """A table of a study, if it is there."""
        if self.view.kind != "study" or name not in self.view.tables:
            return None
        return self.view.table(name)

    @cached_property
    def site(self) -> str:
        """The word for loci: TSSs, or sites if any test says that they need not be TSSs."""
        words = [site_word(self.view.open(label).attrs) for label, _ in self._each()]
        return next((word for word in words if word != "TSS"), "TSS")

    @cached_property
    def neighbours(self) -> Neighbours | GeneModels | None:
        """The genes around: those of the annotation if it is there, else the TSSs that a study
        keeps; None without either, which `notes` say."""
        used = self._used
        models = self.annotate.genes
        if models is not None and (models.is_file() or self.annotate.genes_named):
            try:
                return GeneModels(models, used)
            except GenomeError as error:
                self.notes.append(f"Genes have no bodies here: {error}.")
        elif models is not None:
            self.notes.append(
                f"Genes have no bodies here: their annotation, {models.name}, is not where it was; "
                "'creme report DIR --annotate genes=FILE' takes another."
            )
        return used

    @cached_property
    def _used(self) -> Neighbours | None:
        """The TSSs of a study's annotation; None for an experiment, whose results have none."""
        view = self.view
        if not isinstance(view, StudyResults) or not (view.path / LOCI).is_file():
            return None
        return Neighbours(view.folder.kept.content(LOCI))

    @cached_property
    def library(self) -> Matrices | None:
        """The motifs beside the results; None without a file of them, or where `notes` say why
        they cannot be read."""
        if self.annotate.meme is None:
            return None
        try:
            return read_motifs(self.annotate.meme)
        except ConfigError as error:
            self.notes.append(f"Motifs are missing: {error}.")
            return None

    @cached_property
    def motifs(self) -> Motifs | None:
        """Motifs in what is left of fine tiles; None without a file of them, or where `notes` say
        why they cannot be found."""
        if "fine_tile" not in self.labels or self.library is None:
            return None
        names = ("sub_genomic_start", "sub_genomic_end")
        part = self.open("fine_tile")[list(names)].load()
        starts, ends, contigs = xr.broadcast(*(part[name] for name in names), part["contig"])
        rows = zip(contigs.values.flat, starts.values.flat, ends.values.flat, strict=True)
        intervals = [(str(c), int(s), int(e)) for c, s, e in rows if s == s and e == e]
        try:
            return Motifs(self.library, fasta_of(self.view), intervals)
        except CremeError as error:
            self.notes.append(f"Motifs are missing: {error}.")
            return None

    @cached_property
    def lanes(self) -> list[Lane]:
        """The reader's own intervals; `notes` say which cannot be read."""
        read = []
        for label, path in self.annotate.lanes.items():
            try:
                read.append(Lane(label, path))
            except GenomeError as error:
                self.notes.append(f"The lane {label} is missing: {error}.")
        return read


def title_of(view: ResultsView, label: str) -> str:
    """A test's or a stage's heading, with its label where that is not the test's name."""
    if label == RUN and view.kind == "experiment":
        return "Run"
    if label == SELECTION and view.kind == "study":
        return "Selection of loci"
    try:
        presentation = view.presentation(label)
    except ResultsError:  # it has no results yet
        return title_of_test(label)
    own = label == presentation.test or presentation.test not in registry.plugins("test")
    return presentation.title if own else f"{presentation.title} ({label})"


def title_of_test(test: str) -> str:
    """The heading of a test by its name."""
    try:
        return str(registry.load("test", test).presentation().title)
    except PluginError:
        return capital(test.replace("_", " ").replace("-", " "))
