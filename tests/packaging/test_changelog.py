"""The changelog's form: versions, newest first, with what was added, changed and fixed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import InvalidVersion, Version

import creme

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def mistakes(text: str, current: str) -> Iterator[str]:
    """A sentence for each mistake in a changelog; `current` is the version of the package."""
    if not text.startswith("# Changelog\n\n## "):
        yield "does not begin with its title and a version"
    versions = []
    for heading, part in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", text, re.M):
        match = re.fullmatch(r"(\S+) \((unreleased|\d{4}-\d\d-\d\d)\)", heading)
        try:
            versions.append(Version(match[1] if match else "none"))
        except InvalidVersion:
            yield f"{heading}: 1.2.3 (unreleased) or 1.2.3 (2030-12-31) is a version's heading"
            continue
        if match and match[2] == "unreleased" and len(versions) > 1:
            yield f"{heading}: only the newest is unreleased"
        first, *rest = re.split(r"^### (.+)$", part, flags=re.M)
        kinds = rest[::2]
        if first.strip():
            yield f"{heading}: {first.strip()[:40]!r} stands under none of {', '.join(KINDS)}"
        if kinds != [kind for kind in KINDS if kind in kinds]:
            allowed = ", ".join(KINDS)
            yield f"{heading}: {', '.join(kinds)} are not of {allowed}, each once, in order"
        for kind, entries in zip(kinds, rest[1::2], strict=True):
            yield from (f"{heading}, {kind}: {mistake}" for mistake in _of_entries(entries))
    if versions != sorted(set(versions), reverse=True):
        yield "versions are not in order, newest first"
    if versions and versions[0].base_version != Version(current).base_version:
        yield f"begins with {versions[0]}, and the package has version {current}"


def _of_entries(text: str) -> Iterator[str]:
    entries = [entry.strip() for entry in re.split(r"^(?=- |#### )", text, flags=re.M)]
    lines = [entry for entry in entries if entry.startswith("- ")]
    if not lines:
        yield "has no entry"
    for entry in entries[1:]:
        if entry.startswith("- ") and not re.fullmatch(r"- [^\s].*[.]", entry, re.S):
            yield f"{entry[:40]!r} does not end with a full stop"
        if "\n\n" in entry:
            yield f"{entry[:40]!r} has a paragraph that is no entry"
    if entries[0]:
        yield f"{entries[0][:40]!r} is no entry"
    for entry in sorted({entry for entry in lines if lines.count(entry) > 1}):
        yield f"{entry[:40]!r} stands twice"


def test_the_changelog_has_its_form():
    assert list(mistakes(CHANGELOG.read_text(), creme.__version__)) == []


GOOD = """\
# Changelog

## 0.2.0 (unreleased)

### Added

- A thing.

### Fixed

#### Files

- Another, of two
  lines.

## 0.1.0 (2030-01-31)

### Changed

- Numbers.
"""


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("# Changelog\n", "# Changes\n", "its title"),
        ("0.2.0 (unreleased)", "0.2.0", "a version's heading"),
        ("(2030-01-31)", "(unreleased)", "only the newest is unreleased"),
        ("## 0.2.0", "## 0.0.9", "newest first"),
        ("### Added", "### Fixed", "each once, in order"),
        ("### Added", "### New", "are not of Added"),
        ("- A thing.\n", "", "has no entry"),
        ("- A thing.", "- A thing", "full stop"),
        ("- A thing.", "- A thing.\n- A thing.", "stands twice"),
        ("- A thing.", "A thing.", "is no entry"),
        ("- A thing.", "- A thing.\n\nAnd more.", "no entry"),
        ("### Added\n\n", "", "stands under none"),
    ],
)
def test_mistakes_are_named(old, new, mistake):
    assert list(mistakes(GOOD, "0.2.0.dev1")) == []
    assert any("the package has version" in each for each in mistakes(GOOD, "0.3.0"))
    wrong = list(mistakes(GOOD.replace(old, new), "0.2.0"))
    assert any(mistake in each for each in wrong), wrong
