"""Zarr's thread that could not be started, or has died: the next use of zarr starts it."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGUN = """
import sys, threading
from pathlib import Path
from zarr.core import sync
from creme.errors import CremeError
from creme.store import Store
from creme.testing.stores import digest, fill

def refuse(thread):
    raise RuntimeError("can't start new thread")

def stop():
    raise SystemExit  # asyncio survives all but this

path, start = Path(sys.argv[1]), threading.Thread.start
"""

NOT_STARTED = """
threading.Thread.start = refuse
try:
    Store(path)
except CremeError as error:
    assert "cannot be opened now: can't start new thread" in str(error), error
threading.Thread.start = start
with Store(path) as store:
    source = fill(store, range(9))
    assert len(store.read(source, map(digest, range(9)))) == 9
"""

DIED = """
with Store(path) as store:
    source = fill(store, range(9))
    store.reader.memory.__init__()
    sync.loop[0].call_soon_threadsafe(stop)
    sync.iothread[0].join()
    assert len(store.read(source, map(digest, range(9)))) == 9
    sync.loop[0].call_soon_threadsafe(stop)
    sync.iothread[0].join()
    fill(store, range(9, 18))
"""

NEVER = """
threading.Thread.start = refuse
try:
    Store(path)
except CremeError:
    print("a sentence")
"""


def run(code: str, path: object) -> subprocess.CompletedProcess[str]:
    # A process of its own, whose end belongs to what is tested.
    return subprocess.run(
        [sys.executable, "-c", BEGUN + code, str(path)],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("code", [NOT_STARTED, DIED])
def test_the_next_use_does_not_wait_for_good(tmp_path, code):
    done = run(code, tmp_path / "s")
    assert done.returncode == 0, done.stderr


def test_a_process_ends_quietly_without_it(tmp_path):
    done = run(NEVER, tmp_path / "s")
    assert (done.returncode, done.stdout) == (0, "a sentence\n"), done.stderr
    assert "Traceback" not in done.stderr
