"""What is registered is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from creme import registry

DOCS = Path(__file__).resolve().parents[1] / "docs"


def own(kind: str) -> list[str]:
    return sorted(n for n, p in registry.plugins(kind).items() if p.target.startswith("creme."))


@pytest.mark.parametrize("name", own("test"))
def test_every_test_of_the_suite_is_documented_with_its_parameters(name):
    text = (DOCS / "suite.md").read_text()
    (row,) = re.findall(rf"^\| `{name}` \|.*$", text, flags=re.M)
    common = text[text.index("Common parameters") : text.index("| test | question")]
    fields = registry.load("test", name).model_fields
    for field in set(fields) - {"seed"}:
        assert f"`{field}`" in row or f"`{field}`" in common, f"{name}: {field}"
