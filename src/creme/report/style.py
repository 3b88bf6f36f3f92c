"""How figures look: sizes, colours, fonts; and how they are written to files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

from creme.errors import ConfigError, PluginError, listing
from creme.files.durable import sync, write_bytes
from creme.packages import lacking

try:
    from matplotlib import style
except ImportError:
    raise PluginError(lacking("figures need matplotlib", "report")) from None
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

COLUMN, PAGE = 85.0, 175.0
"""Widths of one and of two columns of a journal, mm."""

FORMATS = ("svg", "pdf", "png")

SMALL, NORMAL = 6.0, 7.0
"""Font sizes, pt: of ticks, legends and notes, and of axis labels and titles."""

# Okabe and Ito's colours, which people of all kinds of colour vision tell apart.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#000000", "#8C8C8C"
DIVERGING = LinearSegmentedColormap.from_list("creme", [BLUE, "#FFFFFF", VERMILION])
"""Of maps, from below a neutral value to above it."""

PALETTE = {
    "enhancing": VERMILION,
    "neutral": GREY,
    "silencing": BLUE,
    "enhancer": VERMILION,
    "silencer": BLUE,
    "enhancers": VERMILION,
    "silencers": BLUE,
    "necessity": GREEN,
    "sufficiency": PURPLE,
    "observed": BLACK,
    "additive": ORANGE,
}
_CYCLE = (GREEN, PURPLE, SKY, ORANGE, BLUE, VERMILION, BLACK)

_RC: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
    "font.size": NORMAL,
    "axes.labelsize": NORMAL,
    "axes.titlesize": NORMAL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.0,
    "patch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.borderaxespad": 0.3,
    "legend.labelspacing": 0.3,
    # A name such as "$x_1$" is a name, and no formula.
    "text.parse_math": False,
    "text.usetex": False,
    "figure.dpi": 100.0,
    "savefig.dpi": 300.0,
    # Text stays text in files, and ids depend on the drawing alone.
    "svg.fonttype": "none",
    "svg.hashsalt": "creme",
    "pdf.fonttype": 42,
    "path.simplify": True,
}

_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}

Arguments = ParamSpec("Arguments")
Drawing = TypeVar("Drawing")


def styled(draw: Callable[Arguments, Drawing]) -> Callable[Arguments, Drawing]:
    """A function that draws in this style, whatever the caller's settings; they stay theirs."""

    @wraps(draw)
    def within(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Drawing:
        with settings():
            return draw(*args, **kwargs)

    return within


def settings() -> AbstractContextManager[None]:
    """The style as a context; matplotlib's settings belong to the process, not to a thread."""
    context: AbstractContextManager[None] = style.context(["default", _RC])
    return context


def axes_of(ax: Axes | None, width: float = COLUMN, height: float = 60.0) -> Axes:
    """The Axes to draw into: those given, or those of a new figure, mm."""
    if ax is None:
        ax = panels(1, 1, width=width, height=height)[1][0, 0]
    # Ticks are made when they are first drawn, when the style may be gone.
    ax.tick_params(labelsize=SMALL, width=0.6, length=2.5, pad=2)
    return ax


@styled
def panels(
    rows: int = 1, columns: int = 1, *, width: float = PAGE, height: float = 60.0
) -> tuple[Figure, np.ndarray]:
    """A figure of several Axes.

    Parameters
    ----------
    rows, columns : int
    width, height : float
        Of the figure, mm. `COLUMN` and `PAGE` are the widths of one and of two columns.

    Returns
    -------
    Figure, array of Axes
        The array is (rows, columns).
    """
    if rows < 1 or columns < 1 or not width > 0 or not height > 0:
        raise ConfigError(
            f"rows = {rows}, columns = {columns}, width = {width}, height = {height}: all of a "
            f"figure's are positive"
        )
    figure = Figure(figsize=(width / 25.4, height / 25.4), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name: its own if it has one, else the next of the palette."""
    chosen: dict[str, str] = {}
    others = 0
    for name in names:
        if name in PALETTE:
            chosen[name] = PALETTE[name]
        elif name not in chosen:
            chosen[name] = _CYCLE[others % len(_CYCLE)]
            others += 1
    return chosen


def save(figure: Figure | Axes, path: str | Path, formats: Iterable[str] = FORMATS) -> list[Path]:
    """Write a figure to a file of each format; a file stands whole or not at all.

    The same drawing gives the same bytes with the same version of matplotlib: no dates, and ids
    from the drawing.

    Parameters
    ----------
    figure : Figure or Axes
        Axes stand for their figure.
    path : str or Path
        Without a format's ending, which is added. Its folder is made.
    formats : iterable of {'svg', 'pdf', 'png'}

    Returns
    -------
    list of Path
        The files, in the order of `formats`.

    Raises
    ------
    ConfigError
        If there is another format, before anything is written.
    """
    chosen = [formats] if isinstance(formats, str) else list(formats)
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown:
        raise ConfigError(f"formats: {listing(unknown)}; figures are saved as {listing(FORMATS)}")
    whole = figure if isinstance(figure, Figure) else figure.get_figure(root=True)
    if whole is None:
        raise ConfigError("the Axes stand in no figure (any more)")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    files = []
    for name in chosen:
        buffer = io.BytesIO()
        with settings():
            whole.savefig(buffer, format=name, metadata=_METADATA[name])
        files.append(Path(f"{path}.{name}"))
        write_bytes(files[-1], buffer.getvalue())
        sync(files[-1].parent)
    return files
