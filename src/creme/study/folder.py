"""The folder of a study: its files, and its state.

``NAME.study/``, beside the study file::

    study.toml              the study file as it was run
    study.json              identity, funnel, and the state of each stage; see below
    loci.tsv                every distinct TSS of the annotation, and its step
    selected.tsv            the loci of the study; an experiment file takes it as [loci] table
    stages/STAGE/           a results directory of its own (`creme.results.directory.Results`):
                            experiment.toml, run.json, loci.tsv and STAGE.zarr; of stage `loci`
                            it is tss_activity.zarr, its dimension `locus` being all TSSs
    tables/STAGE.csv        tidy: a row for each locus, tile, track and what else the test varies
    tables/OTHER.csv        what analyses add; see below

STAGE is one of `creme.study.stages`, in this order: ``loci``, ``context_dependence``,
``context_swap``, ``necessity``, ``sufficiency``, ``distance``, ``higher_order``,
``set_sufficiency``, ``multiplicity``, ``fine_tile``; ``interactions``, ``compatibility``,
``design`` and ``design_check`` where it names them; or one that the study file adds, after them.
Every file stands whole or not at all. A stage that had nothing to do has no folder below
``stages``, tables without rows (of one column, ``locus``), and a ``note`` that says why. One
process at a time runs a study: ``.study.json.lock`` is locked by it, and its death unlocks it.
Reading needs no lock.

``study.json``::

    name, folder, store     of the study; folder is where relative paths of study.toml start
    track                   label of the activity that selects, categorises and classifies
    source                  fingerprint of the model and of what is kept of its output
    model                   name, version, fingerprint, bins, tracks, bin_size, configuration
    identity                by stage: the settings behind it, so that a changed study file shows
    funnel                  list of {step, left, removed, why}, from all transcripts on
    categories              {enhancing, neutral, silencing, none: number of loci}
    classes                 {category: {CRE class: number of tiles}}
    stages                  {STAGE: {state, units, asked, predicted, stored, repeated, seconds,
                            began, ended, note, error, failures, remarks, made_from,
                            from_results; and of a
                            stage that the file adds: test, needs, takes}}
    notes                   sentences that a reader of all values has to know
    versions, pid, host, updated
    sha256                  of study.toml, loci.tsv, selected.tsv and each table, by its path

``state`` is waiting, running, finished, failed or interrupted. ``seconds`` is the wall time of the
run that finished (or stopped) the stage, and the counts are that run's: a stage that is run again
finds its predictions ``stored``. ``failures`` is a list of [unit, message]; a stage that has any is
run again by the next ``creme study``. ``remarks`` are sentences on its values that their reader has
to know. ``from_results`` says that its tables were made anew from results that were there: the
counts are then of the run that measured. ``made_from`` has the digest of what each earlier stage
passed on when this one began (`creme.study.lineage`). A finished stage is called outdated once an
earlier one passes on something else: it is made anew by the next run, and until then none of its
tables, Datasets and counts is given out.

``loci.tsv``, one row a TSS, tab-separated, in the order of the annotation: ``contig``, ``tss``
(0-based, as annotated), ``strand``, ``gene``, ``transcript``, ``gene_id``, ``transcripts`` (how
many start there), ``used`` (the TSS base that was used; another than ``tss`` where it was moved to
the summit), ``n`` (share of N in the window), ``activity`` and ``summit_activity`` (at the TSS and
at the summit of the profile), ``summit_distance`` (of the summit's bin from the TSS's, bp in gene
orientation) and ``step``: ``selected``, or the step of the funnel that left the TSS out. Empty
where unknown. ``selected.tsv`` has ``contig``, ``tss`` (as used), ``strand``, ``gene``,
``transcript``, ``locus`` (the name in all results) and ``activity``.

Tables beside those of the stages, of the deciding track alone unless there is a column ``track``:

    funnel.csv              step, left, removed, why
    categories.csv          locus, gene, effect, effect_se, category (empty: none), taken (whether
                            later stages take it: [categories] at_most)
    coverage.csv            Figure 2b, of the most typical locus of each category (see below):
                            locus, category, track, position, wild_type, shuffled, shuffled_std
    cre_classes.csv         the tiles with a class: locus, category, tile_start, tile_end,
                            genomic_start, genomic_end, distance, effect, effect_se, cre_class
    cre_counts.csv          tiles of each locus beyond the weak thresholds by their effect alone,
                            and the mean effect over tiles, with 0.95 intervals over backgrounds:
                            locus, category, track, of, value, low, high, tiles
    distance_curve.csv      category, kind, track, distance, mean, se, low, high, n
    interactions.csv        locus, category, search, track, mse, difference, interaction; and
                            mse_, difference_ and interaction_multiplicative,
                            interaction_additive, explained_by; mse_above_floor and
                            mse_multiplicative_above_floor where the TSS tile alone was measured
    tiles_needed.csv        category, track, loci, reached, median, low, high: how many tiles of a
                            set bring back 80 % of the activity
    saturation.csv          locus, category, tile_start, search, track, plateau, half, ...
    pairs.csv               of the interactions stage, each pair of its tiles: see
                            `creme.analysis.epistasis.pair_table`
    edges.csv               tiles and the TSSs that they act on, tile_edges.csv tiles and the
                            accessibility of others: see `creme.analysis.network.edges`
    shapley.csv             shares of single tiles in what all of them do: see
                            `creme.analysis.landscape_tables.shapley_table`
    orders.csv              locus, track, scale, order, share: the variance over all subsets that
                            single tiles, pairs, triples and so on make
    compatibility_*.csv     pairs and promoters: see `creme.analysis.compatibility`
    design_*.csv            order and rounds: see `creme.analysis.designs`
    sub_tiles.csv           locus, category, tile_start, tile_end, track, sub_start, sub_end,
                            sub_genomic_start, sub_genomic_end: what is left of each tile

Tables of stages that take these parts have ``part_of``, their tile as ``LOCUS:start-end``, whose
class ``cre_class`` is; ``NAME_pairs.csv`` of interactions ``first_part_of`` and ``second_part_of``.

``coverage.csv`` has a row for each kept bin. ``position`` is the bin's first base from the TSS, bp
in gene orientation; ``wild_type`` is the predicted coverage there, of the tracks that the deciding
activity reads, ``shuffled`` and ``shuffled_std`` its mean and standard deviation (ddof 1) over the
replicates with the context shuffled. Most typical is as ``[categories] at_most`` has it: the
highest effect of an enhancing context, the lowest of a silencing one, the one nearest to 0 of a
neutral one. The profiles are those that the test has predicted, from the store. Where a single bin
is kept, there are no rows; a study of an earlier version has no such table until it is run again.

Tables of stages after ``context_dependence`` have a column ``category``, those of tiles after
``sufficiency`` a column ``cre_class``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creme.errors import CremeError, ResultsError, listing, nearest
from creme.files.trusted import received
from creme.passwords import masked
from creme.results.csv_text import csv_text
from creme.results.directory import Results
from creme.results.kept_files import SUMS
from creme.results.state import StateFolder, gone, now
from creme.results.state_shape import StudyState
from creme.study.config import parse
from creme.study.lineage import changed, changed_files, passed_on, stage_inputs
from creme.study.stages.loci import ALL_SITES, SELECTED
from creme.study.stages.order import BUILT_IN, earlier, from_record, recorded
from creme.study.stages.stage import Stage
from creme.study.table_files import read_selected, read_table, separator_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LOCI", "SELECTED", "STATE", "STUDY", "Folder", "of_study"]

STUDY = "study.toml"
STATE = "study.json"
LOCI = ALL_SITES


def of_study(directory: Path) -> Path | None:
    """The study's folder, if a results directory is a stage of one."""
    stages = directory.resolve().parent
    return stages.parent if stages.name == "stages" and (stages.parent / STATE).is_file() else None


class Folder(StateFolder):
    """A study's folder.

    Parameters
    ----------
    path : str or Path
    added : mapping of name to Stage
        Stages that the study file adds; those that ``study.json`` names are known without it.
    """

    state_file = STATE
    settings_file = STUDY
    state_shape = StudyState
    required = ("stages",)
    other_entries = frozenset(("stages", "tables"))
    kind = "the folder of a study"
    made_by = "creme study FILE"
    restored_by = (
        "'creme study {}' makes it anew, from its stage's Dataset and the predictions in the store"
    )

    def __init__(self, path: str | Path, added: Mapping[str, Stage] | None = None) -> None:
        super().__init__(path)
        self._added = dict(added or {})

    def claim(self, text: str, about: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
        """Make the folder this study's, or check that it is.

        Parameters
        ----------
        text : str
            The study file.
        about : mapping
            The study's part of ``study.json``: JSON values.
        identity : mapping of stage to mapping
            JSON values, by section, that make each stage what it is.

        Raises
        ------
        ResultsError
            If a finished stage was another one; or if something else stands here. Nothing is
            changed then.
        """
        self.check(identity)
        self.refuse_foreign()
        self.path.mkdir(parents=True, exist_ok=True)
        for name in ("stages", "tables"):
            (self.path / name).mkdir(exist_ok=True)
        with self.kept.written({STUDY: masked(text)}) as sums:
            stages = self._read().get("stages", {}) if self.begun else {}
            waiting = {stage: {"state": "waiting"} for stage in identity}
            stages = {**waiting, **stages}
            for name, stage in self._added.items():
                stages[name] = {**stages.get(name, {"state": "waiting"}), **recorded(stage)}
            self.begin({**about, "stages": stages, SUMS: sums})

    @property
    def identity(self) -> dict[str, Any]:
        """The settings behind each stage that has begun, by stage; empty where none has."""
        recorded = self.read_state().get("identity", {}) if self.begun else {}
        return recorded if isinstance(recorded, dict) else {}

    def check(self, identity: Mapping[str, Any]) -> None:
        """Check that what is finished here is this study's; see `claim`.

        What has begun without coming to an end may become another: nothing has been made from it.
        """
        if not self.begun:
            return
        state = self.state()
        before, records = state.get("identity", {}), self._records(state)
        done = [s for s, of in state["stages"].items() if of["state"] in ("finished", "outdated")]
        kept = {name for s in done if s in records for name in (s, *earlier(s, records))}
        differing = [
            f"{stage}: {section}"
            for stage in records
            if stage in before and stage in identity and stage in kept
            for section in sorted({*before[stage], *identity[stage]})
            if before[stage].get(section) != identity[stage].get(section)
        ]
        if differing:
            raise ResultsError(
                f"{self.path} holds another study (it differs in {listing(differing, 20)}): give "
                f"another folder with --output; predictions that both need are reused from the "
                f"store"
            )

    def state(self) -> dict[str, Any]:
        """The contents of ``study.json``; a stage whose process is gone is called interrupted.

        A finished one that was made from other results than those that earlier stages have now is
        called outdated, and its outcome is left out.
        """
        state = self._read()
        records, passed = self._records(state), self.passed_on(state)
        for name, entry in state.get("stages", {}).items():
            others = changed(entry.get("made_from", {}), passed)
            if entry["state"] == "finished" and others:
                entry["state"] = "outdated"
                entry["error"] = f"stage {listing(others)} has other results since"
                if name in records and (outcome := records[name].outcome):
                    state.pop(outcome.key, None)
        return state

    def stage_records(self) -> dict[str, Stage]:
        """The toolkit's stages and those that the study file adds, by name in their order."""
        return self._records(self._read() if self.begun else {})

    def _records(self, state: Mapping[str, Any]) -> dict[str, Stage]:
        added = {
            name: from_record(name, entry)
            for name, entry in state.get("stages", {}).items()
            if "test" in entry
        }
        return {**BUILT_IN, **added, **self._added}

    def _read(self) -> dict[str, Any]:
        state = self.read_state()
        for stage in state.get("stages", {}).values():
            if stage["state"] == "running" and gone(state):
                stage["state"] = "interrupted"
        return state

    def changed_files(self) -> list[Path]:
        """FASTA and annotation, where they are no longer what the study was made from.

        None where its study file cannot be read, for lack of a plugin or of the file itself.
        """
        state = self.state()
        try:
            with received(self.path, False):  # only to say how far it is
                study = parse(self.settings_text())
        except CremeError:
            return []
        identity = state.get("identity", {}).get("loci", {})
        return changed_files(study, Path(state["folder"]), identity)

    def stages(self) -> dict[str, dict[str, Any]]:
        """State and counts of each stage, in their order."""
        state = self.state()
        entries = state.get("stages", {})
        return {name: entries[name] for name in self._records(state) if name in entries}

    def update_stage(self, stage: str, changes: Mapping[str, Any]) -> None:
        """Change the entry of one stage in ``study.json``, in one step."""
        stages = self.read_state().get("stages", {})
        self.update({"stages": {**stages, stage: {**stages.get(stage, {}), **changes}}})

    def begin_stage(self, stage: str, identity: Mapping[str, Any]) -> None:
        """A stage is running from here on.

        Tables that it made from something else, or as another stage, are removed: it may be stopped
        before it writes its own.
        """
        state = self._read()
        identities, records = state.get("identity", {}), self._records(state)
        sources = stage_inputs(stage, self.passed_on(state), records)
        before = state["stages"].get(stage, {}).get("made_from", sources)
        if changed(before, sources) or identities.get(stage, identity) != identity:
            self._forget(records[stage])
        self.update({"identity": {**identities, stage: identity}})
        counts = dict.fromkeys(("asked", "predicted", "stored", "repeated", "seconds"), 0)
        texts = {"began": now(), "ended": "", "note": "", "error": ""}
        lists: dict[str, list[Any]] = {"failures": [], "remarks": []}
        running = {"state": "running", "made_from": sources, "from_results": False}
        self.update_stage(stage, {**running, **counts, **texts, **lists})

    def _forget(self, stage: Stage) -> None:
        """Remove a stage's tables and files, and its outcome in ``study.json``."""
        for name in stage.tables:
            (self.path / "tables" / f"{name}.csv").unlink(missing_ok=True)
        for name in stage.files:
            (self.path / name).unlink(missing_ok=True)
        if stage.outcome is not None:
            self.update({stage.outcome.key: stage.outcome.nothing})

    def finished(self, stage: str) -> bool:
        """Whether a stage has its tables."""
        return self.begun and self.stages().get(stage, {}).get("state") == "finished"

    def missing(self, stage: str) -> list[str]:
        """The stages that one depends on and that are not finished."""
        return [one for one in earlier(stage, self.stage_records()) if not self.finished(one)]

    def results(self, stage: str) -> Results:
        """The results directory of a stage, which need not be there yet."""
        return Results(self.path / "stages" / stage)

    def passed_on(self, state: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Digest of what each stage passes on; see `creme.study.lineage.passed_on`.

        A damaged table passes nothing on: it is made anew before it is used.

        Parameters
        ----------
        state : mapping, optional
            ``study.json``, where it is read already.
        """
        sums = self.kept.sums if state is None else state.get(SUMS, {})
        return passed_on(self.path, lambda name: self.kept.intact(name, sums))

    def set_aside_damaged(self, stage: Stage) -> list[str]:
        """Rename tables and files of a stage that are not as they were written; returns which.

        They may have been edited, so they are kept, as ``NAME.damaged``.
        """
        sums, kept = self.kept.sums, self.kept
        names = [*stage.files, *(f"tables/{name}.csv" for name in stage.tables)]
        damaged = [name for name in names if not kept.intact(name, sums)]
        for name in damaged:
            (self.path / name).replace(self.path / f"{name}.damaged")
        return damaged

    def write_tables(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write tables, each whole, and their checksums; by their paths in the folder."""
        self.kept.write({name: csv_text(of, separator_of(name)) for name, of in tables.items()})

    def tables(self) -> list[str]:
        """Names of the tables that are there, without those of outdated stages."""
        there = {path.stem for path in (self.path / "tables").glob("[!.]*.csv")}
        return sorted(there - set(self._outdated()))

    def _outdated(self) -> dict[str, str]:
        """By table of an outdated stage, the message about it."""
        records = self.stage_records()
        return {
            table: f"stage {stage!r} is outdated: {entry['error']}"
            for stage, entry in self.stages().items()
            if entry["state"] == "outdated"
            for table in records[stage].tables
        }

    def table(self, name: str) -> pd.DataFrame:
        """A table.

        Raises
        ------
        ResultsError
            If it is not there (yet), or outdated.
        """
        if name in (outdated := self._outdated()):
            raise ResultsError(f"{outdated[name]}; 'creme study {self.path}' makes it anew")
        if name not in self.tables():
            raise ResultsError(
                f"{self.path} has no table {name!r}{nearest(name, self.tables())}; it has "
                f"{listing(self.tables(), 20)}"
            )
        return self._read_table(f"tables/{name}.csv")

    def loci(self) -> pd.DataFrame:
        """``loci.tsv``: every TSS of the annotation, and the step that left it out.

        Raises
        ------
        ResultsError
            If the first stage is not finished.
        """
        if not (self.path / LOCI).is_file():
            raise ResultsError(f"{self.path} has no {LOCI} yet: stage 'loci' makes it")
        return self._read_table(LOCI)

    def _read_table(self, name: str) -> pd.DataFrame:
        return read_table(self.kept.content(name), separator_of(name))

    def selected(self, *, numbers: bool = False) -> pd.DataFrame:
        """``selected.tsv``, all of it text unless `numbers`.

        Raises
        ------
        ResultsError
            If it is damaged.
        """
        return read_selected(self.kept.content(SELECTED), numbers)
