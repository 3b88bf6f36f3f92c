"""Cards as files, their folders, and cards side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import creme
import planted_cards as planted
from creme.errors import ConfigError, GenomeError, ResultsError
from creme.scorecards.card import Scorecard
from creme.scorecards.making import make_panel
from creme.scorecards.panel_file import ScorecardPanel, shipped
from creme.scorecards.prepared import PreparedCard
from creme.scorecards.run import run_steps
from creme.scorecards.scores import Score, bootstrap, halves, noise_of
from creme.scorecards.settings import ScorecardSettings
from creme.scorecards.side_by_side import SideBySide
from in_process import caller

SMALL = planted.PANEL.replace("planted-1", "small-1").replace(
    "loci =", 'questions = ["context", "distance"]\nloci =', 1
)


def small(folder, name="small", **arguments):
    (folder / "small-1.toml").write_text(SMALL)
    file = planted.settings(folder, name, rule="additive", **arguments)
    return ScorecardSettings.from_text(
        file.text.replace("panel.toml", "small-1.toml"), folder, f"{name}.toml"
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder, and the card of a small panel in it, made step by step."""
    folder = tmp_path_factory.mktemp("cards")
    planted.write(folder)
    prepared = PreparedCard.of(small(folder), folder / "small.scorecard")
    assert run_steps(prepared, only=["effects"])
    with pytest.raises(ResultsError, match=r"step 'effects' of .* has to be finished first"):
        PreparedCard.of(small(folder), folder / "other.scorecard").take_curves()
    view = prepared.results("effects")
    assert view is not None
    predicted = view.raw["counts"]["predicted"]
    assert predicted > 0
    card = creme.scorecard(small(folder), to=folder / "small.scorecard", progress=False)
    # The first step's predictions were there: its latest run has none.
    assert view.raw["counts"]["predicted"] in (0, predicted)
    return folder, card


def test_the_card_travels(made):
    folder, card = made
    path = folder / "small.scorecard" / "scorecard.json"
    assert Scorecard.read(path).to_json() == path.read_text() == card.to_json()
    assert Scorecard.read(path.parent).name == "small"
    text = path.read_text()
    assert str(folder) not in text
    assert len(text) < 40_000
    for ending in ("csv", "md", "html"):
        assert "activity by distance" in (path.parent / f"scorecard.{ending}").read_text()
    assert "https://" not in (path.parent / "scorecard.html").read_text()


def test_the_shape_of_the_file_is_golden(made):
    """Others read these keys: a change of them is a new version."""
    parts = json.loads(made[1].to_json())
    assert list(parts) == [
        *("format", "version", "name", "toolkit", "panel", "model", "loci", "left_out", "notes"),
        *("cost", "scores"),
    ]
    assert (parts["format"], parts["version"]) == ("creme scorecard", 1)
    assert list(parts["panel"]) == ["name", "assembly", "digest", "settings"]
    assert list(parts["model"]) == [
        *("name", "version", "fingerprint", "input_length", "track", "reading", "settings")
    ]
    assert {tuple(row) for row in parts["loci"]} == {
        ("gene", "contig", "tss", "strand", "transcript", "core", "sequence")
    }
    assert {tuple(row) for row in parts["scores"]} == {
        (
            *("question", "score", "value", "low", "high", "n", "unit", "better", "noise"),
            *("floor", "floor_of", "over", "sentence", "why", "by_locus", "summary"),
        )
    }
    assert list(parts["cost"]) == ["sequences", "predicted", "seconds"]


def test_a_digest_is_golden():
    """Cards that are kept name it: the same panel has the same digest in every version."""
    assert ScorecardPanel.from_text(planted.PANEL).digest.startswith("e06b5170fc95a069")
    panel = ScorecardPanel.from_text(planted.PANEL)
    assert panel.model_copy(update={"about": "the same questions"}).digest == panel.digest
    assert panel.model_copy(update={"seed": 1}).digest != panel.digest


def test_another_run_gives_the_same_card(made):
    """From another store, and in one go."""
    folder, card = made
    file = small(folder)
    other = file.model_copy(update={"store": "another_store"})
    again = creme.scorecard(other, to=folder / "again.scorecard", progress=False)
    assert again.cost["predicted"] > 0
    assert again.cost["sequences"] == card.cost["sequences"]
    assert replace(again, cost=card.cost).to_json() == card.to_json()


def test_a_folder_keeps_its_panel_and_its_model(made):
    folder, _ = made
    file = small(folder)
    other = file.model_copy(update={"panel": "panel.toml"})
    with pytest.raises(ResultsError, match=r"is of panel 'small-1' .* asks panel 'planted-1'"):
        PreparedCard.of(other, folder / "small.scorecard")
    other = small(folder, "small", factor=2.0)
    with pytest.raises(ResultsError, match=r"model"):
        creme.scorecard(other, to=folder / "small.scorecard", progress=False)


def test_loci_that_cannot_be_placed_are_left_out(made, tmp_path):
    folder, _ = made
    text = small(folder).text
    lines = (folder / "tss.tsv").read_text().splitlines()
    (folder / "fewer.tsv").write_text("\n".join(lines[:-1]) + "\n")
    fewer = ScorecardSettings.from_text(text.replace("tss.tsv", "fewer.tsv"), folder)
    prepared = PreparedCard.of(fewer, tmp_path / "fewer")
    assert [locus.name for locus in prepared.placed.loci] == ["ONE", "TWO", "THREE", "FOUR"]
    ((gene, why),) = prepared.placed.left_out
    assert gene == "FIVE"
    assert why.startswith("not in the annotation")
    chosen = text.replace('table = "tss.tsv"', 'table = "tss.tsv"\ncontigs = ["one", "two"]')
    with pytest.raises(ConfigError, match=r"2 of 5 loci .* which \[genome\] contigs leaves out"):
        PreparedCard.of(ScorecardSettings.from_text(chosen, folder), tmp_path / "chosen")
    nothing = text.replace('table = "tss.tsv"', "")
    with pytest.raises(ConfigError, match=r"has no TSS of .*: give \[genome\] gtf, bed or table"):
        PreparedCard.of(ScorecardSettings.from_text(nothing, folder), tmp_path / "nothing")


def test_a_panel_with_bases_refuses_another_genome(tmp_path):
    planted.write(tmp_path)
    panel = make_panel(
        tmp_path / "tss.tsv", "bases-1", "planted", fasta=tmp_path / "genome.fa", tile=100
    )
    assert all(len(locus.core or "") == 64 for locus in panel.loci)
    (tmp_path / "bases.toml").write_text(panel.to_toml())
    assert ScorecardPanel.read("bases.toml", tmp_path).digest == panel.digest
    text = planted.settings(tmp_path, "checked", rule="additive").text
    file = ScorecardSettings.from_text(text.replace("panel.toml", "bases.toml"), tmp_path)
    assert len(PreparedCard.of(file, tmp_path / "same").placed.loci) == 5
    planted.write(tmp_path, {"THREE": "ACGTACGTAC"})
    with pytest.raises(GenomeError, match=r"locus THREE at three:.* another assembly or build"):
        PreparedCard.of(file, tmp_path / "changed")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("tile = 100", "tile = 0"), "tile = 0 is not allowed"),
        (("replicates = 2", "replicates = 3"), "replicates = 3 is not allowed"),
        (("steps = [1, 2, 4, 8]", "steps = [2, 1]"), "ascending"),
        (("steps = [1, 2, 4, 8]", "steps = [1]"), "steps"),
        (('gene = "TWO"', 'gene = "ONE"'), "ONE stand there twice"),
        (('{ gene = "TWO" }', '{ gene = "TWO", tss = 5 }'), "give contig, tss and strand"),
        (("creme scorecard panel", "creme panel"), "no panel of a scorecard"),
        (("strongest = 3", 'questions = ["contexts"]'), "questions"),
    ],
)
def test_panels_that_are_refused(change, message):
    assert change[0] in planted.PANEL
    with pytest.raises(ConfigError, match=message):
        ScorecardPanel.from_text(planted.PANEL.replace(*change))


def test_a_name_that_is_no_panel_is_answered_with_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"did you mean 'hg38-1'.*shipped are demo-1, hg38-1"):
        ScorecardPanel.read("hg38-2", tmp_path)


def test_shipped_panels_do_not_change():
    """A panel that is out is frozen: another list is another name."""
    digests = {name: ScorecardPanel.read(name).digest for name in shipped()}
    assert digests == SHIPPED


SHIPPED = {
    "demo-1": "d64ece84fa529acb22f2c31b0b64c53c7a9226aef809391cddced48f279f05dc",
    "hg38-1": "aa11212ef8df90573608e098244c416e0e22a07a31f433259ac0b666510c2106",
}


def test_the_synthetic_panel_writes_its_genome(tmp_path):
    file = ScorecardSettings(
        name="oracle", panel="demo-1", model={"plugin": "oracle", "tracks": ["cis:alpha"]}
    )
    prepared = PreparedCard.of(file, tmp_path / "card")
    # The panel's digests of the bases were compared on the way.
    assert len(prepared.placed.loci) == 24
    assert prepared.placed.left_out == ()


def scores_in(card: Scorecard) -> list:
    """The scores as they stand in the file, which rounds them."""
    return json.loads(card.to_json())["scores"]


def shifted(card: Scorecard, by: float, **changes) -> Scorecard:
    scores = tuple(
        replace(s, value=s.value + by, by_locus={g: v + by for g, v in s.by_locus.items()})
        for s in card.scores
    )
    return replace(card, scores=scores, **changes)


def test_cards_side_by_side(made, tmp_path):
    _, card = made
    model = {**card.model, "input_length": 4096}
    other = shifted(card, 0.25, name="other", model=model)
    together = SideBySide.of([card, other, card])
    assert together.names == ["small", "other", "small (2)"]
    every = together.differences.to_dict("records")
    rows = {(row["card"], row["score"]): row for row in every}
    row = rows["other", "activity by distance"]
    assert row["difference"] == pytest.approx(0.25)
    assert row["low"] == pytest.approx(0.25)
    assert row["n"] == 5
    assert row["says"] == "higher"
    same = rows["small (2)", "activity by distance"]
    assert (same["difference"], same["says"]) == (0, "not told apart")
    assert any("inputs have different lengths" in note for note in together.notes)
    names = {path.name for path in together.write(tmp_path)}
    assert names == {"scorecards.html", "scorecards.md", "scorecards.csv", "differences.csv"}
    page = (tmp_path / "scorecards.md").read_text()
    assert "| distance | activity by distance | other | 0.250 (0.250 to 0.250) | 5 |" in page


def test_a_difference_has_to_be_larger_than_the_noise(made):
    _, card = made
    noisy = replace(card, scores=tuple(replace(s, noise=0.2) for s in card.scores))
    rows = SideBySide.of([noisy, shifted(noisy, 0.25)]).differences
    # sqrt(2) 0.2 twice is 0.57.
    assert set(rows["says"]) == {"not told apart"}


def test_what_is_better_is_called_so(made):
    _, card = made
    lower = replace(card, scores=tuple(replace(s, better="lower") for s in card.scores))
    rows = SideBySide.of([lower, shifted(lower, 0.25)]).differences
    assert set(rows["says"]) == {"worse"}


def test_only_loci_of_the_same_bases_are_compared(made):
    _, card = made
    loci = [dict(row) for row in card.loci]
    loci[0]["core"] = "0" * 64
    other = shifted(replace(card, loci=loci[:-1], name="other"), 0.25)
    together = SideBySide.of([card, other])
    assert set(together.differences["n"]) == {3}
    assert any("other bases around the TSS of ONE" in note for note in together.notes)
    assert any("Only small has FIVE" in note for note in together.notes)
    for row in loci:
        row["core"] = "0" * 64
    with pytest.raises(ConfigError, match=r"no locus of the same bases in common"):
        SideBySide.of([card, replace(card, loci=loci)])


def test_cards_of_different_panels_are_refused(made):
    _, card = made
    settings = {**card.panel["settings"], "seed": 3}
    panel = {**card.panel, "settings": settings, "digest": "0" * 64}
    with pytest.raises(ConfigError, match=r"different panels.*small-1, and differ in seed"):
        SideBySide.of([card, replace(card, panel=panel)])
    with pytest.raises(ConfigError, match=r"one card only"):
        SideBySide.of([card])


def test_scores_over_other_tiles_are_not_compared(made):
    _, card = made
    scores = tuple(replace(s, over="0.1 to 0.4 kb") for s in card.scores)
    together = SideBySide.of([card, replace(card, scores=scores)])
    assert together.differences.empty
    assert sum("not compared: over" in note for note in together.notes) == len(scores)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "no scorecard"),
        ("{", "no scorecard"),
        ('{"format": "creme scorecard", "version": 2}', "version 2"),
        ('{"format": "creme scorecard", "version": 1}', "missing or of another kind: name"),
    ],
)
def test_files_that_are_no_cards(text, message, tmp_path):
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        Scorecard.read(tmp_path / "card.json")


@pytest.mark.parametrize(
    ("part", "key", "wrong"),
    [
        ("model", "input_length", "long"),
        ("model", "fingerprint", None),
        ("panel", "digest", 5),
        ("panel", "settings", []),
        ("cost", "predicted", "many"),
        ("loci", 0, {"gene": "ONE"}),
    ],
)
def test_a_card_with_a_broken_part_is_refused(made, part, key, wrong):
    parts = json.loads(made[1].to_json())
    parts[part][key] = wrong
    with pytest.raises(ConfigError, match=f"missing or of another kind: {part}"):
        Scorecard.from_json(json.dumps(parts))


def test_a_card_with_a_broken_score_is_refused(made):
    parts = json.loads(made[1].to_json())
    for key, wrong in (("value", "much"), ("better", "faster"), ("n", -1), ("by_locus", [1])):
        broken = json.loads(json.dumps(parts))
        broken["scores"][0][key] = wrong
        with pytest.raises(ConfigError, match=r"scores cannot be read"):
            Scorecard.from_json(json.dumps(broken))


def _between(values, one, other):
    return values[one].mean() - values[other].mean()


def test_noise_is_that_of_another_seed():
    """Halves of the replicates tell the standard deviation of the mean of all of them."""
    random = np.random.default_rng(3)
    estimates = []
    for _ in range(400):
        values = random.normal(0, 1, 8)
        estimates.append(noise_of(partial(_between, values), 8, seed=1) ** 2)
    assert np.sqrt(np.mean(estimates)) == pytest.approx(1 / np.sqrt(8), rel=0.1)


def test_halves_take_each_replicate_once():
    ways = halves(4, 0)
    assert len(ways) == 3
    assert all(sorted(a + b) == [0, 1, 2, 3] for a, b in ways)
    assert halves(12, 0) == halves(12, 0)
    assert len(halves(12, 0)) == 10


def test_the_interval_of_a_mean_covers_it():
    random = np.random.default_rng(4)
    covered = 0
    for k in range(100):
        low, high = bootstrap(random.normal(1, 1, 30).tolist(), "mean", k)
        covered += low <= 1 <= high
    assert 85 <= covered <= 99


def test_few_loci_are_marked():
    assert Score("q", "s", value=1.0, n=19).few
    assert not Score("q", "s", value=1.0, n=20).few


def test_the_command(made, monkeypatch, capsys):
    folder, card = made
    run = caller(monkeypatch, capsys)
    small(folder)
    file = folder / "command.toml"
    file.write_text(small(folder).text)
    to = folder / "command.scorecard"
    planned = run("scorecard", file, "--to", to, "--plan")
    assert "5 of 5 loci of panel small-1" in planned
    assert "at most" in planned
    printed = run("scorecard", file, "--to", to)
    assert "0 predicted" in printed
    assert "Wrote scorecard.json" in printed
    again = Scorecard.read(to)
    assert again.cost["predicted"] == 0
    assert replace(again, name="small", cost=card.cost).to_json() == card.to_json()
    together = folder / "panel"  # a command has this name
    compared = run("scorecard", "compare", to, folder / "small.scorecard", "--to", together)
    assert "not told apart" in compared
    assert (together / "scorecards.md").is_file()
    assert "--shard: with --step" in run("scorecard", file, "--shard", "1/2", status=2)
    assert "choose effects" in run("scorecard", file, "--to", "panel", "--step", "x", status=2)


def test_the_command_that_makes_a_panel(tmp_path, monkeypatch, capsys):
    run = caller(monkeypatch, capsys)
    table, to = tmp_path / "genes.tsv", tmp_path / "mine-1.toml"
    table.write_text("gene\nACTB\nGAPDH\nGATA1\n")
    command = ("scorecard", "panel", "--loci", table, "--assembly", "hg38", "--to", to)
    printed = run(*command, "--name", "mine-1", "--set", "tile=2000")
    panel = ScorecardPanel.read(to)
    assert panel.digest in printed.replace("\n", "")
    assert (panel.tile, [locus.gene for locus in panel.loci]) == (2000, ["ACTB", "GAPDH", "GATA1"])
    assert "a panel does not change" in run(*command, "--name", "mine-1", status=2)
    table.write_text("gene,tss\nACTB,5\n")
    to.unlink()
    assert "lacks the columns contig, strand" in run(*command, "--name", "mine-1", status=2)


def test_shards_fill_stores_that_are_merged(made, monkeypatch, capsys):
    folder, card = made
    run = caller(monkeypatch, capsys)
    (folder / "parts-1.toml").write_text(SMALL.replace(', "distance"', ""))
    text = small(folder).text.replace('"predictions"', '"of_parts"')
    file = folder / "parts.toml"
    file.write_text(text.replace("small-1.toml", "parts-1.toml"))
    to = folder / "parts.scorecard"
    command = ("scorecard", file, "--to", to, "--step", "effects", "--shard")
    assert all(f"Shard {part}" in run(*command, part) for part in ("1/2", "2/2"))
    stores = [folder / f"of_parts.shard-{k}-of-2" for k in (1, 2)]
    run("cache", "merge", *stores, "--into", folder / "of_parts")
    assert " 0 predicted" in run("scorecard", file, "--to", to)
    assert "nothing to ask there" in run(*command[:-2], "curves", "--shard", "1/2", status=2)
    assert scores_in(Scorecard.read(to)) == scores_in(card)[:2]
