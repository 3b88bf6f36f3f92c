"""``creme models``, with a plugin whose files a real server has."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from command import CREME
from creme import errors
from serving import serving

BODY = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(BODY).hexdigest()

PLUGIN = """
import os
from typing import ClassVar
from creme.files.fetch import Download
from creme.models.synthetic import SyntheticModel

class Fetchable(SyntheticModel):
    name: ClassVar[str] = "fetchable"
    downloads: ClassVar[dict[str, tuple[Download, ...]]] = {
        "weights": (Download("weights.bin", os.environ["SERVER"] + "/w", "weights"),),
        "targets": (
            Download("targets.txt", os.environ["SERVER"] + "/t", "table", os.environ["DIGEST"]),
        ),
    }
"""


@pytest.fixture
def server():
    with serving(BODY) as made:
        yield made


@pytest.fixture
def environment(server, tmp_path):
    """That of a process which finds the plugin installed, and keeps its cache in a folder."""
    site = tmp_path / "site"
    info = site / "fetchable-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "fetchable.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fetchable\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[creme.models]\nfetchable = fetchable:Fetchable\n")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), str(Path(errors.__file__).parents[1])]),
        "CREME_CACHE_DIR": str(tmp_path / "cache"),
        "SERVER": server.root,
        "DIGEST": DIGEST,
    }


@pytest.fixture
def creme(environment):
    def run(*args: object, status: int = 0, **more: str) -> str:
        done = subprocess.run(
            [*CREME, "models", *map(str, args)],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**environment, **more},
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_what_is_fetched_is_said_before_and_after(creme, server, tmp_path):
    folder = tmp_path / "cache" / "models" / "fetchable"
    shown = creme("fetch", "fetchable", "--yes")
    assert "1.0 MB" in shown
    assert "To fetch: 2.0 MB" in shown
    assert "are free there" in shown
    assert f"weights/weights.bin: SHA-256 {DIGEST}, as first fetched" in shown
    assert f"targets/targets.txt: SHA-256 {DIGEST}, as published" in shown
    assert f"weights: {folder / 'weights'}" in shown
    assert (folder / "weights" / "weights.bin").read_bytes() == BODY
    assert (folder / "targets" / "targets.txt").read_bytes() == BODY
    asked = len(server.asked)
    assert "is here" in creme("fetch", "fetchable")
    assert len(server.asked) == asked
    (folder / "weights" / "weights.bin").write_bytes(b"damaged")
    assert "is not the file" in creme("fetch", "fetchable", status=2)


def test_one_set_into_a_folder(creme, tmp_path):
    creme("fetch", "fetchable", "targets", "--to", tmp_path / "here", "--yes")
    assert (tmp_path / "here" / "targets" / "targets.txt").is_file()
    assert not (tmp_path / "here" / "weights").exists()
    assert not (tmp_path / "cache" / "models").exists()


def test_nothing_is_fetched_unasked(creme, server, tmp_path):
    shown = creme("fetch", "fetchable", status=2)
    assert "To fetch: 2.0 MB" in shown
    assert "--yes" in shown
    assert server.sent == 2  # one byte of each file, to learn its size
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "status"), [("n", 1), ("y", 0)])
def test_on_a_terminal_it_asks(environment, tmp_path, answer, status):
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*CREME, "models", "fetch", "fetchable", "targets"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
    ) as process:
        os.write(ours, f"{answer}\n".encode())
        shown, _ = process.communicate(timeout=600)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == status, shown
    assert b"Fetch? [y/N]" in shown
    there = tmp_path / "cache" / "models" / "fetchable" / "targets" / "targets.txt"
    assert there.exists() == (answer == "y")


def test_what_is_there_is_listed_without_a_server(creme, server):
    creme("fetch", "fetchable", "targets", "--yes")
    asked = len(server.asked)
    rows = [line.split() for line in creme("list").splitlines() if "fetchable" in line]
    listed = {row[3]: row[-2] for row in rows if row[3] in ("weights", "targets")}
    assert listed == {"weights": "no", "targets": "yes"}
    assert "synthetic" in creme("list")  # of which nothing can be fetched
    assert len(server.asked) == asked


def test_wrong_words_and_wrong_files(creme, environment):
    assert "did you mean 'fetchable'" in creme("fetch", "fetchabel", status=2)
    assert "did you mean 'targets'" in creme("fetch", "fetchable", "target", status=2)
    assert "model synthetic has nothing to fetch" in creme("fetch", "synthetic", status=2)
    said = creme("fetch", "fetchable", "targets", "--yes", status=2, DIGEST="0" * 64)
    assert "it was not kept" in said


def test_more_than_the_disk_has(creme, server, tmp_path):
    server.announced = 10**17
    said = creme("fetch", "fetchable", "--yes", status=2)
    assert "200.0 PB are needed" in said
    assert "give another folder with --to" in said
    assert server.sent == 2
    assert not (tmp_path / "cache").exists()


def test_other_commands_load_nothing_of_the_network():
    code = (
        "import sys; import creme.cli.app;"
        "print([m for m in ('urllib.request', 'ssl', 'creme.files.fetch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
