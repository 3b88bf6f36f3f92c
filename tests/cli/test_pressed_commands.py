"""SIGTERM in moments in which commands write: they say so, leave nothing behind, and go on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import planted_cards as planted
from creme.cli import main
from creme.interrupts import STOPPED
from creme.store import Store
from creme.store.verify import verify
from pressing import Presses
from small import text


def _shard(folder: Path, genome) -> tuple[object, ...]:
    (folder / "small.toml").write_text(text(genome))
    return "run", folder / "small.toml", "--shard", "1/2"


def _calibrate(folder: Path, genome) -> tuple[object, ...]:
    (folder / "small.toml").write_text(text(genome))
    return "calibrate", folder / "small.toml", "--to", folder / "panel.json"


def _scorecard(folder: Path, genome) -> tuple[object, ...]:
    planted.write(folder)
    panel = planted.PANEL.replace("loci =", 'questions = ["context"]\nloci =', 1)
    (folder / "panel.toml").write_text(panel)
    file = planted.settings(folder, "small", rule="additive")
    (folder / "small.toml").write_text(file.text)
    return "scorecard", folder / "small.toml", "--to", folder / "card"


COMMANDS = {
    "shard": (_shard, 2, "Stopped."),
    "calibrate": (_calibrate, 2, "Stopped."),
    "card": (_scorecard, 7, "Stopped before the end; the same command goes on from there"),
}
"""Each with the write after which it is stopped, before its first batch, and its sentence."""


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_stopped_and_goes_on(name, genome, tmp_path, monkeypatch, capsys):
    prepare, moment, sentence = COMMANDS[name]
    arguments = [str(each) for each in prepare(tmp_path, genome)]
    monkeypatch.setattr("sys.argv", ["creme", *arguments])
    with Presses(monkeypatch, (os, "fsync")).at(moment), pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == STOPPED
    assert "".join(capsys.readouterr()).split("\n")[-2] == sentence
    assert not list(tmp_path.rglob("*.lock"))
    for file in tmp_path.rglob("run.json"):
        assert json.loads(file.read_text())["state"] in ("new", "interrupted")
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, capsys.readouterr()
    places = {file.parent for file in tmp_path.rglob("index.sqlite")}
    assert places
    for place in places:
        with Store(place) as store:
            assert not verify(store, grace=0).damage
