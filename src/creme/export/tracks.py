"""BED and bedGraph: effects as tracks of a genome browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from creme.export.features import cre_class_features, features
from creme.export.source import Source
from creme.files.durable import write_text

# Okabe and Ito's vermilion, blue and grey, as in the figures, with paler ones of the first two.
_STRONG_UP, _WEAK_UP = "213,94,0", "238,170,128"
_STRONG_DOWN, _WEAK_DOWN = "0,114,178", "128,185,217"
_GREY = "140,140,140"

COLOURS = {
    "strong enhancer": _STRONG_UP,
    "weak enhancer": _WEAK_UP,
    "strong silencer": _STRONG_DOWN,
    "weak silencer": _WEAK_DOWN,
    "enhancing": _STRONG_UP,
    "neutral": _GREY,
    "silencing": _STRONG_DOWN,
    "activating": _STRONG_UP,
    "repressing": _STRONG_DOWN,
}
"""Colour (red,green,blue) of a class, a category, or a sign; grey for others."""

_BY_SIGN = ("activating", "no effect", "repressing")


def write_tracks(source: Source, folder: Path) -> list[str]:
    """Write the tracks of all tests that have some, and of the CRE classes.

    ``TEST.bed`` has what overlaps side by side; ``TEST.bedgraph`` has the values, and where the
    tiles of loci overlap, the next ones stand in ``TEST.2.bedgraph`` and so on, each locus in one
    of them as a whole. With several tracks of the model the track's name follows the test's.

    Parameters
    ----------
    source : Source
    folder : Path
        Where they go; it has to be there.

    Returns
    -------
    list of str
        Names of the files.
    """
    written: list[str] = []
    for label, dataset in source.datasets():
        test = str(dataset.attrs.get("test", label))
        # Of two sufficiency tests each has its own classes; other tests have the first one's.
        own = test == "sufficiency"
        classes = cre_class_features(dataset, source.classes) if own else source.cre_classes
        found = features(dataset, classes, source.categories)
        if found is None:
            continue
        tracks = [str(track) for track in dataset["track"].values]
        for track, suffix in zip(tracks, suffixes(tracks), strict=True):
            part = found[found["track"] == track]
            writer = _Writer(folder, track, suffix, written)
            title = f"{source.name} {label}"
            if test != "saturation_mutagenesis":
                writer.bed(label, title, named(part, test))
            if test == "sufficiency":
                # A study's stages are called after their tests.
                stem = "cre_classes" if label == test else f"{label}.cre_classes"
                writer.bed(stem, f"{title}, CREs", named(part[part["group"] != ""], test))
            if test != "context_dependence":
                writer.graphs(label, title, part)
    return written


def named(part: pd.DataFrame, test: str) -> pd.DataFrame:
    """Features with ``name``, GENE:CLASS, and ``colour``.

    The class is that of the tile by the sufficiency test, or of the context. Where there is none it
    is said by the effect's sign what the tile does: ``activating``, ``repressing``. The colour is
    that of the class where the class is the effect's own, and that of the sign elsewhere.
    """
    signs = [_BY_SIGN[1 - (value > 0) + (value < 0)] for value in part["value"].tolist()]
    groups = part["group"].tolist()
    own = test in ("sufficiency", "context_dependence", "fine_tile")
    if test == "context_dependence":
        signs = ["no category"] * len(groups)
    names = [group or sign for group, sign in zip(groups, signs, strict=True)]
    coloured = groups if own else signs
    genes = zip(part["gene"].tolist(), part["locus"].tolist(), strict=True)
    return part.assign(
        name=[
            field(f"{gene or locus}:{name}")
            for (gene, locus), name in zip(genes, names, strict=True)
        ],
        colour=[COLOURS.get(name, _GREY) for name in coloured],
    )


def bed(part: pd.DataFrame) -> Iterator[str]:
    """BED9 lines of `named` features: the score is the value's size, 1 being 1000."""
    columns = ("contig", "start", "end", "name", "value", "strand", "colour")
    for contig, start, end, name, value, strand, colour in zip(
        *(part[column].tolist() for column in columns), strict=True
    ):
        score = min(1000, round(1000 * abs(value)))
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
    found = [sorted(row for span in layer for row in span[3]) for layer in _apart(spans)]
    return [part.iloc[rows] for rows in found]


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


def suffixes(tracks: list[str]) -> list[str]:
    """What tells the files of tracks apart: nothing for one, else ``.NAME`` in plain letters."""
    if len(tracks) == 1:
        return [""]
    plain = [re.sub(r"[^A-Za-z0-9_+-]+", "_", track).strip("_")[:60] or "track" for track in tracks]
    # Some file systems do not tell a from A.
    lower = [name.lower() for name in plain]
    taken = {name for name in lower if lower.count(name) == 1}
    found = []
    for place, name in enumerate(plain):
        own, number = name, place + 1
        while lower.count(name.lower()) > 1 and (own == name or own.lower() in taken):
            own, number = f"{name}_{number}", number + 1
        taken.add(own.lower())
        found.append(f".{own}")
    return found


def field(text: str) -> str:
    """Text as one field of BED, whose fields some programs divide at any white space."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]", "_", text)[:255]


def header(name: str, about: str, options: str, kind: str = "") -> str:
    """The line that says what a track is called."""
    shown, told = (
        re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).replace('"', "'") for text in (name, about)
    )
    return f'track {kind}name="{shown}" description="{told}" {options}\n'


@dataclass(frozen=True)
class _Writer:
    """Files of one track of the model."""

    folder: Path
    track: str
    suffix: str
    written: list[str]

    def bed(self, stem: str, title: str, part: pd.DataFrame) -> None:
        first = header(*self._called(title), 'itemRgb="On" visibility=pack')
        self._write(f"{stem}{self.suffix}.bed", first, bed(part))

    def graphs(self, stem: str, title: str, part: pd.DataFrame) -> None:
        options = f"autoScale=on visibility=full color={_STRONG_UP} altColor={_STRONG_DOWN}"
        for number, layer in enumerate(layers(part) or [part], start=1):
            name, about = self._called(f"{title} ({number})" if number > 1 else title)
            first = header(name, about, options, kind="type=bedGraph ")
            again = f".{number}" if number > 1 else ""
            self._write(f"{stem}{self.suffix}{again}.bedgraph", first, bedgraph(layer))

    def _called(self, title: str) -> tuple[str, str]:
        whole = f"{title}, {self.track}"
        return whole if self.suffix else title, whole

    def _write(self, name: str, first: str, lines: Iterator[str]) -> None:
        write_text(self.folder / name, first + "".join(lines))
        self.written.append(name)
