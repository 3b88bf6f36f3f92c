"""The study of chromosome 20 is ready to run, and selects what the network is known to see."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from creme.cli.template import STUDY
from creme.registry import plugins
from creme.study import run_study
from creme.study.config import STAGES, StudyFile, parse
from creme.study.forecast.cost import forecast
from creme.study.run import prepare

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_template_is_the_defaults():
    written = parse(STUDY)
    plain = StudyFile(
        name="my-study",
        seed=7,
        model=written.model,
        loci=written.loci,
    )
    for table in ("selection", "categories", "classes"):
        assert getattr(written, table) == getattr(plain, table)
    for stage in STAGES[1:]:
        assert written.test(stage) == plain.test(stage)


@pytest.fixture
def chr20(data, tmp_path):
    if "seqnn" not in plugins("model"):
        pytest.skip("the plugin creme-seqnn is not installed")
    (tmp_path / "data").symlink_to(data.resolve())
    path = tmp_path / "seqnn_study.toml"
    path.write_text((EXAMPLES / "seqnn_study.toml").read_text())
    return path


def test_the_loci_of_the_megabase(chr20):
    ready, folder = prepare(chr20)
    found = {one.stage: one for one in forecast(ready, folder, 5)}
    # The window of one of the 14 is more than a tenth N, past the end of the megabase.
    assert found["loci"].needed == 13
    done = run_study(chr20, stages=["loci"])
    loci = pd.read_csv(done.path / "loci.tsv", sep="\t").set_index("gene")
    selected = loci[loci["step"] == "selected"]
    assert set(selected.index) == {"PSMF1", "RAD21L1", "SNPH", "FKBP1A", "NSFL1C"}
    # Where the network sees the start: 832 bp upstream on the contig is downstream of this gene.
    moved = (selected["used"] - selected["tss"]).to_dict()
    assert moved["NSFL1C"] == -832
    assert moved["SNPH"] == 0
    assert loci["step"].to_dict()["SIRPD"] == "activity"
