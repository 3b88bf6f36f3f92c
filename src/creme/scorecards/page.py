"""A scorecard, and several side by side, as Markdown and as a page of HTML."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creme.errors import listing
from creme.scorecards.scores import number, shown

if TYPE_CHECKING:
    from creme.scorecards.card import Scorecard
    from creme.scorecards.side_by_side import SideBySide

_HEADINGS = {"crispri": "CRISPRi"}
"""Questions whose heading is no word with a capital."""
_BETTER = {"higher": "higher", "lower": "lower", "": "describes"}
_HOW = (
    "In brackets 95 % intervals of a bootstrap over loci (CRISPRi: over genes); those of fewer "
    "than 20 loci, marked *, are too narrow. Noise is how far another seed would move a score, "
    "from halves of the replicates: differences below twice that are nothing. The floor is an "
    "answer that has seen no sequence. A score that describes has no better and no worse."
)

_DIFFER = (
    "Differences are over the loci that both cards have a value of, in pairs, with 95 % "
    "intervals of a bootstrap over them. One is called where its interval leaves out 0 and it "
    "is larger than twice the noise of seeds of both."
)


def card_text(card: Scorecard) -> str:
    """A card as Markdown."""
    lines = [f"# {card.name}: scorecard", "", about(card), ""]
    head = ["question", "score", "value", "n", "noise", "floor", "better", ""]
    rows = [
        [
            score.question,
            score.score,
            shown(score) + ("*" if score.few else ""),
            "" if score.why else f"{score.n:,}",
            "" if score.why else number(score.noise),
            _floor(score.floor, score.floor_of),
            "" if score.why else _BETTER[score.better],
            _sentence(score.sentence, score.unit, score.over),
        ]
        for score in card.scores
    ]
    lines += _markdown(head, rows)
    lines += ["", _HOW, ""]
    for note in card.notes:
        lines += [note, ""]
    return "\n".join(lines)


def about(card: Scorecard) -> str:
    """A paragraph on a card's model, panel and cost."""
    panel, model, cost = card.panel, card.model, card.cost
    predicted = ""
    if cost.get("predicted"):
        each = cost["seconds"] / cost["predicted"]
        predicted = f", {cost['predicted']:,} predicted last at {each:.2g} s each"
    return (
        f"Model {model['name']} {model['version']} (fingerprint {model['fingerprint'][:12]}), "
        f"input of {model['input_length']:,} bp, activity {model['track']}; {len(card.loci)} loci "
        f"of panel {panel['name']} ({panel['assembly']}, digest {panel['digest'][:12]}); toolkit "
        f"{card.toolkit}; {cost.get('sequences', 0):,} sequences{predicted}."
    )


def card_page(card: Scorecard) -> str:
    """A card as a page of HTML that needs no network."""
    from creme.report.scores_page import scores_page

    rows = []
    for score in card.scores:
        if score.why:
            continue
        noise = f" Noise of seeds: {number(score.noise)}." if np.isfinite(score.noise) else ""
        floor = f" Floor: {score.floor_of}." if np.isfinite(score.floor) else ""
        rows.append(
            {
                "question": score.question,
                "score": score.score,
                "value": score.value,
                "low": score.low,
                "high": score.high,
                "floor": score.floor,
                "ceiling": np.nan,
                "better": score.better,
                "n": score.n,
                "sentence": _sentence(score.sentence, score.unit, score.over)
                + noise
                + floor
                + (" * Few loci." if score.few else ""),
            }
        )
    return scores_page(
        pd.DataFrame(rows, columns=list(_COLUMNS)).replace({"question": _HEADINGS}),
        title=f"{card.name}: scorecard",
        about=about(card),
        model=card.name,
        floor="an answer that has seen no sequence",
        notes=[*_not_applicable(card), _HOW, *card.notes],
    )


_COLUMNS = (
    *("question", "score", "value", "low", "high", "floor", "ceiling", "better", "n"),
    "sentence",
)


def _not_applicable(card: Scorecard) -> list[str]:
    """Sentences on the scores without a value, those of one reason together."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for score in card.scores:
        if score.why:
            by_reason.setdefault((score.question, score.why), []).append(score.score)
    return [
        f"Not applicable, {question} ({listing(names, 12)}): {why}."
        for (question, why), names in by_reason.items()
    ]


def compared_text(cards: SideBySide) -> str:
    """Cards side by side as Markdown."""
    lines = [f"# Scorecards: {', '.join(cards.names)}", "", cards.about, ""]
    head = ["question", "score", "better", *cards.names, "floor"]
    rows = []
    for row in cards.scores.to_dict("records"):
        values = [
            f"not applicable: {row[f'why {name}']}"
            if row[f"why {name}"]
            else _with_interval(*(row[f"{key} {name}"] for key in ("value", "low", "high")))
            for name in cards.names
        ]
        rows.append(
            [row["question"], row["score"], _BETTER[row["better"]], *values, number(row["floor"])]
        )
    lines += _markdown(head, rows)
    lines += ["", f"## Differences from {cards.names[0]}", ""]
    if cards.differences.empty:
        lines += ["No score has a value on loci that two cards share.", ""]
    else:
        lines += _markdown(
            ["question", "score", "card", "difference", "loci", "noise", "says"],
            [
                [
                    row["question"],
                    row["score"],
                    row["card"],
                    _with_interval(row["difference"], row["low"], row["high"]),
                    f"{row['n']:,}",
                    number(row["noise"]),
                    row["says"],
                ]
                for row in cards.differences.to_dict("records")
            ],
        )
    lines += ["", _DIFFER, ""]
    for note in cards.notes:
        lines += [f"- {note}"]
    return "\n".join(lines).rstrip() + "\n"


def compared_page(cards: SideBySide) -> str:
    """Cards side by side as a page of HTML that needs no network."""
    from creme.report.scores_side_by_side import scores_side_by_side

    return scores_side_by_side(
        cards.scores.replace({"question": _HEADINGS}),
        cards.differences.replace({"question": _HEADINGS}),
        cards.names,
        title=f"{listing(cards.names)}: scorecards",
        about=cards.about,
        differ=_DIFFER,
        notes=[_HOW, *cards.notes],
    )


def _floor(floor: float, of: str) -> str:
    return f"{number(floor)} ({of})" if np.isfinite(floor) else ""


def _sentence(sentence: str, unit: str, over: str) -> str:
    details = "; ".join(part for part in (unit, over) if part)
    return f"{sentence} ({details})" if details else sentence


def _with_interval(value: float, low: float, high: float) -> str:
    text = number(value)
    return f"{text} ({number(low)} to {number(high)})" if np.isfinite(low) else text


def _markdown(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
