"""Letter-value plots, also called boxen plots.

Written here rather than taken from seaborn: the plot is a handful of quantiles and rectangles, and
seaborn would come with its own style and with pyplot, whose state is global.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import boxplot_stats
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Rectangle

from creme.report.marks import points
from creme.report.select import finite

FEW = 5
"""Below so many values each is drawn as a point: quartiles would say nothing more."""


def letter_values(values: np.ndarray) -> np.ndarray:
    """The quantiles that the boxes of a letter-value plot stand between.

    Parameters
    ----------
    values : array of float
        NaN and infinite ones are left out.

    Returns
    -------
    array of float64, (boxes, 2)
        Lower and upper end; the innermost box first, which holds half of the values, the next
        three quarters, 7/8, ... Of n values there are floor(log2 n) - 3 boxes (Tukey's rule, also
        seaborn's default), so that 4 to 8 lie beyond the last at each end; at least one box, and
        none of no value.

    Notes
    -----
    Hofmann, Wickham and Kafadar, "Letter-value plots: boxplots for large data", J. Comput. Graph.
    Stat. 26 (2017). Quantiles are interpolated linearly.
    """
    there = finite(values)
    if not there.size:
        return np.empty((0, 2))
    boxes = max(1, int(np.floor(np.log2(there.size))) - 3)
    tails = 0.5 ** np.arange(2, boxes + 2)
    return np.stack([np.quantile(there, tails), np.quantile(there, 1 - tails)], axis=1)


def draw_boxen(ax: Axes, at: float, values: np.ndarray, colour: str, width: float = 0.8) -> None:
    """Boxes of one group around `at`, its median, and its values beyond the last box as points.

    Outer boxes are narrower and paler. A group of less than `FEW` values is drawn as points.
    """
    there = finite(values)
    if there.size < FEW:
        draw_points(ax, at, there, colour, width)
        return
    boxes = letter_values(there)
    for level in range(len(boxes) - 1, -1, -1):
        low, high = boxes[level]
        share = 1 - level / len(boxes)
        box = Rectangle(
            (at - width * share / 2, low),
            width * share,
            high - low,
            facecolor=_pale(colour, 0.25 + 0.75 * share),
            edgecolor="white",
            linewidth=0.2,
            zorder=2,
            gid=f"box {level}",
        )
        ax.add_patch(box)
    _median(ax, at, there, width)
    beyond = there[(there < boxes[-1, 0]) | (there > boxes[-1, 1])]
    ax.plot(
        np.full(beyond.size, at), beyond, linestyle="none", marker="o", markersize=1.2,
        markeredgewidth=0, color=colour, zorder=2,
    )  # fmt: skip
    ax.update_datalim([(at, there.min()), (at, there.max())])
    ax.autoscale_view()


def draw_box(ax: Axes, at: float, values: np.ndarray, colour: str, width: float = 0.6) -> None:
    """A box plot of one group: quartiles, median, and the range of data without outliers.

    Outliers, beyond 1.5 times the height of the box from it, are left out, as in the paper.
    """
    there = finite(values)
    if there.size < FEW:
        draw_points(ax, at, there, colour, width)
        return
    ax.bxp(
        boxplot_stats(there),
        positions=[at],
        widths=width,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": _pale(colour, 0.55), "edgecolor": colour, "linewidth": 0.7},
        medianprops={"color": "black", "linewidth": 1.0},
        whiskerprops={"color": colour, "linewidth": 0.7},
        capprops={"color": colour, "linewidth": 0.7},
    )


def draw_points(ax: Axes, at: float, there: np.ndarray, colour: str, width: float) -> None:
    """Each of a few values; their median too where there are three."""
    if not there.size:
        return
    step = np.linspace(-0.25, 0.25, there.size) if there.size > 1 else np.zeros(1)
    points(ax, at + step * width, there, colour)
    if there.size > 2:
        _median(ax, at, there, width)


def _median(ax: Axes, at: float, there: np.ndarray, width: float) -> None:
    ends: Sequence[float] = (at - width / 2, at + width / 2)
    middle = float(np.median(there))
    ax.plot(ends, [middle, middle], color="black", linewidth=1.0, zorder=4, gid="median")


def _pale(colour: str, strength: float) -> str:
    """The colour mixed with white."""
    return to_hex(tuple((1 - strength * (1 - np.array(to_rgb(colour)))).tolist()))
