"""Descriptions and weights that are broken: an error that says where, soon."""

from __future__ import annotations

import json
import os
import random
import time
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import pytest
from creme.errors import CremeError, ModelError

from creme_seqnn.model import SeqNN
from creme_seqnn.params import read_architecture

CASES = int(os.environ.get("CREME_HOSTILE_CASES", "60"))
VALUES = (None, True, -1, 0, 10**9, 10**30, 0.5, float("inf"), "", "x", [], {}, [[]], [None] * 3)
FOLDER = Path(os.environ.get("CREME_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
MINI = FOLDER / "models" / "seqnn_mini"

pytestmark = pytest.mark.skipif(not MINI.is_dir(), reason=f"no {MINI}")


def places(value):
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def test_descriptions(tmp_path):
    text = (MINI / "params.json").read_text()
    rng = random.Random(1)
    path = tmp_path / "params.json"
    for _ in range(5 * CASES):
        content = json.loads(text)
        for _ in range(rng.choice((1, 1, 2, 4))):
            holder, key = rng.choice(list(places(content)))
            holder[key] = deepcopy(rng.choice(VALUES))  # lest one list stands in itself
        path.write_text(json.dumps(content))
        began = time.monotonic()
        with suppress(CremeError):
            read_architecture(path)
        assert time.monotonic() - began < 5, path.read_text()[:2000]


@pytest.mark.parametrize(("option", "value"), [("repeat", 10**9), ("dense_expansion", 1e999)])
def test_numbers_that_no_network_has(tmp_path, option, value):
    content = json.loads((MINI / "params.json").read_text())
    changed = 0
    for holder, key in list(places(content)):
        if key == "name" and (option, holder[key]) in (
            ("dense_expansion", "transformer_tower"),
            ("repeat", "res_tower"),
            ("repeat", "conv_tower"),
        ):
            holder[option] = value
            changed += 1
    path = tmp_path / "params.json"
    path.write_text(json.dumps(content))
    assert changed
    with pytest.raises(CremeError, match=option):
        read_architecture(path)


def test_weights(tmp_path):
    content = next(MINI.glob("*.h5")).read_bytes()
    rng = random.Random(2)
    path = tmp_path / "weights.h5"
    for number in range(CASES // 6):
        broken = bytearray(content)
        for _ in range(rng.choice((1, 4, 64))):
            # The header and the names of layers stand at the beginning.
            at = rng.randrange(len(broken) if number % 2 else min(len(broken), 20_000))
            broken[at] ^= 1 << rng.randrange(8)
        path.write_bytes(broken[: rng.randrange(len(broken))] if number % 5 == 0 else broken)
        with suppress(CremeError):
            SeqNN(params=MINI / "params.json", weights=path).load()


@pytest.mark.parametrize(("at", "bit"), [(706, 1), (72_894, 7), (214_477, 7)])
def test_bits_of_which_h5py_makes_errors_of_its_own(tmp_path, at, bit):
    """A name that is no text, and types that no values have."""
    broken = bytearray(next(MINI.glob("*.h5")).read_bytes())
    broken[at] ^= 1 << bit
    path = tmp_path / "weights.h5"
    path.write_bytes(broken)
    with pytest.raises(ModelError, match="is damaged"):
        SeqNN(params=MINI / "params.json", weights=path).load()
