"""Whole experiments through the command line, the example file, and where the key is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path

import grpc
import numpy as np
import pytest
from creme.cli import main
from creme.demo.genome import write_genome
from creme.errors import GenomeError, ModelError
from creme.genome.loci import LociConfig
from creme.results.directory import Results
from creme.runner.experiment import parse
from creme.runner.plan import Plan

from server import K562, KEY, Step, formula

CREME = [sys.executable, "-c", "from creme.cli import main; main()"]
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "alphagenome_k562.toml"
EXPERIMENT = """\
name = "small"
seed = 7

[model]
plugin = "alphagenome"
output = "cage"
ontology_terms = ["EFO:0002067"]
length = 16384
tracks = "all"
bins = "tss"

[loci]
fasta = "{fasta}"
bed = "{bed}"

[[tests]]
name = "context_dependence"
tile = 1000
replicates = 3

[[tests]]
name = "necessity"
tile = 1000
replicates = 2
"""
ASKED = 2 * ((1 + 3) + (1 + 14 * 2))
SEQUENCES = ASKED - 2  # the wild type is that of both tests


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    return write_genome(tmp_path_factory.mktemp("genome"), genes=2)


@pytest.fixture
def experiment(genome, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(EXPERIMENT.format(fasta=genome.fasta, bed=genome.bed))
    return path


def creme(*arguments, **changed):
    """The command line in a process of its own."""
    return subprocess.run(
        [*CREME, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **changed},
    )


@pytest.fixture
def here(monkeypatch, capsys):
    """The command line in this process: exit status, and all that was printed."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["creme", *map(str, arguments)])
        status, trace = 0, ""
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        except ModelError as error:  # of --debug
            status = 1
            trace = "".join(traceback.format_exception(error))
        printed = capsys.readouterr()
        return status, printed.out + printed.err + trace

    return call


def no_key_in(folder: Path, *texts: str) -> int:
    """Number of files that were looked into."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path
    for text in texts:
        assert KEY not in text
    return len(files)


def test_an_experiment_from_its_file_to_its_results(experiment, genome, service, tmp_path):
    service.chunk = 10_000
    done = creme("run", experiment, "--profile")
    assert done.returncode == 0, done.stderr
    assert f" {SEQUENCES} predicted, 0 taken from the store" in done.stdout
    sequences = [request.sequence for request in service.requests]
    assert len(set(sequences)) == SEQUENCES
    # One more compares a batch with its first sequence alone, and one looks for a random model.
    assert len(sequences) <= SEQUENCES + 2
    assert 1 < service.most <= 5

    results = Results.existing(tmp_path / "small.results")
    context = results.load("context_dependence")
    assert context.track.values.tolist() == [f"hCAGE {K562} +", f"hCAGE {K562} -"]
    loci = LociConfig(fasta=str(genome.fasta), bed=str(genome.bed)).load(16384, 8192, tmp_path)
    for locus in loci:
        letters = str(locus.sequence)
        assert letters in sequences
        for strand in "+-":
            values = formula(letters, f"hCAGE {K562}", strand, 1)[8192:8320]
            got = context.wild_type.sel(locus=locus.name, track=f"hCAGE {K562} {strand}")
            assert np.isclose(float(got), values.mean(dtype=np.float64), rtol=1e-6)
    told = results.state()["environment"]
    assert told["service"] == os.environ["ALPHAGENOME_ADDRESS"]
    assert told["alphagenome"]
    assert told["predicted"]
    assert no_key_in(tmp_path, done.stdout, done.stderr) > 5

    # Everything is known now: neither the service nor the key is needed.
    asked = service.asked_metadata
    service.server.stop(None).wait()
    for again in (
        creme("run", experiment, ALPHAGENOME_API_KEY=""),
        creme("resume", tmp_path / "small.results", ALPHAGENOME_API_KEY=""),
    ):
        assert again.returncode == 0, again.stderr
        assert f" 0 predicted, {ASKED} taken from the store" in again.stdout
    assert len(service.requests) == len(sequences)
    assert service.asked_metadata == asked
    assert results.state()["environment"] == told


def test_ctrl_c_and_the_rest_later(experiment, service, tmp_path):
    service.delay = 0.2
    running = subprocess.Popen([*CREME, "run", experiment], stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while len(service.requests) < 12:
        assert time.monotonic() < until
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "Stopped before the end" in said
    service.delay = 0.0
    before = len({request.sequence for request in service.requests})
    assert before < SEQUENCES
    done = creme("resume", tmp_path / "small.results")
    assert done.returncode == 0, done.stderr
    assert f" {SEQUENCES - before} predicted, " in done.stdout
    assert len({request.sequence for request in service.requests}) == SEQUENCES


def test_a_run_that_the_quota_stops_goes_on_later(experiment, service, here):
    settings = "length = 16384\npatience = 0.5\nconcurrency = 2"
    experiment.write_text(experiment.read_text().replace("length = 16384", settings))
    served, answer = [], service.answer

    def limited(request):
        served.append(request)
        if len(served) == 10:
            service.steps.extend([Step(grpc.StatusCode.RESOURCE_EXHAUSTED, "quota")] * 1000)
        return answer(request)

    service.answer = limited
    status, said = here("run", experiment)
    assert status == 2
    assert "RESOURCE_EXHAUSTED (quota)" in said
    assert "run again later to go on" in said
    service.steps.clear()
    service.answer = answer
    status, said = here("run", experiment)
    assert status == 0, said
    predicted = int(said.split(" predicted,")[0].split()[-1])
    assert SEQUENCES - 10 <= predicted <= SEQUENCES - 6


def test_a_key_that_is_refused_is_shown_nowhere(experiment, service, here, monkeypatch):
    wrong = "AIzaWrongKeyThatMustNotBeSeen_9876543210"
    monkeypatch.setenv("ALPHAGENOME_API_KEY", wrong)
    for arguments in (["run"], ["--debug", "run"]):
        status, said = here(*arguments, experiment)
        assert status == 3 - len(arguments)
        assert "does not accept the API key in ALPHAGENOME_API_KEY" in said
        assert "[redacted]" in said
        assert wrong not in said
    monkeypatch.delenv("ALPHAGENOME_API_KEY")
    status, said = here("run", experiment)
    assert status == 2
    assert "needs an API key" in said


def test_a_failure_in_a_run_shows_the_key_nowhere(experiment, service, here, tmp_path):
    service.steps.extend([Step(grpc.StatusCode.INVALID_ARGUMENT, f"key={KEY}")] * 99)
    for arguments in (["run"], ["--debug", "run"]):
        status, said = here(*arguments, experiment)
        assert status == 3 - len(arguments)
        assert "key=[redacted]" in said
        assert no_key_in(tmp_path, said) > 2


def test_the_plugin_is_listed_and_asks_nobody(address, here, monkeypatch):
    monkeypatch.delenv("ALPHAGENOME_API_KEY")
    status, said = here("plugins")
    assert status == 0
    (line,) = (line for line in said.splitlines() if " alphagenome " in line)
    assert "creme-alphagenome 0.1.0" in line
    assert "pip install" not in line
    status, said = here("models", "list")
    assert status == 0
    assert "alphagenome" in said


@pytest.mark.skipif(not EXAMPLE.is_file(), reason="the examples are not beside the plugin")
def test_the_example_is_ready_to_run(service, monkeypatch, genome, tmp_path):
    text = EXAMPLE.read_text()
    with pytest.raises(GenomeError, match=r"gencode.* does not exist"):
        Plan.of(parse(text, folder=EXAMPLE.parent))
    genes = 'genes = ["GATA1", "MYC", "HBG1", "LMO2"]'
    assert genes in text
    here = text.replace("hg38.fa", str(genome.fasta)).replace(genes, "")
    here = here.replace('gtf = "gencode.v46.annotation.gtf.gz"', f'bed = "{genome.bed}"')
    plan = Plan.of(parse(here, folder=tmp_path))
    assert [plan.model.tracks[k].name for k in plan.selection.tracks] == [f"hCAGE {K562} +"]
    assert plan.selection.bins == (plan.model.tss_bin() - 1, plan.model.tss_bin())
    asked = {sequence.digest for task in plan.tasks() for sequence in _asked(task)}
    words = " ".join(text.replace("#", "").split())
    assert f"here {len(asked) // 2} a gene" in words, len(asked) // 2
    assert not service.requests

    monkeypatch.setenv("CREME_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.delenv("ALPHAGENOME_API_KEY")
    with pytest.raises(ModelError, match="needs an API key in the environment variable"):
        Plan.of(parse(text, folder=EXAMPLE.parent))


def _asked(task):
    """The sequences that a test asks for, of activities that tell it nothing."""
    steps = task.test.run(task.unit)
    request = next(steps)
    while True:
        request = list(getattr(request, "sequences", request))
        yield from request
        try:
            request = steps.send(np.ones((len(request), 1), np.float32))
        except StopIteration:
            return
