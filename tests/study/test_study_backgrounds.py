"""A study whose contexts are windows of the genome."""

from __future__ import annotations

import numpy as np

import mini_study as mini
from creme.study import run_study


def test_contexts_of_a_study_may_be_genomic(tmp_path):
    mini.write(tmp_path, genes=3)
    background = '[common]\nperturbation = { name = "genomic_background", gc_tolerance = 0.2 }'
    study = run_study(
        mini.study(tmp_path, ("[common]", background)), stages=["loci", "context_dependence"]
    )
    assert not study.failures
    dataset = study.dataset("context_dependence")
    assert np.isfinite(dataset["effect"].values).all()
    # Windows are of other places, within the tolerance, and differ.
    away = np.abs(dataset["background_gc"] - dataset["sequence_gc"])
    assert 0 < float(away.max()) <= 0.2
    assert study.raw["identity"]["loci"]["fasta"]
