"""The table of stretches that matter in saturation mutagenesis, with their motifs."""

from __future__ import annotations

from creme.genome.places import interval_text
from creme.motifs import name_stretches
from creme.motifs.naming import FEW, Q
from creme.motifs.stretches import GAP, LEAST, SHORTEST, TIMES
from creme.report.marks import number
from creme.report.page.elements import copy_button
from creme.report.page.encode import Child, Html, joined, name, tag
from creme.report.page.results import PageResults
from creme.report.page.table import count, table
from creme.results.neighbours import own
from creme.suite.saturation_mutagenesis import SaturationMutagenesis

MOST = 24
"""Rows of the table: the stretches whose strongest base matters most."""


def stretches_table(results: PageResults, label: str) -> Html | None:
    """The stretches of the deciding activity; None for other tests, or without motifs."""
    if results.view.test_name(label) != SaturationMutagenesis.name or results.library is None:
        return None
    assert results.annotate.meme is not None
    dataset = own(results.view.open(label))
    stretches = name_stretches(dataset, results.library, [results.view.track])
    rule = (
        f"A stretch is a run of at least {SHORTEST} bases whose importance has one sign and a size "
        f"of at least {LEAST:g} of the wild type and {TIMES:g} times the median of the locus, with "
        f"at most {GAP} other bases in a row. "
    )
    source = [name(results.annotate.meme.name), f", {count(len(results.library))} motifs"]
    if stretches.empty:
        return tag("p", rule, "There is none to compare with the motifs of ", *source, ".")
    few = (
        f" With fewer than {FEW} motifs p depends much on which they are."
        if len(results.library) < FEW
        else ""
    )
    about = tag(
        "p",
        rule,
        "Its motif is the most similar to the matrix of its effects by Tomtom, of ",
        *source,
        f", where q over the stretches is at most {Q:g}. A similar motif is no evidence that its "
        f"factor binds.{few}",
    )
    strongest = stretches.sort_values("peak", key=abs, ascending=False, kind="stable").head(MOST)
    rows: list[list[Child]] = []
    for row in strongest.to_dict("records"):
        place = interval_text(row["contig"], row["start"], row["end"]) if row["contig"] else ""
        rows.append(
            [
                name(row["locus"]),
                joined([name(place), " ", copy_button(place)]) if place else "",
                f"{number(row['distance'], '+,d')} bp",
                tag("code", row["bases"]),
                number(row["importance"], ".3g"),
                number(row["peak"], ".3g"),
                name(row["motif"]),
                row["motif_strand"],
                number(row["p"], ".2g"),
                number(row["q"], ".2g"),
            ]
        )
    heads = [
        *("locus", "on the genome", f"from the {results.site}", "bases along the gene"),
        *("mean importance", "strongest base", "motif", "strand", "p", "q"),
    ]
    shown = f"The {len(rows)} strongest of " if len(stretches) > len(rows) else ""
    many = "stretch that matters" if len(stretches) == 1 else "stretches that matter"
    caption = f"{shown}{count(len(stretches))} {many}, with the most similar motif"
    return joined([about, table(heads, rows, caption=caption, numeric="  n nn  nn")])
