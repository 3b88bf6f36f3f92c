"""The tiles of one locus along its sequence, with the genes around (Figure 3a)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle
from matplotlib.transforms import ScaledTranslation

from creme.analysis.noise import within_noise
from creme.errors import ConfigError, CremeWarning, listing
from creme.genome.contigs import plain_contig
from creme.genome.records import TSS
from creme.report.axis_labels import distance_label, scale_of, unit_of
from creme.report.marks import legend, name, note, size_of, text_width, zero
from creme.report.select import only
from creme.report.style import BLACK, GREY, PALETTE, SMALL, axes_of, styled
from creme.results.gaps import without_bases
from creme.results.words import site_word

_ROWS = 4
_ROW = 11.5  # pt
_LIMIT = 18
_OTHERS = "0.35"


@styled
def tile_map(
    necessity: xr.Dataset | None = None,
    sufficiency: xr.Dataset | None = None,
    *,
    locus: str | None = None,
    track: str | None = None,
    genes: Iterable[TSS] = (),
    ax: Axes | None = None,
) -> Axes:
    """Necessity and sufficiency of the tiles of a locus, along its sequence.

    Parameters
    ----------
    necessity, sufficiency : Dataset, optional
        Results of the two tests; one may be left out.
    locus, track : str, optional
        Needed where there are several.
    genes : iterable of TSS
        Genes to draw above, as `creme.genome.records.read_gtf` gives their transcripts; those of
        other contigs (``1`` and ``chr1`` are the same), or outside the tiles, are left out, with a
        `CremeWarning` where none lies on the locus's. TSSs without span are drawn one by one.
        The locus's own gene is bold. Where there is no room for all, the title says how many of
        those that are furthest from the TSS are left out.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ConfigError
        If neither test is given, or there is no such locus or track.

    Notes
    -----
    The 5' end of the gene is at the left, on both strands. Error bars are standard errors over
    replicates. Bars of effects within noise (`creme.analysis.noise`) are grey. Tiles that were not
    measured for lack of bases are hatched. Figure 3a is the scheme of this.
    """
    tests = {
        test: only(_with_noise(dataset), locus=locus, track=track)
        for test, dataset in (("necessity", necessity), ("sufficiency", sufficiency))
        if dataset is not None
    }
    if not tests:
        raise ConfigError("give the results of the necessity test, the sufficiency test, or both")
    ax = axes_of(ax, height=55)
    # The tests of a map have one site; of scales there may be two.
    scales = dict.fromkeys(scale_of(test, part.attrs) for test, part in tests.items())
    ax.set_ylabel(f"effect of the tile ({listing(scales)})")
    first = next(iter(tests.values()))
    per, unit = unit_of([first["tile_start"] - first["tile_end"], first["distance"]])
    ax.set_xlabel(distance_label(site_word(first.attrs), unit))
    entries: list[tuple[str, Artist]] = []
    ends: list[float] = []
    hatched = greyed = False
    for place, (test, part) in enumerate(tests.items()):
        effect = part["effect"].values.astype(float)
        there = np.isfinite(effect)
        middle = part["distance"].values / per
        length = (part["tile_end"].values - part["tile_start"].values) / per
        located = np.isfinite(middle) & np.isfinite(length)
        ends += [*(middle - length / 2)[located], *(middle + length / 2)[located]]
        width = 0.8 * length / len(tests)
        at = middle + (place - (len(tests) - 1) / 2) * width
        lost = without_bases(part)
        if lost is not None:
            _hatch(ax, at[lost.values], width[lost.values])
            hatched = True
        if not there.any():
            continue
        colours = [PALETTE[test]] * int(there.sum())
        if "noise" in part:
            noise = part["noise"].values[there].astype(bool)
            colours = [GREY if one else PALETTE[test] for one in noise]
            greyed |= bool(noise.any())
        ax.bar(at[there], effect[there], width[there], color=colours, linewidth=0, zorder=2)
        if "effect_se" in part and np.isfinite(part["effect_se"].values).any():
            spread = part["effect_se"].values.astype(float)[there]
            ax.errorbar(
                at[there], effect[there], spread, linestyle="none", ecolor="0.25", elinewidth=0.4,
                zorder=3,
            )  # fmt: skip
        entries.append((test, Patch(color=PALETTE[test])))
    whose = name(locus or _only_name(necessity, sufficiency), 30)
    ax.set_title(whose, pad=4)
    if ends:
        ax.set_xlim(min(ends), max(ends))
    if not entries:
        note(ax, "no tile to draw: no effect is finite")
        return ax
    zero(ax)
    zero(ax, across=False)
    if greyed:
        entries.append(("within noise", Patch(color=GREY)))
    if hatched:
        entries.append(("no bases", Patch(**_HATCH)))
    legend(ax, entries, loc="best", handlelength=0.8, handleheight=0.7)
    _draw_genes(ax, first, genes, per)
    return ax


def _with_noise(dataset: xr.Dataset) -> xr.Dataset:
    noise = within_noise(dataset)
    return dataset if noise is None else dataset.assign(noise=noise)


_HATCH: dict[str, Any] = {"facecolor": "none", "edgecolor": "0.7", "hatch": "/////", "linewidth": 0}


def _hatch(ax: Axes, at: np.ndarray, width: np.ndarray) -> None:
    """Mark tiles that were not measured, from the bottom to the top: they have no effect, not 0."""
    for middle, wide in zip(at, width, strict=True):
        box = Rectangle(
            (middle - wide / 2, 0), wide, 1, transform=ax.get_xaxis_transform(), zorder=0,
            gid="no bases", **_HATCH,
        )  # fmt: skip
        ax.add_artist(box)


def _only_name(*datasets: xr.Dataset | None) -> str:
    return next(str(d["locus"].values.ravel()[0]) for d in datasets if d is not None)


@dataclass(frozen=True)
class _Gene:
    """A gene in units of the x axis from the TSS, in the locus's orientation."""

    name: str
    low: float
    high: float
    along: bool  # whether it is read as the locus is
    starts: tuple[float, ...]  # where arrows are drawn
    own: bool

    @property
    def away(self) -> float:
        """How far it is from the TSS."""
        return max(self.low, -self.high, 0.0)


def _draw_genes(ax: Axes, part: xr.Dataset, genes: Iterable[TSS], per: float) -> None:
    """Genes in rows above the Axes: a line from end to end, an arrow at the TSS, the name."""
    low, high = ax.get_xlim()
    placed = _placed(list(genes), part, low, high, per)
    if not placed:
        return
    per_point = (high - low) / size_of(ax)[0]
    rows, left_out = _rows(placed, low, high, per_point)
    for row, members in enumerate(rows):
        line, letters = _above(ax, (row + 0.4) * _ROW), _above(ax, (row + 0.6) * _ROW)
        for gene, at in members:
            look = {**line, "color": BLACK if gene.own else _OTHERS}
            ends = max(gene.low, low), min(gene.high, high)
            ax.plot(ends, (1, 1), linewidth=1.2, solid_capstyle="butt", gid="gene", **look)
            inside = [start for start in gene.starts if low <= start <= high]
            if inside:
                marker = ">" if gene.along else "<"
                size = 4.5 if gene.own else 3.5
                ones = [1] * len(inside)
                ax.plot(
                    inside, ones, marker, markersize=size, markeredgewidth=0, gid="gene TSS", **look
                )
            ax.text(
                at, 1, name(gene.name, _LIMIT), ha="center", va="bottom", fontsize=SMALL,
                fontweight="bold" if gene.own else "normal", parse_math=False, gid="gene name",
                **letters,
            )  # fmt: skip
    ax.set_xlim(low, high)
    # The title goes above the genes.
    more = f" ({left_out} more gene{'s' if left_out > 1 else ''} not drawn)" if left_out else ""
    ax.set_title(ax.get_title() + more, pad=5 + _ROW * len(rows))


def _above(ax: Axes, points: float) -> dict[str, Any]:
    """Where y = 1 lies some points above the Axes, whatever their height."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    up = ScaledTranslation(0, points / 72, figure.dpi_scale_trans)
    return {"transform": ax.get_xaxis_transform() + up, "clip_on": False}


def _placed(genes: list[TSS], part: xr.Dataset, low: float, high: float, per: float) -> list[_Gene]:
    """The genes of the window; of several transcripts, from the first base to the last."""
    if not genes:
        return []
    if "contig" not in part.coords:
        raise ConfigError("genes cannot be placed: the results have no coordinate 'contig'")
    contig, tss = str(part["contig"].item()), int(part["tss_position"])
    sign = 1 if str(part["strand"].item()) == "+" else -1
    own = str(part["gene"].item()) if "gene" in part.coords else None
    spans: dict[tuple[str, bool], list[_Gene]] = {}
    for gene in genes:
        if plain_contig(gene.contig) != plain_contig(contig):
            continue
        forward = 1 if gene.strand == "+" else -1
        start, end = (
            sign * (at - tss) / per for at in (gene.position, gene.position + forward * gene.span)
        )
        along = forward == sign
        mine = gene.gene == own and along
        one = _Gene(gene.gene, min(start, end), max(start, end), along, (start,), mine)
        spans.setdefault((gene.gene, along), []).append(one)
    if not spans:
        theirs = listing(sorted({gene.contig for gene in genes}), 5)
        warnings.warn(
            f"no gene is drawn: the locus lies on contig {contig!r}, and the genes on {theirs}",
            CremeWarning,
            stacklevel=2,
        )
    whole = [_whole(each) for each in spans.values()]
    # The locus's own, then those nearest to its TSS: what finds no place is far away.
    return sorted(
        (gene for gene in whole if gene.high >= low and gene.low <= high),
        key=lambda gene: (not gene.own, gene.away, gene.low, gene.name),
    )


def _whole(each: list[_Gene]) -> _Gene:
    """A gene from the first base of its transcripts to the last."""
    low, high = min(one.low for one in each), max(one.high for one in each)
    starts = sorted({one.starts[0] for one in each})
    if any(one.low < one.high for one in each):
        # Its body shows where it is; of its TSSs the outermost one is marked.
        starts = [starts[0] if each[0].along else starts[-1]]
    return _Gene(each[0].name, low, high, each[0].along, tuple(starts), each[0].own)


def _rows(
    genes: list[_Gene], low: float, high: float, per_point: float
) -> tuple[list[list[tuple[_Gene, float]]], int]:
    """Genes in as few rows as they and their names need, and how many found no place."""
    rows: list[list[tuple[_Gene, float]]] = []
    taken: list[list[tuple[float, float]]] = []
    left_out = 0
    for gene in genes:
        weight = 1.12 if gene.own else 1.0  # of bold letters
        half = text_width(name(gene.name, _LIMIT), SMALL) * weight * per_point / 2
        middle = (max(gene.low, low) + min(gene.high, high)) / 2
        at = float(np.clip(middle, low + half, max(low + half, high - half)))
        room = 4 * per_point
        first, last = min(gene.low, at - half) - room, max(gene.high, at + half) + room
        free = [all(last <= a or b <= first for a, b in row) for row in taken]
        row = free.index(True) if True in free else len(taken)
        if row == _ROWS:
            left_out += 1
            continue
        if row == len(taken):
            taken.append([])
            rows.append([])
        taken[row].append((first + room, last - room))
        rows[row].append((gene, at))
    return rows, left_out
