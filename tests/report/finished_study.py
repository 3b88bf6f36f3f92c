"""A finished study, once for all tests of the report; and a copy of it among other genes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import mini_study as mini
from creme.report.page.results import PageResults
from creme.study import StudyResults, run_study
from creme.study.view import open_results
from states import change_table

_MADE: list[StudyResults] = []


def finished_study(folders: pytest.TempPathFactory) -> StudyResults:
    """A study of all stages, on six genes; not to be changed."""
    if not _MADE:
        folder = folders.mktemp("study")
        mini.write(folder)
        _MADE.append(run_study(mini.study(folder)))
    return _MADE[0]


def page_results(path: Path) -> PageResults:
    """Results as the page takes them."""
    return PageResults(open_results(path))


def among_genes(study: StudyResults, folder: Path, genes: list[tuple[str, str, str, int]]) -> Path:
    """A copy of the study's folder whose annotation has more TSSs.

    Each gene is a name, the locus beside which it lies, its strand, and how far (bp in the locus's
    orientation) from the locus's TSS.
    """
    path = Path(shutil.copytree(study.path, folder / "among.study"))
    table = pd.read_csv(path / "loci.tsv", sep="\t", dtype=str, keep_default_na=False)
    beside = {row["gene"]: row for row in table.to_dict("records") if row["step"] == "selected"}
    more = []
    for name, locus, strand, away in genes:
        own = beside[locus]
        at = int(own["used"]) + (away if own["strand"] == "+" else -away)
        row = {"contig": own["contig"], "tss": str(at), "strand": strand, "gene": name}
        more.append({**dict.fromkeys(map(str, table), ""), **row, "step": "activity"})
    whole = pd.concat([table, pd.DataFrame(more)])
    text = whole.to_csv(sep="\t", index=False, lineterminator="\n")
    change_table(path, "loci.tsv", text)
    return path
