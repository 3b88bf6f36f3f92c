"""BED and bedGraph: effects as tracks of a genome browser."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from creme.export.features import KEYS, cre_class_features, features, placed
from creme.files.durable import write_text
from creme.results.calibrated import compared
from creme.results.neighbours import own
from creme.results.view import ResultsView
from creme.test import Presentation

# Okabe and Ito's vermilion, blue and grey, as in the figures, with paler ones of the first two.
STRONG_UP, _WEAK_UP = "213,94,0", "238,170,128"
STRONG_DOWN, _WEAK_DOWN = "0,114,178", "128,185,217"
_GREY = "140,140,140"

COLOURS = {
    "strong enhancer": STRONG_UP,
    "weak enhancer": _WEAK_UP,
    "strong silencer": STRONG_DOWN,
    "weak silencer": _WEAK_DOWN,
    "enhancing": STRONG_UP,
    "neutral": _GREY,
    "silencing": STRONG_DOWN,
    "activating": STRONG_UP,
    "repressing": STRONG_DOWN,
}
"""Colour (red,green,blue) of a class, a category, or a sign; grey for others."""

_BY_SIGN = ("activating", "no effect", "repressing")
_BY_SIDE = ("above", "neutral", "below")
_OWN_GROUPS = ("sufficiency", "context_dependence", "fine_tile")
"""Tests whose measure the classes are made of, or belong to."""


def write_tracks(view: ResultsView, folder: Path, files: Files | None = None) -> list[str]:
    """Write the tracks of all tests that have places on the genome, and of the CRE classes.

    ``TEST.bed`` has what overlaps side by side; ``TEST.bedgraph`` has the values, and where the
    tiles of loci overlap, the next ones stand in ``TEST.2.bedgraph`` and so on, each locus in one
    of them as a whole. Single bases have bedGraph alone, TSSs BED alone. A name along a further
    dimension, such as a motif, and, with several tracks of the model, the track's name follow the
    test's.

    Parameters
    ----------
    view : ResultsView
    folder : Path
        Where they go; it has to exist.
    files : Files, optional
        How they are written; as BED and bedGraph unless given.

    Returns
    -------
    list of str
        Names of the files.
    """
    written: list[str] = []
    categories, thresholds = view.limits
    by_sufficiency = {
        label: cre_class_features(compared(own(view.open(label)), view.panel), thresholds)
        for label in view.labels_of("sufficiency")
    }
    for label in view.tests:
        dataset, shown = own(view.open(label)), view.presentation(label)
        if shown.test == "context_dependence":
            dataset = compared(dataset, view.panel)
        # Of two sufficiency tests each has its own classes; other tests have the first one's.
        classes = by_sufficiency.get(label, _first_of(by_sufficiency.values()))
        places = placed(dataset, shown)
        for place, part_name in zip(places, suffixes([p.part for p in places]), strict=True):
            rows = features(dataset, classes, categories, place)
            assert rows is not None
            has_tracks = "track" in place.values.dims
            tracks = [str(track) for track in dataset["track"].values] if has_tracks else [""]
            title = " ".join(filter(None, [view.name, label, place.part]))
            stem = f"{label}{part_name}"
            for track, suffix in zip(tracks, suffixes(tracks), strict=True):
                part = rows[rows["track"] == track]
                writer = _Writer(folder, track, suffix, files or TextFiles(), written)
                if place.end or place.of_tss:
                    writer.bed(stem, title, named(part, shown))
                if shown.test == "sufficiency":
                    # A study's stages are called after their tests.
                    of_classes = "cre_classes" if label == shown.test else f"{stem}.cre_classes"
                    classed = part[part["group"] != ""]
                    writer.bed(of_classes, f"{title}, CREs", named(classed, shown))
                if not place.of_tss:
                    writer.graphs(stem, title, part)
    return written


def _first_of(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Class of each tile of all sufficiency tests; of two that differ, that of the first."""
    every = list(tables)
    if not every:
        return pd.DataFrame(columns=[*KEYS, "cre_class"])
    return pd.concat(every, ignore_index=True).drop_duplicates(KEYS)


def named(part: pd.DataFrame, shown: Presentation) -> pd.DataFrame:
    """Features with ``name``, GENE:CLASS, ``away``, from the neutral value, and ``colour``.

    The class is that of the tile by the sufficiency test, or of the context. Where there is none,
    the sign says what the tile does: ``activating`` or ``repressing`` for effects and scores, and
    ``above`` or ``below`` the neutral value for other measures. Where no neutral value is known,
    the value itself stands there. The colour is that of the class where the class is the measure's
    own, and that of the sign elsewhere; grey for effects within noise (`creme.analysis.noise`).

    Parameters
    ----------
    part : DataFrame
        Of `features`.
    shown : Presentation
        Of the test.
    """
    neutral = 0.0 if math.isnan(shown.neutral) else shown.neutral
    away = part["value"].to_numpy() - neutral
    words = _BY_SIGN if shown.measure in ("effect", "score") else _BY_SIDE
    signs = [words[1 - (value > 0) + (value < 0)] for value in away.tolist()]
    colours = [_BY_SIGN[1 - (value > 0) + (value < 0)] for value in away.tolist()]
    if math.isnan(shown.neutral):
        signs = [f"{value:.4g}" for value in part["value"].tolist()]
        colours = [""] * len(signs)
    groups = part["group"].tolist()
    if shown.test == "context_dependence":
        signs = ["no category"] * len(groups)
    names = [group or sign for group, sign in zip(groups, signs, strict=True)]
    genes = zip(part["gene"].tolist(), part["locus"].tolist(), strict=True)
    by_group = shown.test in _OWN_GROUPS
    return part.assign(
        name=[
            field(f"{gene or locus}:{name}")
            for (gene, locus), name in zip(genes, names, strict=True)
        ],
        away=away,
        colour=[
            _GREY if noise else COLOURS.get(name, _GREY)
            for name, noise in zip(groups if by_group else colours, part["noise"], strict=True)
        ],
    )


def bed(part: pd.DataFrame) -> Iterator[str]:
    """BED9 lines of `named` features: the score is the distance from neutral, 1 being 1000."""
    columns = ("contig", "start", "end", "name", "away", "strand", "colour")
    for contig, start, end, name, away, strand, colour in zip(
        *(part[column].tolist() for column in columns), strict=True
    ):
        score = min(1000, round(1000 * abs(away)))
        yield f"{contig}\t{start}\t{end}\t{name}\t{score}\t{strand}\t{start}\t{end}\t{colour}\n"


def bedgraph(part: pd.DataFrame) -> Iterator[str]:
    """bedGraph lines; the value reads back as the very same number."""
    columns = ("contig", "start", "end", "value")
    for contig, start, end, value in zip(*(part[name].tolist() for name in columns), strict=True):
        yield f"{contig}\t{start}\t{end}\t{value!r}\n"


def layers(part: pd.DataFrame) -> list[pd.DataFrame]:
    """Features divided so that none overlaps another of the same layer.

    A locus stays whole, and takes the first layer that has nothing between its first and its last
    base; so there are as many layers as loci overlap anywhere. A locus whose own intervals overlap
    is divided itself.

    Parameters
    ----------
    part : DataFrame
        Of `features`, of one track.
    """
    spans: list[tuple[str, int, int, list[int]]] = []
    rows = part.assign(row=range(len(part)))
    for _, of_locus in rows.groupby("locus", sort=False):
        places = of_locus[["contig", "start", "end", "row"]].itertuples(index=False, name=None)
        for pieces in _apart([(contig, start, end, [row]) for contig, start, end, row in places]):
            contig, start, end = pieces[0][0], pieces[0][1], pieces[-1][2]
            spans.append((contig, start, end, [row for piece in pieces for row in piece[3]]))
    by_layer = [sorted(row for span in layer for row in span[3]) for layer in _apart(spans)]
    return [part.iloc[rows] for rows in by_layer]


_Span = tuple[str, int, int, list[int]]


def _apart(spans: list[_Span]) -> list[list[_Span]]:
    """Spans in as few groups as keep those that overlap apart, each in the genome's order."""
    groups: list[list[_Span]] = []
    for span in sorted(spans, key=lambda one: (one[0], one[1], one[2], one[3][0])):
        for group in groups:
            contig, _, end, _ = group[-1]
            if contig != span[0] or end <= span[1]:
                group.append(span)
                break
        else:
            groups.append([span])
    return groups


def suffixes(names: list[str]) -> list[str]:
    """Endings that tell files apart: nothing for one name, else ``.NAME`` in plain letters."""
    if len(names) == 1:
        return [""]
    plain = [re.sub(r"[^A-Za-z0-9_+-]+", "_", name).strip("_")[:60] or "track" for name in names]
    # Some file systems do not tell a from A.
    lower = [name.lower() for name in plain]
    taken = {name for name in lower if lower.count(name) == 1}
    endings = []
    for place, name in enumerate(plain):
        own, number = name, place + 1
        while lower.count(name.lower()) > 1 and (own == name or own.lower() in taken):
            own, number = f"{name}_{number}", number + 1
        taken.add(own.lower())
        endings.append(f".{own}")
    return endings


def field(text: str) -> str:
    """Text as one field of BED, whose fields some programs divide at any white space."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]", "_", text)[:255]


def header(name: str, about: str, options: str, kind: str = "") -> str:
    """The line with a track's name and description."""
    short, long = (
        re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).replace('"', "'") for text in (name, about)
    )
    return f'track {kind}name="{short}" description="{long}" {options}\n'


class Files(Protocol):
    """Tracks as files of some kind: each method writes one, and gives its name, or None."""

    def bed(self, path: Path, name: str, about: str, part: pd.DataFrame) -> str | None:
        """Intervals with names and colours, of `named`; the path's ending is its own."""

    def graph(self, path: Path, name: str, about: str, part: pd.DataFrame) -> str | None:
        """Values, of which none overlap."""


class TextFiles:
    """Tracks as BED and bedGraph."""

    def bed(self, path: Path, name: str, about: str, part: pd.DataFrame) -> str:
        file = path.with_name(f"{path.name}.bed")
        first = header(name, about, 'itemRgb="On" visibility=pack')
        write_text(file, first + "".join(bed(part)))
        return file.name

    def graph(self, path: Path, name: str, about: str, part: pd.DataFrame) -> str:
        file = path.with_name(f"{path.name}.bedgraph")
        options = f"autoScale=on visibility=full color={STRONG_UP} altColor={STRONG_DOWN}"
        first = header(name, about, options, kind="type=bedGraph ")
        write_text(file, first + "".join(bedgraph(part)))
        return file.name


@dataclass(frozen=True)
class _Writer:
    """Files of one track of the model."""

    folder: Path
    track: str
    suffix: str
    files: Files
    written: list[str]

    def bed(self, stem: str, title: str, part: pd.DataFrame) -> None:
        path = self.folder / f"{stem}{self.suffix}"
        self._note(self.files.bed(path, *self._title(title), part))

    def graphs(self, stem: str, title: str, part: pd.DataFrame) -> None:
        for number, layer in enumerate(layers(part) or [part], start=1):
            again = f".{number}" if number > 1 else ""
            path = self.folder / f"{stem}{self.suffix}{again}"
            names = self._title(f"{title} ({number})" if number > 1 else title)
            self._note(self.files.graph(path, *names, layer))

    def _title(self, title: str) -> tuple[str, str]:
        whole = f"{title}, {self.track}" if self.track else title
        return whole if self.suffix else title, whole

    def _note(self, name: str | None) -> None:
        if name is not None:
            self.written.append(name)
