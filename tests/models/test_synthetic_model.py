from __future__ import annotations

import hashlib
import math
import pickle

import numpy as np
import pytest

from creme.demo import grammar
from creme.demo.genome import element_end, plant, write_genome
from creme.errors import ModelError, SequenceError
from creme.model import Selection
from creme.models.synthetic import SyntheticModel
from creme.sequence import Edit, Mutant, Sequence

LENGTH = 3072
MODEL = SyntheticModel(length=LENGTH, decay=500.0)


def planted(*motifs: tuple[str, int], n_at: int | None = None) -> Sequence:
    base = Sequence(np.resize(np.array([0, 3, 0, 0, 3], np.uint8), LENGTH))
    edits = [Edit(at, Sequence.from_string(grammar.MOTIFS[name])) for name, at in motifs]
    if n_at is not None:
        edits.append(Edit(n_at, Sequence.from_string("N")))
    return Mutant(base, edits).sequence


def slow(sequence: Sequence) -> np.ndarray:
    """The documented rules, in plain loops."""
    text = str(sequence)
    hits = []
    for name, motif in grammar.MOTIFS.items():
        turned = str(Sequence.from_string(motif).complemented)
        for pattern in [motif] if "promoter" in name else [motif, turned]:
            for at in range(LENGTH - 13):
                if sum(a != b for a, b in zip(text[at : at + 14], pattern, strict=True)) <= 1 and (
                    "N" not in text[at : at + 14]
                ):
                    hits.append((name, at))
    out = np.full((MODEL.n_bins, 2), grammar.FLOOR)
    for name, at in hits:
        place = (at - MODEL.output_start) // 128
        if "promoter" not in name or not 0 <= place < MODEL.n_bins:
            continue
        sums = {"enhancer": 0.0, "silencer": 0.0}
        for other, there in hits:
            if other in sums:
                sums[other] += 0.25 * math.exp(-abs(there - at) / 500.0)
        for track, (e, s) in enumerate([(1.0, 1.0), (0.5, 1.5)]):
            x = (grammar.BASAL[name] + e * sums["enhancer"]) / (1 + s * sums["silencer"])
            out[place, track] += 100 * x**2 / (1 + x**2)
    return out


CASES = [
    planted(("weak_promoter", 1536)),
    planted(("weak_promoter", 1536), ("enhancer", 100), ("enhancer", 2000), ("silencer", 2500)),
    planted(("medium_promoter", 1540), ("strong_promoter", 1000), ("silencer", 1200)),
    planted(("medium_promoter", 1540), n_at=1545),
    planted(("enhancer", 5)),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_equals_the_rules_in_plain_loops(case):
    got = MODEL.predict(CASES[case].onehot()[None])[0]
    np.testing.assert_allclose(got, slow(CASES[case]), rtol=1e-6)


def test_n_in_a_motif_is_no_match():
    assert slow(CASES[3]).max() == grammar.FLOOR
    assert slow(CASES[0]).max() > grammar.FLOOR


def test_batch_selection_and_pickle():
    onehot = np.stack([case.onehot() for case in CASES])
    before = onehot.copy()
    whole = MODEL.predict(onehot)
    alone = np.concatenate([MODEL.predict(onehot[i : i + 1]) for i in range(len(CASES))])
    assert np.array_equal(whole, alone)
    assert np.array_equal(onehot, before)
    selection = Selection((0, 3, MODEL.tss_bin()), (1,))
    assert np.array_equal(MODEL.predict_selected(onehot, selection), selection.take(whole))
    again = pickle.loads(pickle.dumps(MODEL))
    assert again.fingerprint == MODEL.fingerprint
    assert np.array_equal(again.predict(onehot), whole)


def test_enformers_grid_by_default():
    model = SyntheticModel()
    assert (model.input_length, model.n_bins, model.bin_size) == (196_608, 896, 128)
    assert model.tss_bin() == 448
    assert model.output_start == 40_960


def test_fingerprint_and_errors():
    assert SyntheticModel(decay=1.0).fingerprint != SyntheticModel().fingerprint
    with pytest.raises(ModelError, match="is needed"):
        MODEL.predict(np.zeros((1, 100, 4), np.float32))


def test_genome_is_the_same_for_a_seed(genome, tmp_path):
    again = write_genome(tmp_path / "a", genes=3)
    assert again.fasta.read_bytes() == genome.fasta.read_bytes()
    assert again.truth.read_bytes() == genome.truth.read_bytes()
    other = write_genome(tmp_path / "b", seed=1, genes=3)
    assert other.fasta.read_bytes() != genome.fasta.read_bytes()


def test_genome_is_the_published_one(tmp_path):
    """Results on it are compared between versions: its bytes stay."""
    written = write_genome(tmp_path)
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in (written.fasta, written.gtf, written.bed, written.truth)
    }
    assert digests == {
        "genome.fa": "ac5b0db2dbc25f4c",
        "annotation.gtf": "5d6e962a15901cb4",
        "tss.bed": "40f9637f001f0552",
        "truth.tsv": "f060a0cc7f368156",
    }


def test_planted_motifs_stand_where_they_were_asked_for_and_nowhere_else():
    sequence = plant("medium_promoter", [("silencer", 1800, 2), ("enhancer", 7, 3)], length=2048)
    starts, kinds = grammar.find_motifs(sequence.codes)
    assert [(grammar.KINDS[kind], start) for kind, start in zip(kinds, starts, strict=True)] == [
        *(("enhancer", start) for start in (7, 47, 87)),
        ("medium_promoter", 1024),
        *(("silencer", start) for start in (1800, 1840)),
    ]
    assert element_end(7, 3) == 87 + grammar.WIDTH


def test_a_planted_sequence_is_the_same_for_a_name_and_seed():
    made = [
        str(plant("weak_promoter", [], length=2048, seed=seed, name=name))
        for seed, name in [(0, "a"), (0, "a"), (1, "a"), (0, "b")]
    ]
    assert made[0] == made[1]
    assert len(set(made)) == 3


def test_no_chance_motif_is_left():
    for seed in range(3):
        codes = plant("weak_promoter", [], length=3_000_000, seed=seed).codes
        assert grammar.find_motifs(codes)[0].tolist() == [1_500_000]


@pytest.mark.parametrize("start", [0, 2048 - grammar.WIDTH])
def test_elements_may_stand_at_either_end(start):
    codes = plant("weak_promoter", [("enhancer", start, 1)], length=2048).codes
    assert start in grammar.find_motifs(codes)[0]


@pytest.mark.parametrize(
    ("promoter", "elements", "message"),
    [
        ("weak_promoter", [("enhancer", 2048 - 13, 1)], "at 2035 does not fit into 2048 bp"),
        ("weak_promoter", [("enhancer", 2000, 2)], "at 2040 does not fit into 2048 bp"),
        ("weak_promoter", [("enhancer", -5, 1)], "at -5 does not fit"),
        ("weak_promoter", [("enhancr", 5, 1)], "'enhancr' cannot stand at 5: .* motifs are weak_"),
        ("weak_promoter", [("strong_promoter", 5, 1)], "'strong_promoter' cannot stand at 5"),
        ("promoter", [], "'promoter' cannot stand at 1024"),
        ("enhancer", [], "'enhancer' cannot stand at 1024"),
        ("weak_promoter", [("enhancer", 100, 2), ("enhancer", 105, 1)], "cover one another"),
        ("weak_promoter", [("enhancer", 1029, 1)], "cover one another or the promoter"),
    ],
)
def test_what_cannot_be_planted(promoter, elements, message):
    with pytest.raises(SequenceError, match=message):
        plant(promoter, elements, length=2048)
