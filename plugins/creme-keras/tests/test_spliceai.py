"""SpliceAI by examples/spliceai.toml, on the networks that PyPI's package spliceai brings.

They are read where that package is installed, as are the exons; nothing of it is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from creme import Genome
from creme.results.directory import Results
from creme.runner.experiment import build_model
from creme.testing import model_checks, sequences
from creme.testing.checks import outcomes

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "spliceai.toml"
CONTIG, START = "chr20_hg19_1000000_2000000", 1_000_000
AROUND = 5_100

if os.environ.get("KERAS_BACKEND") != "tensorflow":
    pytest.skip(
        "the example runs on TensorFlow; see test_other_backends.py", allow_module_level=True
    )
keras = pytest.importorskip("keras")
TAKES_MINUTES = pytest.mark.skipif(
    "CREME_EXAMPLES_FOLDER" not in os.environ, reason="takes minutes: make test-examples has it"
)


@pytest.fixture(scope="module")
def package() -> Path:
    spec = find_spec("spliceai")
    if spec is None or not EXAMPLE.is_file():
        pytest.skip("pip install --no-deps spliceai==1.3.1; and the example")
    return Path(spec.submodule_search_locations[0])


DATA = Path(os.environ.get("CREME_TEST_DATA", ROOT.parent / "shared" / "data"))
FASTA = DATA / "sequence" / "chr20_hg19_1Mb.fa.gz"


@pytest.fixture(scope="module")
def data() -> Path:
    if not FASTA.is_file():
        pytest.skip(f"no sequence at {DATA}; set CREME_TEST_DATA")
    return DATA


@pytest.fixture(scope="module")
def sites(package) -> dict[str, tuple[int, str]]:
    """Place and strand of a donor of the one strand and an acceptor of the other."""
    found = {}
    for line in (package / "annotations" / "grch37.txt").read_text().splitlines():
        name, contig, strand, *_, ends = line.split("\t")
        if contig == "20" and name in ("PSMF1", "FKBP1A"):
            order = 1 if strand == "+" else -2
            end = int(ends.split(",")[:-1][order]) - START
            # The last base of an exon that is read to the right, the first of the other one.
            kind = "donor" if strand == "+" else "acceptor"
            found[f"{name}-{kind}"] = (end - 1, strand)
    assert sorted(found) == ["FKBP1A-acceptor", "PSMF1-donor"]
    return found


@pytest.fixture(scope="module")
def results(package, data, sites, tmp_path_factory):
    """The example's results, of 2 bp on either side of the sites."""
    folder = tmp_path_factory.mktemp("spliceai")
    lines = [f"{CONTIG}\t{at}\t{at + 1}\t{name}\t0\t{way}" for name, (at, way) in sites.items()]
    (folder / "splice_sites.bed").write_text("\n".join(lines) + "\n")
    network = EXAMPLE.with_name("spliceai_network.toml")
    (folder / network.name).write_text(network.read_text())
    text = EXAMPLE.read_text()
    for old, new in (
        ('"spliceai/models/', f'"{package}/models/'),
        ('"hg19.fa"', f'"{FASTA}"'),
        ("[[5080, 5121]]", f"[[{AROUND - 2}, {AROUND + 3}]]"),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "spliceai.toml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", "from creme.cli import main; main()", "run", "spliceai.toml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "structure of" not in done.stderr
    return Results.existing(folder / "spliceai.results").load("saturation_mutagenesis")


def test_every_base_of_gt_and_ag_is_needed(results, sites):
    for name, (_, strand) in sites.items():
        kind = name.partition("-")[2]
        one = results.sel(locus=name, track=kind)
        assert float(one.wild_type) > 0.5, (name, float(one.wild_type))
        places = [1, 2] if kind == "donor" else [-2, -1]
        at = one.position_distance.values
        letters = "".join(one.reference.values[np.isin(at, places)])
        assert letters == {"donor": "GT", "acceptor": "AG"}[kind], (name, strand)
        changed = one.base.values[None, :] != one.reference.values[:, None]
        effect = one.effect.transpose("position", "base").values
        needed = effect[np.isin(at, places)][changed[np.isin(at, places)]]
        assert needed.min() > 0.8, (name, needed)
        others = np.abs(effect[~np.isin(at, places)][changed[~np.isin(at, places)]])
        assert others.mean() < needed.mean() / 2


def test_the_numbers_are_those_of_its_own_package(results, package, data, sites):
    """As spliceai.utils computes them: one-hot turned around for the other strand, and a mean."""
    networks = _networks(package, range(1, 6))
    genome = Genome(FASTA)
    for name, (at, strand) in sites.items():
        letters = str(genome.fetch(CONTIG, at - AROUND, at + AROUND))
        x = np.stack([np.array(list(letters)) == base for base in "ACGT"], axis=1)
        x = x.astype(np.float32)[None]
        if strand == "-":
            x = x[:, ::-1, ::-1]
        y = np.mean([network.predict(x, verbose=0) for network in networks], axis=0)
        # The base in the middle: of an even length, another one on the other strand.
        place = AROUND - 5_000 - (strand == "-")
        got = results.sel(locus=name, track=["acceptor", "donor"]).wild_type.values
        np.testing.assert_allclose(got, y[0, place, 1:], rtol=1e-5, atol=1e-7)


@TAKES_MINUTES
def test_the_saturation_mutagenesis_is_that_of_its_own_package(results, package, data, sites):
    """The activity of all mutants, of both sites and kinds, as Keras predicts it."""
    networks = _networks(package, range(1, 6))
    for name, (at, strand) in sites.items():
        one = results.sel(locus=name, track=["acceptor", "donor"])
        base = _onehot(at, strand)
        places = [AROUND + int(away) for away in one.position_distance.values]
        changed = np.repeat(base[None], 4 * len(places), axis=0)
        for k, place in enumerate(places):
            changed[4 * k : 4 * k + 4, place] = np.eye(4)
        y = np.mean([each.predict(changed, verbose=0) for each in networks], axis=0)
        expected = y[:, AROUND - 5_000, 1:].reshape(len(places), 4, 2)
        ours = one.mutant.transpose("position", "base", "track").values
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-7)


def _onehot(at: int, strand: str) -> np.ndarray:
    """The bases around a site, 5' to 3' along its gene, (10,200, 4), the site at 5,100."""
    first = at - AROUND + (strand == "-")
    letters = str(Genome(FASTA).fetch(CONTIG, first, first + 2 * AROUND))
    x = (np.array(list(letters))[:, None] == np.array(list("ACGT"))).astype(np.float32)
    return x[::-1, ::-1] if strand == "-" else x


def _networks(package, numbers):
    return [
        keras.models.load_model(package / "models" / f"spliceai{n}.h5", compile=False)
        for n in numbers
    ]


def _seconds(predict):
    """Of a processor: the least of three, since others use the machine."""
    predict()
    taken = []
    for _ in range(3):
        before = time.process_time()
        predict()
        taken.append(time.process_time() - before)
    return min(taken)


# The kit makes a model two dozen times, and TensorFlow takes 5 s to trace each network.
@TAKES_MINUTES
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, "all five"])
def test_it_conforms(package, sites, tmp_path, number):
    numbers = range(1, 6) if number == "all five" else [number]
    table = tomllib.loads(EXAMPLE.read_text())["model"]
    files = [str(package / "models" / f"spliceai{n}.h5") for n in numbers]
    table["ensemble"]["replicates"]["file"] = files
    if len(files) == 1:
        del table["ensemble"]
        table["file"] = files[0]
    network = EXAMPLE.with_name("spliceai_network.toml")
    (tmp_path / network.name).write_text(network.read_text())

    def make():
        return build_model(table, tmp_path)[0]

    results = list(outcomes(model_checks(), make))
    assert {each.state for each in results} <= {"passed", "not checked"}, [
        (str(each.check), each.reason) for each in results if each.is_bad
    ]
    (position,) = [each for each in results if str(each.check) == "position"]
    assert position.state == "passed"  # of an edge that fades, it says how far is seen
    model, networks = make(), _networks(package, numbers)

    def own(x):
        return np.mean([each.predict(x, verbose=0) for each in networks], axis=0)

    # Both sites with all changes of GT and AG where the data are, and a random sequence.
    here = sites if FASTA.is_file() else {}
    x = np.concatenate([*(_with_changes(sites, name) for name in here), sequences(model, 1)])
    values, expected = model.predict(x), own(x)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-7)
    for k, name in enumerate(here):
        track = {"acceptor": 1, "donor": 2}[name.partition("-")[2]]
        wild_type, *mutants = values[7 * k : 7 * k + 7, AROUND - 5_000, track]
        assert wild_type > 0.5, name
        assert max(mutants) < 0.2 * wild_type, name
    place = (7 * list(here).index("PSMF1-donor") if here else 0, AROUND - 5_000, 2)
    passed = [each.state for each in results].count("passed")
    which = "five networks" if len(files) > 1 else f"network {number} of five"
    row = {
        "package": f"spliceai {version('spliceai')}",
        "network": f"{which}, 10,200 bp; {'a donor of PSMF1' if here else 'a random base'}",
        "own": float(expected[place]),
        "ours": float(values[place]),
        "difference": float(np.abs(values - expected).max() / np.abs(expected).max()),
        "own_seconds": _seconds(lambda: own(x[:1])),
        "our_seconds": _seconds(lambda: model.predict(x[:1])),
        "kit": f"{passed} of {sum(each.state != 'not checked' for each in results)}",
    }
    folder = Path(os.environ["CREME_EXAMPLES_FOLDER"])
    folder.mkdir(parents=True, exist_ok=True)
    name = "spliceai" if len(files) > 1 else f"spliceai_{number}"
    (folder / f"{name}.json").write_text(json.dumps(row))


def _with_changes(sites, name: str) -> np.ndarray:
    """A site's sequence, and the six changes of its GT or AG."""
    base = _onehot(*sites[name])
    changed = [base]
    for away in (1, 2) if name.endswith("donor") else (-2, -1):
        for letter in range(4):
            if not base[AROUND + away, letter]:
                changed.append(base.copy())
                changed[-1][AROUND + away] = np.eye(4)[letter]
    return np.stack(changed)
