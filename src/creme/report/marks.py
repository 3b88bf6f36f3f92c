"""Marks that several figures share: notes, names, legends, bands, points."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedFormatter, FuncFormatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation

from creme.report.select import MINUS
from creme.report.style import GREY, NORMAL, SMALL

MANY = 2000
"""Points of a scatter above which they are drawn as an image within the figure."""


def name(text: object, limit: int = 24) -> str:
    """A name as one line of printable characters; a long one is cut in its middle.

    Ends of names tell them apart, so that the beginning and the end are kept.
    """
    line = " ".join(str(text).split())
    line = "".join(
        c if unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in line
    )
    if len(line) <= limit:
        return line
    tail = (limit - 1) // 2
    return f"{line[: limit - 1 - tail]}\N{HORIZONTAL ELLIPSIS}{line[-tail:]}"


def count(n: int) -> str:
    """``n = 5,928``."""
    return f"n = {n:,}"


def loci(n: int) -> str:
    """``5,928 loci``."""
    return f"{n:,} {'locus' if n == 1 else 'loci'}"


def counted(text: object, amount: str) -> str:
    """A name with a count in brackets; the count alone where there is no name."""
    return f"{name(text)} ({amount})" if str(text) else amount


def capital(words: str) -> str:
    """Words that begin with a capital."""
    return words[:1].upper() + words[1:]


def number(value: float, form: str = ".2f") -> str:
    """A number with a minus sign, and no sign at a zero."""
    text = format(value, form)
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def offset(distance: float) -> str:
    """A distance from the TSS, bp, as ``+45 kb``."""
    return f"{number(distance / 1000, '+.4g')} kb"


def tile_label(one: xr.Dataset) -> str:
    """A tile by its locus and its distance from the TSS."""
    return f"{name(one['locus'].item(), 18)}, {offset(float(one['distance']))}"


def note(ax: Axes, text: str) -> None:
    """Say in the middle of the Axes what they cannot show; scales that mean nothing go."""
    # A character of the font is about 0.6 of its size wide.
    characters = max(10, int(size_of(ax)[0] * 0.9 / (0.6 * NORMAL)))
    ax.text(
        *(0.5, 0.5),
        textwrap.fill(text, characters),
        transform=ax.transAxes,
        ha="center",
        va="center",
        fontsize=NORMAL,
        color="0.35",
        gid="note",
        zorder=5,
    )
    ax.set_yticks([])
    if not isinstance(ax.xaxis.get_major_formatter(), FixedFormatter | FuncFormatter):
        ax.set_xticks([])


def remark(ax: Axes, text: str, *, gid: str = "remark") -> None:
    """A small line above the Axes and below their title, where no data are."""
    ax.annotate(
        text,
        (0.5, 1),
        xytext=(0, 2),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=SMALL,
        color="0.25",
        gid=gid,
        annotation_clip=False,
    )
    if ax.get_title():
        ax.set_title(ax.get_title(), pad=12)


def remark_rest(ax: Axes, total: int, most: int) -> None:
    """Say how many of the `total` are left out where `most` are drawn."""
    if total > most:
        remark(ax, f"not drawn: {total - most} more")


def size_of(ax: Axes) -> tuple[float, float]:
    """About how wide and high the Axes are, pt: their labels take some of what they are given."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    width, height = figure.get_size_inches()
    place = ax.get_position()
    return (float(place.width * width) * 72 * 0.9, float(place.height * height) * 72 * 0.9)


def text_width(text: str, size: float) -> float:
    """Width of a line of text, pt."""
    font = FontProperties(family="DejaVu Sans", size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0])


def legend(ax: Axes, entries: Sequence[tuple[str, Artist]], **options: Any) -> None:
    """A legend of these texts, each as it stands; none where there are none.

    More than four entries that may stand anywhere stand below the Axes, so as to hide nothing.
    """
    if not entries:
        return
    if len(entries) > 4 and options.get("loc") == "best":
        figure = ax.get_figure(root=True)
        assert figure is not None
        # Ticks, their labels and the axis's label take 25 pt.
        down = ax.transAxes + ScaledTranslation(0, -25 / 72, figure.dpi_scale_trans)
        below = {"bbox_to_anchor": (0.5, 0), "bbox_transform": down, "ncols": 2}
        options = {**options, "loc": "upper center", **below}
    # matplotlib leaves out a label that begins with an underscore, so texts are set afterwards.
    places = [str(k) for k in range(len(entries))]
    box = ax.legend([artist for _, artist in entries], places, **options)
    for text, (words, _) in zip(box.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(words)
    box.set_alignment("left")


class Apart(MaxNLocator):
    """Round values of an x axis, as many as their labels keep apart; 2 or 3 in a narrow panel.

    They are chosen when the axis is drawn, since it has its width then.
    """

    def __call__(self) -> Any:
        axis: Any = self.axis
        width = axis.axes.bbox.width / axis.axes.figure.dpi * 72
        low, high = sorted(axis.get_view_interval())
        places: Any = []
        seen: list[float] = []
        for most in range(8, 0, -1):
            self.set_params(nbins=most, steps=[1, 2, 2.5, 5, 10], min_n_ticks=2)
            places = super().__call__()
            seen = [at for at in places if low <= at <= high]
            labels = axis.get_major_formatter().format_ticks(seen)
            room = width * (seen[1] - seen[0]) / (high - low) if len(seen) > 1 else width
            if all(text_width(label, SMALL) + _BETWEEN <= room for label in labels):
                return places
        # A wider step would leave one value inside: every second one, so that labels keep apart.
        return seen[::2] if len(seen) > 2 else places


_BETWEEN = 4.0  # pt from a label to the next


def set_names(ax: Axes, names: list[str], places: list[float] | None = None) -> None:
    """Names along the x axis."""
    ax.set_xticks(list(range(len(names))) if places is None else places, names, parse_math=False)


def frame_groups(ax: Axes, groups: int) -> None:
    """Limits of an axis of groups, which stand at 0, 1, ...; as wide for one as for three."""
    half = max(groups, 3) / 2 + 0.1
    ax.set_xlim((groups - 1) / 2 - half, (groups - 1) / 2 + half)


def band(
    ax: Axes,
    x: np.ndarray,
    mean: np.ndarray,
    spread: np.ndarray | None = None,
    *,
    colour: str,
    marker: str | None = "o",
    style: str = "-",
    width: float = 1.2,
) -> Line2D:
    """A line with a band of plus and minus `spread`, where that is finite."""
    (line,) = ax.plot(x, mean, style, color=colour, marker=marker, linewidth=width, zorder=3)
    if spread is not None and np.isfinite(spread).any():
        low, high = mean - spread, mean + spread
        ax.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0, zorder=2)
    return line


def points(ax: Axes, x: np.ndarray, y: np.ndarray, colour: str) -> None:
    """Single values, side by side where they stand for one place of the axis."""
    ax.plot(x, y, linestyle="none", marker="o", color=colour, markersize=2.5, zorder=3)


def zero(ax: Axes, at: float = 0.0, *, across: bool = True) -> None:
    """A thin line where nothing happens."""
    draw = ax.axhline if across else ax.axvline
    draw(at, color=GREY, linewidth=0.5, linestyle=(0, (3, 2)), zorder=1)


def colour_bar(
    ax: Axes, image: ScalarMappable, label: str, *, left: float, width: float = 0.03
) -> Colorbar:
    """The scale of a map's colours, at its right; `left` and `width` are shares of its width."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    bar = figure.colorbar(image, cax=ax.inset_axes((left, 0, width, 1)))
    bar.ax.tick_params(labelsize=SMALL, width=0.6, length=2)
    bar.outline.set_linewidth(0.4)
    bar.set_label(label, fontsize=SMALL)
    return bar
