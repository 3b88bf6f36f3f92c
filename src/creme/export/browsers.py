"""A UCSC track hub and an IGV session of exported bigWig and bigBed files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from creme.errors import ConfigError
from creme.export.big import BigTrack
from creme.export.tracks import STRONG_DOWN, STRONG_UP
from creme.files.durable import write_text
from creme.genome.places import interval_text
from creme.results.annotate import Annotate, fasta_of
from creme.results.view import ResultsView

_SHORT, _LONG = 17, 80
"""Letters of a label in UCSC's browser."""


def write_hub(view: ResultsView, folder: Path, assembly: str, tracks: list[BigTrack]) -> list[str]:
    """Write ``hub.txt``, ``genomes.txt`` and ``ASSEMBLY/trackDb.txt``.

    Parameters
    ----------
    view : ResultsView
    folder : Path
        The export's, in which ``big/`` has the files.
    assembly : str
        UCSC's name of the genome.
    tracks : list of BigTrack

    Returns
    -------
    list of str
        The files, relative to `folder`.

    Raises
    ------
    ConfigError
        If the assembly is not stated, or is no name of one.
    """
    if not assembly:
        raise ConfigError(
            "a track hub needs the name of the assembly, which the results do not state: give "
            "--annotate assembly=hg38, or [annotate] assembly in the file"
        )
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", assembly) or assembly.startswith("."):
        raise ConfigError(f"assembly {assembly!r} is no name of one: such as hg38, sacCer3")
    where = f"hub/{assembly}"
    (folder / where).mkdir(parents=True)
    name = _line(view.name)
    hub = [
        f"hub {_identifier(view.name, set())}",
        f"shortLabel {name[:_SHORT]}",
        f"longLabel {f'CREME: effects of {name}'[:_LONG]}",
        "genomesFile genomes.txt",
        # A hub has to have one; it is whoever publishes it who answers.
        "email nobody@example.invalid",
    ]
    taken: set[str] = set()
    stanzas = [
        _stanza(one, _identifier(one.file.rpartition(".")[0], taken), priority)
        for priority, one in enumerate(tracks, start=1)
    ]
    texts = {
        "hub/hub.txt": "\n".join(hub) + "\n",
        "hub/genomes.txt": f"genome {assembly}\ntrackDb {assembly}/trackDb.txt\n",
        f"{where}/trackDb.txt": "\n".join(stanzas),
    }
    for file, text in texts.items():
        write_text(folder / file, text)
    return list(texts)


def _stanza(one: BigTrack, identifier: str, priority: int) -> str:
    lines = [
        f"track {identifier}",
        f"bigDataUrl ../../big/{one.file}",
        f"shortLabel {_shortened(one)}",
        f"longLabel {_line(one.about)[:_LONG]}",
        f"priority {priority}",
    ]
    if one.is_values:
        lines += [
            f"type bigWig {one.low:.6g} {one.high:.6g}",
            *(f"color {STRONG_UP}", f"altColor {STRONG_DOWN}"),
            *("visibility full", "autoScale on", "alwaysZero on", "maxHeightPixels 100:48:8"),
        ]
    else:
        lines += ["type bigBed 9", "itemRgb on", "visibility pack"]
    return "\n".join(lines) + "\n"


def _shortened(one: BigTrack) -> str:
    """The file's name as a label: the study's comes first in a title, and is that of all."""
    return _line(one.file.rpartition(".")[0].replace("_", " "))[:_SHORT].strip()


def write_session(
    view: ResultsView, folder: Path, annotate: Annotate, tracks: list[BigTrack]
) -> str:
    """Write ``igv.xml``, a session of IGV's desktop program; gives its name.

    The genome is the assembly by its name, or else the FASTA of the loci.

    Raises
    ------
    ConfigError
        If neither is known.
    """
    fasta = fasta_of(view)
    genome = annotate.assembly or (str(fasta.absolute()) if fasta is not None else "")
    if not genome:
        raise ConfigError(
            "a session of IGV needs the genome, which the results do not state: give "
            "--annotate assembly=hg38"
        )
    session = ElementTree.Element("Session", genome=_line(genome), version="8")
    if place := _first_window(view):
        session.set("locus", place)
    resources = ElementTree.SubElement(session, "Resources")
    panel = ElementTree.SubElement(session, "Panel", name="Panel0", height="600")
    for one in tracks:
        path = f"big/{one.file}"
        kind = "bigwig" if one.is_values else "bigbed"
        ElementTree.SubElement(resources, "Resource", path=path, type=kind)
        shown = {"id": path, "name": _line(one.title), "visible": "true"}
        if one.is_values:
            shown |= {"clazz": "org.broad.igv.track.DataSourceTrack", "renderer": "BAR_CHART"}
            shown |= {"color": STRONG_UP, "altColor": STRONG_DOWN, "autoScale": "true"}
        else:
            shown |= {"clazz": "org.broad.igv.track.FeatureTrack", "displayMode": "EXPANDED"}
        ElementTree.SubElement(panel, "Track", shown)
    ElementTree.indent(session)
    text = ElementTree.tostring(session, encoding="unicode")
    write_text(folder / "igv.xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')
    return "igv.xml"


def _first_window(view: ResultsView) -> str:
    """The window of the first locus that is on a genome, 1-based with both ends."""
    for label in view.tests:
        dataset = view.open(label)
        if not {"contig", "start", "end"} <= set(dataset.coords) or not dataset.sizes["locus"]:
            continue
        first = pd.DataFrame(
            {key: dataset[key].values.ravel() for key in ("contig", "start", "end")}
        )
        for contig, start, end in first.itertuples(index=False):
            if contig:
                return interval_text(_line(str(contig)), start, end)
    return ""


def _identifier(words: str, taken: set[str]) -> str:
    """A name of a track: letters, digits and underscores, a letter first, and no other's."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", words).strip("_") or "track"
    plain = plain if plain[0].isalpha() else f"t_{plain}"
    own, number = plain, 2
    while own.lower() in taken:
        own, number = f"{plain}_{number}", number + 1
    taken.add(own.lower())
    return own


def _line(words: str) -> str:
    """Words in one line, without what ends a line or is no character of XML."""
    kept: Iterable[str] = (c if c.isprintable() else " " for c in words)
    return " ".join("".join(kept).split()) or "unnamed"
