"""The model, the perturbation and the test do what the toolkit expects, and what they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from creme import Sequence
from creme.errors import ConfigError, ModelError
from creme.testing import (
    check_example,
    check_fingerprints,
    model_checks,
    perturbation_checks,
    sequences,
    test_checks,
)

from creme_template.dose import Dose
from creme_template.motif_scan import MotifScan
from creme_template.point_mutations import PointMutations

WEIGHTS = Path(__file__).with_name("weights.txt")


@pytest.mark.parametrize("check", model_checks(), ids=str)
def test_the_model_conforms(check):
    check(lambda: MotifScan(weights=WEIGHTS))


@pytest.mark.parametrize("check", perturbation_checks(), ids=str)
def test_the_perturbation_conforms(check):
    check(lambda: PointMutations(rate=0.1))


@pytest.mark.parametrize("check", test_checks(), ids=str)
def test_the_test_conforms(check):
    check(lambda: Dose(copies=3))


def by_hand(text: str, model: MotifScan) -> np.ndarray:
    """The model's prediction without its code. Of a network, take its authors' program."""
    rows = [[float(x) for x in line.split()] for line in WEIGHTS.read_text().splitlines()[1:]]
    turned = [row[::-1] for row in rows[::-1]]
    expected = np.empty((model.n_bins, 2))
    for index in range(model.n_bins):
        first = model.length // 4 + 64 * index
        for track, motif in enumerate((rows, turned)):
            scores = []
            for position in range(first, first + 64):
                letters = text[position - 3 : position + 4]
                scores.append(
                    sum(
                        sum(row) / 4 if letter == "N" else row["ACGT".index(letter)]
                        for letter, row in zip(letters, motif, strict=True)
                    )
                )
            expected[index, track] = np.log(np.mean(np.exp(scores)))
    return expected


def test_a_known_prediction():
    """Catches what checks cannot know: letters in another order, say."""
    model = MotifScan(weights=WEIGHTS, length=512)
    random = np.random.default_rng(0)
    text = "".join(random.choice(list("ACGTN"), 512, p=[0.24, 0.24, 0.24, 0.24, 0.04]))
    check_example(lambda: model, text, by_hand(text, model))


def test_the_motif_is_found_on_its_strand():
    model = MotifScan(weights=WEIGHTS, length=512)
    background = Sequence.from_string("A" * 512)
    for track, motif in enumerate(("TGACTCA", "TGAGTCA")):
        text = "A" * 260 + motif + "A" * (512 - 260 - len(motif))
        both = [one.onehot() for one in (background, Sequence.from_string(text))]
        without, found = model.predict(np.stack(both))
        gain = found - without
        assert gain.argmax() == 2 * ((260 - 128) // 64) + track


def test_every_setting_changes_the_fingerprint(tmp_path):
    other = tmp_path / "other.txt"
    other.write_text(WEIGHTS.read_text().replace("1.1", "1.2"))
    check_fingerprints(
        MotifScan(weights=WEIGHTS), MotifScan(weights=other), MotifScan(weights=WEIGHTS, length=512)
    )


def test_weights_that_change_under_a_model_are_noticed(tmp_path):
    file = tmp_path / "weights.txt"
    file.write_text(WEIGHTS.read_text())
    model = MotifScan(weights=file)
    (onehot,) = sequences(model, 1)
    _ = model.fingerprint
    file.write_text(WEIGHTS.read_text().replace("1.1", "1.2"))
    with pytest.raises(ModelError, match="its weights have been changed since it was set up"):
        model.predict(onehot[None])
    other = MotifScan(weights=file)
    assert other.fingerprint != model.fingerprint
    other.predict(onehot[None])


def test_errors_say_what_is_wrong(tmp_path):
    with pytest.raises(ConfigError, match="there is no file"):
        MotifScan(weights=tmp_path / "absent.txt")
    (tmp_path / "bad.txt").write_text("1 2 3\n")
    model = MotifScan(weights=tmp_path / "bad.txt")
    with pytest.raises(ModelError, match="has 1 rows of 3 numbers"):
        model.predict(np.zeros((1, model.length, 4), np.float32))
    (tmp_path / "bad.txt").write_text("1 2 three 4\n")
    with pytest.raises(ModelError, match="is no table of numbers"):
        _ = MotifScan(weights=tmp_path / "bad.txt").motif


def test_the_rate_of_mutations_and_n():
    (onehot,) = sequences(MotifScan(weights=WEIGHTS, length=2048), 1)
    codes = np.where(onehot.max(axis=1) == 1, onehot.argmax(axis=1), 4)
    sequence = Sequence(codes)
    mutants = PointMutations(rate=0.1).many(sequence, range(50))
    changed = np.stack([mutant.sequence.codes != codes for mutant in mutants])
    assert not changed[:, codes == 4].any()
    assert changed[:, codes < 4].mean() == pytest.approx(0.1, abs=0.01)
    assert PointMutations(rate=0)(sequence, seed=1).edits == ()
    everything = PointMutations(rate=1)(sequence, seed=1).sequence.codes
    assert (everything != codes)[codes < 4].all()
