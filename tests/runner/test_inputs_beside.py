"""Numbers beside the sequence that vary by locus: from the table of loci into each prediction."""

from __future__ import annotations

import hashlib
import pickle
from typing import ClassVar

import numpy as np
import pytest

from creme.adapters import Description
from creme.engines.parcel import Bases, packed
from creme.errors import ConfigError, ModelError
from creme.inference.device import Device
from creme.model import Selection
from creme.models.ensemble import ensemble
from creme.runner.experiment import parse
from creme.runner.plan import Plan, prepare
from creme.runner.run import measure
from creme.sequence import Edit, Mutant, Sequenceable
from creme.store import Store
from creme.suite.necessity import Necessity
from toy import MODEL, Toy, toy_loci

GIVEN = (2.0, -0.5)


class Beside(Toy):
    """The toy network, whose activity depends on two numbers of the locus besides."""

    name: ClassVar[str] = "beside"

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("exon_length", "half_life")

    def predict(self, onehot):
        return self._of(onehot, np.zeros((len(onehot), 2), np.float32))

    def predict_with_inputs(self, onehot, inputs, selection):
        return selection.take(self._of(onehot, inputs))

    def _of(self, onehot, inputs):
        # Not by a factor, which no share would show.
        raised = np.float32(0.3) * (inputs[:, 0] + 2 * inputs[:, 1])
        return Toy.predict(self, onehot) + raised[:, None, None]


def with_inputs(inputs):
    loci = []
    for locus, values in zip(toy_loci(len(inputs)), inputs, strict=True):
        loci.append(type(locus).from_sequence(locus.sequence.with_inputs(values), locus.name))
    return loci


def run(model, loci, store):
    made = prepare([Necessity(tile=200, replicates=2, seed=3)], model, loci)
    report = measure(made, store)
    assert not report.failures, report.failures
    return report, report.datasets["necessity"]


def test_digests_of_bases_alone_are_what_they_were():
    sequence = toy_loci(1)[0].sequence
    assert sequence.digest == hashlib.sha256(sequence.codes.tobytes()).digest()
    own = sequence.with_inputs(GIVEN)
    assert own.digest != sequence.digest
    assert own != sequence
    assert own.with_inputs(()) == sequence
    assert own.with_inputs(GIVEN) is own
    assert own.with_inputs((2.0, -0.25)).digest != own.digest
    # Numbers are those of float32, in which a model takes them.
    assert sequence.with_inputs((0.1,)).inputs == (float(np.float32(0.1)),)


def test_a_mutant_has_those_of_its_base():
    base = toy_loci(1)[0].sequence.with_inputs(GIVEN)
    letters = np.zeros(40, np.uint8)
    for edits in ([Edit(700, letters)], [Edit(0, np.zeros(2400, np.uint8))]):
        mutant = Mutant(base, edits)
        assert mutant.sequence.inputs == GIVEN
        assert mutant.digest == mutant.sequence.digest
        assert mutant.digest != Mutant(base.with_inputs(()), edits).digest
        again = pickle.loads(pickle.dumps(mutant))
        assert again.base.inputs == GIVEN
        assert again.digest == mutant.digest
    sent: list[Sequenceable] = [Mutant(base, [Edit(7, letters)]), base.with_inputs(()), base]
    there = Bases().unpacked(packed(sent, lambda digest: True))
    assert there is not None
    assert [each.digest for each in there] == [each.digest for each in sent]
    assert base.complemented.inputs == GIVEN


def test_they_reach_every_prediction(tmp_path):
    plain, raised = [(0.0, 0.0), (0.0, 0.0)], [GIVEN, (1.0, 1.0)]
    with Store(tmp_path / "store") as store:
        _, expected = run(MODEL, toy_loci(2), store)
        _, of_zeros = run(Beside(), with_inputs(plain), store)
        report, dataset = run(Beside(), with_inputs(raised), store)
        assert report.progress.stored == 0
        assert run(Beside(), with_inputs(raised), store)[0].progress.predicted == 0
    for name in ("wild_type", "shuffled"):
        if name in expected:
            np.testing.assert_array_equal(of_zeros[name], expected[name])
            added = np.array([0.3 * (2 - 1), 0.3 * 3])
            added = added.reshape(2, *[1] * (dataset[name].ndim - 1))
            np.testing.assert_allclose(dataset[name], expected[name] + added, rtol=1e-5)


def test_they_belong_to_the_experiment():
    tests = [Necessity(tile=200, replicates=2)]
    ours = prepare(tests, Beside(), with_inputs([GIVEN]))
    other = prepare(tests, Beside(), with_inputs([(2.0, 0.0)]))
    assert ours.identity() != other.identity()
    assert ours.identity()["inputs"] == {"locus0": list(GIVEN)}
    assert "inputs" not in prepare(tests, MODEL, toy_loci(1)).identity()
    assert Beside().fingerprint != MODEL.fingerprint
    with pytest.raises(ConfigError, match="takes exon_length, half_life beside the sequence"):
        prepare(tests, Beside(), toy_loci(1))
    with pytest.raises(ConfigError, match="model toy takes none beside the sequence"):
        prepare(tests, MODEL, with_inputs([GIVEN]))
    device = Device(Beside(), Selection((1,), (0,)))
    with pytest.raises(ModelError, match="takes exon_length, half_life beside a sequence"):
        device.predict([toy_loci(1)[0].sequence])


def test_the_mean_of_several_takes_them_too():
    both = ensemble([Beside()], shifts=(0, 1))
    (locus,) = with_inputs([GIVEN])
    onehot, chosen = locus.sequence.onehot()[None], Selection((1,), (0,))
    values = both.predict_with_inputs(onehot, np.array([GIVEN], np.float32), chosen)
    np.testing.assert_allclose(values, both.predict_selected(onehot, chosen) + 0.3, rtol=1e-5)
    assert both.inputs == Beside().inputs


FILE = """
import numpy as np


def build():
    def predict(onehot, inputs):
        return onehot[:, :, 0].sum(axis=1) * inputs[:, 0] + inputs[:, 1]

    return predict
"""

EXPERIMENT = """
name = "beside"

[model]
plugin = "python"
object = "beside.py:build"

[model.grid]
input_length = 2048
inputs = ["exon_length", "half_life"]

[loci]
fasta = "{fasta}"
table = "loci.tsv"

[[tests]]
name = "necessity"
tile = 200
replicates = 2
"""


def test_columns_of_the_table_of_loci(genome, tmp_path):
    (tmp_path / "beside.py").write_text(FILE)
    lines = genome.bed.read_text().splitlines()[:2]
    rows = [line.split("\t") for line in lines]
    text = "gene\tcontig\ttss\tstrand\thalf_life\texon_length\n"
    for row, numbers in zip(rows, ("1.5\t2", "-3\t0.5"), strict=True):
        at = row[1] if row[5] == "+" else str(int(row[2]) - 1)
        text += "\t".join((row[3], row[0], at, row[5], numbers)) + "\n"
    (tmp_path / "loci.tsv").write_text(text)
    experiment = parse(EXPERIMENT.format(fasta=genome.fasta), folder=tmp_path)
    plan = Plan.of(experiment)
    assert [locus.inputs for locus in plan.loci] == [(2.0, 1.5), (0.5, -3.0)]
    assert [locus.sequence.inputs for locus in plan.loci] == [(2.0, 1.5), (0.5, -3.0)]
    with Store(tmp_path / "store") as store:
        report = measure(plan, store)
    assert not report.failures
    letters = np.array([(locus.sequence.codes == 0).sum() for locus in plan.loci])
    expected = letters * [2.0, 0.5] + [1.5, -3.0]
    wild_type = report.datasets["necessity"]["wild_type"].values[:, 0]
    np.testing.assert_allclose(wild_type, expected, rtol=1e-6)
    (tmp_path / "loci.tsv").write_text(text.replace("half_life", "life"))
    with pytest.raises(Exception, match="lacks 'half_life'"):
        Plan.of(experiment)
    (tmp_path / "loci.tsv").write_text(text.replace("-3", "long"))
    with pytest.raises(Exception, match="half_life 'long' is not a number"):
        Plan.of(experiment)
    bed = EXPERIMENT.replace('table = "loci.tsv"', f'bed = "{genome.bed}"')
    with pytest.raises(ConfigError, match="give a table of loci, with a column for each"):
        Plan.of(parse(bed.format(fasta=genome.fasta), folder=tmp_path))
    assert "inputs" not in Description(input_length=2048).configuration()
