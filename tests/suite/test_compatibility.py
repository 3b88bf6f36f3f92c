"""Every enhancer with every promoter in the same carriers, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import PrivateAttr

from creme.demo.genome import fasta_text, write_texts
from creme.errors import ConfigError, GenomeError, ModelError, SequenceError
from creme.genome import Genome, Locus
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.compatibility import Compatibility
from creme.suite.sufficiency import Sufficiency
from toy import LENGTH, MODEL, Toy, activity, run, toy_loci

LOCI = toy_loci(6)
TILES = {"locus0": [(1500, 1700), (0, 200)], "locus2": [(300, 450)]}
PROMOTERS = ["locus0", "locus2", "locus4"]


def create(**changes):
    common = {"tile": 200, "seed": 2, "tiles": TILES, "promoters": PROMOTERS}
    return Compatibility(**{**common, "distances": [-500, 700], **changes})


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return run(create(), LOCI, tmp_path_factory.mktemp("pairs"))


def test_each_pair_is_put_into_each_carrier(measured):
    got, progress = measured
    by_name = {locus.name: locus for locus in LOCI}
    test = create()
    assert got.sizes["locus"] == 5
    assert len(set(got.carrier.values.tolist())) == 5
    assert got.promoter.values.tolist() == PROMOTERS
    real = got.enhancer.values[~got.null.values].tolist()
    assert real == ["locus0:0-200", "locus0:1500-1700", "locus2:300-450"]
    assert int(got.null.sum()) == 5
    for one in (got.isel(locus=0), got.isel(locus=4)):
        carrier = by_name[str(one.carrier.item())]
        background = test.backgrounds(carrier)[0].codes
        assert one.tss_position == carrier.position
        for name in PROMOTERS:
            alone = background.copy()
            alone[1100:1300] = by_name[name].sequence.codes[1100:1300]
            np.testing.assert_allclose(one.control.sel(promoter=name), activity(alone), rtol=1e-5)
            for enhancer in real:
                source, _, span = enhancer.partition(":")
                start, end = map(int, span.split("-"))
                for distance in (-500, 700):
                    pair = alone.copy()
                    at = 1200 + distance - (end - start) // 2
                    pair[at : at + end - start] = by_name[source].sequence.codes[start:end]
                    here = one.sel(promoter=name, enhancer=enhancer, distance=distance)
                    np.testing.assert_allclose(here.mutant, activity(pair), rtol=1e-5)
                    change = np.log2(activity(pair) / activity(alone))
                    np.testing.assert_allclose(here.effect, change, atol=1e-5)
                    assert here.own == (source == name)
    assert progress.predicted == progress.asked == 5 * 3 * (1 + 2 * 8)
    assert progress.asked == prepare([create()], MODEL, LOCI).size()


def test_null_columns_are_shuffled_enhancers_that_all_carriers_share(measured):
    got, _ = measured
    (unit, *others) = create().units(LOCI)
    assert all(other.nulls == unit.nulls for other in others)
    for name, null in unit.nulls.items():
        source = unit.enhancers[name.rpartition(" shuffled ")[0]].sequence
        assert null.sequence != source
        pairs = [np.bincount(s.codes[:-1] * 5 + s.codes[1:]) for s in (null.sequence, source)]
        np.testing.assert_array_equal(pairs[0], pairs[1])
    assert not got.own.values[:, got.null.values].any()


def test_its_controls_are_those_of_sufficiency_where_a_promoter_is_at_home(tmp_path):
    test = create(promoters=None, distances=None)
    locus = LOCI[3]
    with Store(tmp_path / "store") as store:
        before = measure(
            prepare([Sufficiency(tile=200, seed=2, replicates=1)], MODEL, [locus]), store
        )
        after = measure(prepare([test], MODEL, LOCI), store)
    ours = after.datasets["compatibility"]
    here = ours.isel(locus=ours.carrier.values.tolist().index("locus3"))
    theirs = before.datasets["sufficiency"].control[0, 0]
    np.testing.assert_array_equal(here.control.sel(promoter="locus3"), theirs)
    assert after.progress.predicted == after.progress.asked - 1
    assert ours.distance.values.tolist() == [-200]


def test_more_carriers_than_loci_are_further_backgrounds(tmp_path):
    got, _ = run(create(carriers=["locus1", "locus5"], replicates=3), LOCI, tmp_path)
    assert sorted(got.background.values.tolist()) == [0, 0, 1]
    assert set(got.carrier.values.tolist()) == {"locus1", "locus5"}
    with Store(tmp_path / "store") as store:
        again = measure(
            prepare([create(carriers=["locus1", "locus5"], replicates=3)], MODEL, LOCI), store
        )
    assert again.progress.predicted == 0
    assert any("fewer than 5 loci: 3" in text for text in again.remarks["compatibility"])


def stranded(folder) -> tuple[Genome, list[Locus]]:
    """Two loci of one genome, on either strand."""
    random = np.random.default_rng(5)
    codes = random.integers(0, 4, 4 * LENGTH, dtype=np.uint8)
    write_texts(folder, {"genome.fa": fasta_text("chr1", codes)})
    genome = Genome(folder / "genome.fa")
    rows = [("A", 2000, "+"), ("B", 6001, "-")]
    return genome, [Locus(name, "chr1", at, strand, LENGTH, genome) for name, at, strand in rows]


def turned(codes):
    return (3 - codes)[::-1]


def test_both_strands_are_put_in_in_their_own_direction(tmp_path):
    genome, loci = stranded(tmp_path)
    (tmp_path / "e.bed").write_text(
        "chr1\t1000\t1200\tup\t0\t-\nchr1\t5000\t5150\t.\nchr1\t7300\t7400\tfar\t0\t+\n"
    )
    test = Compatibility(
        tile=200, seed=2, tiles={"B": [(1500, 1700)]}, enhancers=tmp_path / "e.bed",
        distances=[400], ablated=[(-50, -20)],
    )  # fmt: skip
    got, _ = run(test, loci, tmp_path)
    plus = genome.codes("chr1", 0, 4 * LENGTH)
    real = {
        "B:1500-1700": turned(plus[6001 - 500 + 1 : 6001 - 300 + 1]),
        "chr1:5000-5150:+": plus[5000:5150],
        "far": plus[7300:7400],
        "up": turned(plus[1000:1200]),
    }
    promoters = {"A": plus[1900:2100], "B": turned(plus[6001 - 99 : 6001 + 101])}
    assert set(got.enhancer.values[~got.null.values]) == set(real)
    assert got.promoter.values.tolist() == [
        *("A", "A without [-50, -20)", "B", "B without [-50, -20)")
    ]
    for one in (got.isel(locus=k) for k in range(5)):
        carrier = next(locus for locus in loci if locus.name == one.carrier)
        background = test.backgrounds(carrier, replicates=[int(one.background)])[0].codes
        for name, bases in promoters.items():
            alone = background.copy()
            alone[1100:1300] = bases
            assert (alone[1200], name) in ((plus[2000], "A"), (3 - plus[6001], "B"))
            for enhancer, codes in real.items():
                pair = alone.copy()
                at = 1600 - len(codes) // 2
                pair[at : at + len(codes)] = codes
                here = one.sel(promoter=name, enhancer=enhancer, distance=400)
                np.testing.assert_allclose(here.mutant, activity(pair), rtol=1e-5)
    own = got.own.sel(promoter=["A", "B"]).to_pandas()
    assert own.loc["A", "up"]
    assert own.loc["B", "B:1500-1700"]
    assert own.loc["B", "chr1:5000-5150:+"]
    assert not own["far"].any()  # beyond both windows
    assert got.enhancer_start.sel(enhancer="B:1500-1700") == 6001 - 500 + 1
    variants = {name: one.sequence.codes for name, one in next(test.units(loci)).promoters.items()}
    differing = np.flatnonzero(variants["B"] != variants["B without [-50, -20)"])
    assert differing.size
    assert differing.min() >= 50
    assert differing.max() < 80


def test_the_rows_of_a_file_are_the_parameter(tmp_path):
    (tmp_path / "e.bed").write_text("#comment\nchr1\t1000\t1200\tup\t0\t-\n")
    test = Compatibility(tile=200, enhancers=str(tmp_path / "e.bed"))
    (row,) = test.configuration()["enhancers"]
    assert row == {"contig": "chr1", "start": 1000, "end": 1200, "strand": "-", "label": "up"}
    assert Compatibility(**test.configuration()) == test


def test_rows_of_one_label_are_told_apart_by_their_places(tmp_path):
    """As those of an exported fine-tile search, or of a motif's instances."""
    rows = ["0\t120\tA:activating", "500\t600\tA:activating", "700\t800\tB", "900\t950\t."]
    track = 'track name="fine_tile" type=bed\n'
    (tmp_path / "e.bed").write_text(track + "".join(f"chr1\t{row}\t9\t-\n" for row in rows))
    test = Compatibility(tile=200, enhancers=tmp_path / "e.bed")
    assert isinstance(test.enhancers, list)
    assert [one.title for one in test.enhancers] == [
        *("A:activating chr1:0-120:-", "A:activating chr1:500-600:-", "B", "chr1:900-950:-")
    ]
    assert Compatibility(**test.configuration()) == test


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tiles": None}, "tiles or enhancers is needed"),
        ({"tiles": {"locus9": [(0, 9)]}}, "tiles names locus 'locus9'.*did you mean"),
        ({"tiles": [(2300, 2500)]}, r"\[2300, 2500\): locus 'locus0' has 2400 bp"),
        ({"promoters": ["locus9"]}, "promoters names locus 'locus9'"),
        ({"distances": [150]}, "distances has 150: an enhancer of 200 bp there would lie over"),
        ({"distances": [1150]}, "or leave the sequence of 2400 bp"),
        ({"distances": [700, 700]}, "distances: each may be listed once"),
        (
            {"ablated": [(-120, -80)]},
            r"ablated has \[-120, -80\), which is no part of the TSS tile",
        ),
        ({"shuffled": 4}, "shuffled = 4 is not allowed"),
        ({"enhancers": [{"contig": "1", "start": 1, "end": 9}]}, "the loci have none"),
    ],
)
def test_requests_that_make_no_sense(changes, message):
    def size():
        test = create(**changes)
        return [test.size(unit) for unit in test.units(LOCI)]

    with pytest.raises(ConfigError, match=message):
        size()


def test_a_file_that_is_no_bed_and_an_interval_beyond_the_genome(tmp_path):
    (tmp_path / "bad.bed").write_text("chr1\t300\t100\n")
    with pytest.raises(GenomeError, match=r"bad.bed, line 1: 'chr1\\t300\\t100' is no interval"):
        Compatibility(enhancers=tmp_path / "bad.bed")
    _, loci = stranded(tmp_path)
    beyond = Compatibility(tile=200, enhancers=[{"contig": "chr1", "start": 9500, "end": 9700}])
    with pytest.raises(GenomeError, match="no interval of contig chr1 of 9600 bp"):
        list(beyond.units(loci))


def test_a_sequence_of_one_letter_cannot_be_shuffled():
    codes = np.array(LOCI[0].sequence.codes)
    codes[:200] = 1
    locus = Locus.from_sequence(Sequence(codes), "repeat")
    with pytest.raises(SequenceError, match="has no other arrangement"):
        list(create(tiles=[(0, 200)], promoters=None).units([locus]))


class Mortal(Toy):
    """The toy network, which ends its run after some batches."""

    _batches: int = PrivateAttr(0)

    def predict(self, onehot):
        self._batches += 1
        if self._batches > 9:
            raise RuntimeError("the end")
        return super().predict(onehot)


def test_a_run_that_was_cut_off_goes_on_to_the_same_results(measured, tmp_path):
    whole, _ = measured
    with Store(tmp_path / "store") as store, pytest.raises(ModelError, match="the end"):
        measure(prepare([create()], Mortal(), LOCI), store)
    got, progress = run(create(), LOCI, tmp_path)
    assert 0 < progress.predicted < progress.asked
    for name in whole.variables:
        np.testing.assert_array_equal(got[name].values, whole[name].values)
