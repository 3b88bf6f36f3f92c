"""Context swap, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from creme.errors import ConfigError
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.seeds import derive
from creme.suite.context_swap import ContextSwap
from toy import activity, run, toy_loci

GROUPS = {"enhancing": ["locus0", "locus2"], "silencing": ["locus1"]}


def test_every_source_in_every_target(tmp_path):
    loci = toy_loci(3)
    got, progress = run(ContextSwap(tile=400, replicates=2, seed=4, groups=GROUPS), loci, tmp_path)
    codes = {locus.name: locus.sequence.codes for locus in loci}
    keys = {locus.name: locus.key for locus in loci}
    centre = slice(1000, 1400)
    assert got.sizes["locus"] == 9
    assert progress.asked == 9 * 7
    # 3 wild types, 6 swaps, 6 controls, 12 swaps into them
    assert progress.predicted == 27
    for pair in got.locus.values:
        one = got.sel(locus=pair)
        source, target = str(one.source.values), str(one.target.values)
        wild, unperturbed = activity(codes[source]), activity(codes[target])
        mutant = codes[target].copy()
        mutant[centre] = codes[source][centre]
        np.testing.assert_allclose(
            one.effect, (activity(mutant) - unperturbed) / wild, rtol=1e-5, atol=1e-6
        )
        effects = []
        for k in range(2):
            seed = derive(4, keys[target], "background", k)
            (dinuc,) = dinucleotide_shuffles(codes[target], [seed])
            dinuc[centre] = codes[target][centre]
            before = activity(dinuc)
            dinuc[centre] = codes[source][centre]
            effects.append((activity(dinuc) - before) / wild)
        np.testing.assert_allclose(one.dinuc_effect_replicates, effects, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(one.dinuc_effect, np.mean(effects, 0), rtol=1e-5, atol=1e-6)


def test_a_swap_with_itself_has_no_effect(tmp_path):
    got, _ = run(ContextSwap(tile=400, replicates=2), toy_loci(2), tmp_path)
    own = got.isel(locus=got.source.values == got.target.values)
    assert own.sizes["locus"] == 2
    assert (own.effect == 0).all()
    assert (own.dinuc_effect_replicates == 0).all()


def test_labels_name_both_loci_and_their_categories(tmp_path):
    got, _ = run(ContextSwap(tile=400, replicates=1, groups=GROUPS), toy_loci(3), tmp_path)
    one = got.sel(locus="locus1 in locus2")
    assert (one.source, one.target) == ("locus1", "locus2")
    assert (one.source_category, one.target_category) == ("silencing", "enhancing")
    assert one.tss_position == 1200
    one = got.sel(locus="locus2 in locus1")
    assert (one.source_category, one.target_category) == ("enhancing", "silencing")


def test_only_loci_of_the_groups_take_part(tmp_path):
    test = ContextSwap(tile=400, replicates=1, groups={"neutral": ["locus1"]})
    assert [unit.name for unit in test.units(toy_loci(3))] == ["locus1 in locus1"]


def test_groups_are_checked():
    with pytest.raises(ConfigError, match=r"groups.a names locus 'locus9'.*did you mean"):
        ContextSwap(groups={"a": ["locus9"]}).units(toy_loci(2))
    with pytest.raises(ConfigError, match=r"'locus1' is in groups.b and groups.a"):
        ContextSwap(groups={"a": ["locus1"], "b": ["locus1"]}).units(toy_loci(2))
    with pytest.raises(ConfigError, match="does not fit"):
        ContextSwap(tile=5000).size(next(iter(ContextSwap().units(toy_loci(1)))))
