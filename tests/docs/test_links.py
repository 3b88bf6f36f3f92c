"""Links of the pages lead somewhere: on a code host, and on the site."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
sys.path.append(str(DOCS / "_ext"))

import outside_links  # noqa: E402

PAGES = sorted(
    path
    for pattern in ("docs/**/*.md", "docs/**/*.ipynb", "*.md", "plugins/*/README.md")
    for path in ROOT.glob(pattern)
    if "_build" not in path.parts
)
LINK = re.compile(r"\]\(([^()\s]+)\)")


def text_of(path: Path) -> str:
    """The Markdown of a page, without its code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them of their words."""
    made: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", text_of(path), flags=re.M):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = sum(other == anchor or re.fullmatch(f"{re.escape(anchor)}-\\d+", other) is not None
                     for other in made)  # fmt: skip
        made.add(f"{anchor}-{number}" if number else anchor)
    return made


def broken(page: Path, text: str) -> list[str]:
    """The relative links of a page that lead nowhere."""
    wrong = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        address, _, anchor = target.partition("#")
        place = (page.parent / address).resolve() if address else page
        if not place.exists():
            wrong.append(f"{target}: there is no such file")
        elif ROOT not in place.parents and place != ROOT:
            wrong.append(f"{target}: it leads out of the project")
        elif anchor and place.suffix in (".md", ".ipynb") and anchor not in anchors(place):
            wrong.append(f"{target}: there is no such heading")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_and_anchors_lead_somewhere(page):
    assert broken(page, text_of(page)) == []


def test_a_broken_link_is_seen():
    page = DOCS / "suite.md"
    text = (
        "[a](nowhere.md) [b](suite.md#no-such-heading) [c](suite.md#short-tiles) [d](#short-tiles)"
    )
    assert [words.split(":")[0] for words in broken(page, text)] == [
        "nowhere.md",
        "suite.md#no-such-heading",
    ]


def test_every_page_is_in_the_contents_once():
    listed: list[str] = []
    for page in DOCS.glob("**/*.md"):
        text = outside_links.with_contents(page.read_text(encoding="utf-8"))
        for table in re.findall(r"^```\{toctree\}\n(.*?)^```$", text, flags=re.M | re.S):
            lines = [line for line in table.splitlines() if line and not line.startswith(":")]
            names = [re.sub(r"^.* <(\S+)>$", r"\1", line) for line in lines]
            listed += [
                (page.parent / name).resolve().relative_to(DOCS).as_posix() for name in names
            ]
    pages = {
        path.relative_to(DOCS).with_suffix("").as_posix() for path in PAGES if DOCS in path.parents
    }
    assert sorted(listed) == sorted(pages - {"index"})


def test_the_navigation_has_the_words_of_the_contents():
    text = "<!-- contents -->\n\n## A\n\n- [Ask for less](fewer.md), rarely\n- [distance](far.md)\n"
    assert outside_links.with_contents(text).endswith(
        "```{toctree}\n:hidden:\n:caption: A\n\nAsk for less <fewer>\nfar\n```\n\n"
    )


def test_links_outside_the_pages_are_rewritten_for_the_site():
    written = outside_links.rewritten(
        "[a](../CHANGELOG.md) [b](../plugins/template/README.md#use) [c](../examples/own_model.py) "
        "[d](../examples/cluster) [e](suite.md#short-tiles) [f](https://example.org)",
        "models.md",
    )
    assert written == (
        "[a](changelog.md) [b](plugins/template.md#use) "
        "{download}`c <../examples/own_model.py>` d [e](suite.md#short-tiles) "
        "[f](https://example.org)"
    )


def test_links_of_a_shown_file_start_from_its_own_folder():
    written = outside_links.rewritten("[a](docs/suite.md) [b](README.md)", "changelog.md", "..")
    assert written.startswith("[a](suite.md)")
