"""Two quantities of the same things against each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from creme.analysis.comparison import correlation
from creme.errors import ConfigError, listing
from creme.report.marks import MANY, Apart, count, name, note, number, remark, size_of, text_width
from creme.report.style import BLUE, GREY, SMALL, axes_of, styled

_ERRORS_UP_TO = 300
_INTERVAL_FROM = 5  # loci: draws of fewer repeat themselves


@styled
def comparison_scatter(
    table: pd.DataFrame,
    x: str,
    y: str,
    *,
    labels: tuple[str, str] | None = None,
    names: str | None = None,
    most: int = 5,
    track: str | None = None,
    title: str = "",
    colour: str | None = None,
    diagonal: bool = True,
    resamples: int = 200,
    ax: Axes | None = None,
) -> Axes:
    """A point a row, with standard errors, the rank correlation and its interval over loci.

    Parameters
    ----------
    table : DataFrame
        With `x` and `y`; with their standard errors, ``x_se`` and ``y_se``, if there are any; and
        with ``locus``, over which the correlation's interval is drawn (each row is one unless
        given).
    x, y : str
        Columns.
    labels : tuple of str, optional
        Of both axes; the columns' names unless given.
    names : str, optional
        A column of names: they are written at the `most` points that lie furthest from the
        diagonal, or from the middle without one.
    most : int
    track : str, optional
        A value of the column ``track``; needed where there are several.
    title : str
    colour : str, optional
    diagonal : bool
        Draw the line of equal values.
    resamples : int
        For the interval of the correlation.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ConfigError
        If a column is not there, or one of several tracks is not chosen.
    """
    missing = [c for c in (x, y, *([names] if names else [])) if c not in table]
    if missing:
        raise ConfigError(f"the table has no column {listing(missing)}: it has {listing(table)}")
    table = _of_track(table, track)
    rows = table[np.isfinite(table[[x, y]].to_numpy(dtype=np.float64)).all(axis=1)]
    ax = axes_of(ax)
    shown = labels or (name(x, 40), name(y, 40))
    ax.set_xlabel(shown[0])
    ax.set_ylabel(shown[1])
    if title:
        ax.set_title(name(title, 40))
    if rows.empty:
        note(ax, "nothing to compare: no row has both values")
        return ax
    across, up = rows[x].to_numpy(dtype=np.float64), rows[y].to_numpy(dtype=np.float64)
    few = len(rows) <= _ERRORS_UP_TO
    spread = [rows[c].to_numpy(np.float64) if few and c in rows else None for c in _errors(x, y)]
    if any(values is not None for values in spread):
        ax.errorbar(
            across, up, xerr=spread[0], yerr=spread[1], linestyle="none", ecolor=GREY,
            elinewidth=0.5, zorder=2,
        )  # fmt: skip
    ax.plot(
        across, up, linestyle="none", marker="o", markersize=2.5 if few else 1.5,
        markeredgewidth=0, color=colour or BLUE, alpha=0.8 if few else 0.4, zorder=3,
        rasterized=len(rows) > MANY,
    )  # fmt: skip
    ax.xaxis.set_major_locator(Apart())
    if diagonal:
        low, high = min(across.min(), up.min()), max(across.max(), up.max())
        ax.plot([low, high], [low, high], color=GREY, linewidth=0.5, linestyle=(0, (3, 2)))
    remark(ax, _summary(rows, x, y, resamples), gid="correlation")
    if names:
        away = np.abs(up - across) if diagonal else np.hypot(*_centred(across, up))
        _name_points(ax, rows[names].to_list(), across, up, np.argsort(-away)[:most])
    return ax


def _errors(x: str, y: str) -> tuple[str, str]:
    return f"{x}_se", f"{y}_se"


def _of_track(table: pd.DataFrame, track: str | None) -> pd.DataFrame:
    if "track" not in table:
        return table
    tracks = table["track"].astype(str).unique().tolist()
    if track is None and len(tracks) > 1:
        raise ConfigError(f"choose one of the tracks {listing(tracks)}: track = ...")
    if track is not None and tracks and track not in tracks:
        raise ConfigError(f"there is no track {track!r}: there are {listing(tracks)}")
    return table if track is None else table[table["track"].astype(str) == track]


def _summary(rows: pd.DataFrame, x: str, y: str, resamples: int) -> str:
    """Spearman's correlation as text, with the interval if it has one."""
    if "locus" not in rows:
        rows = rows.assign(locus=np.arange(len(rows)))
    text = f"{count(len(rows))}, "
    if len(rows) < 3 or rows[x].nunique() < 2 or rows[y].nunique() < 2:
        return text + "no correlation"
    agreement = correlation(rows, x, y, resamples=resamples)
    value, low, high = (number(agreement[key]) for key in ("correlation", "low", "high"))
    interval = f" ({low} to {high})" if agreement["loci"] >= _INTERVAL_FROM else ""
    return f"{text}Spearman's ρ = {value}{interval}"


def _centred(across: np.ndarray, up: np.ndarray) -> list[np.ndarray]:
    parts = []
    for values in (across, up):
        spread = values.std()
        parts.append((values - np.median(values)) / (spread if spread > 0 else 1.0))
    return parts


def _name_points(
    ax: Axes, names: list[object], x: np.ndarray, y: np.ndarray, chosen: np.ndarray
) -> None:
    """Names beside their points, where there is room: on either side, above or below."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    width, height = size_of(ax)
    across = (x - left) / (right - left) * width
    up = (y - bottom) / (top - bottom) * height
    taken: list[tuple[float, float, float, float]] = []
    for row in chosen:
        text = name(names[row], 16)
        long, high = text_width(text, SMALL), 1.2 * SMALL
        for side, level in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            first = across[row] + 3 if side > 0 else across[row] - 3 - long
            low = up[row] + 1 if level > 0 else up[row] - 1 - high
            box = (first, low, first + long, low + high)
            inside = first >= 0 and first + long <= width
            if inside and not any(_overlap(box, other) for other in taken):
                break
        else:
            continue
        taken.append(box)
        ax.annotate(
            text, (x[row], y[row]), xytext=(3 * side, level), textcoords="offset points",
            ha="left" if side > 0 else "right", va="bottom" if level > 0 else "top",
            fontsize=SMALL, parse_math=False, zorder=5, gid="name",
        )  # fmt: skip


def _overlap(one: tuple[float, float, float, float], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
