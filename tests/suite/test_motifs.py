"""Saturation mutagenesis and motif embedding, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from creme.errors import ConfigError
from creme.genome import Annotation, Genome, Locus, select_loci
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.seeds import derive
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.motif_embedding import MotifEmbedding
from creme.suite.saturation_mutagenesis import SaturationMutagenesis
from creme.testing.tests import RandomModel
from toy import LENGTH, activity, run, toy_loci


def activities(model, sequences):
    """Of the bin of the TSS, as by default."""
    profiles = model.predict(np.stack([sequence.onehot() for sequence in sequences]))
    return profiles[:, model.tss_bin()]


def test_every_base_is_changed_to_each_other(tmp_path):
    loci = toy_loci(2)
    test = SaturationMutagenesis(regions=[(1300, 1304), (20, 23)])
    got, progress = run(test, loci, tmp_path)
    assert progress.asked == 2 * test.size(loci[0]) == 2 * 29
    assert progress.predicted == 2 * (1 + 7 * 3)
    assert got.position_start.values.tolist() == [20, 21, 22, 1300, 1301, 1302, 1303]
    assert got.position_distance.values.tolist() == [-1180, -1179, -1178, 100, 101, 102, 103]
    for locus in loci:
        wild = locus.sequence.codes
        for place, position in enumerate(got.position_start.values):
            one = got.sel(locus=locus.name).isel(position=place)
            assert one.reference == "ACGT"[wild[position]]
            effects = []
            for base in range(4):
                mutant = wild.copy()
                mutant[position] = base
                effects.append((activity(wild) - activity(mutant)) / activity(wild))
            np.testing.assert_allclose(one.effect, effects, rtol=1e-4, atol=1e-6)
            assert (one.effect[wild[position]] == 0).all()
            others = np.delete(np.array(effects), wild[position], axis=0)
            np.testing.assert_allclose(one.importance, others.mean(0), rtol=1e-4, atol=1e-6)


def test_an_n_has_four_changes(tmp_path):
    codes = toy_loci(1)[0].sequence.codes.copy()
    codes[50] = 4
    locus = Locus.from_sequence(Sequence(codes), "gap")
    got, _ = run(SaturationMutagenesis(regions=[(50, 51)]), [locus], tmp_path)
    assert got.reference.values.ravel().tolist() == ["N"]
    assert (got.effect != 0).all()
    np.testing.assert_allclose(got.importance, got.effect.mean("base"))


def test_positions_are_on_the_genes_strand(genome, tmp_path):
    model = RandomModel(length=24_576)
    fasta = Genome(genome.fasta)
    loci = select_loci(fasta, Annotation.from_bed(genome.bed), None, model.input_length, model.tss)
    assert {locus.strand for locus in loci} == {"+", "-"}
    with Store(tmp_path / "store") as store:
        plan = prepare([SaturationMutagenesis(regions=[(12_280, 12_300)])], model, loci)
        got = measure(plan, store).datasets["saturation_mutagenesis"]
    for locus in loci:
        one = got.sel(locus=locus.name)
        wild = activities(model, [locus.sequence])[0]
        for place in range(20):
            at = int(one.genomic_start[place])
            reference = str(one.reference.values[place])
            assert str(fasta.fetch(locus.contig, at, at + 1, locus.strand)) == reference
            # The change, made by hand in the letters that the genome has there.
            letters = str(locus.sequence)
            for base in "ACGT":
                changed = letters[: 12_280 + place] + base + letters[12_281 + place :]
                (mutant,) = activities(model, [Sequence.from_string(changed)])
                np.testing.assert_allclose(
                    one.effect.isel(position=place).sel(base=base),
                    (wild - mutant) / wild,
                    rtol=1e-3,
                    atol=1e-6,
                )
        assert (one.effect != 0).sum() == 20 * 3 * 2


def test_regions_of_each_locus(tmp_path):
    got, _ = run(SaturationMutagenesis(regions={"locus1": [(5, 7)]}), toy_loci(3), tmp_path)
    assert got.locus.values.tolist() == ["locus1"]


def test_regions_are_checked():
    (locus,) = toy_loci(1)
    with pytest.raises(ConfigError, match="overlap"):
        SaturationMutagenesis(regions=[(0, 5), (4, 6)]).size(locus)
    with pytest.raises(ConfigError, match="outside the sequence"):
        SaturationMutagenesis(regions=[(0, LENGTH + 1)]).size(locus)
    with pytest.raises(ConfigError, match="'regions' is required"):
        SaturationMutagenesis()  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="regions names locus"):
        SaturationMutagenesis(regions={"other": [(0, 1)]}).units([locus])


def test_motifs_in_random_contexts(tmp_path):
    loci = toy_loci(2)
    test = MotifEmbedding(
        tile=400, replicates=3, seed=8, motifs=["TGACTCA", "GGGGNCCCC"], positions=[1500, 30, 1195]
    )
    got, progress = run(test, loci, tmp_path)
    assert test.size(loci[0]) == 1 + 3 + 2 * 3 * 3
    assert progress.asked == 2 * (1 + 3 + 2 * 3 * 3)
    assert got.motif.values.tolist() == ["TGACTCA", "GGGGNCCCC"]
    assert got.position_start.values.tolist() == [1500, 30, 1195]
    assert got.position_distance.values.tolist() == [[303, -1167, -2], [304, -1166, -1]]
    for locus in loci:
        wild = locus.sequence.codes
        for k in range(3):
            seed = derive(8, locus.key, "background", k)
            (control,) = dinucleotide_shuffles(wild, [seed])
            control[1000:1400] = wild[1000:1400]
            for motif in got.motif.values:
                for place, at in enumerate((1500, 30, 1195)):
                    mutant = control.copy()
                    bases = Sequence.from_string(motif).codes
                    mutant[at : at + len(bases)] = bases
                    expected = (activity(mutant) - activity(control)) / activity(wild)
                    one = got.sel(locus=locus.name, motif=motif).isel(position=place, replicate=k)
                    np.testing.assert_allclose(
                        one.effect_replicates, expected, rtol=1e-4, atol=1e-6
                    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"motifs": ["TGAX"]}, r"motifs: 'TGAX': character 'X' at position 3"),
        ({"motifs": [""]}, "at least one base"),
        ({"motifs": ["A", "A"]}, "each may be listed once only"),
        ({"positions": [1, 1]}, "each may be listed once only"),
        ({"positions": []}, "positions"),
    ],
)
def test_motifs_are_checked(values, message):
    with pytest.raises(ConfigError, match=message):
        MotifEmbedding(**{"motifs": ["TGA"], "positions": [3], **values})


def test_motifs_fit_the_sequence():
    (locus,) = toy_loci(1)
    with pytest.raises(ConfigError, match="motif TGA starts between 0 and 2397"):
        MotifEmbedding(tile=400, motifs=["TGA"], positions=[2398]).size(locus)
