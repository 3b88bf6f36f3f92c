"""`make test-gpu` runs the kit of every plugin that it names, and cannot pass without any."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
PLUGINS = re.search(r"^ON_GPU := (.+)$", MAKEFILE, re.MULTILINE)[1].split()  # type: ignore[index]
KIT = re.compile(
    r'@pytest\.mark\.parametrize\("check", model_checks\(\), ids=str\)\n(?:@.*\n)*'
    r"def test_\w*conform\w*\("
)


@pytest.mark.parametrize("plugin", ["creme-seqnn", *PLUGINS])
def test_the_selection_is_the_kit(plugin):
    texts = [file.read_text() for file in (ROOT / "plugins" / plugin / "tests").glob("test_*.py")]
    assert any(KIT.search(text) for text in texts)


@pytest.mark.parametrize("plugin", ["creme-seqnn", *PLUGINS])
def test_the_kit_takes_the_gpu(plugin):
    """A fixture that names the processor is for other tests, or is overridden."""
    for file in (ROOT / "plugins" / plugin / "tests").glob("test_*.py"):
        text = file.read_text()
        for start in (match.start() for match in KIT.finditer(text)):
            body = text[start:].split("\n\n\n", 1)[0]
            makers = re.findall(r"\b(changed|small|checkpoint|settings)\(", body)
            named = [
                name
                for name in makers
                for function in re.findall(rf"^def {name}\(.*?(?=^\S)", text, re.M | re.S)
                if '"device": "cpu"' in function or 'device="cpu"' in function
            ]
            assert not named or 'del parameters["device"]' in body, (file.name, named)


def test_every_torch_plugin_is_among_them():
    def requires_torch(folder: Path) -> bool:
        return re.search(r'"torch\b', (folder / "pyproject.toml").read_text()) is not None

    there = {each.name for each in (ROOT / "plugins").glob("creme-*") if requires_torch(each)}
    assert set(PLUGINS) <= there
    assert there - set(PLUGINS) <= {"creme-seqnn", "creme-mini", "creme-onnx", "creme-enformer"}
