"""Remarks of tests on their values, counted over units."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from creme.errors import listing
from creme.test import REMARKS

_NAMED = 3


@dataclass
class _Remark:
    """The units that a sentence was said of, the first few by name."""

    units: int = 0
    count: int = 0
    first: list[str] = field(default_factory=list)


class Remarks:
    """The remarks of one test's units; see `creme.test.remarked`."""

    def __init__(self) -> None:
        self._remarks: dict[str, _Remark] = defaultdict(_Remark)

    def take(self, dataset: Any, unit: str) -> Any:
        """Count a unit's remarks; returns its Dataset without them, as the log keeps it."""
        own = getattr(dataset, "attrs", {}).get(REMARKS)
        if not isinstance(own, dict):
            return dataset
        for sentence, count in own.items():
            remark = self._remarks[sentence]
            remark.units += 1
            remark.count += count
            if len(remark.first) < _NAMED:
                remark.first.append(unit)
        dataset = dataset.copy()
        del dataset.attrs[REMARKS]
        return dataset

    def sentences(self) -> list[str]:
        """One for each remark, beginning with the loci that it is of."""
        return [
            f"{_loci(remark)}: {sentence.replace('{count}', str(remark.count))}"
            for sentence, remark in self._remarks.items()
        ]

    def attributes(self) -> dict[str, str]:
        """The attribute of the joined Dataset: a JSON list; nothing where there are none."""
        return {REMARKS: json.dumps(self.sentences())} if self._remarks else {}


def _loci(remark: _Remark) -> str:
    if remark.units == 1:
        return f"locus {remark.first[0]}"
    rest = remark.units - len(remark.first)
    more = f" and {rest} more" if rest else ""
    return f"{remark.units} loci ({listing(remark.first)}{more})"
