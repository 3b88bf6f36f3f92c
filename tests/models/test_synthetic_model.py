from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from creme.errors import ModelError
from creme.model import Selection
from creme.models import grammar
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
    from creme.models.synthetic_genome import write_genome

    again = write_genome(tmp_path / "a", genes=3)
    assert again.fasta.read_bytes() == genome.fasta.read_bytes()
    assert again.truth.read_bytes() == genome.truth.read_bytes()
    other = write_genome(tmp_path / "b", seed=1, genes=3)
    assert other.fasta.read_bytes() != genome.fasta.read_bytes()
