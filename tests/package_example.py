"""An example for another package's network, run as its reader would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from creme.model import Model
from creme.results.directory import Results
from creme.runner.experiment import build_model
from creme.testing import model_checks
from creme.testing.checks import outcomes

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
LOCI = """gtf = "gencode.v46.annotation.gtf.gz"
genes = ["GATA1", "MYC"]"""
FOLDER = os.environ.get("CREME_EXAMPLES_FOLDER")
"""Where measurements go for the table of `examples_table`; a package may not be missing then."""


def needed(module: str, install: str) -> Any:
    """A module of a package; the test skips, or fails in `make test-examples`, without it."""
    if FOLDER:
        __import__(module)
    return pytest.importorskip(module, reason=f"pip install {install}")


class PackageExample:
    """An example in a folder of its own, with files that the package has saved, on two random loci.

    Parameters
    ----------
    name : str
        Of the ``.toml`` file in ``examples``.
    folder : Path
    package : str
        Distribution, for the table.
    *changes : (str, str)
        Further parts of the example's text that are exchanged.
    """

    def __init__(self, name: str, folder: Path, package: str, *changes: tuple[str, str]) -> None:
        self.name, self.folder, self.package = name, folder, package
        text = (EXAMPLES / f"{name}.toml").read_text()
        for old, new in (('"hg38.fa"', '"genome.fa"'), (LOCI, 'bed = "sites.bed"'), *changes):
            assert old in text
            text = text.replace(old, new)
        self.table: dict[str, Any] = tomllib.loads(text)["model"]
        for file in (self.table.get("object", "").partition(":")[0], self.table.get("description")):
            if file:
                (folder / file).write_text((EXAMPLES / file).read_text())
        self.file = folder / f"{name}.toml"
        self.file.write_text(text + "replicates = 2\n")  # of the last table, its one test
        self._write_loci()

    def _write_loci(self) -> None:
        """A contig with two loci, one a strand, of which the first has N."""
        length = self.model.input_length
        random = np.random.default_rng(0)
        bases = random.choice(list("ACGT"), 4 * length)
        bases[length + 40 : length + 70] = "N"
        self.contig = "".join(bases)
        self.sites = {"plus": (length + length // 2, "+"), "minus": (5 * length // 2, "-")}
        lines = [f"one\t{at}\t{at + 1}\t{name}\t0\t{way}" for name, (at, way) in self.sites.items()]
        (self.folder / "sites.bed").write_text("\n".join(lines) + "\n")
        (self.folder / "genome.fa").write_text(f">one\n{self.contig}\n")

    @cached_property
    def model(self) -> Model:
        """The described grid; the network is loaded with its first prediction."""
        return self.make()

    def make(self) -> Model:
        """The model of the example, made anew."""
        return build_model(self.table, self.folder)[0]

    def letters(self, site: str) -> str:
        """The sequence of a locus, by hand."""
        (at, strand), length = self.sites[site], self.model.input_length
        if strand == "+":
            return self.contig[at - length // 2 : at - length // 2 + length]
        first = at + length // 2 - length + 1
        forward = self.contig[first : first + length]
        return forward[::-1].translate(str.maketrans("ACGT", "TGCA"))

    def creme(self, *arguments: str) -> str:
        """What a command prints, run in the folder."""
        done = subprocess.run(
            [sys.executable, "-m", "creme", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "CREME_STATE_DIR": str(self.folder / "state"), "NO_COLOR": "1"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self) -> xr.Dataset:
        """The results of its one test."""
        self.creme("run", self.file.name)
        results = Results.existing(self.folder / f"{_experiment(self.file)}.results")
        (label,) = results.labels()
        return results.load(label)

    def check(self, own: Callable[[str], Any], network: str, *, atol: float = 0.0) -> xr.Dataset:
        """Run it and the kit, and compare activities of both loci with the package's own.

        Parameters
        ----------
        own : callable
            The package's own activities of a sequence, from its letters.
        network : str
            A few words, for the table.
        atol : float
            Of activities that are near 0.
        """
        results = self.run()
        differences = []
        for site in self.sites:
            expected = np.ravel(own(self.letters(site))).astype(np.float64)
            activities = np.ravel(results.sel(locus=site).wild_type.values)
            np.testing.assert_allclose(activities, expected, rtol=1e-5, atol=atol)
            differences.append(np.abs(activities - expected).max() / np.abs(expected).max())
        verdict = kit(self.make)
        first = self.letters("plus")
        onehot = np.zeros((1, len(first), 4), np.float32)
        onehot[0] = np.array(list(first))[:, None] == np.array(list("ACGT"))
        model = self.model
        model.predict(onehot)
        record(
            self.name,
            package=f"{self.package} {version(self.package)}",
            network=network,
            own=float(np.ravel(own(first))[0]),
            ours=float(np.ravel(results.sel(locus="plus").wild_type.values)[0]),
            difference=float(max(differences)),
            own_seconds=seconds(lambda: own(first)),
            our_seconds=seconds(lambda: model.predict(onehot)),
            kit=verdict,
        )
        return results


def kit(make: Callable[[], Model]) -> str:
    """The number of checks that passed, of those that could be made; none may fail."""
    results = list(outcomes(model_checks(), make))
    bad = [f"{each.check}: {each.reason}" for each in results if each.is_bad]
    assert not bad, bad
    states = [each.state for each in results]
    return f"{states.count('passed')} of {len(states) - states.count('not checked')}"


def seconds(predict: Callable[[], Any], times: int = 3) -> float:
    """Of a processor, for one prediction: the least of some, since others use the machine."""
    predict()
    taken = []
    for _ in range(times):
        before = time.process_time()
        predict()
        taken.append(time.process_time() - before)
    return min(taken)


def record(name: str, **row: Any) -> None:
    """Keep a row of the table, where it is made."""
    if FOLDER:
        Path(FOLDER).mkdir(parents=True, exist_ok=True)
        (Path(FOLDER) / f"{name}.json").write_text(json.dumps(row))


def _experiment(file: Path) -> str:
    return tomllib.loads(file.read_text())["name"]
