"""Writes the pages of the reference that are made from the code, and the drawn diagrams.

``python docs/generate.py`` writes them; a test compares them with what stands there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent / "src")]

import api_pages  # noqa: E402
import diagrams  # noqa: E402
import reference_pages  # noqa: E402
import specimens  # noqa: E402


def pages(of_results: bool = True) -> dict[str, str]:
    """The generated files by their path from docs/.

    Parameters
    ----------
    of_results : bool
        Whether to run the tests of the suite for the pages of variables and columns.
    """
    made = {
        "reference/experiment_file.md": reference_pages.experiment_file(),
        "reference/study_file.md": reference_pages.study_file(),
        "reference/parameters.md": reference_pages.parameters(),
        **reference_pages.suite_pages(DOCS / "suite"),
        **api_pages.api_pages(),
        **diagrams.diagrams(),
    }
    if of_results:
        with tempfile.TemporaryDirectory() as folder:
            results = specimens.make(Path(folder))
            made["reference/datasets.md"] = reference_pages.datasets(results)
            made["reference/tables.md"] = reference_pages.tables(results)
    return made


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the pages of results")
    chosen = parser.parse_args()
    for name, text in pages(not chosen.quick).items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
