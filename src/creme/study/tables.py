"""Tidy tables of each stage, and of the analyses that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
import xarray as xr

from creme.analysis.additive import additive_comparison
from creme.analysis.categories import CONTEXTS
from creme.analysis.distances import distance_curve
from creme.analysis.saturation import saturation
from creme.results.tidy import tidy
from creme.study.config import StudyFile
from creme.study.folder import tables_of
from creme.study.work import categorised, category_of, classified, labelled


@dataclass(frozen=True)
class Found:
    """What tables are made of.

    Attributes
    ----------
    study : StudyFile
    track : str
        The deciding one.
    dataset : Dataset
        Of the stage.
    categories : dict of locus to category
    classes : DataArray of text, (locus, tile), optional
    """

    study: StudyFile
    track: str
    dataset: xr.Dataset
    categories: Mapping[str, str]
    classes: xr.DataArray | None = None


def tables(stage: str, found: Found) -> dict[str, pd.DataFrame]:
    """All tables of a stage by name; the first one is the stage's own."""
    return _MAKERS[stage](found)


def empty(stage: str) -> dict[str, pd.DataFrame]:
    """The same tables of a stage that had nothing to do: without rows."""
    return {name: pd.DataFrame(columns=["locus"]) for name in tables_of(stage)}


def _tidy(dataset: xr.Dataset, found: Found, *names: str) -> pd.DataFrame:
    """Rows of some variables, without the fill between loci of different sizes."""
    known = [name for name in names if name in dataset]
    frame = tidy(dataset[known])
    for fill in ("tile_start", "position_start"):
        if fill in frame:
            frame = frame[frame[fill].notna()]
    if "source" not in frame:
        frame.insert(1, "category", frame["locus"].map(found.categories).fillna(""))
    whole = [c for c in frame if c in _WHOLE and frame[c].dtype.kind == "f"]
    return frame.astype(dict.fromkeys(whole, "Int64")).reset_index(drop=True)


_WHOLE = {
    *("tile_start", "tile_end", "genomic_start", "genomic_end", "distance", "position_start"),
    *("position_distance", "selected", "selected_start", "kept", "window", "kept_bp"),
    *("sub_start", "sub_end", "sub_genomic_start", "sub_genomic_end"),
}


def _statistics(name: str) -> tuple[str, ...]:
    return (name, f"{name}_std", f"{name}_se")


def _context_dependence(found: Found) -> dict[str, pd.DataFrame]:
    study, track = found.study, found.track
    limits = study.categories
    by_all = labelled(found.dataset, limits)
    names = [str(name) for name in found.dataset["locus"].values]
    category = by_all.sel(track=track).values.astype(str)
    taken = category_of(categorised(found.dataset, limits, track))
    own = found.dataset.sel(track=track)
    table = pd.DataFrame(
        {
            "locus": names,
            "gene": [str(gene) for gene in own["gene"].values],
            "effect": own["effect"].values,
            "effect_se": own["effect_se"].values,
            "category": category,
            "taken": [name in taken for name in names],
        }
    )
    known = Found(study, track, found.dataset, dict(zip(names, category, strict=True)))
    frame = _tidy(found.dataset, known, "wild_type", *_statistics("effect"))
    return {"context_dependence": frame, "categories": table}


def _context_swap(found: Found) -> dict[str, pd.DataFrame]:
    names = ("wild_type", "unperturbed", "mutant", "effect", *_statistics("dinuc_effect"))
    return {"context_swap": _tidy(found.dataset, found, *names)}


def _necessity(found: Found) -> dict[str, pd.DataFrame]:
    return {"necessity": _tidy(found.dataset, found, "wild_type", *_statistics("effect"))}


def _sufficiency(found: Found) -> dict[str, pd.DataFrame]:
    dataset = found.dataset
    frame = _tidy(dataset, found, "wild_type", *_statistics("effect"))
    classes = classified(dataset, found.study, found.track)
    frame = _with_class(frame, classes)
    own = frame[(frame["track"] == found.track) & (frame["cre_class"] != "")]
    columns = [
        *("locus", "category", "tile_start", "tile_end", "genomic_start", "genomic_end"),
        *("distance", "effect", "effect_se", "cre_class"),
    ]
    return {"sufficiency": frame, "cre_classes": own[columns].reset_index(drop=True)}


def _with_class(frame: pd.DataFrame, classes: xr.DataArray | None) -> pd.DataFrame:
    """The class of each row's tile, by its locus and start."""
    if classes is None:
        return frame
    known = classes.to_dataframe().reset_index()
    known = known[known["tile_start"].notna()][["locus", "tile_start", "cre_class"]]
    known = known.astype({"tile_start": frame["tile_start"].dtype}).drop_duplicates()
    joined = frame.merge(known, on=["locus", "tile_start"], how="left", validate="many_to_one")
    at = list(joined).index("category") + 1
    joined.insert(at, "cre_class", joined.pop("cre_class").fillna(""))
    return joined


def _distance(found: Found) -> dict[str, pd.DataFrame]:
    dataset = found.dataset
    frame = _with_class(_tidy(dataset, found, *_statistics("fold_change")), found.classes)
    parts = []
    of_tile = frame[["locus", "tile", "category", "cre_class"]].drop_duplicates()
    kinds = of_tile["cre_class"].str.rpartition(" ")[2]
    for key, rows in of_tile.groupby(of_tile["category"] + " " + kinds):
        category, _, kind = str(key).rpartition(" ")
        chosen = {(row.locus, row.tile) for row in rows.itertuples()}
        mask = xr.DataArray(
            [
                [(str(locus), int(tile)) in chosen for tile in dataset["tile"].values]
                for locus in dataset["locus"].values
            ],
            dims=("locus", "tile"),
        )
        curve = distance_curve(dataset[["fold_change"]].where(mask)).to_dataframe().reset_index()
        parts.append(curve[curve["n"] > 0].assign(category=category, kind=kind))
    columns = [
        *("category", "kind", "track", "distance"),
        *("mean", "se", "low", "high", "n"),
    ]
    curves = pd.concat(parts)[columns].sort_values(columns[:4], kind="stable")
    return {"distance": frame, "distance_curve": curves.reset_index(drop=True)}


def _higher_order(found: Found) -> dict[str, pd.DataFrame]:
    dataset = found.dataset
    comparison = additive_comparison(dataset, threshold=found.study.classes.additive)
    traces = dataset.assign(additive=comparison["additive"])
    frame = _tidy(traces, found, "wild_type", *_statistics("fold_change"), "additive", "initial")
    by = comparison[["mse", "difference", "interaction"]]
    sets = by.drop_vars([n for n in by.coords if n not in ("locus", "search", "track")])
    table = sets.to_dataframe(dim_order=["locus", "search", "track"]).reset_index()
    table.insert(1, "category", table["locus"].map(found.categories).fillna(""))
    return {"higher_order": frame, "interactions": table}


def _multiplicity(found: Found) -> dict[str, pd.DataFrame]:
    dataset = found.dataset
    frame = _with_class(_tidy(dataset, found, *_statistics("fold_change")), found.classes)
    curves = saturation(dataset, seed=found.study.seed)
    fitted = _with_class(_tidy(curves, found, *map(str, curves.data_vars)), found.classes)
    return {"multiplicity": frame, "saturation": fitted}


def _fine_tile(found: Found) -> dict[str, pd.DataFrame]:
    dataset = found.dataset
    frame = _with_class(_tidy(dataset, found, "score", "window", "kept_bp"), found.classes)
    parts = _with_class(
        _tidy(
            dataset,
            found,
            *("sub_start", "sub_end", "sub_genomic_start", "sub_genomic_end", "final_score"),
        ),
        found.classes,
    )
    return {
        "fine_tile": frame[frame["window"].notna()].reset_index(drop=True),
        "sub_tiles": parts[parts["sub_start"].notna()].reset_index(drop=True),
    }


_MAKERS: dict[str, Callable[[Found], dict[str, pd.DataFrame]]] = {
    "context_dependence": _context_dependence,
    "context_swap": _context_swap,
    "necessity": _necessity,
    "sufficiency": _sufficiency,
    "distance": _distance,
    "higher_order": _higher_order,
    "multiplicity": _multiplicity,
    "fine_tile": _fine_tile,
}


def counts(categories: pd.DataFrame) -> dict[str, int]:
    """Number of loci by category, from ``categories.csv``."""
    found = categories["category"].value_counts()
    names = {"": "none", **{context: context for context in CONTEXTS}}
    return {names[key]: int(found.get(key, 0)) for key in (*CONTEXTS, "")}


def class_counts(classes: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Number of tiles by category and class, from ``cre_classes.csv``."""
    return {
        str(context): {
            str(name): int(n) for name, n in part["cre_class"].value_counts().sort_index().items()
        }
        for context, part in classes.groupby("category")
        if context
    }
