"""How a run's progress is shown."""

from __future__ import annotations

import io
from dataclasses import replace
from time import monotonic, sleep
from types import SimpleNamespace

import pytest
from rich.console import Console

from creme.runner import progress_bar
from creme.runner.plan import prepare
from creme.runner.progress_bar import ConsoleDisplay
from creme.runner.run import measure
from creme.runner.tasks import Progress
from creme.store import Store
from creme.suite.higher_order import HigherOrder
from creme.suite.necessity import Necessity
from toy import MODEL, toy_loci

NECESSITY = Necessity(tile=100, replicates=2)


def plan(test=NECESSITY):
    return replace(prepare([test], MODEL, toy_loci(2)), batch_size=4)


@pytest.fixture
def shown(monkeypatch):
    """What goes to standard error, as if it were a terminal; and a clock."""

    def show(is_terminal):
        file, clock = io.StringIO(), [100.0]
        console = Console(file=file, force_terminal=is_terminal, width=200, markup=False)
        monkeypatch.setattr(progress_bar, "time", SimpleNamespace(monotonic=lambda: clock[0]))
        return console, file, clock

    return show


def test_the_bar_says_what_is_done_and_what_waits(shown, tmp_path):
    console, file, clock = shown(True)
    made = plan()
    with Store(tmp_path / "store") as store:
        scheduler = made.scheduler(store, lambda now: None)
        with ConsoleDisplay(made, console) as display:
            display.begin(scheduler)
            counts = scheduler.progress
            counts.asked, counts.predicted, counts.stored, counts.repeated = 60, 20, 5, 3
            clock[0] += 10
            display.update(counts)
            deadline = monotonic() + 600
            while "32 waiting" not in file.getvalue() and monotonic() < deadline:
                sleep(0.05)
            counts.asked = counts.predicted + counts.stored + counts.repeated
    text = file.getvalue()
    assert f"28 of {made.size()} sequences, 2.0 predictions/s, 5 from the store, 32 waiting" in text
    assert "hits" not in text
    # The last state is shown, though the one before was shown a moment ago.
    assert "0 waiting" in text


def test_lines_where_there_is_no_terminal(shown, tmp_path):
    console, file, clock = shown(False)
    made = plan(HigherOrder(tile=200, rounds=2, replicates=2))
    assert made.size() is None
    with ConsoleDisplay(made, console) as display:
        for second in range(100):
            clock[0] = 100.0 + second
            display.update(Progress(asked=2 * second, predicted=second, stored=1))
    lines = file.getvalue().splitlines()
    assert lines == [
        "31 sequences, 1.0 predictions/s, 1 from the store, 29 waiting",
        "61 sequences, 1.0 predictions/s, 1 from the store, 59 waiting",
        "91 sequences, 1.0 predictions/s, 1 from the store, 89 waiting",
    ]


def test_a_part_of_a_run_counts_from_where_the_last_one_ended(shown, tmp_path):
    console, file, clock = shown(False)
    made = plan()
    with Store(tmp_path / "store") as store:
        before = made.scheduler(store, lambda now: None)
        list(before.run(made.tasks()))
        done = before.progress.answered
        scheduler = made.scheduler(store, lambda now: None, before=before)
        with ConsoleDisplay(made, console) as display:
            display.begin(scheduler)
            clock[0] += 40
            display.update(replace(scheduler.progress, asked=done + 7, repeated=7))
    assert file.getvalue().startswith(f"7 of {made.size()} sequences, 0.0 predictions/s")


def test_it_is_what_measure_calls(shown, tmp_path):
    console, file, _ = shown(True)
    made = plan()
    with Store(tmp_path / "store") as store, ConsoleDisplay(made, console) as display:
        report = measure(made, store, on_progress=display.update, on_start=display.begin)
    assert report.progress.finished == 2
    size = made.size()
    assert f"{size} of {size} sequences" in file.getvalue()
