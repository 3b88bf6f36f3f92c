"""Grammars are read from files and checked."""

from __future__ import annotations

import numpy as np
import pytest

from creme.demo.rules import FOLDER, Binding, Grammar, grammar
from creme.errors import ConfigError

TEXT = """
name = "tiny"
cell_types = ["a", "b"]
[factors.F]
motifs = ["TGACTCA"]
effect = "additive"
weight = 1.0
[promoters.P]
motifs = ["GCTATAAGG"]
basal = 1.0
"""


def read(tmp_path, text):
    file = tmp_path / "tiny.toml"
    file.write_text(text)
    return Grammar.read(str(file))


def test_all_that_come_with_the_package_are_read():
    names = {file.stem for file in FOLDER.glob("*.toml")}
    assert names == {"cis", "simple"}
    for name in names:
        assert grammar(name).name == name
        assert grammar(name) is grammar(name)


def test_a_grammar_of_ones_own(tmp_path):
    own = read(tmp_path, TEXT)
    assert own.cell_types == ("a", "b")
    assert own.factors["F"].reach == 10_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"TGACTCA"', '"TGACXCA"'), "motifs"),
        (('"TGACTCA"', '"TGA"'), "motifs"),
        (("weight = 1.0", "weight = -1.0"), "weight"),
        (("weight = 1.0", "wait = 1.0"), "wait"),
        (("weight = 1.0", "cells = { c = 1.0 }"), r"cells names \['c'\]: no such cell type"),
        (("basal = 1.0", "basal = 1.0\nresponds = { odd = 1 }"), r"\['odd'\]: no such group"),
        (
            ("[promoters.P]", '[[pairs]]\nfactors = ["F", "G"]\nweight = 1\n[promoters.P]'),
            r"a pair names \['G'\]: no such factor",
        ),
        (('name = "tiny"', 'name = "tiny"\nspread = [0.5, 0.5]'), "an odd number of shares"),
        (('"additive"', '"odd"'), "effect"),
        (('name = "tiny"', "name = "), "is not valid TOML"),
    ],
)
def test_it_says_what_does_not_fit(tmp_path, change, words):
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, TEXT.replace(*change))


def test_a_grammar_that_is_not_there():
    with pytest.raises(ConfigError, match=r"grammar 'odd' cannot be read .*: give cis, simple, or"):
        Grammar.read("odd")


def test_a_matrix_has_the_probabilities_relative_to_the_best():
    rows = Binding(probability=0.85).matrix("ARNACGT")
    np.testing.assert_allclose(np.exp(rows[0]), [1, 0.05 / 0.85, 0.05 / 0.85, 0.05 / 0.85])
    # R: A and G have 0.425 each, the others 0.075 each.
    np.testing.assert_allclose(np.exp(rows[1]), [1, 0.075 / 0.425, 1, 0.075 / 0.425])
    assert (rows[2] == 0).all()


def test_mismatches_are_counted_alike():
    rows = Binding(mismatches=1).matrix("ARACGT")
    assert rows[0].tolist() == [0, -1, -1, -1]
    assert rows[1].tolist() == [0, -1, 0, -1]
    assert Binding(mismatches=1).cut == -1.5
