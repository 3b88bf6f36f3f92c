"""Random windows of the genome: which ones may come, and that all of them are equally likely."""

from __future__ import annotations

import hashlib
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

import toy
from creme import registry
from creme.codes import share_of_gc
from creme.errors import ConfigError, CremeWarning, SequenceError
from creme.genome import Genome, Locus
from creme.perturbations import genomic_background
from creme.perturbations.compose import Compose
from creme.perturbations.genomic_background import GenomicBackground
from creme.perturbations.mask import Mask
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import N, Sequence, encode
from creme.store import Store

LENGTH = 12
TEXT = {
    "one": "".join("ACGT"[i * i * i % 11 % 4] for i in range(60)),
    "two": "".join("ACGT"[i * i % 7 % 4] for i in range(25)) + "NNTNGACGTACCGATTGCAGCATGCT",
    "short": "ACGTACGTACG",
}


def genome(folder: Path, texts: dict[str, str] = TEXT) -> Genome:
    path = folder / "genome.fa"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    return Genome(path)


def locus_of(folder: Path, strand: str = "+", position: int = 30) -> Locus:
    return Locus("locus", "one", position, strand, LENGTH, genome(folder))


def admissible(locus: Locus, tolerance: float) -> Counter[str]:
    """All windows that may come, each as often as it stands in the genome, by a plain loop."""
    turned = str.maketrans("ACGT", "TGCA")
    wanted = share_of_gc(locus.sequence.codes)
    found: Counter[str] = Counter()
    for name, text in TEXT.items():
        for start in range(len(text) - LENGTH + 1):
            window = text[start : start + LENGTH]
            own = name == locus.contig and start < locus.end and start + LENGTH > locus.start
            share = sum(window.count(letter) for letter in "GC") / LENGTH
            if "N" in window or own or abs(share - wanted) > tolerance + 1e-9:
                continue
            found[window] += 1
            found[window[::-1].translate(turned)] += 1
    return found


@pytest.mark.parametrize(("strand", "tolerance"), [("+", 0.09), ("-", 1.0)])
def test_all_windows_that_may_come_are_equally_likely(strand, tolerance, tmp_path):
    locus, draws = locus_of(tmp_path, strand), 4000
    expected = admissible(locus, tolerance)
    assert len(expected) > 8
    perturb = GenomicBackground(gc_tolerance=tolerance).bound(locus)
    seen = Counter(str(mutant.sequence) for mutant in perturb.many(locus.sequence, range(draws)))
    assert set(seen) == set(expected)
    total = sum(expected.values())
    frequencies = [draws * count / total for count in expected.values()]
    assert chisquare([seen[one] for one in expected], frequencies).pvalue > 0.001


def test_n_stay_and_nothing_else_does(tmp_path):
    locus = locus_of(tmp_path)
    sequence = Sequence(encode("NNACGTNACGTA"))
    perturb = GenomicBackground(gc_tolerance=1).bound(locus)
    for seed in range(50):
        codes = perturb(sequence, seed=seed).sequence.codes
        assert ((codes == N) == (sequence.codes == N)).all()
    part = GenomicBackground(start=3, end=8, gc_tolerance=1).bound(locus)
    mutant = part(locus.sequence, seed=5)
    assert [(edit.start, edit.end) for edit in mutant.edits] == [(3, 8)]


GOLDEN = "0a0b322b787d901240efeeff8391f6d9cc4ec87bf4066ad9646056e7c8206c86"
"""Of windows for five seeds."""


def test_drawn_windows_never_change(tmp_path):
    locus = locus_of(tmp_path, "-")
    perturb = GenomicBackground(gc_tolerance=0.1).bound(locus)
    drawn = "".join(
        str(m.sequence) for m in perturb.many(locus.sequence, [0, 1, 7, 2**64, 2**128 - 1])
    )
    assert hashlib.sha256(drawn.encode()).hexdigest() == GOLDEN


def test_of_windows_without_the_gc_the_nearest_is_taken_and_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(genomic_background, "DRAWS", 200)
    perturb = GenomicBackground().bound(locus_of(tmp_path))
    with pytest.warns(CremeWarning, match="the nearest one is taken"):
        codes = perturb(Sequence(encode("G" * LENGTH)), seed=1).sequence.codes
    whole = admissible(locus_of(tmp_path), 1)
    assert share_of_gc(codes) == max(share_of_gc(encode(window)) for window in whole)


def test_a_genome_without_a_window_is_an_error(tmp_path):
    masked = "ACGTACGTNN" * 30
    locus = Locus("locus", "one", 100, "+", LENGTH, genome(tmp_path, {"one": masked}))
    with pytest.raises(SequenceError, match=r"is the FASTA hard-masked\?"):
        GenomicBackground().bound(locus)(locus.sequence, seed=1)
    (tmp_path / "small").mkdir()
    locus = Locus("locus", "one", 6, "+", 12, genome(tmp_path / "small", {"one": "ACGT" * 5}))
    with pytest.raises(SequenceError, match="no window of 12 bp outside that of locus 'locus'"):
        GenomicBackground().bound(locus)(locus.sequence, seed=1)


def test_without_a_genome_it_says_so(tmp_path):
    with pytest.raises(ConfigError, match=r"bound\(locus\)"):
        GenomicBackground()(Sequence(encode("ACGT")), seed=1)
    with pytest.raises(ConfigError, match="'locus0' has a sequence and no genome"):
        GenomicBackground().bound(toy.toy_loci(1)[0])


def test_a_composition_binds_its_steps(tmp_path):
    locus = locus_of(tmp_path)
    whole = Compose(steps=[GenomicBackground(gc_tolerance=1), Mask(start=2, end=4)]).bound(locus)
    assert str(whole(locus.sequence, seed=3).sequence)[2:4] == "NN"
    assert pickle.loads(pickle.dumps(whole))(locus.sequence, seed=3) is not None


@pytest.fixture(scope="module")
def toy_locus(tmp_path_factory) -> Locus:
    codes = np.random.default_rng(12).integers(0, 4, 30_000)
    text = "".join("ACGT"[code] for code in codes)
    made = genome(tmp_path_factory.mktemp("toy"), {"chr1": text})
    return Locus("gene", "chr1", 15_000, "-", toy.LENGTH, made)


@pytest.mark.parametrize("perturbation", ["genomic_background", "local_shuffle"])
@pytest.mark.parametrize(
    ("test", "more"),
    [
        ("necessity", {}),
        ("sufficiency", {}),
        ("sufficiency", {"backgrounds_of": "tile"}),
        ("context_dependence", {}),
        ("distance", {"tiles": [(300, 500)]}),
        ("higher_order", {"accept": "all", "rounds": 1, "tiles": [(300, 500), (500, 700)]}),
    ],
)
def test_every_test_takes_it(test, more, perturbation, toy_locus, tmp_path):
    asked_for = {"name": perturbation, **({"window": 100} if "local" in perturbation else {})}
    made = registry.create(
        "test", {"name": test, "tile": 200, "replicates": 2, "perturbation": asked_for, **more}
    )
    plan = prepare([made], toy.MODEL, [toy_locus])
    with Store(tmp_path / "store") as store:
        first = measure(plan, store)
        again = measure(prepare([made], toy.MODEL, [pickle.loads(pickle.dumps(toy_locus))]), store)
    assert not [*first.failures, *again.failures]
    assert first.progress.predicted > 2
    assert again.progress.predicted == 0  # the same windows again
    plain = registry.create("test", {"name": test, "tile": 200, "replicates": 2, **more})
    with Store(tmp_path / "plain") as store:
        other = measure(prepare([plain], toy.MODEL, [toy_locus]), store)
    name = made.measure
    assert not np.array_equal(first.datasets[test][name], other.datasets[test][name])


def test_controls_keep_the_tss_tile_and_take_the_rest_from_elsewhere(toy_locus):
    test = registry.create(
        "test",
        {"name": "context_dependence", "tile": 200, "perturbation": "genomic_background"},
    )
    genome, length = toy_locus.genome, toy_locus.length
    whole = {strand: str(genome.fetch("chr1", 0, 30_000, strand)) for strand in ("+", "-")}
    for background, control in zip(
        test.backgrounds(toy_locus), test.controls(toy_locus), strict=True
    ):
        tss = test.tss(toy_locus)
        assert tss.of(control) == tss.of(toy_locus.sequence)
        outside = np.ones(length, bool)
        outside[tss.start : tss.end] = False
        assert (control.codes[outside] == background.codes[outside]).all()
        starts = [text.find(str(background)) for text in whole.values()]
        assert max(starts) >= 0
        at = starts[0] if starts[0] >= 0 else 30_000 - starts[1] - length
        assert at + length <= toy_locus.start or at >= toy_locus.end


def test_another_fasta_is_another_experiment(toy_locus, tmp_path):
    # Its windows are others, though the locus's own sequence is the same.
    text = str(toy_locus.genome.fetch("chr1", 0, 30_000))
    changed = genome(tmp_path, {"chr1": text[:100] + "A" * 100 + text[200:]})
    other = Locus("gene", "chr1", 15_000, "-", toy.LENGTH, changed)
    assert other.sequence == toy_locus.sequence
    test = registry.create(
        "test", {"name": "necessity", "tile": 200, "perturbation": "genomic_background"}
    )
    one, two = (prepare([test], toy.MODEL, [each]).identity() for each in (toy_locus, other))
    assert one["genome"] != two["genome"]
