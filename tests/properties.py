"""Parsers under hypothesis: cases with a structure, few of them in the ordinary tests."""

from __future__ import annotations

import os
import resource
import time
import warnings
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from creme.errors import LONGEST_MESSAGE, CremeError
from mutations import places_in

EXAMPLES = int(os.environ.get("CREME_EXAMPLES", "25"))
"""Cases of each parser and way; ``make test-faults`` has more. The same ones each time."""

LONGEST = 300.0  # seconds of one case: it hangs
MOST = 1 << 30  # bytes that the process may grow by in one test

Value = TypeVar("Value")

examples = settings(
    max_examples=EXAMPLES,
    deadline=None,  # the machine may be busy
    derandomize=True,
    database=None,
    # Each case writes its own file over that of the one before.
    suppress_health_check=list(HealthCheck),
)

plain_text = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp", "Cf"]), min_size=1, max_size=20
)
"""Words: no control characters and no blanks."""

any_text = st.text(max_size=30)

numbers = st.one_of(
    st.integers(),
    st.integers(-3, 3),
    st.floats(),
    st.sampled_from([10**30, -(2**63), 1e308, 0.5]),
)

anything = st.recursive(
    st.none() | st.booleans() | numbers | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=8,
)
"""JSON values."""

toml_values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=8,
)


def changed(right: Any, wrong: st.SearchStrategy[Any] = anything) -> st.SearchStrategy[Any]:
    """A value with some of its parts, or none, replaced, removed or put in."""

    @st.composite
    def change(draw: st.DrawFn) -> Any:
        value = deepcopy(right)
        for _ in range(draw(st.integers(0, 3))):
            places = list(places_in(value))
            holder, key = draw(st.sampled_from(places))
            way = draw(st.integers(0, 3))
            if way == 0:
                del holder[key]
                if not list(places_in(value)):
                    break
            elif way == 1 and isinstance(holder, dict):
                holder[draw(any_text)] = draw(wrong)
            elif way == 1:
                holder.insert(key, deepcopy(holder[key]))
            else:
                holder[key] = draw(wrong)
        return value

    return change()


def right_or_error(read: Callable[[], Value]) -> Value | None:
    """The result of reading; None where that ends in an error that says where and why.

    Any other error, one that is no sentence, and one that takes forever is a failure.
    """
    began, before = time.monotonic(), _memory()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except CremeError as error:
        message = str(error)
        assert len(message) <= LONGEST_MESSAGE
        assert message.replace("\n", "").isprintable(), repr(message)
        return None
    finally:
        assert time.monotonic() - began < LONGEST
        assert _memory() - before < MOST


def _memory() -> int:
    """The most bytes that the process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def written(path: Path, content: bytes | str) -> Path:
    """A file with a case."""
    path.write_bytes(
        content.encode(errors="surrogatepass") if isinstance(content, str) else content
    )
    return path
