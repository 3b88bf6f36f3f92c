"""A trained network on two workers against one process."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

import creme
from creme.engines.cluster import opened
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.store import Store
from creme.suite.necessity import Necessity

pytest.importorskip("distributed")


@pytest.mark.skipif(
    "CREME_TEST_CLUSTER" not in os.environ, reason="takes half a minute: make test-cluster"
)
def test_the_same_numbers_as_in_one_process(data, tmp_path):
    folder = data / "models" / "seqnn_mini"
    model = creme.load_model(
        "seqnn",
        params=folder / "params.json",
        weights=folder / "model.h5",
        targets=folder / "targets.txt",
        device="cpu",
    )
    loci = creme.load_loci(
        model,
        fasta=data / "sequence" / "chr20_hg19_1Mb.fa.gz",
        bed=data / "annotation" / "chr20_hg19_1Mb.tss.bed",
        genes=["PSMF1", "FKBP1A"],
    )
    plan = prepare([Necessity(tile=10_000, replicates=2)], model, loci, tracks=["CAGE"])
    with opened(2) as cluster, Store(tmp_path / "workers") as store:
        assert cluster is not None
        cluster.client.wait_for_workers(2, timeout=600)
        began = time.monotonic()
        report = measure(plan, store, cluster=cluster)
        print(f"two workers: {time.monotonic() - began:.1f} s, {report.workers}")
    with Store(tmp_path / "here") as store:
        began = time.monotonic()
        expected = measure(plan, store)
        print(f"one process: {time.monotonic() - began:.1f} s")
    assert not report.failures
    assert len(report.workers) == 2
    assert report.progress.predicted == expected.progress.predicted > 40
    differences = {**report.batch_differences, **expected.batch_differences}
    print(f"of batches from sequences alone: {differences}")
    one, other = (each.datasets["necessity"] for each in (report, expected))
    assert one["effect"].sizes == other["effect"].sizes
    for name in ("wild_type", "mutant"):
        if name in one:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-6)
    same = one.drop_attrs().identical(other.drop_attrs())
    print("bit for bit" if same else "to rounding")
    np.testing.assert_allclose(one["effect"], other["effect"], atol=1e-4)
