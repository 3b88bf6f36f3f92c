"""The design of CREs: its search and constraints, its scores, and a truth that is known."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

import creme
import exported
from creme.analysis.designs import design_table, designed_loci
from creme.analysis.natural import naturalness
from creme.demo.oracle import Oracle
from creme.demo.rules import Grammar
from creme.errors import ConfigError
from creme.export import export
from creme.genome import Locus
from creme.kernels.random import below, streams
from creme.models.oracle import OracleModel
from creme.results.directory import Results
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Codes, Sequence, complement, encode
from creme.store import Store
from creme.suite.constraints import Constraints, site_of
from creme.suite.design import Design
from creme.suite.draws import Draws
from creme.suite.objective import Objective
from toy import LENGTH, MODEL, Toy, activity, toy_loci

SMALL: dict[str, Any] = {
    "length": 60,
    "tile": 200,
    "distance": -300,
    "rounds": 4,
    "candidates": 8,
    "beam": 3,
    "replicates": 2,
    "choose": 2,
    "finalists": 4,
    "designs": 2,
    "seed": 3,
}
MOTIFS = {"enhancer": "TGACTCA", "silencer": "GGCCATG"}
GRAMMAR = """
name = "planted"
cell_types = ["one"]
half = 4.0
[binding]
mismatches = 0
[factors.enhancer]
motifs = ["TGACTCA"]
effect = "additive"
weight = 1.0
[factors.silencer]
motifs = ["GGCCATG"]
effect = "repressive"
weight = 1.0
[promoters.weak]
motifs = ["GCTATAAAAGGC"]
basal = 0.5
"""


def measured(loci, store, model=MODEL, **changes):
    """The test's Dataset of one track, and the run's report."""
    test = Design(**{**SMALL, **changes})
    plan = prepare([test], model, loci, tracks=[0])
    with Store(store) as opened:
        report = measure(plan, opened)
    return report.datasets.get("design"), report


def text(codes: Codes) -> str:
    return str(Sequence(codes))


def test_choices_are_those_of_the_kernels():
    ((key, gamma),) = streams([12345])
    draws, state = Draws(12345), key
    for bound in (4, 7, 200, 2**31 + 11) * 20:
        expected, state = below(np.uint64(bound), np.uint64(state), np.uint64(gamma))
        assert draws.below(bound) == expected


def breaks(sequence: str, constraints: Constraints) -> bool:
    """The slow twin: letter by letter."""
    share = sum(base in "GC" for base in sequence) / len(sequence)
    turned = text(complement(encode(sequence)[::-1]))
    run = constraints.homopolymer or len(sequence)
    native = "" if constraints.native is None else text(constraints.native)
    return (
        not constraints.gc[0] <= share <= constraints.gc[1]
        or any(site in sequence or site in turned for site in constraints.forbidden)
        or any(base * (run + 1) in sequence for base in "ACGT")
        or not sequence.startswith(text(constraints.left))
        or not sequence.endswith(text(constraints.right))
        or (
            constraints.edits is not None
            and sum(a != b for a, b in zip(sequence, native, strict=True)) > constraints.edits
        )
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_repaired_sequence_meets_all_constraints(data):
    bases = st.text("ACGT", min_size=60, max_size=60).map(encode)
    low = data.draw(st.floats(0, 0.6))
    native = data.draw(bases)
    constraints = Constraints(
        60,
        gc=(low, low + 0.3),
        forbidden=tuple(data.draw(st.lists(st.text("ACGT", min_size=3, max_size=6), max_size=3))),
        homopolymer=data.draw(st.none() | st.integers(1, 6)),
        left=encode("ACGTAC")[: data.draw(st.integers(0, 6))],
        right=encode("TGAC")[: data.draw(st.integers(0, 4))],
        native=native,
        edits=data.draw(st.none() | st.integers(10, 60)),
    )
    start = data.draw(bases)
    repaired = constraints.repaired(start, Draws(data.draw(st.integers(0, 99))))
    assert constraints.met(start) == (not breaks(text(start), constraints))
    if repaired is not None:
        assert not breaks(text(repaired), constraints)
        assert constraints.met(repaired)


def test_sites_are_letters_or_enzymes():
    assert site_of("GRCGYC") == "GRCGYC"
    assert site_of("EcoRI") == "GAATTC"
    with pytest.raises(ConfigError, match="'EcoR' is neither a site"):
        site_of("EcoR")


@pytest.mark.parametrize("orientation", ["forward", "reverse"])
def test_reported_scores_are_those_of_the_designs_in_unseen_backgrounds(orientation, tmp_path):
    loci = toy_loci(2)
    got, report = measured(loci, tmp_path / "store", orientation=orientation, scale="log_ratio")
    assert not report.failures
    assert got["replicate"].size == 20
    test = Design(**{**SMALL, "orientation": orientation})
    for locus in loci:
        one = got.sel(locus=locus.name).isel(track=0)
        start = locus.tss - 300 - 30
        assert (one.place_start, one.place_end) == (start, start + 60)
        sets = [{sequence.digest for sequence in part} for part in test.contexts(locus)]
        assert [len(part) for part in sets] == [2, 2, 20]
        assert len(set.union(*sets)) == 24
        for design in ("native", "1", "2"):
            codes = encode(str(one.sequence.sel(design=design).values))
            if orientation == "reverse":
                codes = complement(codes[::-1])
            if design == "native":
                assert np.array_equal(codes, locus.sequence.codes[start : start + 60])
            for k, context in enumerate(test.contexts(locus)[2][:3]):
                with_design = context.codes.copy()
                with_design[start : start + 60] = codes
                high, low = activity(with_design)[0], activity(context.codes)[0]
                expected = np.log2(high) - np.log2(low)
                score = one.score_replicates.sel(design=design, replicate=k)
                np.testing.assert_allclose(score, expected, rtol=1e-3, atol=1e-5)
                effect = one.effect_replicates.sel(design=design, replicate=k)
                np.testing.assert_allclose(
                    effect, (high - low) / activity(locus.sequence.codes)[0], rtol=1e-3, atol=1e-5
                )
        np.testing.assert_allclose(one.curse, one.search_score - one.score)
        best = one.round_score.sel(set="search").values
        assert (np.diff(best) >= 0).all()
        assert one.search_score.sel(design=["1", "2"]).max() <= best[-1] + 1e-6


def test_a_search_in_the_locus_itself_against_a_given_cre(tmp_path):
    (locus,) = toy_loci(1)
    native = "ACGTTGCAAC" * 6
    changes = {"context": "native", "native": native, "edits": 5, "start": "native"}
    got, report = measured([locus], tmp_path / "store", **changes)
    assert not report.failures
    one = got.isel(locus=0, track=0)
    sequences = [str(each) for each in one.sequence.values]
    assert sequences[0] == native
    assert one.edits.sel(design="native") == 0
    assert (one.edits.sel(design=["1", "2"]) <= 5).all()
    start = locus.tss - 300 - 30
    for design, letters in enumerate(sequences):
        codes = locus.sequence.codes.copy()
        codes[start : start + 60] = encode(letters)
        expected = activity(codes)[0]
        # The search has no other context than the locus; it is reported in random ones.
        for score in (one.search_score, one.choose_score, one.in_locus):
            np.testing.assert_allclose(score[design], expected, rtol=1e-5)
    assert one.score.sizes["design"] == 4
    assert np.abs(one.score - one.in_locus).min() > 1e-3


def test_fewer_designs_than_there_may_be_are_said(tmp_path):
    left = "ACTGA" * 11 + "ACT"  # one free base: four sequences, which differ in that alone
    got, report = measured(toy_loci(1), tmp_path / "store", left=left, right="G", apart=2)
    assert not report.failures
    one = got.isel(locus=0, track=0)
    best, missing = (str(each) for each in one.sequence.sel(design=["1", "2"]).values)
    assert missing == ""
    assert np.isnan(one.score.sel(design="2"))
    four = [left + base + "G" for base in "ACGT"]
    assert best in four
    (locus,) = toy_loci(1)
    contexts = Design(**SMALL).contexts(locus)[1]
    start = locus.tss - 300 - 30

    def mean(letters):
        values = []
        for context in contexts:
            codes = context.codes.copy()
            codes[start : start + 60] = encode(letters)
            values.append(activity(codes)[0])
        return np.mean(values)

    assert best == max(four, key=mean)
    assert "1" in str(got.attrs["remarks"])


def test_designs_are_distinct_and_meet_every_constraint(tmp_path):
    rules = {
        "gc": (0.35, 0.6),
        "forbidden": ["EcoRI", "GRC"],
        "homopolymer": 4,
        "edits": 30,
        "left": "ACTG",
        "right": "TTG",
        "apart": 2,
    }
    loci = toy_loci(1)
    got, _ = measured(loci, tmp_path / "store", start="native", goal="minimise", **rules)
    one = got.isel(locus=0)
    designs = [str(t) for t in one.sequence.sel(design=["1", "2"]).values]
    native = str(one.sequence.sel(design="native").values)
    for design in designs:
        assert 0.35 <= sum(b in "GC" for b in design) / 60 <= 0.6
        for strand in (design, text(complement(encode(design)[::-1]))):
            assert not re.search("GAATTC|G[AG]C", strand)
        assert not re.search(r"(.)\1{4}", design)
        assert sum(a != b for a, b in zip(design, native, strict=True)) <= 30
        assert design.startswith("ACTG")
        assert design.endswith("TTG")
    assert sum(a != b for a, b in zip(*designs, strict=True)) >= 2
    assert (np.diff(one.round_score.sel(set="search")) <= 0).all()


def test_a_value_is_reached_and_off_targets_count(tmp_path):
    loci = toy_loci(1)
    got, _ = measured(loci, tmp_path / "store", goal=1.1, scale="activity", rounds=6)
    first, last = got["round_score"].sel(set="search").isel(locus=0).values[[0, -1]]
    assert abs(last - 1.1) < abs(first - 1.1) or abs(first - 1.1) < 1e-3
    objective = Objective((1.0, 0.0), -0.5, "activity", "maximise")
    values = np.array([[[3.0, np.nan, 2.0, 4.0]]], dtype=np.float32)
    assert objective.scores(values, values[0]).item() == 3.0 - 0.5 * 3.0
    with pytest.raises(ConfigError, match="weights has 2 values, and 1 activities"):
        objective.check(1)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A weak promoter in random sequence without sites, and its model."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "planted.toml").write_text(GRAMMAR)
    model = OracleModel(length=2048, grammar=str(folder / "planted.toml"))
    codes = np.random.default_rng(5).integers(0, 4, 2048).astype(np.uint8)
    codes[1024:1036] = encode("GCTATAAAAGGC")
    return model, Locus.from_sequence(Sequence(codes), "planted"), folder


@pytest.mark.parametrize(("goal", "factor"), [("maximise", "enhancer"), ("minimise", "silencer")])
def test_designs_hold_the_motifs_of_the_grammar_and_beat_native_and_random(planted, goal, factor):
    model, locus, folder = planted
    got, report = measured(
        [locus],
        folder / f"store of {goal}",
        model,
        goal=goal,
        length=100,
        distance=-200,
        rounds=25,
        candidates=30,
        beam=8,
        replicates=1,
        designs=1,
    )
    assert not report.failures
    one = got.isel(locus=0)
    oracle = Oracle(Grammar.read(str(folder / "planted.toml")))

    def sites(design):
        found = oracle.sites(encode(str(one.sequence.sel(design=design).values)))
        return [oracle.owners[owner] for owner in found.owner]

    (opposite,) = set(MOTIFS) - {factor}
    assert sites("1").count(factor) >= 3
    assert opposite not in sites("1")
    sign = 1 if goal == "maximise" else -1
    # Within a background, since some have a promoter by chance.
    for other in ("native", "random"):
        better = sign * (
            one.score_replicates.sel(design="1") - one.score_replicates.sel(design=other)
        )
        assert (better > 0.5 * better.mean().item()).sum() >= 15
        assert better.mean() > 0.5
    # As much as the sites say, and not what one background gave.
    assert abs(one.curse.sel(design="1")) < 0.2 * abs(
        one.score.sel(design="1") - one.score.sel(design="native")
    )


class Dying(Toy):
    """The toy, until it has predicted so many sequences."""

    left: ClassVar[int] = 0

    def predict(self, onehot):
        Dying.left -= len(onehot)
        if Dying.left < 0:
            raise MemoryError("the machine is gone")
        return super().predict(onehot)


@pytest.mark.filterwarnings("ignore::creme.errors.CremeWarning")
def test_a_design_that_was_stopped_goes_on_where_it_was(tmp_path):
    loci = toy_loci(2)
    whole, undisturbed = measured(loci, tmp_path / "one")
    Dying.left = 60
    with pytest.raises((creme.errors.CremeError, MemoryError)):
        measured(loci, tmp_path / "two", Dying())
    again, rest = measured(loci, tmp_path / "two")
    assert again.drop_attrs().identical(whole.drop_attrs())
    # Batches in flight may be lost, and nothing else is predicted twice.
    assert rest.progress.stored > 0
    assert rest.progress.predicted < undisturbed.progress.predicted
    third, nothing = measured(loci, tmp_path / "two")
    assert nothing.progress.predicted == 0
    assert third.drop_attrs().identical(whole.drop_attrs())
    # Another order of the loci is the same design.
    turned, _ = measured(loci[::-1], tmp_path / "three")
    for locus in whole["locus"].values:
        assert turned.sel(locus=locus).drop_attrs().identical(whole.sel(locus=locus).drop_attrs())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"distance": 0}, "would cover the TSS base"),
        ({"distance": -LENGTH}, "leaves the sequence"),
        ({"gc": [0.6, 0.4]}, "the least share comes first"),
        ({"start": ["ACGT"]}, "each has length = 60 bases"),
        ({"designs": 9}, "designs = 9: there are 4 finalists"),
        ({"report": 5}, "greater than or equal to 20"),
        ({"forbidden": ["ACGT"], "left": "AACGT"}, "left has an N or a forbidden site"),
        ({"native": "ACGT"}, "native has 4 bp, and length is 60"),
        ({"native": "ACGU" * 15}, "native: "),
        ({"weights": [0.0]}, "at least one is not 0"),
        ({"start": []}, "start is an empty list"),
        ({"left": "A" * 30, "right": "C" * 30}, "leave nothing of length = 60"),
    ],
)
def test_what_cannot_be_is_an_error(changes, words):
    (locus,) = toy_loci(1)
    with pytest.raises(ConfigError, match=words):
        Design(**{**SMALL, **changes}).size(locus)


def test_constraints_that_nothing_meets_are_an_error(tmp_path):
    _, report = measured(toy_loci(1), tmp_path / "store", forbidden=["A", "C"])
    assert "no sequence of 60 bp was found" in str(report.failures)


def test_natural_sequence_is_near_to_itself():
    random = np.random.default_rng(2)
    natural = random.choice(4, 3000, p=[0.4, 0.1, 0.1, 0.4]).astype(np.uint8)
    other = random.choice(4, 100, p=[0.1, 0.4, 0.4, 0.1]).astype(np.uint8)
    piece = complement(natural[700:800][::-1])
    values = {k: v for k, (_, v) in naturalness([piece, other], natural).items()}
    assert values["nearest_identity"][0] == 1.0
    assert values["nearest_start"][0] == 700
    slow = max(
        np.mean(strand == natural[at : at + 100])
        for strand in (other, complement(other[::-1]))
        for at in range(2901)
    )
    assert values["nearest_identity"][1] == pytest.approx(slow)
    assert values["kmer_distance"][0] < values["kmer_distance"][1] <= 1
    assert values["kmer_rank"][1] == 1.0
    assert values["gc"][1] == pytest.approx(np.mean((other == 1) | (other == 2)))


@pytest.fixture(scope="module")
def on_a_genome(tmp_path_factory):
    """Results of two loci on both strands of a genome."""
    fasta, _ = exported.genome(tmp_path_factory.mktemp("genome"))
    loci = [replace(locus, name=f"G{k}") for k, locus in enumerate(exported.loci(fasta)[:2])]
    folder = tmp_path_factory.mktemp("designs")
    plan = prepare([Design(**{**SMALL, "rounds": 2})], exported.SyntheticModel(length=6144), loci)
    results = Results(folder / "results")
    results.claim("", folder, plan.identity())
    with Store(folder / "store") as store:
        measure(plan, store, results=results)
    results.finish() if hasattr(results, "finish") else None
    return results, loci


def test_designs_are_exported_as_they_are_ordered(on_a_genome, tmp_path):
    results, loci = on_a_genome
    dataset = results.load("design")
    files = export(results.path, tmp_path / "export", ["tables"])
    named = ("fa", "order.csv", "rounds.csv", "csv", "replicates.csv")
    assert {f"tables/design.{name}" for name in named} <= set(files)
    with (tmp_path / "export" / "tables" / "design.rounds.csv").open() as file:
        rounds = list(csv.DictReader(file))
    best = dataset["round_score"].sel(locus="G1", round=2, set="search").item()
    assert [(row["locus"], row["round"]) for row in rounds[3:]] == [
        ("G1", f"{k}") for k in range(3)
    ]
    assert float(rounds[-1]["best_search"]) == pytest.approx(best)
    with (tmp_path / "export" / "tables" / "design.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2 * 4 * 2  # loci, designs, tracks
    with (tmp_path / "export" / "tables" / "design.order.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["G0_d1", "G0_d2", "G1_d1", "G1_d2"]
    records = (tmp_path / "export" / "tables" / "design.fa").read_text().split(">")[1:]
    for row, record in zip(rows, records, strict=True):
        head, *lines = record.splitlines()
        one = dataset.sel(locus=row["locus"], design=row["design"])
        assert "".join(lines) == row["sequence"] == str(one.sequence.values)
        assert head.startswith(row["name"])
        for key in ("fingerprint=", "seed=3", "score=", "curse=", "orientation=forward"):
            assert key in head
        locus = loci[int(row["locus"][1])]
        start, end = locus.span_of(int(row["start"]), int(row["end"]))
        assert (start, end) == (locus.tss - 330, locus.tss - 270)
        assert int(row["distance"]) == -300


def test_other_tests_go_on_with_designs(on_a_genome, tmp_path):
    results, loci = on_a_genome
    dataset = results.load("design")
    with_designs, tiles = designed_loci(dataset, loci, ["1", "native"])
    assert [locus.name for locus in with_designs] == ["G0+d1", "G0+dnative", "G1+d1", "G1+dnative"]
    for locus in with_designs:
        ((start, end),) = tiles[locus.name]
        own, design = locus.name.split("+d")
        expected = str(dataset.sequence.sel(locus=own, design=design).values)
        assert str(locus.sequence[start:end]) == expected
    assert with_designs[1].sequence == loci[0].sequence
    swapped, places = designed_loci(dataset, loci, everywhere=True)
    assert [locus.name for locus in swapped] == ["G0+d1", "G1+G0_d1", "G0+G1_d1", "G1+d1"]
    assert set(places) == {locus.name for locus in swapped}
    tile = {name: tiles[name] for name in ("G0+d1",)}
    model = exported.SyntheticModel(length=6144)
    got = creme.measure(
        "sufficiency", model, with_designs[:1], tile=60, tss_tile=200, tiles=tile, replicates=2,
        store=str(tmp_path / "store"),
    )  # fmt: skip
    assert got["effect"].sizes["tile"] == 1
    assert len(design_table(dataset)) == 4
    with pytest.raises(ConfigError, match="there is no design '9'"):
        designed_loci(dataset, loci, ["9"])


def test_the_page_draws_the_search_and_the_designs(on_a_genome):
    from creme.report.page.figures import figures
    from creme.report.page.results import PageResults
    from creme.study.view import open_results

    results, _ = on_a_genome
    drawn = list(figures(PageResults(open_results(results.path))))
    assert [figure.title for figure in drawn] == ["Designs for G0", "Designs for G1"]
    drawing = drawn[0].drawing
    assert isinstance(drawing, Figure)
    rounds, composition = drawing.axes
    searched, *_ = rounds.get_lines()
    expected = results.load("design")["round_score"].sel(locus="G0", set="search")
    np.testing.assert_allclose(np.asarray(searched.get_ydata(), dtype=float), expected)
    assert [t.get_text() for t in composition.get_yticklabels()] == ["native", "random", "1", "2"]
    assert drawn[0].data is not None
