"""The sections of the page on settings and on what to cite."""

from __future__ import annotations

import json

from creme.report.grid import words_of
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
    length = f", of {model['bin_size']} bp" if "bin_size" in model else ""
    tracks = [str(track) for track in model.get("tracks") or []]
    facts: list[tuple[str, Child]] = [
        ("model", name(model.get("name", "unknown"))),
        ("model's version", model.get("version", "unknown")),
        ("fingerprint", tag("code", model.get("fingerprint", "unknown"))),
        ("configuration", _readable(model.get("configuration", {}))),
        ("kept bins", f"{ranges(model.get('bins') or [])}{length}"),
        ("kept tracks", joined(_names(tracks))),
        ("activities", _activities(view)),
        ("deciding activity", described(view, view.tracks[0]) if view.tracks else "unknown"),
        ("seed", "unknown" if view.seed is None else view.seed),
        ("versions", ", ".join(f"{k} {v}" for k, v in view.versions.items())),
        ("store", tag("code", view.raw.get("store", "unknown"))),
        ("folder", tag("code", view.path.resolve())),
        ("state of", view.raw.get("updated", "unknown")),
    ]
    if model.get("inputs"):
        facts.insert(6, ("inputs beside the sequence", joined(_names(model["inputs"]))))
    if model.get("machine"):
        facts.insert(6, ("machine", model["machine"]))
    rows = [joined([tag("dt", key), tag("dd", value)]) for key, value in facts]
    file = "The study file" if view.kind == "study" else "The experiment file"
    return joined(
        [
            tag("dl", *rows, class_="settings"),
            tag(
                "details",
                tag("summary", "Model and activities as JSON"),
                tag("pre", tag("code", _json(model, view.readouts)), tabindex="0", dir="ltr"),
            ),
            tag("h3", f"{file}, as it was run"),
            tag("pre", tag("code", view.configuration), tabindex="0", dir="ltr"),
        ]
    )


_LONGEST = 20_000


def _json(model: object, readouts: object) -> str:
    plain = json.dumps({"model": model, "readouts": readouts}, ensure_ascii=False, indent=1)
    return plain if len(plain) <= _LONGEST else plain[:_LONGEST] + "\N{HORIZONTAL ELLIPSIS}"


def described(view: ResultsView, track: str) -> Html:
    """An activity by its label, with what the model's table says of its track."""
    words = view.descriptions.get(track)
    return joined([name(track), ": ", name(words)] if words else [name(track)])


def _activities(view: ResultsView) -> Html:
    """How each activity is read, a sentence each."""
    if not view.readouts:
        return tag("span", "the bin of the TSS, of each kept track")
    return joined(tag("div", _readable(readout)) for readout in view.readouts)


def _readable(value: object) -> Html:
    """Settings as ``key value; key value``; long lists of numbers as ranges."""
    if isinstance(value, dict):
        pairs = [(words_of(str(key)), _readable(one)) for key, one in value.items()]
        there = [joined([key, " ", one]) for key, one in pairs if str(one) != "none"]
        return _divided("; ", there)
    if isinstance(value, list):
        if value and all(type(one) is int for one in value):
            return Html(ranges(value))
        return _divided(", ", [_readable(one) for one in value])
    if isinstance(value, bool):
        return Html("yes" if value else "no")
    if isinstance(value, float):
        return Html(f"{value:g}")
    return Html("none") if value is None or value == "" else name(value)


def _divided(mark: str, parts: list[Html]) -> Html:
    """Parts with a mark between them; ``none`` of none."""
    return joined([p for one in parts for p in (mark, one)][1:]) if parts else Html("none")


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
