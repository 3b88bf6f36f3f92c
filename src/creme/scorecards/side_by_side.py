"""Cards of one panel side by side, with differences over the loci that they share."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from creme.errors import ConfigError, listing
from creme.files.durable import write_text
from creme.results.csv_text import csv_text
from creme.scorecards.card import Scorecard
from creme.scorecards.scores import Score, bootstrap, summarised

_COLUMNS = ("question", "score", "card", "difference", "low", "high", "n", "noise", "says")


@dataclass(frozen=True)
class SideBySide:
    """Several cards of one panel.

    Attributes
    ----------
    names : list of str
        Of the cards; those of one name are numbered.
    about : str
        A paragraph on the panel.
    scores : DataFrame
        A row a score: ``question``, ``score``, ``better``, ``floor`` (of the first card that has
        one), ``sentence``, and for each card ``value NAME``, ``low NAME``, ``high NAME``, ``n
        NAME``, ``noise NAME`` and ``why NAME``.
    differences : DataFrame
        Of each card from the first one: ``difference``, the summary of the differences of loci that
        both have a value of, with ``low``, ``high`` and ``n``; ``noise`` of both; and ``says``, a
        few words: ``better``, ``worse``, ``higher``, ``lower`` or ``not told apart``.
    notes : list of str
        In what the cards differ, and what is not compared.
    """

    names: list[str]
    about: str
    scores: pd.DataFrame
    differences: pd.DataFrame
    notes: list[str]

    @classmethod
    def of(cls, cards: SequenceOf[Scorecard]) -> SideBySide:
        """Compare cards.

        Raises
        ------
        ConfigError
            If there are fewer than two, they are of different panels, or of other sequences at each
            locus.
        """
        if len(cards) < 2:
            raise ConfigError("there is one card only: give two or more")
        names = _names(cards)
        first = cards[0]
        for name, card in zip(names[1:], cards[1:], strict=True):
            if card.panel["digest"] != first.panel["digest"]:
                raise ConfigError(
                    f"{names[0]} and {name} are cards of different panels, whose numbers do not "
                    f"compare: {_panels_differ(first, card)}"
                )
        notes: list[str] = []
        rows: list[dict[str, object]] = []
        for name, card in zip(names[1:], cards[1:], strict=True):
            same, sentences = _same_loci(first, card, (names[0], name))
            notes += sentences
            rows += _differences(first, card, same, (names[0], name), notes)
        notes += _settings_differ(names, cards)
        panel = first.panel
        about = (
            f"Panel {panel['name']} ({panel['assembly']}, digest {panel['digest'][:12]}). "
            + " ".join(f"{n}: {_title(card)}." for n, card in zip(names, cards, strict=True))
        )
        return cls(
            names,
            about,
            _table(names, cards),
            pd.DataFrame(rows, columns=list(_COLUMNS)),
            notes,
        )

    def write(self, folder: Path) -> list[Path]:
        """Write ``scorecards.html``, ``.md`` and ``.csv``, and ``differences.csv``."""
        from creme.scorecards.page import compared_page, compared_text

        texts = {
            "scorecards.html": compared_page(self),
            "scorecards.md": compared_text(self),
            "scorecards.csv": csv_text(self.scores),
            "differences.csv": csv_text(self.differences),
        }
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_text(folder / name, text)
        return [folder / name for name in texts]


def _names(cards: SequenceOf[Scorecard]) -> list[str]:
    names: list[str] = []
    for card in cards:
        same = sum(card.name == other.name for other in cards[: len(names)])
        names.append(f"{card.name} ({same + 1})" if same else card.name)
    return names


def _title(card: Scorecard) -> str:
    model = card.model
    return (
        f"{model['name']} {model['version']} ({model['fingerprint'][:12]}), "
        f"{model['input_length']:,} bp, {model['track']}"
    )


def _panels_differ(one: Scorecard, other: Scorecard) -> str:
    a, b = one.panel, other.panel
    if (a["name"], a["assembly"]) != (b["name"], b["assembly"]):
        return f"{a['name']} ({a['assembly']}) and {b['name']} ({b['assembly']})"
    settings = (a["settings"], b["settings"])
    keys = sorted(
        key for key in {*settings[0], *settings[1]} if len({str(s.get(key)) for s in settings}) > 1
    )
    return f"both are called {a['name']}, and differ in {listing(keys) if keys else 'their loci'}"


def _same_loci(
    one: Scorecard, other: Scorecard, names: tuple[str, str]
) -> tuple[set[str], list[str]]:
    """The genes whose TSS tiles are the same bases, and sentences on the others.

    Raises
    ------
    ConfigError
        If there is none.
    """
    cores = [{row["gene"]: row["core"] for row in card.loci} for card in (one, other)]
    shared = set(cores[0]) & set(cores[1])
    same = {gene for gene in shared if cores[0][gene] == cores[1][gene]}
    if not same:
        raise ConfigError(
            f"{names[0]} and {names[1]} have no locus of the same bases in common: their genomes "
            f"or annotations differ at all {len(shared)} loci that both have"
        )
    notes = []
    if apart := sorted(shared - same):
        notes.append(
            f"{names[0]} and {names[1]} have other bases around the TSS of {listing(apart)} "
            f"(another annotation or assembly): left out of their differences."
        )
    for name, mine, others in ((names[0], *cores), (names[1], *cores[::-1])):
        if only := sorted(set(mine) - set(others)):
            notes.append(f"Only {name} has {listing(only)}: left out of the differences.")
    whole = [{row["gene"]: row["sequence"] for row in card.loci} for card in (one, other)]
    lengths = {card.model["input_length"] for card in (one, other)}
    changed = [gene for gene in same if whole[0][gene] != whole[1][gene]]
    if changed and len(lengths) == 1:
        notes.append(
            f"{names[0]} and {names[1]} have the same bases around the TSS of "
            f"{listing(sorted(changed))} and others further away."
        )
    return same, notes


def _differences(
    one: Scorecard,
    other: Scorecard,
    same: set[str],
    names: tuple[str, str],
    notes: list[str],
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    theirs = {(score.question, score.score): score for score in other.scores}
    for mine in one.scores:
        its = theirs.get((mine.question, mine.score))
        if its is None or mine.why or its.why or not mine.by_locus:
            continue
        label = f"{mine.question}, {mine.score}"
        if mine.over != its.over:
            notes.append(
                f"{label}: not compared: over {mine.over} in {names[0]}, over {its.over} in "
                f"{names[1]}."
            )
            continue
        genes = [gene for gene in mine.by_locus if gene in its.by_locus and gene in same]
        if not genes:
            notes.append(f"{label}: {names[0]} and {names[1]} have no locus with both values.")
            continue
        change = [its.by_locus[gene] - mine.by_locus[gene] for gene in genes]
        difference = summarised(change, mine.summary)
        low, high = bootstrap(change, mine.summary, 0, "difference", label)
        noise = float(np.sqrt(np.nan_to_num(mine.noise) ** 2 + np.nan_to_num(its.noise) ** 2))
        rows.append(
            {
                "question": mine.question,
                "score": mine.score,
                "card": names[1],
                "difference": difference,
                "low": low,
                "high": high,
                "n": len(genes),
                "noise": noise,
                "says": _says(mine, difference, low, high, noise),
            }
        )
    return rows


def _says(score: Score, difference: float, low: float, high: float, noise: float) -> str:
    beyond = np.isfinite(low) and low * high > 0 and abs(difference) > 2 * noise
    if not beyond:
        return "not told apart"
    if not score.better:
        return "higher" if difference > 0 else "lower"
    return "better" if (difference > 0) == (score.better == "higher") else "worse"


def _settings_differ(names: list[str], cards: SequenceOf[Scorecard]) -> list[str]:
    notes = []
    if len({card.toolkit for card in cards}) > 1:
        versions = listing(f"{n} {card.toolkit}" for n, card in zip(names, cards, strict=True))
        notes.append(f"The cards were made by different versions of the toolkit: {versions}.")
    lengths = [f"{card.model['input_length']:,}" for card in cards]
    if len(set(lengths)) > 1:
        listed = listing(f"{n} {length} bp" for n, length in zip(names, lengths, strict=True))
        notes.append(
            f"The inputs have different lengths ({listed}): all of it is the context that is "
            f"shuffled, so that context effects are of different contexts."
        )
    if len({card.model["track"] for card in cards}) > 1:
        tracks = listing(f"{n} {card.model['track']}" for n, card in zip(names, cards, strict=True))
        notes.append(
            f"The activities have different names: {tracks}. See that they are of one assay."
        )
    return notes


def _table(names: list[str], cards: SequenceOf[Scorecard]) -> pd.DataFrame:
    keys = dict.fromkeys((s.question, s.score) for card in cards for s in card.scores)
    tables = [{(s.question, s.score): s for s in card.scores} for card in cards]
    rows = []
    for question, score in keys:
        its = [
            table.get((question, score), Score(question, score, why="not on the card"))
            for table in tables
        ]
        floors = [each.floor for each in its if np.isfinite(each.floor)]
        better = [each.better for each in its if not each.why]
        row: dict[str, object] = {
            "question": question,
            "score": score,
            "better": better[0] if better else "",
            "floor": floors[0] if floors else np.nan,
            "sentence": next((s.sentence for s in its if s.sentence), ""),
        }
        for name, each in zip(names, its, strict=True):
            for key in ("value", "low", "high", "n", "noise", "why"):
                row[f"{key} {name}"] = getattr(each, key)
        rows.append(row)
    return pd.DataFrame(rows)
