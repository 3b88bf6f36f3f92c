"""A notebook that opens the same results with xarray, shows a table and draws figures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from creme.export.source import Source
from creme.study.loci import TEST


def notebook(source: Source, folder: Path) -> str:
    """The text of a notebook (nbformat 4.5) that stands in a folder and finds its results from it.

    Its cells are those that have something to show; none has an output yet.

    Parameters
    ----------
    source : Source
    folder : Path
        Where it is going to stand.
    """
    here = Path(os.path.relpath(source.path.resolve(), folder.resolve())).as_posix()
    cells = _study_cells(source, here) if source.study else _results_cells(source, here)
    numbered = [
        {"id": f"cell-{number}", **cell} for number, cell in enumerate([*_first(source), *cells])
    ]
    document = {
        "cells": numbered,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _text(*lines: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": "\n".join(lines)}


def _code(*lines: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": "\n".join(lines),
    }


def _first(source: Source) -> list[dict[str, Any]]:
    what = "study" if source.study else "experiment"
    name = source.name.replace("`", "'")
    return [
        _text(
            f"# The {what} `{name}`",
            "",
            "It opens the results where they are; the path is relative to this notebook. It needs",
            '`pip install "creme-toolkit[report]" jupyter`.',
            "",
            "What a model shows is a hypothesis about biology, and not a measurement.",
        )
    ]


def _study_cells(source: Source, here: str) -> list[dict[str, Any]]:
    assert source.study is not None
    tables = source.study.folder.tables()
    cells = [
        _code(
            "%matplotlib inline",
            "import pandas as pd",
            "",
            "from creme import report",
            "from creme.study import StudyResults",
            "",
            f"study = StudyResults({here!r})",
            "track = study.raw['track']",
            "pd.DataFrame(study.stages).T",
        )
    ]
    if "funnel" in tables:
        cells += [
            _text("## The selection of TSSs"),
            _code("study.table('funnel')"),
        ]
    if "categories" in tables and "context_dependence" in source.labels:
        cells += [
            _text("## Categories of contexts"),
            _code("study.table('categories')"),
        ]
    if "cre_classes" in tables and "sufficiency" in source.labels:
        cells += [
            _text("## CREs"),
            _code("study.table('cre_classes')"),
        ]
    return cells + _tests(source, "study.dataset({!r})", source.labels)


def _results_cells(source: Source, here: str) -> list[dict[str, Any]]:
    cells = [
        _code(
            "%matplotlib inline",
            "from creme import report",
            "from creme.results.tidy import tidy",
            "from creme.results.directory import Results",
            "",
            f"results = Results.existing({here!r})",
            "results.labels()",
        )
    ]
    return cells + _tests(source, "results.load({!r})", source.labels)


def _tests(source: Source, opened: str, labels: list[str]) -> list[dict[str, Any]]:
    """Each Dataset, then what is drawn of it."""
    cells: list[dict[str, Any]] = []
    first: dict[str, str] = {}
    for number, label in enumerate(labels):
        dataset = source.load(label)
        test = str(dataset.attrs.get("test", ""))
        name = label if label.isidentifier() and not label.startswith("_") else f"test_{number}"
        name = f"{name}_results"
        cells += [_text(f"## {label}"), _code(f"{name} = {opened.format(label)}", name)]
        track = "track" if source.study else f"{name}['track'].values[0]"
        if test == "context_dependence":
            limits = source.categories
            cells.append(
                _code(
                    f"ax = report.context_histogram({name}, track={track}, "
                    f"enhancing={limits.enhancing}, neutral={limits.neutral}, "
                    f"silencing={limits.silencing})",
                    "ax.figure",
                )
            )
        if test in ("necessity", "sufficiency") and dataset.sizes.get("locus"):
            cells += [
                _text("Every replicate of its first locus, by tile:"),
                _code(
                    f"one = {name}.isel(locus=0).sel(track={track})",
                    "one['effect_replicates'].dropna('tile', how='all').to_pandas()",
                ),
            ]
            first.setdefault(test, name)
        elif test not in ("context_dependence", TEST) and not source.study:
            cells.append(_code(f"tidy({name}).head(20)"))
    if first:
        given = [f"{test}={name}" for test, name in first.items()]
        name = next(iter(first.values()))
        track = "track" if source.study else f"{name}['track'].values[0]"
        cells += [
            _text("## The tiles of one locus"),
            _code(
                f"locus = {name}['locus'].values[0]",
                f"ax = report.tile_map({', '.join(given)}, locus=locus, track={track})",
                "ax.set_title(locus)",
                "ax.figure",
            ),
        ]
    return cells
