"""What is in a drawing: read back from its artists."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from matplotlib.text import Text

HOSTILE = {
    "locus0": "<script>alert('x')</script>&amp;",
    "locus1": "$x_1$ \\frac{1}{2} % # ~",
    "locus2": "_hidden\nline\ttab",
    "locus3": "A" * 30 + "-a gene whose name has 60 letters",
}
"""Names that are markup, formulas, control characters, or too long."""


def finish(ax: Any) -> None:
    """Lay the figure out and draw it, without a file."""
    ax.get_figure(root=True).draw_without_rendering()


def bars(ax: Any, label: str | None = None) -> list[tuple[float, float]]:
    """Middle along x and height of each bar, those from 0 alone being their height."""
    found = ax.containers if label is None else [c for c in ax.containers if c.get_label() == label]
    return [
        (bar.get_x() + bar.get_width() / 2, bar.get_height())
        for container in found
        for bar in container
        if isinstance(bar, Rectangle)
    ]


def lines(ax: Any, *, marked: bool = False) -> list[np.ndarray]:
    """(points, 2) of each line of data; not those of zero, which span the Axes."""
    return [
        np.asarray(line.get_xydata())
        for line in ax.get_lines()
        if line.get_transform() == ax.transData and (not marked or line.get_marker() != "None")
    ]


def segments(ax: Any) -> list[np.ndarray]:
    """Error bars, (2, 2) each, in the order in which they were drawn."""
    return [s for c in ax.collections if isinstance(c, LineCollection) for s in c.get_segments()]


def ends(box: Any) -> tuple[float, float]:
    """Lower and upper end of the box of a box plot."""
    heights = box.get_path().vertices[:, 1]
    return float(heights.min()), float(heights.max())


def with_gid(ax: Any, gid: str) -> list[Any]:
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


def notes(ax: Any) -> list[str]:
    """What is said instead of a drawing."""
    return [" ".join(text.get_text().split()) for text in with_gid(ax, "note")]


def remarks(ax: Any) -> list[str]:
    return [text.get_text() for text in with_gid(ax, "remark")]


def legend(ax: Any) -> list[str]:
    drawn = ax.get_legend()
    return [] if drawn is None else [text.get_text() for text in drawn.get_texts()]


def ticks(ax: Any, axis: str = "x") -> list[str]:
    finish(ax)
    return [text.get_text() for text in getattr(ax, f"get_{axis}ticklabels")()]


def shown(ax: Any) -> list[Any]:
    """Every text of the Axes and of those in them that is seen."""
    figure = ax.get_figure(root=True)
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def tidy(ax: Any) -> None:
    """Asserts what makes a figure readable: text inside it, of 6 pt, and none on another."""
    finish(ax)
    figure = ax.get_figure(root=True)
    # Layouts are approached: the last step of one may be a third of a millimetre.
    width, height = figure.bbox.width + 0.5, figure.bbox.height
    for one in [ax, *ax.child_axes]:
        axes_texts = [one.title, one.xaxis.label, one.yaxis.label, *one.texts]
        if one.get_legend() is not None:
            axes_texts += one.get_legend().get_texts()
        labels: list[list[Any]] = []
        for axis in (one.xaxis, one.yaxis):
            low, high = sorted(axis.get_view_interval())
            seen = [
                tick.label1
                for tick in axis.get_major_ticks()
                if tick.label1.get_visible() and low <= tick.get_loc() <= high
            ]
            labels.append([t for t in seen if t.get_text()])
        texts = [t for t in axes_texts if t.get_text() and t.get_visible()]
        for text in [*texts, *labels[0], *labels[1]]:
            box = text.get_window_extent()
            assert text.get_fontsize() >= 6, text
            assert text not in texts or not text.get_parse_math(), text
            assert box.x0 >= -1, f"{text} leaves the figure at the left"
            assert box.y0 >= -1, f"{text} leaves the figure below"
            assert box.x1 <= width + 1, f"{text} leaves the figure at the right"
            assert box.y1 <= height + 1, f"{text} leaves the figure above"
        for group in (*labels, texts):
            for first, second in combinations(group, 2):
                a, b = first.get_window_extent(), second.get_window_extent()
                across = min(a.x1, b.x1) - max(a.x0, b.x0)
                up = min(a.y1, b.y1) - max(a.y0, b.y0)
                assert across < 1 or up < 1, f"{first} and {second} overlap"
