"""A drawing as SVG that can stand in an HTML page beside others."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from creme.report.page.encode import Html
from creme.report.style import settings

_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_DROPPED = {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}


def inline(drawing: Axes | Figure, prefix: str, label: str) -> tuple[Html, str]:
    """SVG of a figure, to be put into a page, and its width, such as ``240pt``.

    Ids are those that something refers to, and begin with `prefix`, so that no two drawings of a
    page share one; the drawing's style sheet, which would hold for the whole page, is left out
    (``page.css`` has its rule for figures alone).

    Parameters
    ----------
    drawing : Axes or Figure
    prefix : str
        Letters, digits and hyphens.
    label : str
        What the figure shows, for who cannot see it.
    """
    figure = drawing if isinstance(drawing, Figure) else drawing.get_figure(root=True)
    assert figure is not None
    buffer = io.BytesIO()
    with settings():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue())
    _drop(root)
    ids = _renamed(root, prefix)
    for element in root.iter():
        _point(element, ids)
    width = root.attrib.pop("width")
    for key in ("height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-label", label)
    return Html(_written(root)), width


def _drop(root: ElementTree.Element) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in _DROPPED:
                parent.remove(child)


def _renamed(root: ElementTree.Element, prefix: str) -> dict[str, str]:
    """The ids that something refers to, by their old name; no other id is kept."""
    used = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == f"{{{_LINK}}}href" and value.startswith("#"):
                used.add(value[1:])
            used.update(_REFERENCE.findall(value))
    ids = {old: f"{prefix}-{k}" for k, old in enumerate(sorted(used))}
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in ids:
            element.set("id", ids[old])
    return ids


def _point(element: ElementTree.Element, ids: dict[str, str]) -> None:
    for key, value in element.attrib.items():
        if key == f"{{{_LINK}}}href" and value.startswith("#"):
            element.set(key, f"#{ids[value[1:]]}")
        elif "url(#" in value:
            element.set(key, _REFERENCE.sub(lambda m: f"url(#{ids[m[1]]})", value))


def _written(root: ElementTree.Element) -> str:
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK)
    return ElementTree.tostring(root, encoding="unicode")
