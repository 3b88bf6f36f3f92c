"""Files on a server and their descriptions: the network's side of `creme.files.fetch`.

Proxies are those of the environment (``https_proxy``, ``http_proxy``, ``no_proxy``).
"""

from __future__ import annotations

import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from creme.errors import CremeError

ATTEMPTS = 6
"""Attempts without a single new byte before a download is given up."""

WAIT = 1.0
"""Seconds before the second attempt; each further one waits twice as long."""

TIMEOUT = 60.0
"""Seconds of silence after which a connection counts as broken."""

_BLOCK = 2**18
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}


class FetchError(CremeError):
    """A file cannot be fetched, or is not the one that was expected."""


class InterruptedFetch(Exception):
    """A failure that a further attempt may overcome.

    Attributes
    ----------
    wait : float
        Seconds that the server asks to wait.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class OutOfRangeError(InterruptedFetch):
    """The server has no bytes from there on."""


@dataclass(frozen=True)
class Remote:
    """A server's description of a file.

    Attributes
    ----------
    size : int, optional
        Bytes.
    tag : str
        Text that changes with its contents; empty if the server gives none.
    resumable : bool
        Whether the server sends parts of it.
    sha256 : str, optional
        Digest (hexadecimal) if the server gives it, as the Hugging Face hub does for weights.
    """

    size: int | None
    tag: str
    resumable: bool
    sha256: str | None = None


def ask(url: str) -> Remote:
    """Ask a server for the description of a file, without fetching it.

    Raises
    ------
    FetchError
        If it is not there, or the server does not answer.
    """
    # Not HEAD, which many storage servers refuse for signed addresses.
    byte_range = "bytes=0-0"
    for attempt in range(ATTEMPTS):
        try:
            with open_range(url, byte_range) as response:
                return describe(response)
        except OutOfRangeError as error:
            problem: InterruptedFetch = error
            byte_range = ""  # a file without a first byte
        except InterruptedFetch as error:
            problem = error
            if attempt + 1 < ATTEMPTS:
                pause(attempt, error.wait)
    raise FetchError(f"{url} cannot be fetched: {problem}")


def pause(attempt: int, at_least: float = 0.0) -> None:
    """Wait before the attempt after this one, as long as the server asks, up to a minute."""
    time.sleep(min(60.0, max(at_least, WAIT * 2**attempt)))


def open_range(url: str, byte_range: str = "", tag: str = "") -> Any:
    """Open a file on a server, or a part of it if the file still has this tag.

    Raises
    ------
    FetchError
        If a further attempt would fail as well.
    InterruptedFetch
        If a further attempt may succeed.
    """
    # Compressed on the way, a range would be of other bytes.
    headers = {"Accept-Encoding": "identity", "User-Agent": "creme-toolkit"}
    if byte_range:
        headers["Range"] = byte_range
    if tag:
        headers["If-Range"] = tag
    opener = urllib.request.build_opener(_Redirect)
    try:
        return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:
                raise OutOfRangeError("416: no bytes from there on") from None
            status = f"{error.code} {error.reason}"
            if error.code not in _TEMPORARY:
                raise FetchError(f"{url} cannot be fetched: {status}") from None
            after = error.headers.get("Retry-After") or ""
            raise InterruptedFetch(status, float(after) if after.isdecimal() else 0) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise FetchError(f"{url} cannot be fetched: {reason}") from None
        if isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME:
            raise FetchError(
                f"{url} cannot be fetched: no such server is known here; fetch on a machine with "
                f"internet access, or name a proxy in https_proxy"
            ) from None
        raise InterruptedFetch(_text(reason)) from None
    except ValueError as error:
        raise FetchError(f"{url!r} is no address: {error}") from None


def received(response: Any) -> Iterator[bytes]:
    """The bytes of a response as they arrive.

    Raises
    ------
    InterruptedFetch
        If the connection breaks.
    """
    try:
        while block := response.read(_BLOCK):
            yield block
    except (OSError, HTTPException) as error:
        raise InterruptedFetch(_text(error)) from None


def describe(response: Any) -> Remote:
    """The description of the whole file in a response's headers."""
    headers, partial = response.headers, response.status == 206
    if partial:
        size = (headers.get("Content-Range") or "").rpartition("/")[2]
    else:
        size = headers.get("Content-Length") or ""
    # Only a strong tag means equal bytes; else the date of the last change is the tag.
    tag = headers.get("ETag") or ""
    if not tag or tag.startswith("W/"):
        tag = headers.get("Last-Modified") or ""
    return Remote(
        size=int(size) if size.isdecimal() else None,
        tag=tag,
        resumable=partial,
        sha256=getattr(response, "linked_sha256", None),
    )


def starts_at(response: Any) -> int:
    """The position of a response's first byte in the file."""
    if response.status != 206:
        return 0
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range") or "")
    return int(match[1]) if match else -1


def ends_at(response: Any) -> int | None:
    """The position after the last byte of a response of a part; None for others."""
    match = re.match(r"bytes \d+-(\d+)", response.headers.get("Content-Range") or "")
    return int(match[1]) + 1 if match and response.status == 206 else None


class _Redirect(urllib.request.HTTPRedirectHandler):
    """Follows redirections, and keeps the digest that the Hugging Face hub gives on the way."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise FetchError(f"{req.full_url} sends on to {newurl}, which is not encrypted")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        linked = (headers.get("X-Linked-Etag") or "").strip('"')
        digest = linked if re.fullmatch("[0-9a-f]{64}", linked) else None
        if request is not None:
            request.linked_sha256 = digest or getattr(req, "linked_sha256", None)  # type: ignore[attr-defined]
        return request

    def http_response(self, request: Any, response: Any) -> Any:
        response.linked_sha256 = getattr(request, "linked_sha256", None)
        return response

    https_response = http_response


def _text(error: object) -> str:
    text = str(error)
    return text if isinstance(error, str) or text else type(error).__name__
