"""A scorecard as a file that travels, and as tables and text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from creme.errors import ConfigError, listing
from creme.files import small
from creme.files.durable import write_text
from creme.results.csv_text import csv_text
from creme.scorecards.scores import Better, Score, Summary, shown

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "creme scorecard"
VERSION = 1

_NUMBERS = ("value", "low", "high", "noise", "floor")
_WORDS = {"better": get_args(Better), "summary": ("", *get_args(Summary))}
_PARTS: dict[str, type] = {
    "name": str,
    "toolkit": str,
    "panel": dict,
    "model": dict,
    "loci": list,
    "left_out": list,
    "notes": list,
    "cost": dict,
    "scores": list,
}
_OF_PARTS: dict[str, dict[str, type]] = {
    "panel": {"name": str, "assembly": str, "digest": str, "settings": dict},
    "model": {
        **{"name": str, "version": str, "fingerprint": str, "input_length": int, "track": str},
        **{"reading": dict, "settings": dict},
    },
    "cost": {"sequences": int, "predicted": int, "seconds": float},
}
_OF_LOCUS = ("gene", "core", "sequence")


@dataclass(frozen=True)
class Scorecard:
    """A model's answers to a panel.

    Attributes
    ----------
    name : str
        Of the model, as its file calls it.
    toolkit : str
        The version that made it.
    panel : dict
        ``name``, ``assembly``, ``digest`` and ``settings``.
    model : dict
        ``name``, ``version``, ``fingerprint``, ``input_length`` (bp), ``track``, the activity that
        is scored, with its ``reading``, and ``settings``, the table of the file.
    loci : list of dict
        ``gene``, ``contig``, ``tss``, ``strand``, ``transcript``, and digests of the bases:
        ``core`` of the TSS tile, ``sequence`` of the whole input.
    left_out : list of (gene, reason)
    notes : list of str
        What a reader of the scores has to know.
    cost : dict
        ``sequences`` that the steps ask for; ``predicted``, those of them that the latest run of
        each step has predicted, and the ``seconds`` of the model.
    scores : tuple of Score
    """

    name: str
    toolkit: str
    panel: Mapping[str, Any]
    model: Mapping[str, Any]
    loci: list[dict[str, Any]]
    left_out: list[tuple[str, str]]
    notes: list[str]
    cost: Mapping[str, Any]
    scores: tuple[Score, ...]

    def to_json(self) -> str:
        """The text of ``scorecard.json``: no NaN, and the same for the same card."""
        parts: dict[str, Any] = {"format": FORMAT, "version": VERSION}
        parts |= {name: getattr(self, name) for name in _PARTS}
        parts["scores"] = [_plain_score(score) for score in self.scores]
        return json.dumps(parts, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, title: str = "scorecard") -> Scorecard:
        """A card from the text of its file.

        Raises
        ------
        ConfigError
            If it is no card, of a later version, or lacks a part.
        """
        try:
            parts = small.parse_json(text, title)
        except (ValueError, ConfigError) as error:
            raise ConfigError(f"{title} is no scorecard: {error}") from None
        if not isinstance(parts, dict) or parts.get("format") != FORMAT:
            raise ConfigError(f"{title} is no scorecard: it lacks the format {FORMAT!r}")
        if parts.get("version") != VERSION:
            raise ConfigError(
                f"{title} is a scorecard of version {parts.get('version')!r}; this version of the "
                f"toolkit reads {VERSION}"
            )
        wrong = [name for name, kind in _PARTS.items() if not isinstance(parts.get(name), kind)]
        wrong += [
            f"{part}.{name}"
            for part, names in _OF_PARTS.items()
            if part not in wrong
            for name, kind in names.items()
            if not isinstance(parts[part].get(name), kind)
        ]
        if "loci" not in wrong and not all(map(_is_locus, parts["loci"])):
            wrong.append("loci")
        if wrong:
            raise ConfigError(
                f"{title}: these parts are missing or of another kind: {listing(wrong)}"
            )
        try:
            scores = tuple(_score(row) for row in parts["scores"])
            left_out = [(str(gene), str(why)) for gene, why in parts["left_out"]]
            parts["notes"] = [str(note) for note in parts["notes"]]
        except (TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"{title}: its scores cannot be read: {error}") from None
        return cls(
            **{name: parts[name] for name in _PARTS} | {"scores": scores, "left_out": left_out}
        )

    @classmethod
    def read(cls, path: str | Path) -> Scorecard:
        """A card from its file, or from the folder that `write` has filled.

        Raises
        ------
        ConfigError
            If there is none.
        """
        path = Path(path).expanduser()
        file = path / "scorecard.json" if path.is_dir() else path
        try:
            text = small.read_text(file)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file} cannot be read: {small.reason(error)}") from None
        return cls.from_json(text, str(file))

    def table(self) -> pd.DataFrame:
        """A row for each score, without the values of loci."""
        import pandas as pd

        names = [one.name for one in fields(Score) if one.name != "by_locus"]
        rows = [
            {**{name: getattr(score, name) for name in names}, "few": score.few}
            for score in self.scores
        ]
        return pd.DataFrame(rows, columns=[*names, "few"])

    def __str__(self) -> str:
        panel = self.panel
        lines = [
            f"{self.name}: {len(self.loci)} loci of panel {panel['name']} ({panel['assembly']})"
        ]
        for score in self.scores:
            label = f"{score.question}, {score.score}"
            lines.append(f"{label}: {shown(score)}")
        return "\n".join(lines)

    def write(self, folder: Path) -> list[Path]:
        """Write ``scorecard.json``, ``.csv``, ``.md`` and ``.html``."""
        from creme.scorecards.page import card_page, card_text

        texts = {
            "json": self.to_json(),
            "csv": csv_text(self.table()),
            "md": card_text(self),
            "html": card_page(self),
        }
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"scorecard.{ending}" for ending in texts]
        for path, text in zip(paths, texts.values(), strict=True):
            write_text(path, text)
        return paths


def _plain_score(score: Score) -> dict[str, Any]:
    row: dict[str, Any] = {one.name: getattr(score, one.name) for one in fields(Score)}
    for name in _NUMBERS:
        row[name] = _rounded(row[name])
    row["by_locus"] = {gene: _rounded(value) for gene, value in score.by_locus.items()}
    return row


def _is_locus(row: object) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(key), str) for key in _OF_LOCUS)


def _rounded(value: float) -> float | None:
    """Six digits: more would differ between machines, and say nothing."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _score(row: Mapping[str, Any]) -> Score:
    names = {one.name for one in fields(Score)}
    if lacking := names - set(row):
        raise ValueError(f"a score lacks {listing(sorted(lacking))}")
    values = {name: row[name] for name in names}
    for name in _NUMBERS:
        values[name] = np.nan if values[name] is None else float(values[name])
    for name, allowed in _WORDS.items():
        if values[name] not in allowed:
            raise ValueError(f"{name} = {values[name]!r} is none of {listing(map(repr, allowed))}")
    if not isinstance(values["n"], int) or values["n"] < 0:
        raise ValueError(f"n = {values['n']!r} is no count")
    for name in ("question", "score", "unit", "floor_of", "over", "sentence", "why"):
        values[name] = str(values[name])
    values["by_locus"] = {str(gene): float(value) for gene, value in row["by_locus"].items()}
    return Score(**values)
