"""Files from the network: resumed where they broke off, checked, and in place only when whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from creme.durable import alive, sync, write_text
from creme.errors import CremeError

ATTEMPTS = 6
"""Attempts without a single new byte before a download is given up."""

WAIT = 1.0
"""Seconds before the second attempt; each further one waits twice as long."""

_BLOCK = 2**20
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}


class FetchError(CremeError):
    """A file cannot be fetched, or is not the one that was expected."""


@dataclass(frozen=True)
class Download:
    """A file that a model plugin can be given.

    Attributes
    ----------
    file : str
        What it is called here.
    url : str
    about : str
        What it is, in a few words.
    sha256 : str, optional
        Its digest (hexadecimal) where it was published; otherwise that of the first fetch is
        written beside it, and holds from then on.
    """

    file: str
    url: str
    about: str
    sha256: str | None = None


@dataclass(frozen=True)
class Remote:
    """What a server says of a file.

    Attributes
    ----------
    size : int, optional
        Bytes.
    tag : str
        What changes with its contents; empty where the server does not say.
    resumable : bool
    """

    size: int | None
    tag: str
    resumable: bool


def ask(url: str) -> Remote:
    """Ask a server what a file is, without fetching it.

    Raises
    ------
    FetchError
        If it is not there, or the server does not answer.
    """
    with _patiently(lambda: _open(url, {"Range": "bytes=0-0"}), url) as answer:
        headers = answer.headers
        partial = answer.status == 206
        text = headers.get("Content-Range", "").rpartition("/")[2] if partial else ""
        text = text or ("" if partial else headers.get("Content-Length", ""))
        return Remote(int(text) if text.isdigit() else None, _tag(headers), partial)


def fetch(
    download: Download,
    folder: Path,
    *,
    on_progress: Callable[[int, int | None], None] = lambda done, size: None,
) -> Path:
    """Fetch a file into a folder, unless it is there.

    Bytes that an interrupted fetch has left are not fetched again, if the server still has the same
    file. Two processes may fetch the same file: the second waits for nothing and says so.

    Parameters
    ----------
    download : Download
    folder : Path
        Made if needed.
    on_progress : callable
        Called with the bytes that are here and the size, if it is known.

    Raises
    ------
    FetchError
        If the file cannot be fetched, is not the expected one, or does not fit on the disk. Nothing
        of it then has its name; what can be resumed stays as ``.NAME.part``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / download.file
    known = _known_digest(download, final)
    if final.is_file():
        if known is not None and file_digest(final) != known:
            raise FetchError(
                f"{final} is not the file that {_whose(download)}; remove it to fetch it again"
            )
        return final
    part, notes = folder / f".{download.file}.part", folder / f".{download.file}.part.json"
    with _locked(folder / f".{download.file}.lock", final):
        remote = ask(download.url)
        _resumable(part, notes, download, remote)
        _check_space(folder, part, remote, final)
        _receive(download, part, remote, on_progress)
        found = file_digest(part)
        if known is not None and found != known:
            part.unlink()
            notes.unlink(missing_ok=True)
            raise FetchError(
                f"{download.url} has the SHA-256 {found}, and not {known}, which "
                f"{_whose(download)}; it was not kept"
            )
        sync(part)
        if known is None:
            write_text(_digest_file(final), f"{found}  {download.file}\n")
        part.replace(final)
        notes.unlink(missing_ok=True)
        sync(folder)
    return final


def file_digest(path: Path) -> str:
    """SHA-256 (hexadecimal) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_file(final: Path) -> Path:
    return final.with_name(final.name + ".sha256")


def _known_digest(download: Download, final: Path) -> str | None:
    if download.sha256 is not None:
        return download.sha256
    beside = _digest_file(final)
    return beside.read_text(encoding="utf-8").split()[0] if beside.is_file() else None


def _whose(download: Download) -> str:
    return "was published" if download.sha256 is not None else "was fetched first"


@contextlib.contextmanager
def _locked(lock: Path, final: Path) -> Any:
    """Hold a lock file; one whose process is gone is taken over."""
    for _ in range(2):
        try:
            descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            break
        except FileExistsError:
            with contextlib.suppress(OSError, ValueError):
                if not alive(int(lock.read_text())):
                    lock.unlink()
    else:
        raise FetchError(f"{final} is being fetched by another process ({lock} exists)")
    try:
        os.write(descriptor, str(os.getpid()).encode())
        os.close(descriptor)
        yield
    finally:
        lock.unlink(missing_ok=True)


def _resumable(part: Path, notes: Path, download: Download, remote: Remote) -> None:
    """Keep what an earlier fetch left only if it is a beginning of this very file."""
    now = {"url": download.url, "tag": remote.tag, "size": remote.size}
    before = None
    with contextlib.suppress(OSError, ValueError):
        before = json.loads(notes.read_text(encoding="utf-8"))
    if before != now or not remote.tag or not remote.resumable:
        part.unlink(missing_ok=True)
    write_text(notes, json.dumps(now))


def _check_space(folder: Path, part: Path, remote: Remote, final: Path) -> None:
    if remote.size is None:
        return
    needed = remote.size - (part.stat().st_size if part.exists() else 0)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FetchError(f"{final} needs {needed} more bytes, and {folder} has {free} left")


def _receive(
    download: Download,
    part: Path,
    remote: Remote,
    on_progress: Callable[[int, int | None], None],
) -> None:
    """Fetch until all bytes are here; gives up when attempt after attempt brings none."""
    fruitless = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        if remote.size is not None and before == remote.size and before:
            return
        problem = "the connection broke off"
        try:
            if _attempt(download.url, part, before, remote, on_progress):
                return
        except (OSError, HTTPException) as error:
            problem = _reason(error, download.url)
        now = part.stat().st_size if part.exists() else 0
        fruitless = 0 if now > before else fruitless + 1
        if fruitless == ATTEMPTS:
            raise FetchError(
                f"{download.url} could not be fetched whole: {problem}; {now} bytes are kept, "
                f"fetch again to go on from there"
            )
        time.sleep(WAIT * 2**fruitless if fruitless else 0)


def _attempt(
    url: str,
    part: Path,
    at: int,
    remote: Remote,
    on_progress: Callable[[int, int | None], None],
) -> bool:
    """Append what one connection brings; whether that is all."""
    headers = {"Range": f"bytes={at}-", "If-Range": remote.tag} if at else {}
    with _open(url, headers) as answer:
        if _tag(answer.headers) != remote.tag:
            part.unlink(missing_ok=True)
            raise FetchError(f"{url} changed while it was fetched; fetch it again")
        if at and answer.status != 206:
            at = 0  # the server sends it from its beginning
        with part.open("r+b" if at else "wb") as file:
            file.seek(at)
            file.truncate()
            while block := answer.read(_BLOCK):
                file.write(block)
                at += len(block)
                on_progress(at, remote.size)
    if remote.size is not None and at > remote.size:
        part.unlink()
        raise FetchError(f"{url} has more than the {remote.size} bytes that its server announced")
    return remote.size is None or at == remote.size


def _open(url: str, headers: dict[str, str]) -> Any:
    # Compressed on the way, a range would be of other bytes.
    sent = {"Accept-Encoding": "identity", "User-Agent": "creme-toolkit", **headers}
    return urllib.request.urlopen(urllib.request.Request(url, headers=sent), timeout=60)


def _patiently(action: Callable[[], Any], url: str) -> Any:
    """Try an action until the server is no longer busy."""
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except (OSError, HTTPException) as error:
            problem = _reason(error, url)
            if attempt + 1 < ATTEMPTS:
                time.sleep(WAIT * 2**attempt)
    raise FetchError(f"{url} cannot be fetched: {problem}")


def _reason(error: Exception, url: str) -> str:
    """Why, in words; an error that no further attempt would mend is raised at once."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code not in _TEMPORARY:
            raise FetchError(f"{url} cannot be fetched: {error.code} {error.reason}") from None
        return f"{error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return f"{type(error).__name__}: {error}"


def _tag(headers: Any) -> str:
    """A strong ETag, else the date of the last change."""
    tag = headers.get("ETag") or ""
    return headers.get("Last-Modified") or "" if not tag or tag.startswith("W/") else tag
