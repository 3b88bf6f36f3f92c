"""Descriptions of networks and files of their weights that are nearly right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from properties import any_text, changed, examples, right_or_error, written

pytest.importorskip("creme_seqnn")


@examples
@given(case=st.data())
def test_descriptions_of_networks(tmp_path, data, case):
    from creme_seqnn.params import read_architecture

    right = json.loads((data / "models" / "seqnn_mini" / "params.json").read_text())
    described = case.draw(changed(right))
    path = written(tmp_path / "params.json", json.dumps(described))
    right_or_error(lambda: read_architecture(path))


names = st.sampled_from(["conv1d", "conv1d_1", "dense", "kernel:0", "bias:0", "model_weights"])
shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
values = st.one_of(
    shapes.map(lambda shape: np.ones(shape, dtype=np.float32)),
    shapes.map(lambda shape: np.ones(shape, dtype=np.int8)),
    any_text.filter(lambda text: "\0" not in text),
)
trees = st.recursive(
    values, lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3), max_leaves=6
).filter(lambda tree: isinstance(tree, dict))


@examples
@given(tree=trees, asked=st.dictionaries(names, shapes, max_size=2))
@example(tree={"conv1d": {"conv1d": ""}}, asked={"conv1d": ()})
def test_files_of_weights(tmp_path: Path, tree, asked):
    import h5py

    from creme_seqnn.weights import WeightFile

    def write(group, part):
        for name, value in part.items():
            if isinstance(value, dict):
                write(group.create_group(name), value)
            else:
                group[name] = value

    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        write(file, tree)

    def read():
        with WeightFile(path) as weights:
            while weights.remaining("conv1d"):
                taken = weights.take("conv1d", asked)
                assert {name: value.shape for name, value in taken.items()} == asked
            weights.finish()

    right_or_error(read)
