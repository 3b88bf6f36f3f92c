from __future__ import annotations

import re
import subprocess

import pytest

from command import CREME
from creme import registry

pytest.importorskip("matplotlib", reason="the report needs matplotlib")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")

    def run() -> str:
        done = subprocess.run(
            [*CREME, "demo", str(folder), "--genes", "6"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "arning" not in done.stdout + done.stderr
        return done.stdout

    return folder, run(), run()


def test_what_was_planted_is_found(shown):
    _, text, _ = shown
    found = re.search(r"recovered (\d+) of (\d+) planted", text)
    assert found is not None
    assert found[1] == found[2] != "0"
    rows = re.findall(r"│ (enhancing|neutral|silencing) +│ +2 │ +(\d) │ +(\d) │ +(\d) │ +0 │", text)
    # Planted contexts down, found contexts across.
    assert [row[1:] for row in rows] == [("2", "0", "0"), ("0", "2", "0"), ("0", "0", "2")]


def test_every_stage_ran_and_left_a_report(shown):
    folder, text, _ = shown
    stages = ("loci", "context_dependence", "context_swap", "necessity", "sufficiency")
    for stage in (
        *stages,
        "distance",
        "higher_order",
        "set_sufficiency",
        "multiplicity",
        "fine_tile",
    ):
        assert re.search(rf"^{stage}: \d+ units, ", text, re.MULTILINE)
    report = folder / "demo.study" / "report.html"
    assert str(report) in text
    assert "GENE1" in report.read_text()


def test_again_nothing_is_predicted(shown):
    _, text, again = shown
    assert len(re.findall(r"finished before", again)) == 10
    assert again.partition("contexts: planted")[2] == text.partition("contexts: planted")[2]


def test_a_trained_network_is_compared_where_there_is_one(shown):
    _, text, _ = shown
    here = "mini" in registry.plugins("model")
    assert ("A trained network, mini, on" in text) == here
    assert ("With creme-mini installed" in text) == (not here)


def test_the_commands_that_it_ends_with_work(shown, tmp_path):
    folder, text, _ = shown
    commands = re.findall(r"^  creme (.+)$", text.partition("Next steps:")[2], re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["results", "export", "demo", "init"]
    assert commands[2].split() == ["demo", str(folder), "--genes", "6"]  # run above
    for command in (commands[0], commands[1], commands[3]):
        done = subprocess.run(
            [*CREME, *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert any((folder / "export").rglob("*.bed"))
    assert (tmp_path / "experiment.toml").is_file()


def test_elements_are_listed_by_kind_and_by_places_of_genome_browsers(shown):
    folder, text, _ = shown
    rows = re.findall(r"│ GENE\d+ +│ \w+ +│ (enhancer|silencer) +│ (syn\d+):(\d+)-(\d+) +│", text)
    assert [row[0] for row in rows] == ["enhancer"] * 5 + ["silencer"] * 5
    truth = [line.split("\t") for line in (folder / "truth.tsv").read_text().splitlines()]
    contig, start, end = (truth[0].index(name) for name in ("contig", "start", "end"))
    # The file counts from 0, the table from 1.
    planted = {(row[contig], str(int(row[start]) + 1), row[end]) for row in truth[1:]}
    assert {row[1:] for row in rows} <= planted
