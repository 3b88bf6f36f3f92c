"""The table of faults in a page, from what the cases of `faulty` have recorded.

python tests/fault_table.py FOLDER docs/reliability.md
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from faulty import CASES
from page_block import recorded_table, with_block

_HEAD = "| fault | tries | rows compared | lost | wrong | paid for twice | what the user saw |"

_LONGEST = 190


def table(folder: Path) -> str:
    """The rows of all cases in their order; those that could not be tried here say so."""
    return recorded_table(_HEAD, CASES, _row, folder)


def _row(fault: str, cost: dict[str, Any] | None) -> str:
    if cost is None:
        return f"| {fault} | 0 | | | | | not tried here |"
    numbers = (cost[key] for key in ("tries", "rows", "lost", "wrong", "twice"))
    cells = [fault, *(f"{number:,}" for number in numbers), _seen(cost)]
    return "| " + " | ".join(cells) + " |"


def _seen(cost: dict[str, Any]) -> str:
    """The sentence that came most often, and what should not have come."""
    if cost["unexpected"]:
        last = cost["unexpected"][0].strip().splitlines()[-1]
        return f"{len(cost['unexpected'])} times no sentence: {_cell(last)}"
    if not cost["sentences"]:
        return "nothing: it goes on"
    sentence, _ = cost["sentences"][0]
    more = len(cost["sentences"]) - 1
    return _cell(sentence) + (f" (and {more} more)" if more else "")


def _cell(text: str) -> str:
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST].rpartition(' ')[0]} ..."
    return short.replace("|", "\\|").replace("<", "&lt;")


def main() -> None:
    folder, page = map(Path, sys.argv[1:])
    page.write_text(with_block(page.read_text(), "faults", table(folder)))


if __name__ == "__main__":
    main()
