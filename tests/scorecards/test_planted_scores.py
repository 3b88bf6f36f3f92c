"""The scores of models whose answers are known: they come out as they follow from the formula."""

from __future__ import annotations

import json

import numpy as np
import pytest

import creme
import planted_cards as planted
from creme.analysis.crispri import EDGES
from creme.scorecards.crispri_scores import names_of_scores
from creme.scorecards.page import card_page, compared_page
from creme.scorecards.side_by_side import SideBySide
from planted_cards import BASE, DECAY, PLANTED, TILE, TSS, drive, starts, tiles

STEPS = (1, 2, 4, 8)

CRISPRI = '\n[crispri]\ntable = "pairs.tsv"\n'


def pairs() -> str:
    """Elements that lie on the tiles with motifs, which are regulated, and on others."""
    rows = ["chrom\tchromStart\tchromEnd\tmeasuredGeneSymbol\tRegulated\tstartTSS\tValidConnection"]
    for number, gene in enumerate(PLANTED):
        full = [start for start, _ in tiles(gene)]
        for start in [*full, TSS - TILE // 2 - 8 * TILE, TSS + TILE // 2 + 8 * TILE]:
            forward = number % 2 == 0
            low = start if forward else planted.LENGTH - start - TILE
            tss = TSS if forward else planted.LENGTH - 1 - TSS
            regulated = str(start in full).upper()
            rows.append(f"{gene.lower()}\t{low + 10}\t{low + 90}\t{gene}\t{regulated}\t{tss}\tTRUE")
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    planted.write(folder)
    (folder / "pairs.tsv").write_text(pairs())
    return folder


@pytest.fixture(scope="module")
def additive(folder):
    return planted.card(folder, "additive", CRISPRI, rule="additive")


@pytest.fixture(scope="module")
def multiplicative(folder):
    return some(folder, "multiplicative", ["additivity", "crispri"], rule="multiplicative")


def some(folder, name, questions, **arguments):
    """The card of a panel with some questions."""
    panel = planted.PANEL.replace("planted-1", f"{name}-1")
    (folder / f"{name}-1.toml").write_text(
        panel.replace("loci =", f"questions = {json.dumps(questions)}\nloci =", 1)
    )
    file = planted.settings(folder, name, **arguments)
    file = file.model_copy(update={"panel": f"{name}-1.toml"})
    return creme.scorecard(file, to=folder / f"{name}.scorecard", progress=False)


def by_name(card):
    return {score.score: score for score in card.scores}


def strongest(gene: str) -> list[int]:
    """Offsets in its tile of the motifs of the tile that does most by itself."""
    at, places = max(
        ((start, its) for (start, _), its in zip(tiles(gene), starts(gene), strict=True)),
        key=lambda tile: drive(tile[1]),
    )
    return [place - at for place in places]


def places() -> dict[int, list[int]]:
    """Starts of the places that a tile is moved to, by distance."""
    half = TILE // 2
    return {k: [TSS + half + (k - 1) * TILE, TSS - half - k * TILE] for k in STEPS}


def moved(gene: str, start: int) -> float:
    return BASE + drive([start + offset for offset in strongest(gene)])


def near(score, expected, tolerance=1e-5):
    assert score.by_locus.keys() == expected.keys()
    for gene, value in expected.items():
        assert score.by_locus[gene] == pytest.approx(value, abs=tolerance), gene
    assert score.value == pytest.approx(
        np.mean([*expected.values()])
        if score.summary == "mean"
        else np.median([*expected.values()]),
        abs=tolerance,
    )
    assert score.n == len(expected)


def test_contexts(additive):
    total = {gene: sum(drive(its) for its in starts(gene)) for gene in PLANTED}
    score = by_name(additive)["context effect"]
    near(score, {gene: value / (BASE + value) for gene, value in total.items()})
    assert score.low < score.value < score.high
    assert score.noise == pytest.approx(0, abs=1e-7)
    near(by_name(additive)["contexts that matter"], dict.fromkeys(PLANTED, 1.0))


def test_decay_with_distance(additive):
    expected, left = {}, {}
    for gene in PLANTED:
        rings = {k: np.mean([moved(gene, start) for start in its]) for k, its in places().items()}
        x, y = np.log2([k * TILE for k in STEPS]), np.log2([*rings.values()])
        expected[gene] = float(np.polyfit(x, y, 1)[0])
        left[gene] = float((rings[8] - BASE) / (rings[1] - BASE))
    near(by_name(additive)["activity by distance"], expected)
    score = by_name(additive)["effect left"]
    near(score, left)
    # Both sides decay alike, so that the planted scale alone says it.
    assert score.value == pytest.approx(np.exp(-7 * TILE / DECAY), rel=1e-5)
    assert score.over == "0.1 to 0.8 kb"


def test_effects_that_add_up(additive):
    scores = by_name(additive)
    near(scores["departure from the sum"], dict.fromkeys(PLANTED, 0.0), 1e-6)
    near(scores["pairs nearer to the sum"], dict.fromkeys(PLANTED, 1.0))
    assert scores["departure from the product"].value > 0.1


def test_effects_that_multiply(multiplicative):
    scores = by_name(multiplicative)
    near(scores["pairs nearer to the sum"], dict.fromkeys(PLANTED, 0.0))
    assert scores["departure from the sum"].value > 0.1
    # Not 0 to rounding: the test's logarithms have a floor of 1 % of the wild type.
    assert scores["departure from the product"].value < 0.03


def test_growth_with_copies(additive):
    starts_of = [start for its in places().values() for start in its]
    expected = {}
    for gene in PLANTED:
        gains = sorted((moved(gene, start) - BASE for start in starts_of), reverse=True)
        expected[gene] = np.log2((BASE + sum(gains[:4])) / (BASE + gains[0])) / 2
    score = by_name(additive)["growth with copies"]
    near(score, expected)
    assert score.over == "1 to 4 copies"


def test_saturation_and_one_strand(folder):
    arguments = {"rule": "saturating", "both": False, "factor": 0.5, "decay": 1e9}
    card = some(folder, "saturating", ["saturation", "strands"], **arguments)
    scores = by_name(card)
    # n copies with m motifs each: 0.1 + 0.5 m n / (1 + 0.5 m n), half of the way at n = 2 / m.
    halves = {gene: 2 / max(n for _, n in PLANTED[gene]) for gene in PLANTED}
    near(scores["copies to half the plateau"], halves, 1e-3)
    wild = {gene: 0.5 * sum(n for _, n in PLANTED[gene]) for gene in PLANTED}
    expected = {gene: np.log2((0.1 + d / (1 + d)) / 0.1) for gene, d in wild.items()}
    near(scores["difference of the strands"], expected)
    assert scores["difference of the strands"].better == "lower"
    assert list(scores) == [
        *("growth with copies", "copies to half the plateau", "difference of the strands")
    ]


def test_two_strands_that_agree(additive):
    score = by_name(additive)["difference of the strands"]
    # The middle of an even length lies between two bases: the distance differs by one.
    assert score.value < 0.005
    assert score.floor > 0.05


def test_necessity_agrees_with_sufficiency(additive):
    score = by_name(additive)["necessity with sufficiency"]
    near(score, dict.fromkeys(PLANTED, 1.0))
    assert score.floor < 0.6
    assert score.floor_of == "1/distance"


def test_elements_that_crispri_found(additive):
    scores = by_name(additive)
    score = scores["AUPRC"]
    assert score.value == 1.0
    assert score.n == 5 * 5
    assert score.over == "tiles of 100 bp, pairs.tsv"  # and not where it lies: cards travel
    assert score.better == "higher"
    assert 0.6 < score.floor < 1
    assert score.noise == 0
    assert scores["AUPRC less the floor"].value == pytest.approx(1 - score.floor)
    assert scores[f"AUPRC, {EDGES[0]}-{EDGES[1]} bp"].value == 1.0
    far = scores[f"AUPRC, {EDGES[-1]}+ bp"]
    assert far.why == "no pair at these distances"
    pages = card_page(additive), compared_page(SideBySide.of([additive, additive]))
    assert all(">CRISPRi</h2>" in page for page in pages)


def test_questions_that_cannot_be_asked_say_why(additive, multiplicative):
    missing = {score.score: score.why for score in multiplicative.scores if score.why}
    assert list(missing) == names_of_scores()
    assert set(missing.values()) == {"no CRISPRi table is given"}
    # Copies of a tile whose motifs add up grow without an end.
    why = by_name(additive)["copies to half the plateau"].why
    assert why.startswith("no locus has a value for it")


def test_a_short_input_leaves_questions_out(folder):
    from creme.scorecards.prepared import PreparedCard

    file = planted.settings(folder, "short", rule="additive")
    text = file.text.replace("input_length = 2048", "input_length = 500")
    short = type(file).from_text(text, folder)
    prepared = PreparedCard.of(short, folder / "short.scorecard")
    assert len(prepared.tiles.tiles) == 4
    assert prepared.tiles.lacking("agreement", prepared.panel, 500) == ""
    why = prepared.tiles.lacking("saturation", prepared.panel, 400)
    assert why == ""
    tiny = type(file).from_text(text.replace("= 500", "= 400"), folder)
    prepared = PreparedCard.of(tiny, folder / "tiny.scorecard")
    why = prepared.tiles.lacking("distance", prepared.panel, 400)
    assert why == "the input of 400 bp holds 2 of the panel's 8 places"
    why = prepared.tiles.lacking("agreement", prepared.panel, 400)
    assert why == "the input of 400 bp holds 2 of the panel's 18 tiles"
