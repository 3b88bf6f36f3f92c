"""A notebook that opens the same results with xarray, shows a table and draws figures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from creme.results.neighbours import NEIGHBOUR
from creme.results.view import ResultsView


def notebook(view: ResultsView, folder: Path) -> str:
    """The text of a notebook (nbformat 4.5) that stands in a folder and finds its results from it.

    Its cells are those that have something to show; none has an output yet.

    Parameters
    ----------
    view : ResultsView
    folder : Path
        Where it is going to stand.
    """
    relative = Path(os.path.relpath(view.path.resolve(), folder.resolve())).as_posix()
    cells = [*_first(view, relative), *_of_study(view), *_tests(view)]
    numbered = [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells)]
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


def _first(view: ResultsView, relative: str) -> list[dict[str, Any]]:
    name = view.name.replace("`", "'")
    return [
        _text(
            f"# The {view.kind} `{name}`",
            "",
            "It opens the results where they are; the path is relative to this notebook. It needs",
            "Jupyter, and creme-toolkit with its extra `[report]`.",
            "",
            "A model's results are hypotheses about biology, not measurements.",
        ),
        _code(
            "%matplotlib inline",
            "import pandas as pd",
            "",
            "import creme",
            "from creme import report",
            "",
            f"results = creme.open_results({relative!r})",
            "track = results.track",
            "pd.DataFrame(results.stages).T",
        ),
    ]


def _of_study(view: ResultsView) -> list[dict[str, Any]]:
    """The tables of a study's decisions."""
    if view.kind != "study":
        return []
    headings = {
        "funnel": "The selection of TSSs",
        "categories": "Categories of contexts",
        "cre_classes": "CREs",
    }
    cells: list[dict[str, Any]] = []
    for name, heading in headings.items():
        if name in view.tables and len(view.table(name)):
            cells += [_text(f"## {heading}"), _code(f"results.table({name!r})")]
    return cells


def _tests(view: ResultsView) -> list[dict[str, Any]]:
    """Each Dataset, then its figure or its table."""
    cells: list[dict[str, Any]] = []
    first: dict[str, str] = {}
    for number, label in enumerate(view.tests):
        opened, shown = view.open(label), view.presentation(label)
        name = label if label.isidentifier() and not label.startswith("_") else f"test_{number}"
        name = f"{name}_results"
        heading = [f"## {label}", "", shown.summary] if shown.summary else [f"## {label}"]
        loaded = f"{name} = results.dataset({label!r})"
        if NEIGHBOUR in opened.dims:
            loaded += ".isel(neighbour=0)  # the loci's own TSSs, which figures show"
        cells += [_text(*heading), _code(loaded, name)]
        if shown.test == "context_dependence":
            limits = view.limits[0]
            cells.append(
                _code(
                    f"ax = report.context_histogram({name}, track=track, "
                    f"enhancing={limits.enhancing}, neutral={limits.neutral}, "
                    f"silencing={limits.silencing})",
                    "ax.figure",
                )
            )
        elif shown.test in ("necessity", "sufficiency") and opened.sizes.get("locus"):
            cells += [
                _text("Every replicate of its first locus, by tile:"),
                _code(
                    f"one = {name}.isel(locus=0).sel(track=track)",
                    "one['effect_replicates'].dropna('tile', how='all').to_pandas()",
                ),
            ]
            first.setdefault(shown.test, name)
        elif label in view.tables:
            cells.append(_code(f"results.table({label!r}).head(20)"))
    if first:
        arguments = ", ".join(f"{test}={name}" for test, name in first.items())
        cells += [
            _text("## The tiles of one locus"),
            _code(
                f"locus = {next(iter(first.values()))}['locus'].values[0]",
                f"ax = report.tile_map({arguments}, locus=locus, track=track)",
                "ax.set_title(locus)",
                "ax.figure",
            ),
        ]
    return cells
