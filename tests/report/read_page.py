"""A report's file, read as a browser reads it, without one."""

from __future__ import annotations

import base64
import gzip
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from creme.report.page.encode import digest


class Page(HTMLParser):
    """Elements with their attributes and their own text, in order."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def within(self, tag: str) -> list[str]:
        """Text that stands directly in elements of a name."""
        return [text for inside, text in self.texts if inside == tag]

    @property
    def words(self) -> str:
        """All that is shown, in one line."""
        shown = (text for inside, text in self.texts if inside not in ("script", "style", "title"))
        return " ".join(" ".join(shown).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of the elements of a name."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def rows(self) -> dict[str, list[Any]]:
        """The table's columns."""
        found: dict[str, list[Any]] = json.loads(self._script("rows"))
        return found

    def locus(self, k: int) -> dict[str, Any]:
        """The data of a locus by its place in the table."""
        found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(self._script(f"d{k}"))))
        return found

    def loci(self) -> list[dict[str, Any]]:
        count = sum((a.get("id") or "").startswith("d") for a in self.named("script"))
        return [self.locus(k) for k in range(count)]

    def _script(self, wanted: str) -> str:
        scripts = [a.get("id") for a in self.named("script")]
        return self.within("script")[scripts.index(wanted)]


def assert_closed(page: Page) -> None:
    """A page has no right to a network or a script, and its style is named by its digest."""
    policy = next(str(m["content"]) for m in page.named("meta") if m.get("http-equiv"))
    (style,) = page.within("style")
    assert policy.startswith("default-src 'none'; script-src 'none'; "), policy
    assert f"style-src-elem {digest(style)};" in policy, policy
    assert not page.named("script")
    assert "http" not in policy, policy
