"""From all TSSs to the loci of a study, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from creme.study.candidates import Candidates, gene_name
from creme.study.sections import MAX_N, LocusSelection
from creme.study.stages.loci import INPUT

if TYPE_CHECKING:
    import pandas as pd

SELECTED = "selected"


@dataclass
class DecidingActivity:
    """Predictions of the sites, by the deciding track; NaN where there is none.

    Attributes
    ----------
    activity, summit_activity, summit_distance, n : array of float, (sites,)
    moved : array of int, (sites,)
        How far the TSS was moved, bp in gene orientation.
    failures : dict of number to message
    """

    activity: NDArray[np.float64]
    summit_activity: NDArray[np.float64]
    summit_distance: NDArray[np.float64]
    n: NDArray[np.float64]
    moved: NDArray[np.int64]
    failures: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Funnel:
    """How many TSSs each step left, and what became of each.

    Attributes
    ----------
    rows : list of dict
        ``step``, ``left``, ``removed``, ``why``.
    steps : array of str, (sites,)
        ``selected``, or the step that left the site out.
    """

    rows: list[dict[str, Any]]
    steps: NDArray[np.object_]

    @property
    def selected(self) -> NDArray[np.int64]:
        """Numbers of the selected sites, in the order of the annotation."""
        return np.flatnonzero(self.steps == SELECTED)


def select(
    candidates: Candidates, measured: DecidingActivity, selection: LocusSelection, bin_size: int
) -> Funnel:
    """Apply the steps, each to what the earlier ones have left.

    Notes
    -----
    Section "Transcription start site selection".
    """
    n = len(candidates)
    steps = np.full(n, SELECTED, dtype=object)
    rows = [
        _row("transcripts", candidates.transcripts, 0, "transcripts of the annotation"),
        _row("duplicate", n, candidates.transcripts - n, "another transcript starts there too"),
    ]

    def drop(step: str, sites_out: NDArray[np.bool_], why: str) -> None:
        gone = sites_out & (steps == SELECTED)
        steps[gone] = step
        rows.append(_row(step, int((steps == SELECTED).sum()), int(gone.sum()), why))

    failed = np.zeros(n, dtype=bool)
    failed[list(measured.failures)] = True
    drop(
        "contig",
        ~np.array(candidates.kept, dtype=bool),
        "on a contig that the FASTA lacks" + (" or contigs leaves out" * bool(selection.contigs)),
    )
    drop("failed", failed, "could not be predicted")
    most_n = MAX_N if selection.max_n is None else selection.max_n
    drop("n", measured.n > most_n, f"more than {most_n:g} of the window is N (max_n)")
    drop(
        "recentre", _moved_onto_another(candidates, measured, steps), "moved to the TSS of another"
    )
    drop(
        "activity",
        ~(measured.activity >= selection.activity),
        f"activity below {selection.activity:g}",
    )
    off = np.abs(measured.summit_distance) > selection.within * bin_size
    away = f"more than {selection.within} bins away from" if selection.within else "not in"
    drop(
        "summit",
        off if selection.summit == "tss" else np.zeros(n, dtype=bool),
        f"the highest bin is {away} that of the TSS",
    )
    drop(
        "gene",
        _past(selection.per_gene, candidates, measured, steps),
        f"the gene has {selection.per_gene} more active TSS{'s' * (selection.per_gene > 1)}",
    )
    order = _by_activity(np.flatnonzero(steps == SELECTED), measured)
    rest = np.zeros(n, dtype=bool)
    rest[order[selection.max_loci :] if selection.max_loci is not None else []] = True
    enough = (
        f"{selection.max_loci} loci are more active" if selection.max_loci else "no limit is set"
    )
    drop("max_loci", rest, enough)
    return Funnel(rows, steps)


def _row(step: str, left: int, removed: int, why: str) -> dict[str, Any]:
    return {"step": step, "left": left, "removed": removed, "why": why}


def _by_activity(numbers: NDArray[np.int64], measured: DecidingActivity) -> NDArray[np.int64]:
    """Most active first; of equals the first of the annotation."""
    return numbers[np.argsort(-measured.activity[numbers], kind="stable")]


def _moved_onto_another(
    candidates: Candidates, measured: DecidingActivity, steps: NDArray[np.object_]
) -> NDArray[np.bool_]:
    """Sites whose new place is that of a site that was not moved, or of an earlier one.

    Only sites that are still there take a place: of two that move to one, the second stays where
    the first could not be predicted.
    """
    taken: set[tuple[str, int, str]] = set()
    left_out = np.zeros(len(candidates), dtype=bool)
    order = np.argsort(measured.moved != 0, kind="stable")
    for number in order[steps[order] == SELECTED].tolist():
        place = used_place(candidates, number, int(measured.moved[number]))
        left_out[number] = place in taken and measured.moved[number] != 0
        taken.add(place)
    return left_out


def used_place(candidates: Candidates, number: int, moved: int) -> tuple[str, int, str]:
    """Contig (of the FASTA), position and strand that a site is used at."""
    site = candidates.sites[number]
    position = site.position + (moved if site.strand == "+" else -moved)
    return candidates.genome.resolve(site.contig), position, site.strand


def _past(
    most: int, candidates: Candidates, measured: DecidingActivity, steps: NDArray[np.object_]
) -> NDArray[np.bool_]:
    """Sites of genes that have enough more active ones."""
    left_out = np.zeros(len(candidates), dtype=bool)
    seen: dict[str, int] = {}
    for number in _by_activity(np.flatnonzero(steps == SELECTED), measured).tolist():
        site = candidates.sites[number]
        gene = site.gene_id or gene_name(site)
        seen[gene] = seen.get(gene, 0) + 1
        left_out[number] = 0 < most < seen[gene]
    return left_out


def why_nothing_is_selected(
    candidates: Candidates,
    measured: DecidingActivity,
    funnel: Funnel,
    selection: LocusSelection,
    bin_size: int,
) -> str:
    """A sentence for a study without loci: the highest activity, and the settings to change."""
    rows = [row for row in funnel.rows if row["removed"] and row["step"] != "duplicate"]
    if not np.isfinite(measured.activity).any():
        return f"no TSS is selected: {rows[-1]['why']}" if rows else "no TSS is selected"
    best = int(np.nanargmax(measured.activity))
    highest = float(measured.activity[best])
    sentence = (
        f"no TSS is selected: the highest activity of {len(candidates)} is {highest:.3g}, of "
        f"{gene_name(candidates.sites[best])}"
    )
    if highest < selection.activity:
        within = np.abs(measured.summit_distance) <= selection.within * bin_size
        fitting = within if selection.summit == "tss" else np.ones(len(candidates), dtype=bool)
        activities = measured.activity[fitting & (funnel.steps == "activity")]
        usual = float(np.nanquantile(activities, 0.75)) if activities.size else highest
        threshold = _rounded_down(usual if usual > 0 else highest)
        number = int((measured.activity >= threshold).sum())
        return (
            f"{sentence}; [selection] activity = {selection.activity:g} is above it. It is on the "
            f"model's own scale: activity = {threshold:g} would keep the most active quarter "
            f"({number} TSSs before the further steps)"
        )
    last = rows[-1]
    further = " ([selection] summit = 'any' does without)" if last["step"] == "summit" else ""
    return f"{sentence}; {last['removed']} were left out last, because {last['why']}{further}"


def _rounded_down(value: float) -> float:
    """To two digits, and not above the value."""
    if value <= 0:
        return 0.0
    digits = 1 - int(np.floor(np.log10(value)))
    return float(np.floor(value * 10.0**digits) / 10.0**digits)


def table(candidates: Candidates, measured: DecidingActivity, funnel: Funnel) -> pd.DataFrame:
    """``loci.tsv``; see `creme.study.folder`."""
    import pandas as pd

    sites = candidates.sites
    used = [
        used_place(candidates, k, int(measured.moved[k]))[1] if kept else site.position
        for k, (site, kept) in enumerate(zip(sites, candidates.kept, strict=True))
    ]
    return pd.DataFrame(
        {
            "contig": [
                candidates.genome.resolve(site.contig) if kept else site.contig
                for site, kept in zip(sites, candidates.kept, strict=True)
            ],
            "tss": [site.position for site in sites],
            "strand": [site.strand for site in sites],
            "gene": [gene_name(site) for site in sites],
            "transcript": [site.transcript for site in sites],
            "gene_id": [site.gene_id for site in sites],
            "transcripts": candidates.starts,
            "used": used,
            "n": measured.n,
            "activity": measured.activity,
            "summit_activity": measured.summit_activity,
            "summit_distance": pd.array(measured.summit_distance).astype("Int64"),
            "step": funnel.steps,
            **{
                INPUT + name: [site.inputs[k] for site in sites]
                for k, name in enumerate(candidates.inputs)
            },
        }
    )


def chosen(loci: pd.DataFrame) -> pd.DataFrame:
    """``selected.tsv`` from ``loci.tsv``.

    A locus is called by its gene; where several have one gene, by the place as well, as in
    `creme.genome.select_loci`.
    """
    part = loci[loci["step"] == SELECTED]
    shared = part["gene"].duplicated(keep=False)
    key = part["contig"] + ":" + part["used"].astype(str) + ":" + part["strand"]
    inputs = [name for name in map(str, loci) if name.startswith(INPUT)]
    return part.assign(
        tss=part["used"], locus=part["gene"].where(~shared, part["gene"] + "@" + key)
    )[["contig", "tss", "strand", "gene", "transcript", "locus", "activity", *inputs]]
