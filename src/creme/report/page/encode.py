"""How anything gets into the page: the one place where text is escaped and data are packed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

DIGITS = 6
"""Significant digits of numbers in the page's data: a prediction is float32, which has seven."""

Data = dict[str, Any]
"""JSON values by name."""

_BAD = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), 127) if chr(code) not in "\n\t"}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = object
"""`Html` as it stands; None is nothing; anything else is text, and is escaped."""


def text(value: object) -> Html:
    """Any value as text of the page: escaped, without characters that HTML does not allow."""
    if isinstance(value, Html):
        return value
    plain = str(value).translate(_BAD).encode("utf-8", "replace").decode("utf-8")
    return Html(html.escape(plain, quote=True))


def tag(name: str, *children: Child, **attributes: object) -> Html:
    """An element.

    Parameters
    ----------
    name : str
    *children : Html, None or anything else
        None is left out; what is not `Html` is text.
    **attributes
        ``class_`` is ``class``, ``aria_label`` is ``aria-label``; None and False are left out, and
        True is an attribute without a value.
    """
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        words.append(label if value is True else f'{label}="{text(value)}"')
    opened = f"<{' '.join(words)}>"
    if name in ("br", "col", "meta"):
        return Html(opened)
    return Html(f"{opened}{joined(children)}</{name}>")


def joined(children: Iterable[Child]) -> Html:
    """Children one after another."""
    return Html("".join(text(child) for child in children if child is not None))


def name(value: object, **attributes: object) -> Html:
    """A name from the data: its direction of writing stays its own, so that it moves no other."""
    return tag("bdi", value, **attributes)


def as_json(value: object) -> Html:
    """JSON that may stand within a script element: no ``<``, no ``&``, ASCII alone.

    Raises
    ------
    ValueError
        If there is a NaN: `numbers` makes them null.
    """
    plain = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for mark in "<>&":
        plain = plain.replace(mark, f"\\u{ord(mark):04x}")
    return Html(plain)


def packed(value: object) -> Html:
    """JSON as base64 of gzip: the same for the same value."""
    plain = json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    return Html(base64.b64encode(gzip.compress(plain, compresslevel=9, mtime=0)).decode("ascii"))


def numbers(values: ArrayLike) -> Any:
    """Numbers as (nested lists of) JSON values, to `DIGITS` significant digits; NaN is None."""
    array = np.asarray(values, dtype=np.float64)
    there = np.isfinite(array)
    size = np.floor(np.log10(np.abs(array), out=np.zeros_like(array), where=there & (array != 0)))
    power = DIGITS - 1 - size
    # A power of ten is exact as a factor alone, and not as a fraction.
    with np.errstate(invalid="ignore", over="ignore"):
        up, down = 10.0 ** np.clip(power, 0, None), 10.0 ** np.clip(-power, 0, None)
        rounded = np.round(array * up / down) / up * down + 0.0
    result = np.where(there, np.where(np.isfinite(rounded), rounded, array), 0.0).astype(object)
    result[~there] = None
    return result.tolist() if result.ndim else result.item()


def digest(content: str) -> str:
    """The name of an inline script or style of this content in a Content-Security-Policy."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() + "'"
