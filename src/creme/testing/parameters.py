"""Check that a plugin is what its parameters say."""

from __future__ import annotations

import json
from collections.abc import Callable

from creme.parameters import Parameters
from creme.testing.checks import ensure


def parameters(make: Callable[[], Parameters]) -> None:
    """Parameters can be written as JSON, and make the same one again."""
    one = make()
    written = json.dumps(one.configuration())
    again = type(one)(**json.loads(written))
    ensure(again == one, f"made again from its parameters, {again!r} is not {one!r}")
    ensure(json.dumps(again.configuration()) == written, "parameters change by being written")
