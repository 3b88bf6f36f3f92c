"""Instances of motifs where results, an experiment file or a BED file say, as a BED file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from creme.errors import ConfigError, ResultsError, listing
from creme.export.features import cre_class_features
from creme.export.tracks import field
from creme.files.durable import write_text
from creme.genome import Genome
from creme.motifs import Instances, ScannedInterval, find_instances, read_motifs
from creme.motifs.matches import P
from creme.results.annotate import fasta_of
from creme.results.calibrated import compared
from creme.results.kind import Kind, kind_of, mistaken
from creme.results.neighbours import own
from creme.results.view import ResultsView
from creme.runner.experiment import Experiment
from creme.runner.tables import build_model
from creme.study.view import open_results
from creme.suite.elements import read_intervals

Within = Literal["loci", "enhancers", "silencers", "fine_tiles"]
WITHIN: tuple[Within, ...] = ("loci", "enhancers", "silencers", "fine_tiles")
"""The parts of results that can be scanned: windows of loci, tiles that sufficiency classes as
enhancers or silencers, and what fine-tile searches keep."""


def write_instances(
    source: str | Path,
    meme: str | Path,
    to: str | Path,
    within: Within = "loci",
    fasta: str | Path | None = None,
    p: float = P,
    *,
    overlapping: bool = False,
) -> Instances:
    """Write the instances of motifs as a BED file, which ``enhancers`` of compatibility takes.

    Parameters
    ----------
    source : str or Path
        A results directory or a study's folder; an experiment file, whose loci are scanned; or a
        BED file of intervals.
    meme : str or Path
        Motifs in the MEME format.
    to : str or Path
        The file; see `bed_text`.
    within : {'loci', 'enhancers', 'silencers', 'fine_tiles'}
        The parts of results that are scanned, by the deciding activity; see `WITHIN`.
    fasta : str or Path, optional
        The genome; that of the loci unless given. A BED file needs it.
    p : float
        Instances have a smaller one.
    overlapping : bool
        Whether matches that overlap all stay; see `creme.motifs.instances.find_instances`.

    Raises
    ------
    ConfigError
        If memelite is missing, the motifs or `source` cannot be read, there is no genome, or an
        experiment file or a BED file is to be scanned within something.
    ResultsError
        If there are no results of what is to be scanned.
    GenomeError
        If the intervals are of another genome.
    """
    source, to = Path(source), Path(to)
    if within not in WITHIN:
        raise ConfigError(f"within {within!r}: choose of {listing(WITHIN)}")
    if to.is_dir() or not to.parent.is_dir():
        raise ConfigError(f"{to} cannot be written: give the name of a file in a folder")
    motifs = read_motifs(meme)
    genome, intervals = _intervals(source, within, None if fasta is None else Path(fasta))
    instances = find_instances(motifs, genome, intervals, p, overlapping=overlapping)
    write_text(to, bed_text(instances))
    return instances


def bed_text(instances: Instances) -> str:
    """Instances as BED6 and four columns.

    The name is the motif's, with ``_`` for white space; the fifth column -100 log10 p, at most
    1000. The further columns are the score in bits, p, q, and the interval that was scanned.
    Lines that begin with ``#`` say how they were found.
    """
    lines = [f"# {instances.summary}", "#" + "\t".join(_HEADS)]
    table = instances.table
    names = ("contig", "start", "end", "motif", "strand", "score", "p", "q", "within")
    for contig, start, end, motif, strand, bits, p, q, within in zip(
        *(table[name].tolist() for name in names), strict=True
    ):
        size = min(1000, round(-100 * math.log10(p)))
        first = f"{contig}\t{start}\t{end}\t{field(motif)}\t{size}\t{strand}"
        lines.append(f"{first}\t{bits:.4g}\t{p:.3g}\t{q:.3g}\t{field(within)}")
    return "\n".join(lines) + "\n"


_HEADS = ("contig", "start", "end", "motif", "score", "strand", "bits", "p", "q", "within")


def _intervals(
    source: Path, within: Within, fasta: Path | None
) -> tuple[Genome, list[ScannedInterval]]:
    kind = kind_of(source)
    if kind in (Kind.RESULTS, Kind.STUDY):
        view = open_results(source)
        return _genome(fasta or fasta_of(view), source), _of_results(view, within)
    if within != "loci":
        raise ConfigError(f"--within {within}: only of results, and {source} is {kind.value}")
    if kind is Kind.EXPERIMENT_FILE:
        return _of_file(source, fasta)
    takes = "results, a study's folder, an experiment file or a BED file"
    if why := mistaken(source, takes):
        raise ConfigError(why)
    if not source.is_file():
        raise ConfigError(f"{source} is none of {takes}")
    rows = [
        ScannedInterval(row.contig, row.start, row.end, row.title, (row.start + row.end) // 2)
        for row in read_intervals(source)
    ]
    return _genome(fasta, source), rows


def _genome(fasta: Path | None, source: Path) -> Genome:
    if fasta is None:
        raise ConfigError(f"{source} names no genome: give --fasta")
    if not fasta.is_file():
        raise ConfigError(f"there is no file {fasta}: --fasta takes the genome where it is now")
    return Genome(fasta)


def _of_file(source: Path, fasta: Path | None) -> tuple[Genome, list[ScannedInterval]]:
    """The loci of an experiment file, whose tests may need the instances and are not looked at."""
    experiment = Experiment.from_file(source)
    with experiment.carrying_trust():
        model, _ = build_model(experiment.model, experiment.folder)
        loci = experiment.loci.load(model.input_length, model.tss, experiment.folder, model.inputs)
    rows = [
        ScannedInterval(locus.contig, locus.start, locus.end, locus.name, locus.position)
        for locus in loci
    ]
    genome = next((locus.genome for locus in loci if locus.genome is not None), None)
    if fasta is not None or genome is None:
        genome = _genome(fasta, source)
    return genome, rows


def _of_results(view: ResultsView, within: Within) -> list[ScannedInterval]:
    loci = _windows(view)
    if not any(row.contig for row in loci.values()):
        raise ResultsError(f"{view.path} has no loci on a genome")
    if within == "loci":
        return list(loci.values())
    if within == "fine_tiles":
        pieces = list(_fine_tiles(view))
    else:
        pieces = list(_cres(view, within.removesuffix("s")))
    if not pieces:
        raise ResultsError(f"{view.path} has no {within.replace('_', ' ')} of {view.track}")
    return [
        ScannedInterval(loci[name].contig, start, end, name, (start + end) // 2)
        for name, start, end in pieces
    ]


def _windows(view: ResultsView) -> dict[str, ScannedInterval]:
    """The loci of all tests by name."""
    rows: dict[str, ScannedInterval] = {}
    needed = ("contig", "start", "end", "tss_position")
    for label in view.tests:
        dataset = own(view.open(label))
        if "locus" not in dataset.dims or not {*needed} <= {*dataset.coords}:
            continue
        columns = [dataset[name].values.tolist() for name in ("locus", *needed)]
        for name, contig, start, end, tss in zip(*columns, strict=True):
            rows.setdefault(
                str(name), ScannedInterval(str(contig), int(start), int(end), str(name), int(tss))
            )
    return rows


def _cres(view: ResultsView, kind: str) -> Iterator[tuple[str, int, int]]:
    """The tiles that sufficiency classes so, of the deciding activity."""
    labels = view.labels_of("sufficiency")
    if not labels:
        raise ResultsError(f"{view.path} has no results of sufficiency, which tells {kind}s")
    for label in labels:
        dataset = compared(own(view.open(label)), view.panel)
        frame = cre_class_features(dataset, view.limits[1])
        ours = (frame["track"] == view.track) & frame["cre_class"].astype(str).str.endswith(kind)
        columns = (frame[ours][name].tolist() for name in ("locus", "tile_from", "tile_to"))
        for name, start, end in zip(*columns, strict=True):
            yield str(name), int(start), int(end)


def _fine_tiles(view: ResultsView) -> Iterator[tuple[str, int, int]]:
    """The parts that fine-tile searches keep, of the deciding activity."""
    for label in view.labels_of("fine_tile"):
        part = own(view.open(label)).sel(track=view.track)
        ends = part["sub_genomic_start"].load(), part["sub_genomic_end"].load()
        columns = [one.values.ravel() for one in xr.broadcast(*ends, part["locus"])]
        for start, end, name in zip(*columns, strict=True):
            if np.isfinite(start) and np.isfinite(end):
                yield str(name), int(start), int(end)
