"""The sections of the page on settings and on what to cite."""

from __future__ import annotations

import json

from creme.report.page.encode import Child, Html, joined, name, tag
from creme.report.page.table import count
from creme.results.view import ResultsView

CITATION = (
    "Shushan Toneyan and Peter K Koo. Interpreting cis-regulatory interactions from large-scale "
    "deep neural networks. Nature Genetics 56, 2517-2527 (2024). doi 10.1038/s41588-024-01923-3"
)


def settings(view: ResultsView) -> Html:
    """The file, the model, versions and the seed."""
    model = view.model
    tracks = [str(track) for track in model.get("tracks") or []]
    facts: list[tuple[str, Child]] = [
        ("model", name(model.get("name", "unknown"))),
        ("model's version", model.get("version", "unknown")),
        ("fingerprint", tag("code", model.get("fingerprint", "unknown"))),
        ("configuration", tag("code", _short(model.get("configuration", {})))),
        ("kept bins", f"{ranges(model.get('bins') or [])}, of {model.get('bin_size', '?')} bp"),
        ("kept tracks", joined(_names(tracks))),
        ("activities", tag("code", _short(view.readouts))),
        ("deciding activity", name(view.tracks[0] if view.tracks else "unknown")),
        ("seed", "unknown" if view.seed is None else view.seed),
        ("versions", ", ".join(f"{k} {v}" for k, v in view.versions.items())),
        ("store", tag("code", view.raw.get("store", "unknown"))),
        ("folder", tag("code", view.path.resolve())),
        ("state of", view.raw.get("updated", "unknown")),
    ]
    if model.get("machine"):
        facts.insert(6, ("machine", model["machine"]))
    rows = [joined([tag("dt", key), tag("dd", value)]) for key, value in facts]
    file = "The study file" if view.kind == "study" else "The experiment file"
    return joined(
        [
            tag("dl", *rows, class_="settings"),
            tag("h3", f"{file}, as it was run"),
            tag("pre", tag("code", view.configuration), tabindex="0", dir="ltr"),
        ]
    )


def _short(value: object, limit: int = 2000) -> str:
    plain = json.dumps(value, ensure_ascii=False)
    return plain if len(plain) <= limit else plain[:limit] + "\N{HORIZONTAL ELLIPSIS}"


def _names(names: list[str], most: int = 24) -> list[Child]:
    parts: list[Child] = []
    for k, one in enumerate(names[:most]):
        parts += [", " if k else None, name(one)]
    if len(names) > most:
        parts.append(f" and {count(len(names) - most)} more")
    return parts or ["none"]


def ranges(values: list[int]) -> str:
    """Whole numbers as runs: ``0-55, 60``."""
    parts: list[str] = []
    ordered = sorted(values)
    start = 0
    for k in range(1, len(ordered) + 1):
        if k == len(ordered) or ordered[k] != ordered[k - 1] + 1:
            first, last = ordered[start], ordered[k - 1]
            parts.append(str(first) if first == last else f"{first}-{last}")
            start = k
    return ", ".join(parts[:12]) + (" and others" if len(parts) > 12 else "") or "none"


def citation(view: ResultsView) -> Html:
    """The papers to cite."""
    return joined(
        [
            tag("p", "The tests and the analyses are those of CREME:"),
            tag("blockquote", tag("p", CITATION)),
            tag(
                "p",
                "Please cite also the paper of the model, ",
                name(view.model.get("name", "unknown")),
                ", and the sources of the genome and the annotation; and name the versions and the "
                "fingerprint above.",
            ),
        ]
    )
