"""The page on models says what is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import in_process
from creme.testing import model_checks, perturbation_checks, test_checks

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
SHOW = """
import json, sys
from importlib import import_module
module, _, name = sys.argv[1].partition(":")
downloads = getattr(import_module(module), name).downloads
print(json.dumps({part: [vars(file) for file in files] for part, files in downloads.items()}))
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.M | re.S)


@pytest.mark.parametrize(
    ("heading", "checks"),
    [
        ("Of a model", model_checks()),
        ("Of a perturbation", perturbation_checks()),
        ("Of a test", test_checks()),
    ],
)
def test_every_check_is_on_the_page_in_its_own_words(heading, checks):
    section = PAGE.split(f"\n### {heading}\n")[1].split("\n### ")[0]
    on_page = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, flags=re.M)
    assert on_page == [(str(check), check.about) for check in checks]


def test_a_model_in_twenty_lines(tmp_path, monkeypatch, capsys):
    torch = pytest.importorskip("torch")
    code, check, *_ = blocks("python")
    toml, *_ = blocks("toml")
    table = tomllib.loads(toml)["model"]
    assert len([line for line in [*code.splitlines(), *toml.splitlines()] if line.strip()]) <= 20
    (tmp_path / "my_model.py").write_text(code)
    layers = re.findall(r"^        (torch\.nn\..*),$", code, flags=re.M)
    torch.manual_seed(0)
    network = torch.nn.Sequential(*(eval(layer, {"torch": torch}) for layer in layers))
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    monkeypatch.chdir(tmp_path)
    known: dict = {}
    exec(check, known)
    assert known["grid"] == table["grid"]
    assert known["spec"] == {
        "name": table["plugin"],
        **{key: table[key] for key in ("object", "files")},
    }
    creme = in_process.caller(monkeypatch, capsys)
    # Progress is a line for each check where it takes long.
    monkeypatch.setattr("creme.cli.plugins.PATIENCE", 1e9)
    assert "creme plugins check python --from experiment.toml" in PAGE
    for more in ("", "receptive_field = 0\n"):
        (tmp_path / "experiment.toml").write_text(toml + more)
        shown = creme("plugins", "check", "python", "--from", "experiment.toml")
        assert shown.count("passed") == len(model_checks()) - (not more)
        assert ("gives no receptive_field" in shown) == (not more)


@pytest.mark.parametrize(
    ("plugin", "target"),
    [
        ("creme-enformer", "creme_enformer.model:Enformer"),
        ("creme-enformer-torch", "creme_enformer_torch.model:EnformerTorch"),
        ("creme-borzoi", "creme_borzoi.model:Borzoi"),
        ("creme-alphagenome-torch", "creme_alphagenome_torch.model:AlphaGenomeTorch"),
    ],
)
def test_what_plugins_offer_is_on_the_page(plugin, target):
    # Describing a model needs no framework, so that the core's environment can do it.
    source = ROOT / "plugins" / plugin / "src"
    path = os.pathsep.join([str(source), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", SHOW, target],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    for part, files in json.loads(done.stdout).items():
        assert f"`{part}`" in PAGE or f"`{part[:-1]}0` to `-3`" in PAGE
        assert len({file["file"] for file in files}) == len(files)
        for file in files:
            assert file["url"].startswith("https://")
            if part == "targets":
                # A digest belongs to one commit, and not to a branch.
                assert re.search("/[0-9a-f]{40}/", file["url"])
                assert re.fullmatch("[0-9a-f]{64}", file["sha256"])
