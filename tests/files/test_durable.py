"""Locks that one process has, however it ends; folders that are put in place whole."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from creme.errors import ConfigError, CremeWarning
from creme.files.durable import InUseError, locked, put_in_place

HOLD = """
import sys, time
from pathlib import Path
from creme.files.durable import locked
with locked(Path(sys.argv[1]), "it is used"):
    print("held", flush=True)
    time.sleep(600)
"""

COUNT = """
import sys, time
from pathlib import Path
from creme.files.durable import InUseError, locked
folder, done = Path(sys.argv[1]), 0
while done < 30:
    try:
        with locked(folder / ".lock", "it is used"):
            count = folder / "count"
            number = int(count.read_text())
            time.sleep(0.0005)
            count.write_text(str(number + 1))
            done += 1
    except InUseError:
        time.sleep(0.0005)
"""


def holder(path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    new, final, aside = (tmp_path / name for name in ("new", "final", "aside"))
    for folder in (new, final):
        folder.mkdir()
        (folder / folder.name).touch()
    replace = Path.replace

    def fails(path, target):
        if path == new:
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fails)
        with pytest.raises(KeyboardInterrupt):
            put_in_place(new, final, aside)
    assert (final / "final").exists()
    assert not aside.exists()
    put_in_place(new, final, aside)
    assert (final / "new").exists()
    assert (aside / "final").exists()


def test_the_second_process_is_told_who_is_first(tmp_path):
    path = tmp_path / ".lock"
    process = holder(path)
    try:
        said = f"it is used by another process (pid {process.pid} on {socket.gethostname()}): wait"
        with pytest.raises(InUseError, match=re.escape(said)), locked(path, "it is used", ": wait"):
            pass
        with pytest.raises(ConfigError), locked(path, "it is used", error=ConfigError):
            pass
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert path.exists()
    with locked(path, "it is used"):
        assert str(os.getpid()) in path.read_text()
        assert str(process.pid) not in path.read_text()
    assert not path.exists()


def test_nor_may_another_part_of_this_process(tmp_path):
    path = tmp_path / ".lock"
    refused = []

    def again():
        try:
            with locked(path, "it is used"):
                pass
        except InUseError as error:
            refused.append(str(error))

    with locked(path, "it is used"):
        thread = threading.Thread(target=again)
        thread.start()
        thread.join()
    assert f"pid {os.getpid()}" in refused[0]
    again()
    assert len(refused) == 1


def test_released_where_its_holder_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / ".lock", "it is used"):
        raise ZeroDivisionError
    with locked(tmp_path / ".lock", "it is used"):
        pass


def test_many_processes_one_at_a_time(tmp_path):
    (tmp_path / "count").write_text("0")
    command = [sys.executable, "-c", COUNT, str(tmp_path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(5)]
    for process in processes:
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
    assert (tmp_path / "count").read_text() == "150"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_where_there_are_no_locks_it_goes_on_and_says_so(tmp_path, monkeypatch):
    def no_locks(descriptor):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("creme.files.durable._take", no_locks)
    with (
        pytest.warns(CremeWarning, match=r"has no locks \(.*not implemented"),
        locked(tmp_path / ".lock", "it is used"),
    ):
        time.sleep(0)
    assert not list(tmp_path.iterdir())
