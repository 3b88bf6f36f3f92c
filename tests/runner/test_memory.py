"""Memory: requests are consumed lazily, so a test of thousands of sequences needs room for few."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest

import toy
from creme.inference.rows import Buffer
from creme.suite.necessity import Necessity

LIMIT = 150  # MiB above what the interpreter has with everything imported and compiled

SCRIPT = """
import sys
import numpy as np
from pathlib import Path
from typing import ClassVar
import creme.results.join
from creme import registry
from creme.genome import Locus
from creme.kernels.shuffle import dinucleotide_shuffles
from creme.model import Model, Track, TrackTable
from creme.runner.plan import prepare
from creme.runner.run import measure
from creme.sequence import Sequence
from creme.store import Store

class Trivial(Model):
    name: ClassVar = "trivial"
    version: ClassVar = "1"
    batch_size: ClassVar = 8
    input_length: ClassVar = 196_608
    bin_size: ClassVar = 128
    n_bins: ClassVar = 896
    tracks: ClassVar = TrackTable((Track("one"),))
    def identity(self):
        return {}
    def predict(self, onehot):
        out = np.empty((len(onehot), 896, 1), np.float32)
        out[:] = onehot[:, ::97, 1].sum(axis=1)[:, None, None]
        return out

def status(field):
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if field in x]
    return int(line.split()[1]) / 1024

codes = np.random.default_rng(0).integers(0, 4, 196_608, dtype=np.uint8)
dinucleotide_shuffles(codes, [1])
base = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
test = registry.create("test", {"name": sys.argv[1], **eval(sys.argv[2])})
with Store(sys.argv[3]) as store:
    report = measure(prepare([test], Trivial(), [Locus.from_sequence(Sequence(codes), "x")]), store)
assert not report.failures, report.failures
print(report.progress.predicted, status("VmHWM") - base)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("name", "parameters", "predictions"),
    [
        ("necessity", {}, 381),
        ("sufficiency", {}, 391),
        ("higher_order", {"rounds": 3, "accept": "all"}, 1841),
    ],
)
def test_38_tiles_and_10_replicates_need_little_memory(name, parameters, predictions, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, repr(parameters), str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    predicted, above = done.stdout.split()
    assert int(predicted) == predictions
    assert float(above) < LIMIT


PAIRS = Path(__file__).parents[2] / "benchmarks" / "many_units.py"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_units_cost_little_time_and_next_to_no_memory(tmp_path):
    """A context swap of all pairs; ``benchmarks/many_units.py`` has it at the paper's size."""
    rows = []
    for loci in (14, 45):
        command = [sys.executable, str(PAIRS), "--one", str(tmp_path), "--loci", str(loci)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        rows.append(json.loads(done.stdout))
    few, many = rows
    assert many["units"] == 2025
    # Milliseconds of the processor a unit: xarray's concatenation takes five.
    assert many["logged"] + many["joined"] < 2
    # A Dataset of each unit would take 20 KiB; here it is the labels that all of them need.
    above = 1024 * (many["peak"] - few["peak"]) / (many["units"] - few["units"])
    assert above < 6


def buffers():
    # Not isinstance: lazily loaded modules of torch warn when their class is read.
    return [one for one in gc.get_objects() if type(one) is Buffer]


def test_a_run_leaves_no_buffers_behind(tmp_path):
    """They are large, and those of each run would be new until garbage is collected."""
    gc.collect()
    # A failed run of another test may be kept by its traceback, with its buffers.
    kept = buffers()
    earlier = {id(one) for one in kept}
    gc.disable()
    try:
        toy.run(Necessity(tile=200, replicates=2), toy.toy_loci(1), tmp_path)
        assert not [one for one in buffers() if id(one) not in earlier]
    finally:
        gc.enable()
