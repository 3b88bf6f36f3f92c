"""Files from the network: resumed where they broke off, checked, and in place only when whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from creme.files.durable import locked, sync, write_text
from creme.files.remote import (
    ATTEMPTS,
    FetchError,
    InterruptedFetch,
    OutOfRangeError,
    Remote,
    ask,
    describe,
    ends_at,
    open_range,
    pause,
    received,
    starts_at,
)

__all__ = [
    "Download",
    "FetchError",
    "Remote",
    "ask",
    "fetch",
    "file_digest",
    "free_space",
    "kept",
    "noted_digest",
    "place",
]

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Download:
    """A file that a model plugin can be given.

    Attributes
    ----------
    file : str
        Its name in the folder.
    url : str
    about : str
        Its contents, in a few words.
    sha256 : str, optional
        Its digest (hexadecimal) if it was published; otherwise that of the first fetch is written
        beside it, and holds from then on.
    unpack : str, optional
        The folder that a tar archive is unpacked into; the archive itself is not kept.
    """

    file: str
    url: str
    about: str
    sha256: str | None = None
    unpack: str | None = None


class _ChangedError(Exception):
    """The file on the server is not the one that a fetch began with."""


def place(download: Download, folder: Path) -> Path:
    """The path of a download once it is whole: a file, or the folder of an archive."""
    return folder / (download.unpack or download.file)


def kept(download: Download, folder: Path) -> int:
    """Bytes of an unfinished fetch that are in the folder."""
    part = _part(folder, download)
    return part.stat().st_size if part.is_file() else 0


def free_space(folder: Path) -> int:
    """Bytes left on the disk of a folder, which need not be there yet."""
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())
    return shutil.disk_usage(existing).free


def noted_digest(download: Download, folder: Path) -> str | None:
    """The digest that a download must have: the published one, or that of the first fetch.

    Raises
    ------
    FetchError
        If the note of the first fetch is damaged.
    """
    if download.sha256 is not None:
        return download.sha256
    note = _note(folder, download)
    if not note.is_file():
        return None
    words = note.read_text(encoding="utf-8", errors="replace").split()
    if not words or not re.fullmatch("[0-9a-f]{64}", words[0]):
        raise FetchError(f"{note} holds no SHA-256: remove it, or write the digest into it")
    return words[0]


def fetch(
    download: Download, folder: Path, *, on_progress: Progress = lambda done, size: None
) -> Path:
    """Fetch a file into a folder, unless it is there.

    Bytes that an interrupted fetch has left are not fetched again, if the server still has the same
    file. Of two processes that fetch the same file into one folder, the second is refused.

    Parameters
    ----------
    download : Download
    folder : Path
        Made if needed.
    on_progress : callable
        Called with the number of bytes fetched and the size, None if unknown.

    Returns
    -------
    Path
        See `place`.

    Raises
    ------
    FetchError
        If the file cannot be fetched, is not the expected one, or does not fit on the disk. No
        file then has its name; bytes that can be resumed stay as ``.NAME.part``.
    """
    final = place(download, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if _present(download, folder):
            return final
        lock = folder / f".{download.file}.lock"
        with locked(lock, f"{final} is being fetched", error=FetchError):
            # Another process may have fetched it before this one held the lock.
            if not _present(download, folder):
                if not (folder / download.file).is_file():
                    _fetch_file(download, folder, on_progress)
                if download.unpack is not None:
                    _unpack(folder / download.file, _note(folder, download), final)
    except OSError as error:
        # Failures of the network have become FetchErrors already.
        raise FetchError(f"{final} cannot be written: {error}") from None
    return final


def _present(download: Download, folder: Path) -> bool:
    """Whether the download is complete; a file that exists must have its expected digest."""
    if download.unpack is not None and (folder / download.unpack).is_dir():
        return True
    file = folder / download.file
    if not file.is_file():
        return False
    expected = noted_digest(download, folder)
    if expected is not None and file_digest(file) != expected:
        raise FetchError(
            f"{file} is not the file that {_origin(download)}; remove it to fetch it again"
        )
    return download.unpack is None


def _fetch_file(download: Download, folder: Path, on_progress: Progress) -> None:
    part, notes = _part(folder, download), folder / f".{download.file}.part.json"
    for _ in range(ATTEMPTS):
        remote = ask(download.url)
        _keep_only_a_beginning(part, notes, download, remote)
        _check_space(folder, part, remote, folder / download.file)
        try:
            _receive(download.url, part, remote, on_progress)
            break
        except _ChangedError:
            part.unlink(missing_ok=True)
    else:
        raise FetchError(f"{download.url} changes again and again while it is fetched")
    digest = file_digest(part)
    expected, source = noted_digest(download, folder), _origin(download)
    if expected is None:
        expected, source = remote.sha256, "the server announces"
    if expected is not None and digest != expected:
        part.unlink()
        notes.unlink(missing_ok=True)
        note = _note(folder, download)
        advice = f"; to take the new one, remove {note}" if note.exists() else ""
        raise FetchError(
            f"{download.url} has the SHA-256 {digest}, and not {expected}, which {source}; it was "
            f"not kept{advice}"
        )
    sync(part)
    if download.sha256 is None:
        write_text(_note(folder, download), f"{digest}  {download.file}\n")
    part.replace(folder / download.file)
    notes.unlink(missing_ok=True)
    sync(folder)


def file_digest(path: Path) -> str:
    """SHA-256 (hexadecimal) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _part(folder: Path, download: Download) -> Path:
    return folder / f".{download.file}.part"


def _note(folder: Path, download: Download) -> Path:
    return folder / f"{download.file}.sha256"


def _origin(download: Download) -> str:
    return "was published" if download.sha256 is not None else "was fetched first"


def _keep_only_a_beginning(part: Path, notes: Path, download: Download, remote: Remote) -> None:
    """Keep the bytes of an earlier fetch only if they are the beginning of this very file."""
    now = {"url": download.url, "tag": remote.tag, "size": remote.size}
    before = None
    with contextlib.suppress(OSError, ValueError):
        before = json.loads(notes.read_text(encoding="utf-8"))
    too_long = remote.size is not None and part.exists() and part.stat().st_size > remote.size
    if before != now or not remote.tag or not remote.resumable or too_long:
        part.unlink(missing_ok=True)
    write_text(notes, json.dumps(now))


def _check_space(folder: Path, part: Path, remote: Remote, final: Path) -> None:
    if remote.size is None:
        return
    needed, free = remote.size - _size(part), free_space(folder)
    if needed > free:
        raise FetchError(f"{final} needs {needed} more bytes, and {folder} has {free} left")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _receive(url: str, part: Path, remote: Remote, on_progress: Progress) -> None:
    """Fetch until all bytes are here; gives up when attempt after attempt brings none."""
    fruitless, furthest = 0, _size(part)
    while remote.size is None or _size(part) != remote.size or not part.exists():
        problem = InterruptedFetch("the connection broke off")
        try:
            if _attempt(url, part, remote, on_progress):
                return
        except OutOfRangeError as error:
            part.unlink(missing_ok=True)
            problem = error
        except InterruptedFetch as error:
            problem = error
        # A server that begins anew each time may come as far again and again.
        fruitless = 0 if _size(part) > furthest else fruitless + 1
        furthest = max(furthest, _size(part))
        if fruitless == ATTEMPTS:
            raise FetchError(
                f"{url} could not be fetched whole: {problem}; {_size(part)} bytes are kept, "
                f"fetch again to go on from there"
            )
        if fruitless or problem.wait:
            pause(fruitless, problem.wait)


def _attempt(url: str, part: Path, remote: Remote, on_progress: Progress) -> bool:
    """Append what one connection brings; whether that is all."""
    # Without a tag, two connections may bring parts of different files.
    at = _size(part) if remote.tag and remote.resumable else 0
    with open_range(url, f"bytes={at}-" if at else "", remote.tag if at else "") as response:
        now = describe(response)
        # A part's response need not repeat the tag: the server has compared it.
        if now.tag != remote.tag and not (at and response.status == 206 and not now.tag):
            raise _ChangedError
        if now.size is not None and remote.size is not None and now.size != remote.size:
            raise _ChangedError
        if starts_at(response) != at:
            if starts_at(response) != 0:
                raise FetchError(f"{url}: the server sent another part than bytes {at} and on")
            at = 0  # the server sends it from its beginning
        with part.open("r+b" if at else "wb") as file:
            file.seek(at)
            file.truncate()
            for block in received(response):
                file.write(block)
                at += len(block)
                on_progress(at, remote.size)
        # If the server gives no size, a response of a part gives its own end.
        whole = now.size if now.size is not None else ends_at(response)
    return whole is None or at == whole


def _unpack(archive: Path, note: Path, final: Path) -> None:
    """Unpack a tar archive into a folder of its own, which appears whole."""
    if not hasattr(tarfile, "data_filter"):
        raise FetchError(f"{archive} was not unpacked: that needs Python 3.11.4 or later")
    temporary = final.with_name(f".{final.name}.unpacked")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        # Files outside of the folder, links that leave it and devices are refused.
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, filter="data")
            # The checksum of gzip is at the very end, behind the archive's.
            while tar.fileobj is not None and tar.fileobj.read(2**20):
                pass
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if getattr(error, "errno", None) is None:  # the archive's fault, and not the disk's
            archive.unlink()
            note.unlink(missing_ok=True)
        raise FetchError(f"{archive} cannot be unpacked: {error}") from None
    for path in [*temporary.rglob("*"), temporary]:
        sync(path)
    temporary.replace(final)
    sync(final.parent)
    archive.unlink()
