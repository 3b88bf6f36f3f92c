"""Labels of axes: an effect on its scale, and the distance from a locus's site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from creme.report.select import MINUS
from creme.results.words import site_word

SCALES = {"relative": "share of WT", "difference": "difference", "log_ratio": "log2 ratio"}
"""The meaning of an effect, by the attribute ``effect_scale`` of its Dataset."""

_NAMES = {
    "necessity": "shuffle effect",
    "sufficiency": "CRE effect",
    "context_dependence": "context effect on TSS",
    "saturation_mutagenesis": "effect of a base",
    "motif_embedding": "effect of a motif",
    "design": "effect of a design",
}
_SHORTER = 1000  # bp


def scale_of(test: str, attributes: Mapping[str, Any]) -> str:
    """The scale of a test's effect in words; empty for a test that is not of the suite.

    Parameters
    ----------
    test : str
        The name that it is registered by.
    attributes : mapping
        Of its Dataset.
    """
    return SCALES[attributes.get("effect_scale", "relative")] if test in _NAMES else ""


def effect_label(test: str, attributes: Mapping[str, Any], *, lines: int = 2) -> str:
    """The label of an axis along which an effect lies: its name, and how it is computed.

    Parameters
    ----------
    test : str
        The name that it is registered by.
    attributes : mapping
        Of its Dataset.
    lines : int
        One or two.
    """
    if test not in _NAMES:
        return "effect of a tile"
    whole, word = attributes.get("effect_scale", "relative"), site_word(attributes)
    high, low = "WT", "shuffled"
    if test == "sufficiency":
        high, low = ("CRE + TSS", "TSS") if word == "TSS" else ("tile", "without")
    elif test == "design":
        high, low = "design + TSS", "TSS"
    name = _NAMES[test]
    match whole:
        case "difference":
            formula = f"{high} {MINUS} {low}"
        case "log_ratio":
            # A pair of words is one activity.
            formula = f"log2(({high}) / {low})" if " " in high else f"log2({high} / {low})"
        case _:
            # As the paper's figures have it.
            name = name if test == "context_dependence" else f"normalized {name}"
            formula = f"({high} {MINUS} {low}) / WT"
    return f"{name}\n{formula}" if lines == 2 else f"{name}, {formula}"


def unit_of(places: object) -> tuple[float, str]:
    """bp of a unit that suits distances, and its name: kb, or bp where all are short."""
    values = np.abs(np.asarray(places, dtype=np.float64))
    short = bool(np.nanmax(values, initial=0) < _SHORTER)
    return (1.0, "bp") if short else (1000.0, "kb")


def distance_label(word: str, unit: str = "kb", *, signed: bool = True) -> str:
    """The label of an axis of distances.

    Parameters
    ----------
    word : str
        What loci are about; see `creme.results.words.site_word`.
    unit : str
    signed : bool
        Whether some are negative.
    """
    where = "TSS" if word == "TSS" else f"the {word}"
    return f"distance from {where} ({unit})" + (", negative upstream" if signed else "")
