"""The paper's figures that a report shows, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from creme import report
from creme.analysis.categories import CONTEXTS, cre_classes, kind_of, texts
from creme.analysis.comparison import necessity_and_sufficiency
from creme.analysis.distances import distance_curve, distance_histogram
from creme.analysis.noise import Q, q_values, within_noise
from creme.errors import ConfigError
from creme.genome.records import TSS
from creme.report.marks import number
from creme.report.page.coverage import coverage
from creme.report.page.designs import checks, designs
from creme.report.page.figure import (
    FEW,
    PageFigure,
    formula_of,
    labels_of,
    values_of,
    width_of,
)
from creme.report.page.networks import networks
from creme.report.page.pairs import pairs
from creme.report.page.results import PageResults
from creme.report.page.searches import copies, enough, fine, searches
from creme.report.select import MINUS, in_order
from creme.report.style import PALETTE
from creme.results.calibrated import compared
from creme.results.gaps import without_bases
from creme.results.tidy import tidy
from creme.results.words import site_word


def figures(results: PageResults) -> Iterator[PageFigure]:
    """The figures of every test that has results, in the order of the stages.

    Of a test that an experiment has several times, each has its figures, with its label in their
    titles. One test's Dataset is in memory at a time, without replicates.
    """
    if not results.view.tracks:
        return
    for test, draw in _FIGURES_OF.items():
        if test not in results.labels:
            continue
        labels = [results.labels[test], *(label for label, of in results.further if of == test)]
        for label in labels:
            for figure in draw(results.with_label(test, label)):
                if len(labels) > 1:
                    figure = replace(figure, title=f"{figure.title} ({label})")
                yield figure


def _contexts(results: PageResults) -> Iterator[PageFigure]:
    limits = results.view.limits[0]
    beyond = "" if limits.q_below is None else f"; the outer two with q below {limits.q_below:g}"
    deciding = results.deciding("context_dependence")
    yield PageFigure(
        "Contexts",
        "Context dependence",
        "Figure 2a",
        "Loci by the effect of shuffling all but the TSS tile: positive where the context "
        f"enhances. Inset: loci above {limits.enhancing:g} (enhancing), within plus and minus "
        f"{limits.neutral:g} (neutral), and below {number(limits.silencing, 'g')} (silencing)"
        f"{beyond}.",
        report.context_histogram(
            results.open("context_dependence").load()
            if limits.q_below is not None
            else results.deciding("context_dependence"),
            track=results.view.track,
            **limits.of_loci(),
        ),
        formula_of("context_dependence", deciding.attrs),
        values_of(deciding, *_EFFECT, labels=labels_of(results, deciding)),
    )
    drawing = coverage(results)
    if drawing is not None:
        yield PageFigure(
            "Contexts",
            "Predicted coverage, before and after",
            "Figure 2b",
            "The most typical locus of each category: coverage around its TSS, in gene "
            "orientation, as it is and with its context shuffled (mean over replicates; the band "
            "is their standard deviation).",
            drawing,
            "coverage = prediction of each bin",
            results.table("coverage"),
        )


_EFFECT = ("effect", "effect_std", "effect_se")
_SWAP = {
    "effect": f"effect = (mutant {MINUS} unperturbed) / WT",
    "dinuc_effect": f"effect = (mutant {MINUS} dinuc) / WT; dinuc: that context, shuffled",
}


def _swaps(results: PageResults) -> Iterator[PageFigure]:
    dataset = results.deciding("context_swap")
    sources = in_order(texts(dataset["source_category"]))
    for measure, title, paper, caption in (
        ("effect", "TSSs in other contexts", "Figure 2c", "TSSs placed in the contexts of "
         "other loci. 0: as active there as the TSS that was there."),
        ("dinuc_effect", "The same, in shuffled contexts", "Supplementary Figure 1",
         "The control in shuffled contexts, which keep their dinucleotides alone."),
    ):  # fmt: skip
        if not sources:
            continue
        figure, axes = report.panels(1, len(sources), width=width_of(len(sources)), height=55)
        for one, ax in zip(sources, axes[0], strict=True):
            report.swap_boxes(dataset, source=one, measure=measure, track=results.view.track, ax=ax)
        yield PageFigure(
            "Contexts",
            title,
            paper,
            f"{caption} Few pairs of loci are points; of many, a box holds the middle half.",
            figure,
            _SWAP[measure],
            values_of(dataset, measure),
        )


def _tiles(
    test: str, title: str, paper: str, caption: str
) -> Callable[[PageResults], Iterator[PageFigure]]:
    def draw(results: PageResults) -> Iterator[PageFigure]:
        dataset = results.deciding(test)
        labels = labels_of(results, dataset)
        words = caption
        if test == "sufficiency" and site_word(dataset.attrs) != "TSS":
            words = "The effect of a tile by itself in random sequence: enhancers are positive."
        yield PageFigure(
            "Tiles",
            title,
            paper,
            words,
            report.tile_effects(dataset, labels, track=results.view.track),
            formula_of(test, dataset.attrs),
            values_of(dataset, *_EFFECT, labels=labels),
        )
        if test == "sufficiency":
            yield from _bars(results, dataset)
            yield from _against(results, dataset)
            yield from _maps(results, dataset)

    return draw


def _against(results: PageResults, sufficiency: xr.Dataset) -> Iterator[PageFigure]:
    if "necessity" not in results.labels:
        return
    try:
        table = necessity_and_sufficiency(results.deciding("necessity"), sufficiency)
    except ConfigError:  # no tile in common
        return
    category = table["locus"].map(lambda name: results.view.categories.get(name, ""))
    names = [name for name in CONTEXTS if (category == name).any()]
    parts = {name: table[category == name] for name in names} or {"": table}
    figure, axes = report.panels(1, len(parts), width=width_of(len(parts)), height=58)
    for (name, part), ax in zip(parts.items(), axes[0], strict=True):
        report.necessity_sufficiency(
            part, track=results.view.track, title=name, colour=PALETTE.get(name), ax=ax
        )
    yield PageFigure(
        "Tiles",
        "Necessity against sufficiency",
        "Supplementary Figure 2c to e",
        "A point is a tile. Necessity does not imply sufficiency. Spearman's correlation has its "
        "interval over loci.",
        figure,
        "; ".join(
            f"{test}: {formula_of(test, table.attrs.get(test, {}))}"
            for test in ("necessity", "sufficiency")
        ),
        table,
    )


def _maps(results: PageResults, sufficiency: xr.Dataset) -> Iterator[PageFigure]:
    """The locus of each category whose tiles do most."""
    if "necessity" not in results.labels:
        return
    necessity = results.deciding("necessity")
    common = [str(n) for n in necessity["locus"].values if n in sufficiency["locus"].values]
    if not common:
        return
    does = abs(necessity["effect"].sel(locus=common).isel(track=0)).max("tile").fillna(0)
    labels = [results.view.categories.get(name, "") for name in common]
    chosen = []
    for category in [c for c in CONTEXTS if c in labels] or [""]:
        of = [k for k, label in enumerate(labels) if label == category]
        if of:
            chosen.append(common[max(of, key=lambda k: float(does.values[k]))])
    if not chosen:
        return
    # q depends on all loci, and replicates are too many to keep.
    necessity = _with_q(results, "necessity", necessity)
    sufficiency = _with_q(results, "sufficiency", sufficiency)
    genes = {name: _genes(results, necessity.sel(locus=name)) for name in chosen}
    height = 60 if any(genes.values()) else 48
    figure, axes = report.panels(len(chosen), 1, width=175, height=height * len(chosen))
    for name, ax in zip(chosen, axes[:, 0], strict=True):
        report.tile_map(
            necessity, sufficiency, locus=name, track=results.view.track, genes=genes[name], ax=ax
        )
    shown = (part.sel(locus=chosen) for part in (necessity, sufficiency))
    lost = any(without_bases(part) is not None for part in shown)
    marked = [within_noise(part) for part in (necessity, sufficiency)]
    grey = f"Grey: within noise (q above {Q:g}). " if any(m is not None for m in marked) else ""
    hatched = "Hatched: tiles that were not measured, for lack of bases. " if lost else ""
    arrows = "Arrows: annotated TSSs, the locus's own gene in bold. " if any(genes.values()) else ""
    yield PageFigure(
        "Tiles",
        "Tiles along the sequence",
        "Figure 3a",
        "For each kind of context, the locus with the largest necessity effect of either sign. "
        f"Error bars are standard errors over replicates. {arrows}{grey}{hatched}Every locus has "
        "such a map below, to zoom into.",
        figure,
        "; ".join(
            f"{test}: {formula_of(test, part.attrs)}"
            for test, part in (("necessity", necessity), ("sufficiency", sufficiency))
        ),
        pd.concat(
            [
                values_of(part.sel(locus=chosen), *_EFFECT, "q").assign(test=test)
                for test, part in (("necessity", necessity), ("sufficiency", sufficiency))
            ]
        ),
    )


def _with_q(results: PageResults, test: str, deciding: xr.Dataset) -> xr.Dataset:
    q = q_values(results.open(test).sel(track=[results.view.track]))
    return deciding if q is None else deciding.assign(q=q)


def _genes(results: PageResults, one: xr.Dataset) -> list[TSS]:
    """The TSSs within a locus's window."""
    if results.neighbours is None or not {"contig", "start", "end"} <= set(one.coords):
        return []
    contig, start, end = (one[key].item() for key in ("contig", "start", "end"))
    return results.neighbours.of_map(str(contig), int(start), int(end))


def _bars(results: PageResults, sufficiency: xr.Dataset) -> Iterator[PageFigure]:
    limits = results.view.limits[1]
    there = np.isfinite(sufficiency["effect"].values)
    if not there.any():
        return
    lengths = (sufficiency["tile_end"] - sufficiency["tile_start"]).values
    width = int(np.nanmax(lengths))
    histogram = distance_histogram(sufficiency, classes=_classes(results), bin_width=width, **FEW)
    by_control = ", as a share of the control" if limits.silencers_by == "control" else ""
    beyond = "" if limits.q_below is None else f", both with q below {limits.q_below:g}"
    yield PageFigure(
        "Tiles",
        "Where CREs lie",
        "Figure 3d",
        f"Tiles that are enhancers (sufficiency above {limits.weak:g}) and silencers (below "
        f"{MINUS}{limits.silencers[0]:g}{by_control}){beyond}, by their distance from the "
        f"{site_word(sufficiency.attrs)}.",
        report.distance_bars(histogram.assign_attrs(sufficiency.attrs), track=results.view.track),
        "number of tiles of each kind in a bin of distances",
        tidy(histogram),
    )


_MOVED = "fold change = activity with the CRE moved / activity with it at its own place"


def _distances(results: PageResults) -> Iterator[PageFigure]:
    dataset = results.deciding("distance")
    kinds = _kind_of_tiles(results, dataset)
    curves = {}
    for kind in ("enhancer", "silencer"):
        part = dataset[["fold_change"]].where(kinds == kind)
        if bool(part["fold_change"].notnull().any()):
            curves[f"{kind}s"] = distance_curve(part, **FEW)
    if not curves:
        curves["CREs"] = distance_curve(dataset[["fold_change"]], **FEW)
    yield PageFigure(
        "Distance",
        "CREs at other distances",
        "Figure 3e",
        "Activity with the CRE moved, over that with the CRE at its own position; both sides of "
        "the TSS averaged. The band is the standard deviation of the mean over loci.",
        report.distance_curves(curves, track=results.view.track),
        _MOVED,
        pd.concat([tidy(curve).assign(cres=kind) for kind, curve in curves.items()]),
    )
    yield PageFigure(
        "Distance",
        "Both sides of the TSS",
        "",
        "The first CREs one by one, each with its own position marked.",
        report.distance_profiles(dataset, track=results.view.track, most=5),
        _MOVED,
        values_of(dataset, "fold_change", "fold_change_std", "fold_change_se"),
    )


def _kind_of_tiles(results: PageResults, dataset: xr.Dataset) -> xr.DataArray:
    """``enhancer`` or ``silencer`` by sufficiency, (locus, tile); empty where unknown."""
    kinds = np.full((dataset.sizes["locus"], dataset.sizes["tile"]), "", dtype=object)
    if "sufficiency" in results.labels:
        classes = kind_of(_classes(results)).isel(track=0)
        of = {
            (str(locus), int(start)): str(kind)
            for locus, starts, row in zip(
                classes["locus"].values, _starts(classes), classes.values, strict=True
            )
            for start, kind in zip(starts, row, strict=True)
            if np.isfinite(start)
        }
        for row, (locus, starts) in enumerate(
            zip(dataset["locus"].values, _starts(dataset["fold_change"]), strict=True)
        ):
            for column, start in enumerate(starts):
                if np.isfinite(start):
                    kinds[row, column] = of.get((str(locus), int(start)), "")
    return xr.DataArray(kinds, dims=("locus", "tile"))


def _classes(results: PageResults) -> xr.DataArray:
    """Class of each tile of the deciding track, by the thresholds of the results."""
    dataset = results.open("sufficiency").sel(track=[results.view.track]).load()
    dataset = compared(dataset, results.view.panel)
    return cre_classes(dataset, **results.view.limits[1].of_tiles())


def _starts(values: xr.DataArray) -> np.ndarray:
    """First base of each tile, (locus, tile) float64; NaN where a locus has fewer."""
    like = xr.DataArray(
        np.zeros((values.sizes["locus"], values.sizes["tile"])), dims=("locus", "tile")
    )
    starts = values["tile_start"].variable.set_dims(dict(like.sizes))
    return np.asarray(starts.transpose("locus", "tile").values, dtype=np.float64)


_FIGURES_OF: dict[str, Callable[[PageResults], Iterator[PageFigure]]] = {
    "context_dependence": _contexts,
    "context_swap": _swaps,
    "necessity": _tiles(
        "necessity",
        "Necessity of tiles",
        "Figure 3b",
        "The share of the activity that is lost when a tile is shuffled: enhancers are positive. "
        "The widest box holds the middle half of the values, the next the middle three quarters, "
        "and so on.",
    ),
    "sufficiency": _tiles(
        "sufficiency",
        "Sufficiency of tiles",
        "Figure 3c",
        "The activity that a tile adds to the TSS tile in a shuffled context: enhancers are "
        "positive.",
    ),
    "distance": _distances,
    "higher_order": searches,
    "set_sufficiency": enough,
    "multiplicity": copies,
    "fine_tile": fine,
    "interactions": networks,
    "compatibility": pairs,
    "design": designs,
    "design_check": checks,
}
