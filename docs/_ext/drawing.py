"""Diagrams of sequences as SVG: rows of tiles around a TSS, in one look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

TILE, HEIGHT, PITCH, LEFT, TOP = 38, 22, 46, 150, 44
"""Width and height of a tile, distance between rows, margins, in px."""

COLOURS = {
    "native": "#d5e3ef",
    "tss": "#f0c24b",
    "element": "#2f7fb8",
    "other": "#58a55c",
    "foreign": "#d9c5e3",
    "shuffled": "#ffffff",
    "motif": "#c8553d",
}
WORDS = {
    "native": "the locus's own bases",
    "tss": "the TSS tile",
    "element": "the tile under test",
    "other": "a further tile",
    "foreign": "another locus's bases",
    "shuffled": "shuffled bases",
    "motif": "single bases, or a motif",
}
"""Words of each kind of tile, for the key below a diagram and for those who cannot see it."""

LETTERS = {
    ".": "native",
    "T": "tss",
    "e": "element",
    "o": "other",
    "f": "foreign",
    "-": "shuffled",
    "m": "motif",
    "x": "motif",
}
"""By letter of a row; an ``m`` is a mark in a shuffled tile, an ``x`` one in the element."""


@dataclass(frozen=True)
class Row:
    """A sequence: words before it, a letter a tile, and the name of its activity.

    Attributes
    ----------
    words : str
    tiles : str
        Letters of `LETTERS`.
    activity : str
        As in the formula.
    arrow : tuple of int, optional
        From one tile to another, drawn above the row.
    """

    words: str
    tiles: str
    activity: str = ""
    arrow: tuple[int, int] | None = None


def _text(x: float, y: float, words: str, size: int = 13, **more: str) -> str:
    attributes = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}"{attributes}>{escape(words)}</text>'


def _tile(x: float, y: float, letter: str, width: float = TILE) -> str:
    kind = LETTERS[letter]
    fill = "url(#shuffled)" if kind == "shuffled" else COLOURS[kind]
    shape = f'width="{width:g}" height="{HEIGHT}" fill="{fill}" stroke="#51606d"'
    return f'<rect x="{x:g}" y="{y:g}" {shape} stroke-width="0.8"/>'


def _arrow(y: float, start: float, end: float) -> str:
    peak = y - 14
    path = f"M {start:g} {y - 2:g} C {start:g} {peak:g}, {end:g} {peak:g}, {end:g} {y - 3:g}"
    return (
        f'<path d="{path}" fill="none" stroke="#333" stroke-width="1.4" marker-end="url(#head)"/>'
    )


def diagram(title: str, rows: Iterable[Row], formula: str) -> str:
    """The SVG of a diagram.

    Parameters
    ----------
    title : str
        For those who cannot see it; it is not drawn.
    rows : iterable of Row
    formula : str
        Below the rows.
    """
    rows = list(rows)
    most = max(len(row.tiles) for row in rows)
    parts, used, y = [], [], float(TOP)
    for row in rows:
        parts.append(_text(LEFT - 10, y + 15, row.words, text_anchor="end"))
        for place, letter in enumerate(row.tiles):
            x = float(LEFT + place * TILE)
            if letter in "mx":
                around = "-" if letter == "m" else "e"
                parts += [_tile(x, y, around), _tile(x + TILE / 2 - 4, y, letter, 8)]
                used += [LETTERS[around], "motif"]
                continue
            parts.append(_tile(x, y, letter))
            used.append(LETTERS[letter])
            if letter == "T":
                middle = x + TILE / 2
                parts.append(
                    f'<path d="M {middle:g} {y:g} v -11 h 11" fill="none" stroke="#333" '
                    f'stroke-width="1.6" marker-end="url(#head)"/>'
                )
        if row.arrow:
            start, end = (LEFT + (place + 0.5) * TILE for place in row.arrow)
            parts.append(_arrow(y, start, end))
        if row.activity:
            parts.append(
                _text(
                    LEFT + len(row.tiles) * TILE + 12,
                    y + 15,
                    f"→ {row.activity}",
                    font_weight="bold",
                )
            )
        y += PITCH
    parts.append(_text(LEFT, y + 8, formula, 15, font_family="monospace"))
    y += 34
    x = float(LEFT)
    width = float(LEFT + most * TILE + 200)
    for kind in dict.fromkeys(used):
        room = 30 + 7 * len(WORDS[kind])
        if x + room > width - 10:
            x, y = float(LEFT), y + 22
        letter = next(letter for letter, name in LETTERS.items() if name == kind)
        parts += [
            _tile(x, y - 11, letter, 16).replace(f'height="{HEIGHT}"', 'height="14"'),
            _text(x + 22, y, WORDS[kind], 12, fill="#444"),
        ]
        x += room
    height = y + 16
    described = "; ".join(f"{row.words}: {_spoken(row.tiles)}" for row in rows)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" '
        f'font-family="Helvetica, Arial, sans-serif" fill="#222">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(described)}</desc>\n"
        '<defs><pattern id="shuffled" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="6" height="6" fill="#fff"/>'
        '<rect width="2.4" height="6" fill="#b9c0c6"/></pattern>'
        '<marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" markerHeight="6" '
        'orient="auto"><path d="M 0 0 L 8 4 L 0 8 z" fill="#333"/></marker></defs>\n'
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _spoken(tiles: str) -> str:
    """The tiles in words, runs of one kind together."""
    runs: list[str] = []
    for letter in tiles:
        if not runs or runs[-1] != WORDS[LETTERS[letter]]:
            runs.append(WORDS[LETTERS[letter]])
    return ", ".join(runs)
