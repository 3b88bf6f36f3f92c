"""Tables of a study as files: names such as "NA" and "null" are names."""

from __future__ import annotations

import io
from collections import defaultdict
from typing import TYPE_CHECKING

from creme.results.csv_text import as_before

if TYPE_CHECKING:
    import pandas as pd

TEXT = (
    *("locus", "gene", "gene_id", "transcript", "contig", "strand", "source", "target"),
    *("source_category", "target_category", "category", "cre_class", "kind", "search", "track"),
    *("interaction", "step", "why", "part_of", "first_part_of", "second_part_of"),
)
"""Columns of tables that hold text, whatever it looks like."""


def read_table(content: bytes, separator: str) -> pd.DataFrame:
    """A table of a study from its file's content, with text where a column holds text."""
    import pandas as pd

    columns = content.partition(b"\n")[0].decode(errors="replace").rstrip("\r").split(separator)
    table = pd.read_csv(
        io.BytesIO(content),
        sep=separator,
        dtype=dict.fromkeys(TEXT, str),
        keep_default_na=False,
        na_values={column: [""] for column in columns if column not in TEXT},
    )
    return as_before(table)


def read_selected(content: bytes, numbers: bool) -> pd.DataFrame:
    """``selected.tsv`` from its content; all of it as text unless `numbers`."""
    import pandas as pd

    types = {"tss": int, "activity": float} if numbers else {}
    table = pd.read_csv(
        io.BytesIO(content), sep="\t", dtype=defaultdict(lambda: str, types), keep_default_na=False
    )
    return as_before(table)


def separator_of(name: str) -> str:
    """The separator of a table's columns, by the name of its file."""
    return "\t" if name.endswith(".tsv") else ","
