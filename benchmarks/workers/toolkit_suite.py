"""The toolkit's tests on a model that costs nothing, its own time, and a finished experiment."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
from common import Took, activity, activity_of_codes, codes, main, tiles, timed

import creme
from creme.genome import Locus
from creme.model import Model, Track, TrackTable
from creme.runner.plan import prepare
from creme.runner.report import Report
from creme.runner.run import measure
from creme.runner.scheduler import PROFILED
from creme.sequence import Sequence
from creme.store import Store
from creme.suite.context_dependence import ContextDependence
from creme.suite.distance import Distance
from creme.suite.higher_order import HigherOrder
from creme.suite.multiplicity import Multiplicity
from creme.suite.necessity import Necessity
from creme.suite.sufficiency import Sufficiency

SPENT = [0.0, 0.0]
"""Seconds in the model's own calculation, and the processor's."""


class Cheap(Model):
    """`activity` as a model of one bin and one track; it may be made to cost something."""

    name: ClassVar[str] = "cheap"
    version: ClassVar[str] = "1"
    batch_size: ClassVar[int] = 8
    length: int
    cost: float = 0.0
    """Seconds a sequence."""

    @property
    def input_length(self):
        return self.length

    @property
    def bin_size(self):
        return self.length

    @property
    def n_bins(self):
        return 1

    @property
    def tracks(self):
        return TrackTable((Track("one"),))

    def identity(self):
        return {"cost": self.cost}

    def predict(self, onehot):
        began, processor = time.perf_counter(), time.thread_time()
        by = activity_of_codes if onehot.ndim == 2 else activity
        values = by(onehot).astype(np.float32)[:, None, None]
        if self.cost:  # sleeping for no time takes a while, too
            time.sleep(self.cost * len(onehot))
        SPENT[0] += time.perf_counter() - began
        SPENT[1] += time.thread_time() - processor
        return values


class CheapByCodes(Cheap):
    """The same of codes."""

    takes_codes: ClassVar[bool] = True


def the_loci(length, number=1):
    return [Locus.from_sequence(Sequence(codes(length, 7 + k)), f"locus{k}") for k in range(number)]


@contextmanager
def new_store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        yield store


def run_tests(tests, model, loci, store) -> Report:
    report = measure(prepare(tests, model, loci), store)
    assert not report.failures, report.failures
    return report


def suite(make, kind=Cheap):
    def job(length, tile, replicates):
        model, loci = kind(length=length), the_loci(length)
        test = make(tile, replicates, tiles(length, tile)[1])

        def run():
            with new_store() as store:
                report = run_tests([test], model, loci, store)
            return {"predictions": report.progress.predicted}

        return run

    return job


def own_time(length, tile, replicates, way, loci=1):
    """All but the model's own calculation, for each prediction, by what it is spent on."""
    model = (Cheap if way.startswith("one-hot") else CheapByCodes)(length=length)
    those = the_loci(length, loci)
    tests = [Necessity(tile=tile, replicates=replicates)]
    tests += [Sufficiency(tile=tile, replicates=replicates)]

    def run():
        SPENT[:] = [0.0, 0.0]
        with new_store() as store:
            began = time.process_time()
            report, seconds = timed(run_tests, tests, model, those, store)
            processor = time.process_time() - began - SPENT[1]
        n = report.progress.predicted
        parts = {part: report.seconds[part] for part in PROFILED if part not in ("wait", "model")}
        parts["the model's thread"] = report.seconds["model"] - SPENT[0]
        return Took(
            {
                f"{way} predictions": n,
                f"{way} processor": 1000 * processor / n,
            },
            **{f"{way}: a prediction": (seconds - SPENT[0]) / n},
            **{f"{way}: {part}": value / n for part, value in parts.items()},
        )

    return run


def warm_run(length, tile, replicates, cost):
    """A finished experiment again, on a model that costs nothing and on a costly one."""
    loci = the_loci(length)
    tests = [Necessity(tile=tile, replicates=replicates)]
    tests += [Sufficiency(tile=tile, replicates=replicates)]
    models = {"cheap": Cheap(length=length), "costly": Cheap(length=length, cost=cost)}

    def run():
        times = Took({"passes": 0})
        with new_store() as store:
            for name, model in models.items():
                _, times[f"first run, {name}"] = timed(run_tests, tests, model, loci, store)
            warm = {name: [] for name in models}
            for _ in range(5):
                for name, model in models.items():
                    report, seconds = timed(run_tests, tests, model, loci, store)
                    warm[name].append(seconds)
                    times.facts["passes"] += report.progress.predicted
        # The least disturbed run of each.
        times.update({f"again, {name}": min(seconds) for name, seconds in warm.items()})
        times.facts["apart"] = max(map(min, warm.values())) / min(map(min, warm.values()))
        return times

    return run


def warm_up():
    """Imports that wait until they are needed, and the compiled kernels."""
    for job in ("necessity", "higher_order"):
        JOBS[job](length=10_240, tile=1000, replicates=1)()


ENHANCERS = ("enhancers",)
JOBS = {
    "context_dependence": suite(lambda tile, n, _: ContextDependence(tile=tile, replicates=n)),
    "necessity": suite(lambda tile, n, _: Necessity(tile=tile, replicates=n)),
    "necessity_of_codes": suite(
        lambda tile, n, _: Necessity(tile=tile, replicates=n), CheapByCodes
    ),
    "sufficiency": suite(lambda tile, n, _: Sufficiency(tile=tile, replicates=n)),
    "distance": suite(lambda tile, n, others: Distance(tile=tile, replicates=n, tiles=[others[1]])),
    "higher_order": suite(
        lambda tile, n, _: HigherOrder(
            tile=tile, replicates=n, rounds=3, searches=ENHANCERS, accept="all"
        )
    ),
    "multiplicity": suite(
        lambda tile, n, others: Multiplicity(
            tile=tile, replicates=n, copies=2, searches=ENHANCERS, tiles=[others[1]]
        )
    ),
    "own_time": own_time,
    "warm_run": warm_run,
}

if __name__ == "__main__":
    main(JOBS, {"creme-toolkit": creme.__version__, "numpy": np.__version__}, warm_up)
