"""The table of other packages' networks in a page, from what their examples have recorded.

python tests/examples_table.py FOLDER docs/models.md
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from page_block import recorded_table, with_block

NAME = "examples"
PACKAGES = {
    "bpnet": "bpnet-lite",
    "chrombpnet": "tf-keras",
    "grelu_model": "gReLU",
    "crested": "CREsted",
    "crested_model": "CREsted",
    "sklearn_kmers": "scikit-learn",
    "spliceai": "SpliceAI",
    **{f"spliceai_{n}": "SpliceAI" for n in range(1, 6)},
}
"""The packages' own names, by the example that has the numbers."""

_HEAD = "| package | network | its own value | here | apart | s, its own | s, here | the kit |"


def table(folder: Path) -> str:
    """The rows of all examples in their order; those that were not measured say so."""
    return recorded_table(_HEAD, PACKAGES, _row, folder)


def _row(name: str, row: dict[str, Any] | None) -> str:
    if row is None:
        return f"| {name} | not measured | | | | | | |"
    version = row["package"].partition(" ")[2]
    cells = [
        f"{name} {version}",
        row["network"],
        f"{row['own']:.6g}",
        f"{row['ours']:.6g}",
        "0" if not row["difference"] else f"{row['difference']:.0e}",
        f"{row['own_seconds']:.2g}",
        f"{row['our_seconds']:.2g}",
        row["kit"],
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    folder, page = map(Path, sys.argv[1:])
    page.write_text(with_block(page.read_text(), NAME, table(folder)))


if __name__ == "__main__":
    main()
