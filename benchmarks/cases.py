"""What is measured, and by whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

LENGTH, TILE = 196_608, 5000


@dataclass(frozen=True)
class Case:
    """A job that several packages do.

    Attributes
    ----------
    title : str
    job : str
        What the workers call it.
    values : dict
        Its parameters, JSON values.
    workers : tuple of str
        The packages that can do it; the first is ours.
    """

    title: str
    job: str
    values: dict[str, Any] = field(default_factory=dict)
    workers: tuple[str, ...] = ("toolkit", "reference")


def cases(quick: bool) -> list[Case]:
    """All cases; `quick` ones are small."""
    peers = ("toolkit", "reference", "tangermeme", "ushuffle")
    found = [
        Case(
            f"dinucleotide shuffle of {length:,} bp, {n} at a time",
            "shuffle",
            {"length": length, "n": n},
            peers,
        )
        for length in ((5000,) if quick else (5000, 196_608, 393_216))
        for n in (1, 10)
    ]
    size = {"length": 40_960 if quick else LENGTH, "tile": TILE, "replicates": 2 if quick else 10}
    for job in ("necessity", "sufficiency", "distance"):
        workers = ("toolkit", "reference", "tangermeme") if job == "necessity" else None
        found.append(
            Case(
                f"{job} of one locus, {size['length'] // TILE - 1} tiles x {size['replicates']}",
                job,
                size,
                workers or ("toolkit", "reference"),
            )
        )
    found += [
        Case(
            f"look-ups in a store of {rows:,} predictions, 10,000 of them",
            "lookup",
            {"rows": rows},
            ("toolkit",),
        )
        for rows in ((10_000,) if quick else (10_000, 100_000, 1_000_000))
    ]
    return found
