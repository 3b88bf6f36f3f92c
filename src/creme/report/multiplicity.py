"""Activity with ever more copies of a CRE (Supplementary Figure 5)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from creme.analysis.normalise import fold_change
from creme.analysis.statistics import mean_over
from creme.report.marks import band, legend, loci, note, zero
from creme.report.select import only
from creme.report.style import PALETTE, axes_of, styled


@styled
def saturation_curves(
    dataset: xr.Dataset,
    fitted: xr.Dataset | None = None,
    *,
    search: str | None = None,
    track: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Fold change with copies of each CRE, and the mean over loci with its standard error.

    Parameters
    ----------
    dataset : Dataset
        Of the multiplicity test.
    fitted : Dataset, optional
        Of `creme.analysis.saturation.saturation`: the plateaus of the curves that saturate are
        drawn at the right.
    search : {'enhancers', 'silencers'}, optional
        Needed where there are both.
    track : str, optional
        Needed where there are several.
    ax : Axes, optional

    Returns
    -------
    Axes

    Notes
    -----
    Supplementary Figure 5. A thin line is a CRE, averaged over its backgrounds; at 0 copies stands
    the TSS tile alone, TSS-CONTROL / CONTROL. For the mean, a locus with several CREs counts once.
    """
    part = only(dataset, search=search, track=track)
    direction = search or (str(dataset["search"].values.ravel()[0]) if "search" in dataset else "")
    ax = axes_of(ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("copies of the CRE" + (f", placed as {direction}" if direction else ""))
    ax.set_ylabel("fold change over control")
    start = fold_change(part, "tss_control", "control").mean("replicate")
    curves = part["fold_change"].astype(np.float64).transpose("locus", "tile", "copy")
    start = start.broadcast_like(curves.isel(copy=0, drop=True)).transpose("locus", "tile")
    values = np.concatenate([start.values[..., None], curves.values], axis=-1)
    there = np.isfinite(values[..., 1:]).any(axis=-1)
    if not there.any():
        note(ax, "no curve to draw: no fold change is finite")
        return ax
    copies = np.concatenate([[0], part["copies"].values])
    colour = PALETTE.get(direction, "0.3")
    for row in values[there]:
        ax.plot(copies, row, color=colour, linewidth=0.5, alpha=0.5, zorder=2)
    mean_curve = mean_over(
        xr.DataArray(values, dims=("locus", "tile", "copy")).mean("tile"), resamples=1
    )
    n = int(mean_curve["n"].max())
    mean, spread = mean_curve["mean"].values, mean_curve["se"].values
    band(ax, copies, mean, spread, colour=colour, marker=None, width=2.0)
    entries: list[tuple[str, Artist]] = [
        (f"a CRE ({there.sum():,})", Line2D([], [], color=colour, linewidth=0.5, alpha=0.6)),
        (f"mean ({loci(n)})", Line2D([], [], color=colour, linewidth=2.0)),
    ]
    if np.isfinite(spread).any():
        entries.append(("standard error", Patch(facecolor=colour, alpha=0.22, linewidth=0)))
    if fitted is not None:
        plateaus = _plateaus(fitted, search, track)
        for height in plateaus:
            ax.plot(
                [copies[-1] + 0.15, copies[-1] + 0.6], [height, height], color="black",
                linewidth=1.0, zorder=4, gid="plateau",
            )  # fmt: skip
        if plateaus.size:
            entries.append((f"fitted plateau ({plateaus.size})", Line2D([], [], color="black")))
    zero(ax, 1.0)
    legend(ax, entries, loc="best")
    return ax


def _plateaus(fitted: xr.Dataset, search: str | None, track: str | None) -> np.ndarray:
    part = only(fitted, search=search, track=track)
    return part["plateau"].where(part["saturates"]).values[part["saturates"].values].ravel()
