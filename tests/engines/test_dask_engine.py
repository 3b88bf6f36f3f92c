"""Runs on the workers of a cluster: as in one process, whatever becomes of the workers."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from creme.engines import dask_engine, workforce
from creme.engines.cluster import OpenCluster, opened
from creme.engines.table import ClusterTable
from creme.engines.worker import trial_sequence
from creme.engines.workforce import Job, WorkerSlot, Workforce
from creme.errors import CremeWarning, ModelError
from creme.runner.plan import Plan, prepare
from creme.runner.report import Report
from creme.runner.run import measure
from creme.runner.scheduler import Scheduler
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.higher_order import HigherOrder
from creme.suite.necessity import Necessity
from toy import LENGTH, MODEL, toy_loci
from worker_models import Deadly, Elsewhere, Silent, Unlike, Watched, WatchedSplit

pytest.importorskip("distributed")

LONG = pytest.mark.skipif(
    "CREME_TEST_CLUSTER" not in os.environ, reason="takes minutes: make test-cluster"
)

TESTS = [Necessity(tile=200, replicates=3), HigherOrder(tile=400, replicates=2)]


@pytest.fixture(scope="module")
def cluster():
    """Two workers, processes of their own."""
    with opened(2) as two:
        assert two is not None
        two.client.wait_for_workers(2, timeout=600)
        yield two


@pytest.fixture(autouse=True)
def whole(request):
    """Two workers at the beginning of each test, whatever the one before has done."""
    if "cluster" in request.fixturenames:
        client = request.getfixturevalue("cluster").client
        client.cluster.scale(2)
        deadline = time.monotonic() + 600
        while len(client.scheduler_info(n_workers=-1)["workers"]) != 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> Report:
    """In one process."""
    with Store(tmp_path_factory.mktemp("expected") / "store") as store:
        return measure(plan(MODEL), store)


def plan(model, tests=TESTS, loci=3, batch_size=None) -> Plan:
    return replace(prepare(tests, model, toy_loci(loci)), batch_size=batch_size)


def run(model, cluster: OpenCluster, folder: Path, **more) -> Report:
    on_start = more.pop("on_start", lambda scheduler: None)
    with Store(folder / "store") as store:
        return measure(plan(model, **more), store, cluster=cluster, on_start=on_start)


def same(report: Report, expected: Report) -> bool:
    return not report.failures and all(
        dataset.drop_attrs().identical(expected.datasets[label].drop_attrs())
        for label, dataset in report.datasets.items()
    )


def predicted(folder: Path) -> Counter[str]:
    """How often each sequence was, by all processes, but for the trial and what is compared."""
    lines = (folder / "predicted").read_text().split("\n")[:-1]
    return Counter(line.split()[1] for line in lines)


def workers(folder: Path) -> set[str]:
    return {line.split()[0] for line in (folder / "predicted").read_text().splitlines()}


def test_as_in_one_process(cluster, tmp_path, expected):
    model = Watched(folder=str(tmp_path), meet=2, meet_at_batches=True)
    report = run(model, cluster, tmp_path)
    assert same(report, expected)
    assert report.progress == expected.progress
    assert report.environment["device"] == "toy"
    # Both had work, none of which was done twice but for the comparison of workers and batches.
    assert len(workers(tmp_path)) == 2
    assert str(os.getpid()) not in workers(tmp_path)
    assert min(report.workers.values()) > 0
    assert sum(report.workers.values()) == report.progress.predicted
    extra = sum(predicted(tmp_path).values()) - report.progress.predicted
    assert report.predicted_again == 3, "the trials of two, and the first one's again"
    assert extra <= report.predicted_again + 2
    assert report.batch_differences == {8: 0.0}
    with Store(tmp_path / "store") as store:
        (info,) = store.info()
        assert info.batches == {8: 0.0}
        kept = store.environments.of(info.source)
        assert [one["device"] for one in kept] == ["toy"]
    (tmp_path / "predicted").unlink()
    again = run(model, cluster, tmp_path)
    assert same(again, expected)
    assert again.progress.predicted == 0
    assert not (tmp_path / "predicted").exists(), "the model stays at the workers"


def sessions() -> int:
    from creme.engines.worker import _SESSIONS

    return len(_SESSIONS)


def test_the_workers_of_a_cluster_that_stands_let_go_of_the_model(cluster, tmp_path, expected):
    client = cluster.client
    before = client.run(sessions)
    with opened(client) as standing:
        assert standing is not None
        report = run(Watched(folder=str(tmp_path), meet=2), standing, tmp_path)
        assert max(client.run(sessions).values()) > 0
    assert same(report, expected)
    assert client.status == "running"
    after = client.run(sessions)
    assert all(after[worker] <= max(0, before[worker] - (before[worker] > 1)) for worker in after)


def test_mutants_travel_without_their_base(cluster, tmp_path):
    schedulers: list[Scheduler] = []
    slots = {}

    def on_start(scheduler):
        schedulers.append(scheduler)
        engine = scheduler.engine
        inner = engine.submit

        def submit(slot, sequences, rows=()):
            slots[slot.name] = slot
            return inner(slot, sequences, rows)

        engine.submit = submit

    tests = [Necessity(tile=40, replicates=4)]
    report = run(Watched(folder=str(tmp_path)), cluster, tmp_path, tests=tests, on_start=on_start)
    sent = sum(slot.bytes for slot in slots.values())
    n = report.progress.predicted
    # Edits of 40 bp with a header, and each base at most once for each worker.
    assert sent < 120 * n + 2 * 3 * (LENGTH + 100)
    assert sent > 40 * n


def test_a_windowed_model_keeps_its_features_at_its_workers(cluster, tmp_path):
    """The same numbers to rounding; each worker encodes a base as a whole once."""
    model = WatchedSplit(folder=str(tmp_path))
    with Store(tmp_path / "here") as store:
        alone = measure(plan(model, batch_size=1), store)
    (tmp_path / "encoded").unlink()
    report = run(model, cluster, tmp_path)
    assert not report.failures
    assert report.progress.predicted == alone.progress.predicted
    for label, dataset in alone.datasets.items():
        xr.testing.assert_allclose(report.datasets[label], dataset, rtol=1e-4, atol=1e-5)
    lines = [line.split() for line in (tmp_path / "encoded").read_text().splitlines()]
    assert str(os.getpid()) not in {pid for pid, _ in lines}
    whole = [pid for pid, length in lines if int(length) == LENGTH]
    # Three loci; the trial, and again; windows against a full forward; the first of a batch alone.
    assert max(Counter(whole).values()) <= 3 + 2 + 2 + 1
    assert len(lines) - len(whole) > report.progress.predicted / 2


def test_an_adaptive_run_and_a_stored_one_are_replayed(cluster, tmp_path, expected):
    """What is stored is not predicted again, and compared with what the workers predict now."""
    model = Watched(folder=str(tmp_path))
    run(model, cluster, tmp_path, tests=TESTS[:1])
    before = set(predicted(tmp_path))
    (tmp_path / "predicted").unlink()
    report = run(model, cluster, tmp_path)
    assert same(report, expected)
    assert report.progress.stored > 0
    assert sum((predicted(tmp_path)[one] for one in before), 0) <= 3, "those that are compared"


def test_another_network_in_all_workers_is_refused(cluster, tmp_path):
    """By the stored predictions, as in one process."""
    model = Unlike(folder=str(tmp_path))
    with Store(tmp_path / "store") as store:
        measure(plan(model, TESTS[:1]), store)
        stored = store.count()
        with pytest.raises(ModelError, match="is not the one that made the predictions"):
            measure(plan(Unlike(folder=str(tmp_path), factor=1.2)), store, cluster=cluster)
        assert store.count() == stored


def test_a_worker_with_another_network_is_refused(cluster, tmp_path, expected):
    model = Unlike(folder=str(tmp_path), factor=1.01, meet=2)
    with pytest.warns(CremeWarning, match=r"worker tcp://.* is refused: its prediction of a trial"):
        report = run(model, cluster, tmp_path)
    assert same(report, expected)
    assert len(report.workers) == 1


def test_a_worker_with_other_files_is_refused(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_engine, "PATIENCE", 0.5)
    model = Elsewhere(folder=str(tmp_path), driver=os.getpid())
    refused = pytest.warns(CremeWarning, match="is refused: its model has the fingerprint")
    none = pytest.raises(ModelError, match=r"no worker can be used; 2 were refused, .*: its files")
    with refused, none:
        run(model, cluster, tmp_path)


def test_a_worker_whose_model_fails_is_left_out(cluster, tmp_path, expected):
    model = Unlike(folder=str(tmp_path), fails=True, meet=2, meet_at_batches=True)
    with pytest.warns(CremeWarning, match="failed where another one did not: .* illegal memory"):
        report = run(model, cluster, tmp_path)
    assert same(report, expected)


@LONG
def test_a_model_that_fails_at_all_workers_ends_the_run(cluster, tmp_path):
    (tmp_path / "first").write_text("0")  # nobody is
    with pytest.raises(ModelError, match="illegal memory access"):
        run(Unlike(folder=str(tmp_path), fails=True), cluster, tmp_path)


def test_a_worker_that_is_killed_in_mid_batch(cluster, tmp_path, expected):
    model = Deadly(folder=str(tmp_path), deaths=1, seconds=0.002)
    with pytest.warns(CremeWarning, match="is lost; .* sequences that it was given go to others"):
        report = run(model, cluster, tmp_path)
    assert same(report, expected)
    assert report.progress == expected.progress


@LONG
def test_a_batch_that_kills_three_workers_fails_its_unit(cluster, tmp_path, expected):
    motif = tuple(int(code) for code in toy_loci(3)[1].sequence.codes[:12])
    assert tuple(trial_sequence("", 12).codes) != motif
    model = Deadly(folder=str(tmp_path), motif=motif, seconds=0.002)
    with pytest.warns(CremeWarning, match="is lost"):
        report = run(model, cluster, tmp_path, tests=TESTS[:1], batch_size=1)
    ((label, unit, message),) = report.failures
    assert (label, unit) == ("necessity", "locus1")
    assert "ended or held up 3 workers, one after another: tcp://" in message
    whole = expected.datasets["necessity"]
    kept = report.datasets["necessity"]
    assert kept.drop_attrs().identical(whole.isel(locus=[0, 2]).drop_attrs()), (
        "the others are as they would be"
    )


@LONG
def test_one_sequence_that_kills_leaves_the_others_of_its_batch(cluster, tmp_path, expected):
    """After two workers each is tried alone: its unit fails, and its neighbours lose nothing."""
    alone = Watched(folder=str(tmp_path))
    with Store(tmp_path / "alone") as store:
        measure(replace(prepare(TESTS[:1], alone, toy_loci(2)[1:])), store)
    digests = list(predicted(tmp_path))
    (tmp_path / "predicted").unlink()
    model = Deadly(folder=str(tmp_path), deadly=digests[len(digests) // 2])
    with pytest.warns(CremeWarning, match="is lost"):
        report = run(model, cluster, tmp_path, tests=TESTS[:1])
    ((label, unit, message),) = report.failures
    assert (label, unit) == ("necessity", "locus1")
    assert "ended or held up 3 workers, one after another" in message
    assert message.count("tcp://") == 3
    kept = report.datasets["necessity"]
    assert kept.drop_attrs().identical(
        expected.datasets["necessity"].isel(locus=[0, 2]).drop_attrs()
    )
    # All that was asked for but the one: a failed unit's others as well.
    assert digests[len(digests) // 2] not in predicted(tmp_path)
    assert set(digests) - {digests[len(digests) // 2]} <= set(predicted(tmp_path))


def test_a_worker_that_does_not_answer_is_left_out(cluster, tmp_path, monkeypatch, expected):
    """Its batches go to the other one; what it answers late is in no count."""
    model = Silent(folder=str(tmp_path), meet=2, meet_at_batches=True)
    schedulers: list[Scheduler] = []

    def progress(counts):
        if counts.predicted > 16:
            # Whoever is at its batch for longest is the one: the other has answered since.
            monkeypatch.setattr(workforce, "SILENCE", 0.1)
            monkeypatch.setattr(workforce, "SLOWNESS", 0.0)
        engine = schedulers[0].engine
        assert isinstance(engine, dask_engine.DaskEngine)
        if engine._workforce.refused:
            (tmp_path / "released").touch()

    with Store(tmp_path / "store") as store:
        with pytest.warns(CremeWarning, match="is refused: it has not answered for .* go to oth"):
            report = measure(
                plan(model),
                store,
                cluster=cluster,
                on_start=schedulers.append,
                on_progress=progress,
            )
        assert store.count() == report.progress.predicted
    assert same(report, expected)
    assert report.progress == expected.progress
    assert sum(report.workers.values()) == expected.progress.predicted
    # The model has come to the end of that batch, which the other one has predicted as well.
    deadline = time.monotonic() + 600
    while sum(predicted(tmp_path).values()) < expected.progress.predicted + 3 + model.batch_size:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_where_no_worker_answers_none_is_blamed():
    """The scheduler, or this process, may have been gone; and there is none to be better."""
    staff = Workforce("")
    slots = [WorkerSlot(name, 1, address=name) for name in ("one", "two")]
    for slot in slots:
        staff.accepted[slot.address] = slot
        Job([Sequence([0])], (), slot).begin(slot)
    assert staff.silent(2 * workforce.SILENCE) == []
    slots[1].silent = 0.0
    ((slot, why),) = staff.silent(1.0)
    assert slot is slots[0]
    assert "601 s" in why
    slots[0].took_seconds(120.0, 4)
    assert slots[0].patience == 600.0
    staff.give_up(slot, why)
    assert slot.jobs[0].deaths == ["one"]
    assert list(staff.accepted) == ["two"]
    assert staff.news() == [
        f"worker one is refused: {why}; 1 sequences that it was given go to others"
    ]


@LONG
def test_workers_that_are_killed_at_random(cluster, tmp_path):
    """Every second or so one of two, for as long as the run lasts."""
    tests = [Necessity(tile=100, replicates=12)]
    with Store(tmp_path / "expected") as store:
        expected = measure(plan(MODEL, tests), store)
    over = threading.Event()
    killed: list[int] = []

    def kill():
        draw = random.Random(7)
        while len(killed) < 4 and not over.wait(draw.uniform(0.5, 1.5)):
            pids = sorted({int(one) for one in workers(tmp_path)} - set(killed))
            alive = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
            if alive:
                killed.append(draw.choice(alive))
                os.kill(killed[-1], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    (tmp_path / "predicted").touch()
    killer.start()
    try:
        with pytest.warns(CremeWarning, match="is lost"):
            report = run(
                Watched(folder=str(tmp_path), seconds=0.01), cluster, tmp_path, tests=tests
            )
    finally:
        over.set()
        killer.join()
    assert len(killed) > 1
    assert same(report, expected)
    assert report.progress == expected.progress
    # Only what was in flight is predicted twice.
    twice = sum(predicted(tmp_path).values()) - report.progress.predicted
    assert twice < len(killed) * 2 * 8 + 3 * (len(killed) + 2)


@LONG
def test_one_that_is_added_later_and_one_that_is_slow(cluster, tmp_path, expected):
    # It comes while the others are at their first batches.
    model = Watched(folder=str(tmp_path), seconds=0.005, slow=0.05, meet=3)
    timer = threading.Timer(0.5, lambda: cluster.client.cluster.scale(3))
    timer.start()
    report = run(model, cluster, tmp_path)
    timer.join()
    assert same(report, expected)
    assert len(report.workers) == 3
    slow, *others = sorted(report.workers.values())
    assert others[-1] > slow


def test_stopped_and_gone_on_with(cluster, tmp_path, expected):
    schedulers: list[Scheduler] = []
    model = Watched(folder=str(tmp_path), seconds=0.005)
    with Store(tmp_path / "store") as store:

        def progress(counts):
            if counts.predicted > 60:
                schedulers[0].stop()

        report = measure(
            plan(model),
            store,
            cluster=cluster,
            on_start=schedulers.append,
            on_progress=progress,
        )
        assert report.interrupted
        assert store.count() == report.progress.predicted
    again = run(model, cluster, tmp_path)
    assert same(again, expected)
    assert again.progress.predicted + report.progress.predicted == expected.progress.predicted


@LONG
def test_what_a_person_sees(cluster, tmp_path):
    states = []
    schedulers: list[Scheduler] = []
    with Store(tmp_path / "store") as store:
        measure(
            plan(Watched(folder=str(tmp_path), seconds=0.005)),
            store,
            cluster=cluster,
            on_start=schedulers.append,
            on_progress=lambda progress: states.append(schedulers[0].engine.state()),
        )
    late = states[-5]
    assert late.startswith("2 workers; ")
    assert "predictions/s each" in late
    assert "in flight" in late
    assert "http://127.0.0.1:" in late
    assert any("starting" in state for state in states)
    assert np.all([len(state) < 200 for state in states])


@LONG
def test_workers_are_added_while_there_is_work_for_them(tmp_path, expected):
    table = ClusterTable(kind="local", minimum=1, maximum=3)
    with opened(table) as adaptive:
        assert adaptive is not None
        model = Watched(folder=str(tmp_path), meet=2)
        report = run(model, adaptive, tmp_path)
    assert len(report.workers) > 1
    for name, dataset in expected.datasets.items():
        assert dataset.identical(report.datasets[name].assign_attrs(dataset.attrs))
