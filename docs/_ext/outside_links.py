"""Pages that are Markdown on a code host, and the site: links outside docs/, tables of contents.

A plugin's README, the changelog and the guide for contributors are pages of the site; any other
file is one to download, and a folder is named without a link.

A page with the line ``<!-- contents -->`` lists other pages by plain links; the site's contents are
made of these lists, so that no directive of Sphinx stands in the text.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
PAGES = {"../CHANGELOG.md": "changelog.md", "../CONTRIBUTING.md": "contributing.md"}
"""Files outside that are pages, by their path from docs/."""


def page_of(path: str) -> str | None:
    """The page of the site that shows a file outside docs/; both paths start from docs/."""
    plugin = re.fullmatch(r"\.\./plugins/([\w-]+)/README\.md", path)
    page = f"plugins/{plugin[1]}.md" if plugin else PAGES.get(path)
    return page if page and (DOCS / page).is_file() else None


def rewritten(text: str, page: str, written_in: str = "") -> str:
    """The text of a page with its links outside docs/ replaced.

    Parameters
    ----------
    text : str
    page : str
        Its path from docs/.
    written_in : str
        The folder, from docs/, that relative links start from; the page's own unless given.
    """
    folder = posixpath.dirname(page)
    start = written_in or folder

    def link(match: re.Match[str]) -> str:
        image, words, target = match.groups()
        address, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not address:
            return match[0]
        path = posixpath.normpath(posixpath.join(start, address))
        if path.startswith("../") and (shown := page_of(path)):
            path = shown
        elif path.startswith("../docs/"):
            path = path.removeprefix("../docs/")
        elif path == ".." or path.startswith("../"):
            place = DOCS / path
            if place.is_dir() or path == "..":
                return words
            if place.is_file() and not image:
                here = os.path.relpath(place, DOCS / folder)
                return f"{{download}}`{words.replace('`', '')} <{here}>`"
        relative = posixpath.relpath(path, folder or ".")
        return f"{image}[{words}]({relative}{'#' + anchor if anchor else ''})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.M | re.S)
    return "".join(part if part.startswith("```") else LINK.sub(link, part) for part in parts)


def included(text: str, page: str) -> str:
    """The text of a page that consists of a file outside docs/, as the comment at its top says."""
    shown = re.match(r"<!-- shows (\S+) -->\n", text)
    if not shown:
        return rewritten(text, page)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), shown[1]))
    source = (DOCS / path).read_text(encoding="utf-8")
    return rewritten(source, page, posixpath.dirname(path))


def with_contents(text: str) -> str:
    """The text of a page with a table of contents for the links of each of its lists.

    The heading above a list is its caption. A link of several words is the entry's title; one word,
    such as a test's name, leaves the page its own.
    """
    if "<!-- contents -->" not in text:
        return text
    tables, caption = [], ""
    for part in re.split(r"^(## .*)$", text.split("<!-- contents -->")[1], flags=re.M):
        if part.startswith("## "):
            caption = part.removeprefix("## ")
            continue
        links = re.findall(
            r"^ *- \[([^\]]*)\]\((?![a-z]+:)([^)#]+)\.(?:md|ipynb)\)", part, flags=re.M
        )
        if links:
            lines = ["```{toctree}", ":hidden:", *([f":caption: {caption}"] if caption else [])]
            entries = [
                f"{' '.join(words.split())} <{page}>" if " " in words else page
                for words, page in links
            ]
            tables.append("\n".join([*lines, "", *entries, "```"]))
    return "\n\n".join([text, *tables, ""])


def with_docstrings(text: str) -> str:
    """The text of a page with whole docstrings where a comment names a module and its classes."""

    def directives(match: re.Match[str]) -> str:
        module, *names = match[1].split()
        lines = ["```{eval-rst}", f".. currentmodule:: {module}", ""]
        for name in names:
            kind = "autoclass" if name[:1].isupper() else "autofunction"
            lines += [f".. {kind}:: {name}", ""]
        return "\n".join([*lines, "```"])

    return re.sub(r"^<!-- autodoc (.+) -->$", directives, text, flags=re.M)


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(name))
    if path.suffix == ".md":
        text = included(source[0], path.relative_to(DOCS).as_posix())
        source[0] = with_docstrings(with_contents(text))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
