"""Tables of a study as files: names such as "NA" and "null" are names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from creme.results.csv_text import as_before

if TYPE_CHECKING:
    import pandas as pd

TEXT = (
    *("locus", "gene", "gene_id", "transcript", "contig", "strand", "source", "target"),
    *("source_category", "target_category", "category", "cre_class", "kind", "search", "track"),
    *("interaction", "step", "why"),
)
"""Columns of tables that hold text, whatever it looks like."""


def read_table(path: Path, separator: str) -> pd.DataFrame:
    """A table of a study, with text where a column holds text."""
    import pandas as pd

    with path.open(encoding="utf-8") as file:
        columns = file.readline().rstrip("\n").split(separator)
    table = pd.read_csv(
        path,
        sep=separator,
        dtype=dict.fromkeys(TEXT, str),
        keep_default_na=False,
        na_values={column: [""] for column in columns if column not in TEXT},
    )
    return as_before(table)
