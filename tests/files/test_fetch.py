"""Downloads, from a real server that breaks off."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request

import numpy as np
import pytest

from creme.files import fetch as fetching
from creme.files import remote
from creme.files.fetch import Download, FetchError, Remote, ask, fetch, free_space, kept
from serving import serving

BODY = np.random.default_rng(0).bytes(3_000_000)
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server():
    with serving(BODY) as made:
        yield made


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(remote, "WAIT", 0.01)


def file(server, sha256=DIGEST):
    return Download("weights.bin", server.url, "weights", sha256)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_whole_and_once(server, tmp_path):
    seen = []
    path = fetch(file(server), tmp_path / "a" / "b", on_progress=lambda *done: seen.append(done))
    assert path.read_bytes() == BODY
    assert names(path.parent) == ["weights.bin"]
    assert seen[-1] == (len(BODY), len(BODY))
    asked = len(server.asked)
    assert fetch(file(server), path.parent) == path
    assert len(server.asked) == asked
    assert ask(server.url) == Remote(len(BODY), '"one"', True)


def test_what_began_encrypted_goes_on_encrypted():
    handler = remote._Redirect()
    request = urllib.request.Request("https://localhost/file")
    with pytest.raises(FetchError, match="sends on to http://localhost/other, which is not"):
        handler.redirect_request(request, None, 302, "", {}, "http://localhost/other")
    same = handler.redirect_request(request, None, 302, "", {}, "https://localhost/other")
    assert same.full_url == "https://localhost/other"


def test_an_empty_file(server, tmp_path):
    server.body = b""
    assert ask(server.url) == Remote(0, '"one"', False)
    assert fetch(file(server, None), tmp_path).read_bytes() == b""


def test_it_goes_on_where_the_connection_broke(server, tmp_path):
    server.breaks = [700_000, 1, 1_000_000]
    path = fetch(file(server), tmp_path)
    assert path.read_bytes() == BODY
    assert server.asked[1:] == [
        None,
        "bytes=700000-",
        "bytes=700001-",
        "bytes=1700001-",
    ]
    assert server.sent == len(BODY) + 1


def test_a_part_whose_answer_does_not_repeat_the_tag(server, tmp_path):
    server.repeats_tag = False
    server.breaks = [700_000]
    assert fetch(file(server), tmp_path).read_bytes() == BODY
    assert server.sent == len(BODY) + 1


def test_a_server_that_goes_silent(server, tmp_path, monkeypatch):
    # Longer than a busy machine makes an answer wait.
    monkeypatch.setattr(remote, "TIMEOUT", 2.0)
    server.silent = [4.0]
    assert fetch(file(server), tmp_path).read_bytes() == BODY
    # What had come when the silence began is kept, in blocks.
    first, second = server.asked[1:]
    assert first is None
    assert second == f"bytes={len(BODY) // 2 // 2**18 * 2**18}-"


def test_a_server_without_ranges_sends_all_again(server, tmp_path):
    server.ranges = False
    server.breaks = [700_000, 900_000]
    assert fetch(file(server), tmp_path).read_bytes() == BODY
    assert names(tmp_path) == ["weights.bin"]


def test_a_server_that_never_gets_further_is_given_up(server, tmp_path):
    server.ranges = False
    server.breaks = [900_000, 700_000] * 50
    with pytest.raises(FetchError, match="the connection broke off"):
        fetch(file(server), tmp_path)
    assert len(server.asked) < 10


def test_without_a_tag_nothing_old_is_trusted(server, tmp_path):
    server.tag = ""
    server.breaks = [700_000]
    (tmp_path / ".weights.bin.part").write_bytes(b"something else")
    assert fetch(file(server), tmp_path).read_bytes() == BODY
    assert server.asked[1:] == [None, None]


def test_a_broken_fetch_is_gone_on_with_later(server, tmp_path):
    server.breaks = [1_200_000, *[0] * 20]
    with pytest.raises(FetchError, match="1200000 bytes are kept"):
        fetch(file(server), tmp_path)
    assert not (tmp_path / "weights.bin").exists()
    assert kept(file(server), tmp_path) == 1_200_000
    server.breaks, server.asked = [], []
    assert fetch(file(server), tmp_path).read_bytes() == BODY
    assert server.asked[1:] == ["bytes=1200000-"]


def test_another_file_on_the_server_starts_anew(server, tmp_path):
    server.breaks = [1_200_000, *[0] * 20]
    with pytest.raises(FetchError):
        fetch(file(server, None), tmp_path)
    server.breaks, server.body, server.tag = [], BODY[::-1], '"two"'
    assert fetch(file(server, None), tmp_path).read_bytes() == BODY[::-1]


@pytest.mark.parametrize("repeats", [True, False])
def test_a_file_that_changes_while_it_is_fetched_starts_anew(server, tmp_path, repeats):
    server.repeats_tag = repeats
    server.breaks = [1_200_000]
    server.changes = [(BODY[::-1], '"two"')]
    assert fetch(file(server, None), tmp_path).read_bytes() == BODY[::-1]


def test_a_file_that_never_stays_the_same_is_given_up(server, tmp_path):
    server.breaks = [1_000_000] * 50
    server.changes = [(BODY, f'"{number}"') for number in range(50)]
    with pytest.raises(FetchError, match="changes again and again"):
        fetch(file(server), tmp_path)
    assert "weights.bin" not in names(tmp_path)


def test_a_size_that_is_wrong(server, tmp_path):
    server.announced = len(BODY) + 10
    with pytest.raises(FetchError, match="could not be fetched whole"):
        fetch(file(server), tmp_path)
    assert "weights.bin" not in names(tmp_path)
    server.announced = len(BODY) - 10
    with pytest.raises(FetchError, match="it was not kept"):
        fetch(file(server), tmp_path)
    assert names(tmp_path) == []


def test_a_part_that_broke_off_is_not_whole_because_no_size_is_told(server, tmp_path):
    server.sized = False
    server.breaks = [1_000_000, 500_000]
    (tmp_path / ".weights.bin.part").write_bytes(BODY[:700_000])
    (tmp_path / ".weights.bin.part.json").write_text(
        f'{{"url": "{server.url}", "tag": "\\"one\\"", "size": null}}'
    )
    assert fetch(file(server, None), tmp_path).read_bytes() == BODY
    assert server.asked[1:] == ["bytes=700000-", "bytes=1700000-", "bytes=2200000-"]


def test_a_size_that_is_not_told(server, tmp_path):
    server.sized = False
    assert ask(server.url).size is None
    assert fetch(file(server), tmp_path).read_bytes() == BODY
    # Killed when all was there, and nothing said so.
    (tmp_path / "weights.bin").rename(tmp_path / ".weights.bin.part")
    (tmp_path / ".weights.bin.part.json").write_text(
        f'{{"url": "{server.url}", "tag": "\\"one\\"", "size": null}}'
    )
    assert fetch(file(server), tmp_path).read_bytes() == BODY


def test_a_wrong_digest_leaves_nothing(server, tmp_path):
    with pytest.raises(FetchError, match="was published; it was not kept"):
        fetch(file(server, "0" * 64), tmp_path)
    assert names(tmp_path) == []


def test_the_first_digest_holds(server, tmp_path):
    path = fetch(file(server, None), tmp_path)
    note = tmp_path / "weights.bin.sha256"
    assert note.read_text() == f"{DIGEST}  weights.bin\n"
    path.write_bytes(BODY[:-1])
    with pytest.raises(FetchError, match="not the file that was fetched first"):
        fetch(file(server, None), tmp_path)
    path.unlink()
    server.body = BODY[:-1] + b"x"
    with pytest.raises(FetchError, match=r"which was fetched first.*remove .*sha256"):
        fetch(file(server, None), tmp_path)
    note.write_text("\n")
    with pytest.raises(FetchError, match="holds no SHA-256"):
        fetch(file(server, None), tmp_path)
    note.unlink()
    assert fetch(file(server, None), tmp_path).read_bytes() == server.body


def test_the_digest_that_a_hub_announces(server, tmp_path):
    download = Download("weights.bin", f"{server.root}/linked", "weights")
    server.linked = f'"{"0" * 64}"'
    with pytest.raises(FetchError, match="which the server announces; it was not kept"):
        fetch(download, tmp_path)
    assert names(tmp_path) == []
    server.linked, server.breaks, server.asked = f'"{DIGEST}"', [700_000], []
    assert fetch(download, tmp_path).read_bytes() == BODY
    # What is asked for goes along with a redirection.
    assert server.asked[-2:] == ["bytes=700000-", "bytes=700000-"]


def test_busy_servers_and_redirections(server, tmp_path):
    server.answers = [503, 302, 429]
    assert fetch(file(server), tmp_path).read_bytes() == BODY


def test_a_server_that_stays_busy(server, tmp_path):
    server.answers = [503] * 50
    with pytest.raises(FetchError, match="503"):
        fetch(file(server), tmp_path)
    assert len(server.asked) == remote.ATTEMPTS


@pytest.mark.parametrize("code", [401, 403, 404])
def test_what_is_not_there_is_said_at_once(server, tmp_path, code):
    server.answers = [code] * 50
    with pytest.raises(FetchError, match=f"cannot be fetched: {code}"):
        fetch(file(server), tmp_path)
    assert len(server.asked) == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9/x", "refused"),
        ("http://weights.invalid/x", "no such server|name resolution"),
        ("nothing", "is no address"),
    ],
)
def test_no_server(tmp_path, url, said):
    with pytest.raises(FetchError, match=said):
        fetch(Download("weights.bin", url, "weights"), tmp_path)


def test_a_full_disk(server, tmp_path, monkeypatch):
    assert free_space(tmp_path / "not" / "yet") > 0
    # Only the figure is changed, not what is done with it.
    monkeypatch.setattr(
        fetching.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})
    )
    with pytest.raises(FetchError, match="needs 3000000 more bytes"):
        fetch(file(server), tmp_path)
    assert server.sent <= 1


_CHILD = """
import sys
from pathlib import Path
from creme.files.fetch import Download, FetchError, fetch
if sys.argv[3:] == ["small"]:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    fetch(Download("weights.bin", sys.argv[1], "weights"), Path(sys.argv[2]))
except FetchError as error:
    sys.exit(str(error))
"""


def child(url, folder, *more, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, url, str(folder), *more],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="has no limits of a file's size")
def test_a_disk_that_fills_up_is_said_and_not_retried(server, tmp_path):
    _, said = child(server.url, tmp_path, "small").communicate(timeout=600)
    assert "cannot be written" in said
    assert len(server.asked) == 2
    assert names(tmp_path) == [".weights.bin.part", ".weights.bin.part.json"]


def test_a_killed_fetch_goes_on(server, tmp_path):
    server.slow = 0.05
    process = child(server.url, tmp_path)
    part = tmp_path / ".weights.bin.part"
    while not part.exists() or part.stat().st_size < 1_000_000:
        assert process.poll() is None
        time.sleep(0.01)
    with pytest.raises(FetchError, match="by another process"):
        fetch(file(server), tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept_bytes = part.stat().st_size
    assert names(tmp_path) == [
        ".weights.bin.lock",
        ".weights.bin.part",
        ".weights.bin.part.json",
    ]
    time.sleep(0.2)  # the server's thread sees that nobody listens
    server.slow, server.asked, server.sent = 0.0, [], 0
    assert fetch(file(server), tmp_path).read_bytes() == BODY
    assert server.asked[1:] == [f"bytes={kept_bytes}-"]
    assert server.sent == len(BODY) - kept_bytes + 1
    assert names(tmp_path) == ["weights.bin"]


def test_several_processes_at_once(server, tmp_path):
    server.slow = 0.01
    said = [process.communicate()[1] for process in [child(server.url, tmp_path) for _ in range(4)]]
    assert "" in said
    assert all(not text or "by another process" in text for text in said)
    assert names(tmp_path) == ["weights.bin", "weights.bin.sha256"]
    assert (tmp_path / "weights.bin").read_bytes() == BODY


def test_through_a_proxy(server, tmp_path):
    url = "http://weights.invalid/file"
    _, said = child(url, tmp_path, http_proxy=server.root, no_proxy="").communicate(timeout=600)
    assert said == ""
    assert (tmp_path / "weights.bin").read_bytes() == BODY
    assert set(server.paths) == {url}


def archive(**members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_an_archive_is_unpacked_whole_and_once(server, tmp_path):
    server.body = archive(**{"./saved_model.pb": b"graph", "./variables/index": b"1"})
    download = Download("model.tar.gz", server.url, "a model", unpack="model")
    folder = fetch(download, tmp_path)
    assert folder == tmp_path / "model"
    assert (folder / "saved_model.pb").read_bytes() == b"graph"
    assert (folder / "variables" / "index").read_bytes() == b"1"
    assert names(tmp_path) == ["model", "model.tar.gz.sha256"]
    asked = len(server.asked)
    assert fetch(download, tmp_path) == folder
    assert len(server.asked) == asked


def test_an_archive_that_was_fetched_and_not_unpacked(server, tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(archive(**{"saved_model.pb": b"graph"}))
    (tmp_path / ".model.unpacked").mkdir()
    (tmp_path / ".model.unpacked" / "half").write_bytes(b"")
    folder = fetch(Download("model.tar.gz", server.url, "a model", unpack="model"), tmp_path)
    assert names(folder) == ["saved_model.pb"]
    assert server.asked == []


@pytest.mark.parametrize(
    "body",
    [
        archive(**{"a": b"1", "../outside": b"2"}),
        archive(a=BODY)[:-1000],
        archive(a=BODY)[:-8] + b"12345678",
        b"no archive",
    ],
)
def test_an_archive_that_is_wrong_leaves_no_folder(server, tmp_path, body):
    server.body = body
    folder = tmp_path / "inner"
    with pytest.raises(FetchError, match="cannot be unpacked"):
        fetch(Download("model.tar.gz", server.url, "a model", unpack="model"), folder)
    assert names(folder) == []
    assert names(tmp_path) == ["inner"]
