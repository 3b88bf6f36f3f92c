"""Counts of a run: of this run alone, at every moment, and each sequence in one of them."""

from __future__ import annotations

import contextlib
from dataclasses import astuple, replace
from typing import ClassVar

import numpy as np
import xarray as xr

import mini_study as mini
from creme.runner.plan import Plan, prepare
from creme.runner.run import measure
from creme.runner.scheduler import Scheduler
from creme.runner.tasks import Progress
from creme.sequence import Edit, Mutant
from creme.store import Store
from creme.study import run_study
from creme.study.folder import Folder
from creme.suite.necessity import Necessity
from creme.test import Test
from toy import MODEL, Toy, toy_loci


class Again(Test):
    """The wild type 100 times in one request, and then with ten mutants, three times each."""

    name: ClassVar[str] = "again"

    def run(self, unit):
        values = yield [unit.sequence] * 100
        for _ in range(3):
            yield [unit.sequence, *(mutant(unit.sequence, k) for k in range(10))] * 3
        return xr.Dataset({"value": ("k", values[:, 0])})


class Fails(Again):
    """Asks for what it will not get: its third request fails while it is consumed."""

    name: ClassVar[str] = "fails"

    def run(self, unit):
        yield [unit.sequence, unit.sequence]
        yield (self._then_fail(unit.sequence, k) for k in range(2000))

    def _then_fail(self, sequence, k):
        if k == 300:
            raise RuntimeError("no more")
        return mutant(sequence, k % 290)


def mutant(sequence, k):
    return Mutant(sequence, [Edit(k, np.array([(int(sequence.codes[k]) + 1) % 4]))])


def plan(*tests, model=MODEL, batch_size=4, loci=2):
    return replace(prepare(list(tests), model, toy_loci(loci)), batch_size=batch_size)


class Watch:
    """Sees every state of the counts, and that they make sense."""

    def __init__(self) -> None:
        self.seen: list[Progress] = []

    def __call__(self, now: Progress) -> None:
        assert now.asked == now.predicted + now.stored + now.repeated + now.waiting
        assert now.answered == now.asked - now.waiting
        assert now.waiting >= 0
        before = self.seen[-1] if self.seen else Progress()
        assert all(a <= b for a, b in zip(astuple(before), astuple(now), strict=True))
        self.seen.append(replace(now))


def run(made: Plan, store: Store, **more) -> tuple[Progress, Watch]:
    watch = Watch()
    report = measure(made, store, on_progress=watch, **more)
    watch(report.progress)
    return report.progress, watch


def test_the_same_sequence_many_times(tmp_path):
    with Store(tmp_path / "store") as store:
        progress, watch = run(plan(Again()), store)
    assert progress == Progress(2 * 199, 2 * 11, 0, 2 * 188, 2, 0)
    assert progress.waiting == 0
    # While a sequence waits, whoever asked for it again is not served from anything yet.
    first = next(seen for seen in watch.seen if seen.asked)
    assert (first.asked, first.repeated, first.waiting) == (100, 0, 100)


def test_two_runs_on_one_store_object(tmp_path):
    made = plan(Again(), Necessity(tile=100, replicates=2))
    with Store(tmp_path / "store") as store:
        first, _ = run(made, store)
        second, watch = run(made, store)
        # The third finds what both have written, and more to do.
        third, _ = run(plan(Again(), Necessity(tile=100, replicates=3)), store)
    assert first.stored == 0
    assert second == replace(first, predicted=0, stored=first.asked, repeated=0)
    assert all(seen.repeated == 0 for seen in watch.seen)
    assert third.stored == first.asked
    assert third.predicted + third.repeated == third.asked - first.asked > 0


def test_runs_beside_each_other_on_one_store_object(tmp_path):
    """What the one has predicted is repeated for it, and stored for the other."""
    with Store(tmp_path / "store") as store:
        one, other = (plan(Again()).scheduler(store, lambda now: None) for _ in range(2))
        tasks = list(plan(Again()).tasks())
        list(one.run(tasks))
        list(other.run(tasks))
        assert other.progress == Progress(2 * 199, 0, 2 * 199, 0, 2, 0)
        # Parts of one run count together, and what either has predicted is this run's.
        last = plan(Again()).scheduler(store, lambda now: None, before=one)
        list(last.run(tasks))
    assert last.progress is one.progress
    assert one.progress == Progress(4 * 199, 2 * 11, 0, 4 * 199 - 2 * 11, 4, 0)


def test_an_interrupted_run(tmp_path):
    schedulers: list[Scheduler] = []
    watch = Watch()

    def stop(now):
        watch(now)
        if now.predicted > 2:
            schedulers[0].stop()

    class Long(Again):
        name: ClassVar[str] = "long"

        def run(self, unit):
            yield [unit.sequence]
            yield [mutant(unit.sequence, k % 500) for k in range(1000)]

    with Store(tmp_path / "store") as store:
        made = plan(Long())
        report = measure(made, store, on_progress=stop, on_start=schedulers.append)
        assert report.interrupted
        assert report.progress.predicted == store.count()
    watch(report.progress)
    # Of the second request most wait, and are neither repeated nor stored.
    assert report.progress.asked > 256
    assert report.progress.repeated <= report.progress.predicted
    assert report.progress.waiting > 200
    assert report.progress.stored == 0


def test_stages_of_a_study_that_share_a_store_object(tmp_path):
    """The same counts as where each stage is a run of its own; as in its results directory."""
    stages = ["loci", "context_dependence", "necessity", "sufficiency"]
    names = ("asked", "predicted", "stored", "repeated")
    counted = []
    for folder, parts in (
        (tmp_path / "at-once", [stages]),
        (tmp_path / "apart", map(list, zip(stages))),
    ):
        folder.mkdir()
        mini.write(folder)
        file = mini.study(folder)
        for part in parts:
            study = run_study(file, stages=part)
        counted.append({stage: [study.stages[stage][name] for name in names] for stage in stages})
        for stage in stages:
            state = Folder(study.path).results(stage).state()
            assert [state["counts"][name] for name in names] == counted[-1][stage]
    assert counted[0] == counted[1]
    assert counted[0]["context_dependence"][2] > 0  # the wild types, of the stage before
    assert all(counts[0] == sum(counts[1:]) for counts in counted[0].values())


def test_units_that_fail(tmp_path):
    """In the middle of a request, with NaN, and with what another unit asks for as well."""

    class Holes(Toy):
        def predict(self, onehot):
            values = super().predict(onehot)
            values[onehot[:, 5, 0] == 1] = np.nan
            return values

    tests = [Fails(), Again(), Necessity(tile=100, replicates=2)]
    with Store(tmp_path / "store") as store:
        made = plan(*tests, model=Holes(), loci=8)
        progress, _ = run(made, store)
        assert progress.failed > 8
        assert 0 < store.count() <= progress.predicted
        again, _ = run(made, store)
    assert again.asked <= progress.asked
    assert again.stored > 0


def test_a_model_that_fails(tmp_path):
    """The batch in flight counts as well, if it came to its end."""
    made = plan(Again(), model=Toy())
    schedulers: list[Scheduler] = []
    watch = Watch()

    def on_progress(now):
        watch(now)
        if now.predicted:
            raise RuntimeError("the display broke")

    with Store(tmp_path / "store") as store:
        with contextlib.suppress(RuntimeError):
            measure(made, store, on_progress=on_progress, on_start=schedulers.append)
        progress = schedulers[0].progress
        assert progress.predicted == store.count() > 0
        watch(progress)
