"""The page: sections, data and script put together, and written in one step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

from creme.errors import ConfigError
from creme.files.durable import write_text
from creme.motifs.matches import P
from creme.report.axis_labels import effect_label
from creme.report.page import sections, settings
from creme.report.page.backgrounds import backgrounds
from creme.report.page.certainty import certainty
from creme.report.page.compare import comparison
from creme.report.page.elements import Elements
from creme.report.page.encode import Data, Html, as_json, joined, name, packed, tag, text
from creme.report.page.figures import figures
from creme.report.page.frame import asset, policy, style_sheet
from creme.report.page.gene_models import GeneModels
from creme.report.page.locus import MOST_TRACKS, each_locus
from creme.report.page.locus_measures import LocusMeasures
from creme.report.page.measure_section import measure_sections
from creme.report.page.results import PageResults
from creme.report.page.windows import Windows
from creme.results.annotate import Annotate
from creme.results.view import ResultsView
from creme.study.view import open_results

NAME = "report.html"
ENSEMBL = {
    "hg38": ("www", "Homo_sapiens"),
    "GRCh38": ("www", "Homo_sapiens"),
    "hg19": ("grch37", "Homo_sapiens"),
    "GRCh37": ("grch37", "Homo_sapiens"),
    "mm39": ("www", "Mus_musculus"),
    "GRCm39": ("www", "Mus_musculus"),
}
"""Ensembl's site and species of the assemblies that it shows today."""
_SCRIPTS = (
    *("base.js", "save.js", "table.js", "map.js", "charts.js", "measure.js", "locus.js"),
    "start.js",
)


def write_report(
    source: str | Path,
    output: str | Path | None = None,
    compare: str | Path | None = None,
    annotate: Mapping[str, str] | None = None,
) -> Path:
    """Write the report of a study, or of an experiment's results, as one HTML file.

    The file needs no network, and allows itself none. The same results give the same bytes.

    Parameters
    ----------
    source : str or Path
        A study's folder or a results directory; what is there of it is shown.
    output : str or Path, optional
        The file; ``report.html`` in the folder unless given. It stands whole or not at all.
    compare : str or Path, optional
        Another study or results directory, to compare with in a section of its own.
    annotate : mapping of str to str, optional
        What is laid beside the results, before that of their file; see
        `creme.results.annotate.Annotate`.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ResultsError
        If `source` or `compare` is neither a study's folder nor a results directory.
    ConfigError
        If there is no folder for the file, the two have nothing that can be compared, or a file
        of `annotate` is missing.
    PluginError
        If matplotlib is missing.
    """
    view = open_results(source)
    path = Path(output) if output is not None else view.path / NAME
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: give the name of a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}: make it first")
    other = open_results(compare) if compare is not None else None
    write_text(path, render(view, other, Annotate.of(view, annotate)))
    return path


def render(
    view: ResultsView, other: ResultsView | None = None, annotate: Annotate | None = None
) -> str:
    """The page as text."""
    results = PageResults(view, annotate=annotate)
    rows: list[Data] = []
    blocks: list[Html] = []
    measures = LocusMeasures(results, view.tracks[:MOST_TRACKS])
    windows = Windows(results)
    elements = Elements(results.view.limits[1].minimum_effect)
    assembly = results.annotate.assembly
    for k, locus in enumerate(each_locus(results, measures, windows)):
        rows.append(locus.row)
        elements.add(k, locus.data)
        blocks.append(tag("script", packed(locus.data), type="text/plain", id=f"d{k}"))
    shown = sections.figures_section(figures(results), measure_sections(results), results)
    contexts = backgrounds(results)
    strongest = elements.section(results.site)
    compared = comparison(results, PageResults(other)) if other is not None else None
    script, style = _script(), style_sheet()
    parts = {
        "policy": policy(style, script),
        "title": text(f"{view.name} \N{EN DASH} CREME report"),
        "style": style,
        "name": tag("bdi", view.name),
        "kind": view.kind,
        "site": text(results.site),
        "scale": text(_scale(results)),
        "assembly": text(results.annotate.ucsc),
        "ensembl": text(json.dumps(ENSEMBL.get(assembly))),
        "caveat": text(sections.CAVEAT),
        "navigation": _navigation(
            elements=strongest is not None,
            backgrounds=contexts is not None,
            loci=bool(rows),
            comparison=compared is not None,
        ),
        "summary": joined([sections.summary(view, len(rows)), windows.summary()]),
        "elements": strongest or "",
        "funnel": sections.funnel(view) or "",
        "tracks": _notes(results, measures),
        "figures": joined([shown, certainty(results)]),
        "backgrounds": contexts or "",
        "comparison": compared or "",
        "stages": sections.stages(view),
        "settings": settings.settings(view),
        "citation": settings.citation(view),
        "version": text(view.versions.get("creme-toolkit", "")),
        "table": as_json(_columns(rows)),
        "blocks": joined(_lines(blocks)),
        "script": script,
    }
    return Template(asset("page.html")).substitute(parts)


def _scale(results: PageResults) -> str:
    """How the context effect is computed, for the table of loci."""
    label = results.labels.get("context_dependence")
    attributes = {} if label is None else results.view.open(label).attrs
    return effect_label("context_dependence", attributes, lines=1).partition(", ")[2]


def _lines(blocks: list[Html]) -> Iterator[Html]:
    for block in blocks:
        yield block
        yield Html("\n")


def _columns(rows: list[Data]) -> dict[str, list[object]]:
    """The table by column: names once, and only columns that hold something."""
    columns: dict[str, list[object]] = {}
    for key in rows[0] if rows else ():
        values = [row[key] for row in rows]
        if any(value not in (None, "") for value in values):
            columns[key] = values
    if columns.get("locus") == columns.get("gene"):
        columns.pop("locus", None)
    return columns


def _notes(results: PageResults, measures: LocusMeasures) -> Html:
    """The activities and the tests that the loci's sections show, where there are several."""
    sentences: list[object] = []
    tracks = results.view.tracks
    if len(tracks) > 1:
        sentences += ["The table and the figures are those of "]
        sentences += [settings.described(results.view, tracks[0]), ". "]
    if len(tracks) > MOST_TRACKS:
        sentences.append(f"Loci show {MOST_TRACKS} of {len(tracks)} activities. ")
    further = [label for label, _ in results.further]
    if further:
        first = sorted({results.labels[test] for _, test in results.further})
        sentences.append(
            f"The table and the maps are those of {', '.join(first)}; {', '.join(further)} "
            f"{'stands' if len(further) == 1 else 'stand'} below the map of each locus. "
        )
    sentences += [f"{note} " for note in (*measures.notes, *results.notes)]
    if results.motifs is not None and results.annotate.meme is not None:
        source = name(results.annotate.meme.name)
        sentences += ["Motifs are matches by FIMO of those in ", source, f" with p below {P:g}. "]
    if isinstance(results.neighbours, GeneModels):
        sentences += [
            "Genes and their exons are those of ",
            name(results.neighbours.path.name),
            ".",
        ]
    return tag("p", *sentences) if sentences else Html("")


def _navigation(**there: bool) -> Html:
    """Links to the sections, without those of the names that are not there."""
    links = {
        "summary": "Summary",
        "elements": "Strongest elements",
        "figures": "Figures",
        "backgrounds": "Backgrounds",
        "loci": "Loci",
        "comparison": "Comparison",
        "stages": "Predictions",
        "settings": "Settings",
        "cite": "How to cite",
    }
    return joined(
        tag("a", words, href=f"#{where}")
        for where, words in links.items()
        if there.get(where, True)
    )


def _script() -> str:
    whole = "\n".join(asset(name) for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{whole}\n}})();\n'
