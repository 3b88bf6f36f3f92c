"""Broken and hostile versions of files that are right."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from creme.errors import LONGEST_MESSAGE, CremeError

CASES = int(os.environ.get("CREME_HOSTILE_CASES", "60"))
"""Mutations of each kind of file; ``make test-faults`` has more."""

LONGEST = 60.0  # seconds of one case

_TOKENS = (
    *(b"\x00", b"\r", b"\n", b"\t", b'"', b"'", b"\x1b[2J", b"\xff\xfe", "é中\u202e".encode()),
    *(b"=cmd|' /C calc'!A0", b"<script>alert(1)</script>", b"-1", b"1e999", b"nan", b"inf"),
    *(b"9" * 5000, b"A" * 200_000, b"[" * 3000, b".a" * 300, b"0-99999999999", b"(.*)*x$"),
    *(b"null", b"true", b"[]", b"{}", b"''", b"2147483648", b"-9223372036854775809", b"\\u0000"),
)

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 10**30, 0.5, 1e308, "", "x", "\x1b[2J", "../../x", "A" * 10_000),
    *([], {}, [[]], {"": None}, [None], "null", ["a", "b", "c", "d"], {"state": 1}),
)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, removed, repeated, moved or put in."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(changed) + 1)
        span = slice(at, at + rng.choice((1, 1, 2, 8, 64, 1000)))
        match rng.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << rng.randrange(8)
            case 1:
                del changed[span]
            case 2:
                changed[at:at] = changed[span] * rng.choice((1, 2, 50))
            case 3:
                changed[at:at] = rng.choice(_TOKENS)
            case 4:
                changed[span] = rng.choice(_TOKENS)
            case _:
                del changed[at:]
    return bytes(changed)


def mutated_json(text: str, rng: random.Random) -> bytes:
    """A value or a key somewhere changed, removed or put in."""
    value = json.loads(text)
    for _ in range(rng.choice((1, 1, 2, 4))):
        places = list(places_in(value))
        if not places:
            break
        holder, key = rng.choice(places)
        match rng.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[rng.choice(("x", "", "state", "stages", "../y"))] = deepcopy(
                    rng.choice(_VALUES)
                )
            case _:
                holder[key] = deepcopy(rng.choice(_VALUES))
    return json.dumps(value).encode()


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each part of a JSON value: what holds it, and its key or index in there."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places_in(value[key])


def survives(read: Callable[[bytes], object], cases: list[bytes]) -> None:
    """Read each case: it is right, or ends soon in an error that says where and why.

    Raises
    ------
    AssertionError
        With the first case of each kind that did neither.
    """
    wrong: dict[str, bytes] = {}
    for case in cases:
        began = time.monotonic()
        try:
            read(case)
        except CremeError as error:
            message = str(error)
            if len(message) > LONGEST_MESSAGE or not message.replace("\n", "").isprintable():
                wrong.setdefault(f"message {message[:300]!r}", case)
        except Exception as error:
            at = error.__traceback__
            while at and at.tb_next:
                at = at.tb_next
            line = f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}" if at else ""
            wrong.setdefault(f"{type(error).__name__}: {str(error)[:200]} ({line})", case)
        if time.monotonic() - began > LONGEST:
            wrong.setdefault(f"took {time.monotonic() - began:.0f} s", case)
    assert not wrong, "\n".join(f"{what}: {case[:300]!r}" for what, case in wrong.items())


def cases(content: bytes, name: str, *, change: Callable[..., bytes] = mutated) -> list[bytes]:
    """`CASES` mutations of a file, the same ones each time."""
    rng = random.Random(name)
    return [change(content, rng) for _ in range(CASES)]
