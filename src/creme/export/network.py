"""Local networks as files: a table, GraphML, BEDPE and UCSC's interact format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from creme.analysis.epistasis import pair_table
from creme.analysis.network import JOINED, edges, joined_pairs
from creme.errors import ConfigError
from creme.export.tables import write_csv
from creme.files.durable import write_text
from creme.genome.places import interval_text
from creme.packages import lacking
from creme.results.neighbours import own
from creme.results.view import ResultsView

if TYPE_CHECKING:
    import networkx

COLOURS = {
    "+": "213,94,0",
    "-": "0,114,178",
    "redundant": "140,140,140",
    "cooperative": "0,158,115",
    "insulating": "204,121,167",
}
"""red,green,blue of edges by their sign, and of pairs of tiles by their kind."""

COLUMNS = (
    *("locus", "track", "kind", "contig", "source_start", "source_end", "target_start"),
    *("target_end", "target_gene", "target_transcript", "target_strand", "effect", "q", "sign"),
)
"""Of `network`."""


def network(view: ResultsView) -> pd.DataFrame:
    """The edges of all loci: tiles on TSSs, tiles on the accessibility of tiles, pairs of tiles.

    A study's are its tables, by the thresholds of ``[network]``; an experiment's are made of its
    necessity and interactions tests by the usual ones.

    Parameters
    ----------
    view : ResultsView

    Returns
    -------
    DataFrame
        `COLUMNS`. ``kind`` is ``tss``, ``accessibility``, or that of a pair: redundant,
        cooperative or insulating, whose ``effect`` is the epistasis in log2. A pair that insulates
        goes from the tile whose loss connects to the one that is connected; redundant and
        cooperative pairs have no direction, and stand once.
    """
    frames = []
    named: list[str] = [name for name in ("edges", "tile_edges") if name in view.tables]
    tables = {name: view.table(name) for name in named}
    if not tables:
        labels = [label for label in view.tests if _test(view, label) == "necessity"]
        tables = {label: edges(view.dataset(label)) for label in labels if _shares(view, label)}
    frames += [table for table in tables.values() if len(table)]
    if "pairs" in view.tables:
        pairs = view.table("pairs")
        frames.append(joined_pairs(pairs) if len(pairs) else pairs)
    else:
        for label in view.tests:
            if _test(view, label) == "interactions":
                frames.append(joined_pairs(pair_table(own(view.dataset(label)))))
    if not (frames := [frame for frame in frames if len(frame)]):
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat([frame.reindex(columns=list(COLUMNS)) for frame in frames])
    table["sign"] = table["sign"].fillna(pd.Series(np.where(table["effect"] > 0, "+", "-")))
    table["target_strand"] = table["target_strand"].fillna(".")
    texts = ["target_gene", "target_transcript"]
    table[texts] = table[texts].fillna("")
    places = ["source_start", "source_end", "target_start", "target_end"]
    return table.astype(dict.fromkeys(places, np.int64)).reset_index(drop=True)


def _test(view: ResultsView, label: str) -> str:
    return str(view.open(label).attrs.get("test", label))


def _shares(view: ResultsView, label: str) -> bool:
    return view.open(label).attrs.get("effect_scale", "relative") == "relative"


def graph(table: pd.DataFrame) -> networkx.MultiDiGraph:
    """A network as a directed graph of networkx.

    Parameters
    ----------
    table : DataFrame
        Of `network`.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes are tiles, called ``contig:start-end`` (0-based, half-open), and genes, called by
        their transcript or name, with ``kind``, ``contig``, ``start``, ``end`` and ``label``. So a
        gene that several loci's windows hold is one node over a study. Edges have ``locus``,
        ``track``, ``kind``, ``effect``, ``q`` and ``sign``.

    Raises
    ------
    ConfigError
        If networkx is not installed.
    """
    try:
        import networkx
    except ImportError:
        raise ConfigError(lacking("GraphML needs networkx", "network")) from None
    made = networkx.MultiDiGraph()
    for row in table.to_dict("records"):
        source = _add_tile(made, row, "source")
        if row["kind"] == "tss":
            target = str(row["target_transcript"] or row["target_gene"])
            made.add_node(
                target,
                kind="gene",
                contig=str(row["contig"]),
                start=int(row["target_start"]),
                end=int(row["target_end"]),
                label=str(row["target_gene"] or target),
            )
        else:
            target = _add_tile(made, row, "target")
        attributes = {key: str(row[key]) for key in ("locus", "track", "kind", "sign")}
        numbers = {key: float(row[key]) for key in ("effect", "q")}
        made.add_edge(source, target, **attributes, **numbers)
    return made


def _add_tile(made: networkx.MultiDiGraph, row: Mapping[Any, Any], which: str) -> str:
    start, end = int(row[f"{which}_start"]), int(row[f"{which}_end"])
    name = interval_text(row["contig"], start, end)
    made.add_node(name, kind="tile", contig=str(row["contig"]), start=start, end=end, label=name)
    return name


def _score(effect: float) -> int:
    """0 to 1000, as UCSC shades by: that of an effect of 1 and above."""
    return round(min(abs(effect), 1.0) * 1000)


def bedpe(table: pd.DataFrame) -> str:
    """A network as BEDPE: source and target, name, score, strands, effect, q, kind and track."""
    lines = []
    for row in table.to_dict("records"):
        target = row["target_gene"] or f"{row['target_start']}-{row['target_end']}"
        lines.append(
            "\t".join(
                map(
                    str,
                    (
                        *(row["contig"], row["source_start"], row["source_end"]),
                        *(row["contig"], row["target_start"], row["target_end"]),
                        *(f"{row['locus']}>{target}", _score(row["effect"]), "."),
                        *(row["target_strand"], f"{row['effect']:.6g}", f"{row['q']:.6g}"),
                        *(row["kind"], row["track"]),
                    ),
                )
            )
        )
    return "".join(f"{line}\n" for line in lines)


def interact(table: pd.DataFrame, name: str) -> str:
    """A network as a custom track of UCSC's interact format, 18 columns (that of bigInteract).

    Parameters
    ----------
    table : DataFrame
        Of `network`.
    name : str
        Of the track.

    Notes
    -----
    https://genome.ucsc.edu/goldenPath/help/interact.html
    """
    title = name.replace('"', "'")
    lines = [
        f'track type=interact name="{title}" description="{title}: local networks" '
        f"interactDirectional=true maxHeightPixels=200:100:50 visibility=full"
    ]
    ordered = table.assign(low=table[["source_start", "target_start"]].min(axis=1))
    for row in ordered.sort_values(["contig", "low"], kind="stable").to_dict("records"):
        low = min(row["source_start"], row["target_start"])
        high = max(row["source_end"], row["target_end"])
        source = interval_text(row["contig"], row["source_start"], row["source_end"])
        target = row["target_gene"] or interval_text(
            row["contig"], row["target_start"], row["target_end"]
        )
        colour = COLOURS[row["kind"] if row["kind"] in JOINED else row["sign"]]
        words = [str(part).replace(" ", "_") for part in (f"{source}>{target}", row["kind"])]
        fields = (
            *(row["contig"], low, high, words[0], _score(row["effect"])),
            *(f"{row['effect']:.6g}", words[1], colour),
            *(row["contig"], row["source_start"], row["source_end"], source, "."),
            *(row["contig"], row["target_start"], row["target_end"]),
            *(str(target).replace(" ", "_"), row["target_strand"]),
        )
        lines.append("\t".join(map(str, fields)))
    return "\n".join(lines) + "\n"


def write_network(view: ResultsView, folder: Path) -> list[str]:
    """Write ``edges.csv``, ``edges.bedpe``, ``edges.interact`` and ``network.graphml``.

    Parameters
    ----------
    view : ResultsView
    folder : Path
        Where they go; it has to exist.

    Returns
    -------
    list of str
        Names of the files; none where there is no edge.

    Raises
    ------
    ConfigError
        If networkx is not installed, which GraphML needs.
    """
    table = network(view)
    if table.empty:
        return []
    made = graph(table)
    import networkx

    write_csv(folder / "edges.csv", iter([table]))
    write_text(folder / "edges.bedpe", bedpe(table))
    write_text(folder / "edges.interact", interact(table, view.name))
    write_text(folder / "network.graphml", "\n".join(networkx.generate_graphml(made)) + "\n")
    return ["edges.csv", "edges.bedpe", "edges.interact", "network.graphml"]
