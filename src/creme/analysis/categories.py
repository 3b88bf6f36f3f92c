"""Categories of contexts, classes of CREs, and the loci and tiles that belong to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from creme.analysis.calibration import PANEL_P
from creme.analysis.normalise import class_effect
from creme.errors import ConfigError, listing
from creme.files.small import read_text
from creme.files.small import reason as unreadable

CONTEXTS = ("enhancing", "neutral", "silencing")
CRE_CLASSES = ("strong enhancer", "weak enhancer", "weak silencer", "strong silencer")


def context_categories(
    dataset: xr.Dataset,
    *,
    enhancing: float = 0.95,
    neutral: float = 0.2,
    silencing: float = -0.5,
    q_below: float | None = None,
    evidence: xr.Dataset | None = None,
) -> xr.DataArray:
    """Category of each locus's context, by the context dependence test's effect.

    Parameters
    ----------
    dataset : Dataset
        Of the context dependence test.
    enhancing, neutral, silencing : float
        An enhancing context has an effect above `enhancing`, a neutral one between -`neutral` and
        `neutral`, a silencing one below `silencing`. The paper's thresholds unless given.
    q_below : float, optional
        Enhancing and silencing contexts need a q-value below it as well. A neutral context is one
        of a small effect, and needs none.
    evidence : Dataset, optional
        Of `creme.analysis.evidence.evidence`; of `dataset` unless given.

    Returns
    -------
    DataArray of text, (locus, track)
        ``enhancing``, ``neutral``, ``silencing``; empty where none, where the effect is NaN, or
        where `creme.analysis.normalise.class_effect` is.

    Raises
    ------
    ConfigError
        If the categories would overlap.

    Notes
    -----
    Section "TSS Context Dependence Test", Analysis.
    """
    if not silencing <= -neutral <= neutral <= enhancing:
        raise ConfigError(
            f"enhancing = {enhancing}, neutral = {neutral}, silencing = {silencing}: the "
            f"categories overlap; silencing <= -neutral <= neutral <= enhancing is needed"
        )
    effect = class_effect(dataset)
    beyond = _beyond_chance(dataset, q_below, evidence)
    chosen = np.select(
        [(effect > enhancing) & beyond, np.abs(effect) < neutral, (effect < silencing) & beyond],
        CONTEXTS,
        "",
    )
    return _text(effect, chosen, "category")


def cre_classes(
    dataset: xr.Dataset,
    *,
    weak: float = 0.3,
    strong: float = 0.5,
    weak_silencer: float | None = None,
    strong_silencer: float | None = None,
    silencers_by: Literal["wild_type", "control"] = "wild_type",
    q_below: float | None = None,
    p_below: float | None = None,
    minimum_effect: float = 0.05,
    evidence: xr.Dataset | None = None,
) -> xr.DataArray:
    """Class of each tile, by the sufficiency test's effect.

    Parameters
    ----------
    dataset : Dataset
        Of the sufficiency test.
    weak, strong : float
        A weak enhancer has an effect above `weak` and below `strong`, a strong one `strong` and
        above; a weak silencer between -`strong` and below -`weak`, a strong one below -`strong`.
    weak_silencer, strong_silencer : float, optional
        Thresholds of silencers, without their sign, where they differ from those of enhancers.
    silencers_by : {'wild_type', 'control'}
        The effect that makes a silencer: (CRE-TSS-MUTANT - TSS-CONTROL) / WT, as for enhancers; or
        by TSS-CONTROL, the share of the TSS's activity in random context that the tile takes away,
        which is never below -1. The latter needs ``mutant`` and ``control``.
    q_below : float, optional
        A class needs a q-value below it as well, and an effect (by the wild type) of at least
        `minimum_effect`, with either sign.
    p_below : float, optional
        A class needs a rank p below it as well, and such an effect: ``effect_panel_p``, as
        `creme.analysis.calibration.with_panel` gives it. With `q_below` it needs both.
    minimum_effect : float
    evidence : Dataset, optional
        Of `creme.analysis.evidence.evidence`, of these tiles and maybe others; of `dataset` unless
        given, which then has to be whole: q-values depend on the tests beside.

    Returns
    -------
    DataArray of text, (locus, tile, track)
        One of `CRE_CLASSES`; empty where none, where the effect is NaN, or
        where `creme.analysis.normalise.class_effect` is.

    Notes
    -----
    Section "CRE Sufficiency Test", Analysis, and the legend of Figure 3d for the weak edges.
    Silencers by control: the published tables of CREs (docs/published_results.md).
    """
    low = weak if weak_silencer is None else weak_silencer
    high = strong if strong_silencer is None else strong_silencer
    for edges in ((weak, strong), (low, high)):
        if not 0 <= edges[0] <= edges[1]:
            raise ConfigError(
                f"weak = {edges[0]}, strong = {edges[1]}: 0 <= weak <= strong is needed"
            )
    effect = class_effect(dataset)
    lost = effect
    if silencers_by == "control":
        lost = _by_control(dataset).where(effect.notnull())
    beyond = _beyond_chance(dataset, q_below, evidence)
    if p_below is not None:
        beyond = beyond & _beyond_panel(dataset, p_below)
    if q_below is not None or p_below is not None:
        beyond = beyond & (np.abs(effect) >= minimum_effect)
    conditions = [
        (effect > weak) & (effect >= strong),
        effect > weak,
        (lost < -low) & (lost >= -high),
        lost < -low,
    ]
    classes = np.select([condition & beyond for condition in conditions], CRE_CLASSES, "")
    return _text(effect, classes, "cre_class")


def _by_control(dataset: xr.Dataset) -> xr.DataArray:
    """A tile's change as a share of TSS-CONTROL: of means over the replicates of both."""
    mutant, control = (dataset[name].astype(np.float64) for name in ("mutant", "control"))
    if "replicate" in mutant.dims:
        used = mutant.notnull()
        mutant = mutant.mean("replicate")
        control = control.where(used).mean("replicate")
    change = (mutant - control) / control.where(control > 0)
    return change.transpose(*dataset["effect"].dims)


def _beyond_chance(
    dataset: xr.Dataset, q_below: float | None, evidence: xr.Dataset | None
) -> xr.DataArray:
    """Whether each effect has a q-value below; True for all without a limit."""
    effect = dataset["effect"]
    if q_below is None:
        return xr.ones_like(effect, dtype=bool)
    if evidence is None:
        from creme.analysis.evidence import evidence as evidence_of

        evidence = evidence_of(dataset)
    _, q = xr.align(effect, evidence["q"], join="left", exclude={"replicate"})
    return (q < q_below).transpose(*effect.dims)


def _beyond_panel(dataset: xr.Dataset, p_below: float) -> xr.DataArray:
    name = f"effect_{PANEL_P}"
    if name not in dataset:
        raise ConfigError(
            f"p_below = {p_below}: the effects have no rank p; give [calibration] panel a file "
            f"that 'creme calibrate' has made of this model and test"
        )
    return (dataset[name] < p_below).transpose(*dataset["effect"].dims)


def kind_of(classes: xr.DataArray) -> xr.DataArray:
    """``enhancer`` or ``silencer``, weak and strong together; empty where none."""
    values = texts(classes)
    kinds = np.where(values == "", "", np.char.rpartition(values, " ")[..., 2])
    return _text(classes, kinds, "kind")


def members(categories: xr.DataArray, track: str | None = None) -> dict[str, list[str]]:
    """Names of the loci of each category: the ``groups`` of the context swap test.

    Parameters
    ----------
    categories : DataArray of text, (locus, track) or (locus,)
    track : str, optional
        Required if there are several.
    """
    chosen = _of_track(categories, track)
    groups: dict[str, list[str]] = {}
    for locus, category in zip(chosen["locus"].values, texts(chosen).tolist(), strict=True):
        if category:
            groups.setdefault(category, []).append(str(locus))
    return dict(sorted(groups.items()))


def tiles_of(
    classes: xr.DataArray, wanted: Collection[str] = CRE_CLASSES, track: str | None = None
) -> dict[str, list[tuple[int, int]]]:
    """The tiles of the wanted classes by locus: the ``tiles`` of a test.

    Parameters
    ----------
    classes : DataArray of text, (locus, tile, track) or (locus, tile)
        With the coordinates ``tile_start`` and ``tile_end``.
    wanted : collection of str
        Classes.
    track : str, optional
        Required if there are several.

    Returns
    -------
    dict of locus to list of (start, end)
        Without loci that have no such tile.
    """
    unknown = set(wanted) - {*CRE_CLASSES, "enhancer", "silencer"}
    if unknown:
        raise ConfigError(
            f"there is no CRE class {listing(sorted(unknown))}; choose of "
            f"{listing([*CRE_CLASSES, 'enhancer', 'silencer'])}"
        )
    chosen = _of_track(classes, track).transpose("locus", "tile")
    starts = chosen["tile_start"].broadcast_like(chosen).transpose("locus", "tile").values
    ends = chosen["tile_end"].broadcast_like(chosen).transpose("locus", "tile").values
    tiles: dict[str, list[tuple[int, int]]] = {}
    for row, locus in enumerate(chosen["locus"].values):
        indices = np.flatnonzero(np.isin(texts(chosen.values[row]), list(wanted)))
        if indices.size:
            tiles[str(locus)] = [(int(starts[row, at]), int(ends[row, at])) for at in indices]
    return tiles


def housekeeping_share(categories: xr.DataArray, genes: Iterable[str]) -> xr.Dataset:
    """Count the housekeeping genes among the loci of each category.

    Parameters
    ----------
    categories : DataArray of text, (locus, track)
        With the coordinate ``gene``.
    genes : iterable of str
        Names of housekeeping genes; see `read_genes`.

    Returns
    -------
    Dataset, (category, track)
        ``housekeeping`` and ``n``, counts of loci, and ``share``; NaN where a category is empty.

    Notes
    -----
    Section "Do CREs yield similar effects on non-target genes?": 49 % of the neutral contexts.
    """
    listed = np.isin(texts(categories["gene"]), list(genes))
    housekeeping = xr.DataArray(listed, dims="locus")
    inside = xr.concat(
        [categories == name for name in CONTEXTS], dim=pd.Index(CONTEXTS, name="category")
    )
    n = inside.sum("locus")
    count = (inside & housekeeping).sum("locus")
    return xr.Dataset({"housekeeping": count, "n": n, "share": count / n.where(n > 0)})


def read_genes(path: str | Path) -> set[str]:
    """Gene names of a list, one a line, or of a table with a column ``Gene.name`` or ``gene``.

    Raises
    ------
    ConfigError
        If it cannot be read, there is no such column in a table, or a line lacks it.
    """
    try:
        lines = read_text(Path(path)).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {unreadable(error)}") from None
    separator = next((mark for mark in (";", "\t", ",") if lines and mark in lines[0]), None)
    if separator is None:
        return {line.strip() for line in lines if line.strip()}
    header = [name.strip().strip('"') for name in lines[0].split(separator)]
    column = next((at for at, name in enumerate(header) if name in ("Gene.name", "gene")), None)
    if column is None:
        raise ConfigError(f"{path}: no column 'Gene.name' or 'gene' among {listing(header)}")
    genes = set()
    for number, line in enumerate(lines[1:], start=2):
        row = line.split(separator)
        if line.strip() and len(row) <= column:
            raise ConfigError(f"{path}, line {number}: there is no column {column + 1}")
        if line.strip():
            genes.add(row[column].strip().strip('"'))
    return genes


def texts(values: ArrayLike) -> NDArray[np.str_]:
    """Text of any dtype as one that numpy's functions take; missing values (NaN) are empty.

    Text read from disk has variable width (`numpy.dtypes.StringDType`), which few of them take.
    """
    objects = np.asarray(values).astype(object)
    return np.where(pd.isnull(objects), "", objects).astype(str)


def _text(like: xr.DataArray, values: np.ndarray, name: str) -> xr.DataArray:
    return like.copy(data=np.asarray(values, dtype=object)).rename(name)


def _of_track(values: xr.DataArray, track: str | None) -> xr.DataArray:
    if "track" not in values.dims:
        return values
    if track is None:
        if values.sizes["track"] > 1:
            raise ConfigError(
                f"choose one of the tracks {listing(values['track'].values)}: they may differ"
            )
        return values.isel(track=0)
    if track not in values["track"].values:
        raise ConfigError(f"there is no track {track!r}: {listing(values['track'].values)}")
    return values.sel(track=track)
