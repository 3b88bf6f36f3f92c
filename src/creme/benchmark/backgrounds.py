"""Kinds of random bases compared: shuffles, the genome, shared and independent backgrounds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from creme.api import load_loci
from creme.benchmark.detections import Strengths, scores, statistic_scores
from creme.benchmark.kept_exits import KeptExitsNecessity, KeptExitsSufficiency
from creme.benchmark.subject import HELD_OUT, Subject, windows_of
from creme.benchmark.truth import TESTS, effect_table, true_effects
from creme.demo.loci import write_loci
from creme.test import Test

TILE = 1000
KINDS: dict[str, str | None] = {
    "dinucleotide, exact": "dinucleotide_shuffle",
    "dinucleotide, last exits kept": None,
    "mononucleotide": "mononucleotide_shuffle",
    "local": "local_shuffle",
    "genomic": "genomic_background",
}
"""Perturbations by what tables call them; None is that of the reference package."""
_KEPT: dict[str, type[Test]] = {
    "necessity": KeptExitsNecessity,
    "sufficiency": KeptExitsSufficiency,
}


def background_scores(
    subject: Subject, *, loci: int, replicates: int = 5, kinds: Iterable[str] = tuple(KINDS)
) -> pd.DataFrame:
    """Necessity and sufficiency by kinds of random bases.

    Genomic windows come from the held-out loci themselves: they bring other genes' promoters and
    elements.

    Parameters
    ----------
    subject : Subject
    loci, replicates : int
    kinds : iterable of str
        Of `KINDS`.

    Returns
    -------
    DataFrame
        ``kind``, ``test`` and the columns of `creme.benchmark.detections.scores`, with two rows
        more: ``error``, the root of the mean square of measured less true effects, and ``noise of
        nothing``, the 95th percentile of the absolute effects of tiles that do nothing.
    """
    held_out = subject.loci(loci)
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        genome = write_loci(
            Path(folder),
            subject.grammar,
            loci,
            subject.model.input_length,
            subject.seed,
            name=HELD_OUT,
        )
        windows = {
            one.name: one for one in load_loci(subject.model, fasta=genome.fasta, gtf=genome.gtf)
        }
        ordered = [windows[one.gene] for one in held_out]
        for kind in kinds:
            perturbation = KINDS[kind]
            for test in TESTS:
                options: dict[str, Any] = {"tile": TILE, "replicates": replicates}
                if perturbation is not None:
                    options["perturbation"] = perturbation
                its = _KEPT[test] if perturbation is None else test
                dataset = subject.ask(its, ordered, **options)
                truth = true_effects(held_out, dataset, test, subject.cell_type)
                table = errors_and_scores(effect_table(dataset, truth, replicates), subject.seed)
                parts.append(table.assign(kind=kind, test=test))
    return _first(pd.concat(parts, ignore_index=True), ["kind", "test"])


def errors_and_scores(effects: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Scores of calls, and of the effects themselves: ``error``, ``noise of nothing``."""
    strengths = Strengths()
    nothing = effects[effects["truth"].abs() <= strengths.nothing]
    of_effects = statistic_scores(
        {
            "error": (effects, _error),
            "noise of nothing": (nothing, lambda rows: float(rows["effect"].abs().quantile(0.95))),
        },
        seed,
    )
    return pd.concat(
        [scores(effects, strengths, seed=seed).reset_index(), of_effects], ignore_index=True
    )


def _error(rows: pd.DataFrame) -> float:
    return float(np.sqrt(((rows["effect"] - rows["truth"]) ** 2).mean()))


def sharing_scores(subject: Subject, *, loci: int, replicates: int = 10) -> pd.DataFrame:
    """Sufficiency with backgrounds of a locus, and with half as many of each tile's own.

    Both cost about the same: a background that only one tile has needs a control of its own.

    Parameters
    ----------
    subject : Subject
    loci, replicates : int
        Replicates of the shared ones.

    Returns
    -------
    DataFrame
        ``backgrounds`` (``shared`` or ``independent``), ``replicates``, ``predictions`` a locus,
        and the columns of `errors_and_scores`.
    """
    held_out = subject.loci(loci)
    windows = windows_of(held_out)
    parts = []
    for name, of, number in (
        ("shared", "locus", replicates),
        ("independent", "tile", replicates // 2),
    ):
        dataset = subject.ask(
            "sufficiency", windows, tile=TILE, replicates=number, backgrounds_of=of
        )
        truth = true_effects(held_out, dataset, "sufficiency", subject.cell_type)
        table = errors_and_scores(effect_table(dataset, truth, number), subject.seed)
        tiles = dataset.sizes["tile"]
        cost = 1 + (tiles + (1 if of == "locus" else tiles)) * number
        parts.append(table.assign(backgrounds=name, replicates=number, predictions=cost))
    return _first(pd.concat(parts, ignore_index=True), ["backgrounds", "replicates", "predictions"])


def _first(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return table[[*names, *(name for name in table if name not in names)]]
