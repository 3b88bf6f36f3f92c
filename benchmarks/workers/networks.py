"""Timing a network's two parts: a wrapper that counts what goes through them."""

from __future__ import annotations

import time

SPENT = {"trunk": 0.0, "rest": 0.0}
"""Seconds in the trunk, and in what follows it."""


def counting(model_class):
    """The class with its `encode`, `decode` and `predict_selected` timed into `SPENT`."""

    def timed(name, part):
        own = getattr(model_class, name)

        def run(self, *arguments):
            began = time.perf_counter()
            try:
                return own(self, *arguments)
            finally:
                SPENT[part] += time.perf_counter() - began

        return run

    methods = {
        "encode": timed("encode", "trunk"),
        "decode": timed("decode", "rest"),
        "predict_selected": timed("predict_selected", "rest"),
    }
    return type(model_class.__name__, (model_class,), methods)


def forget():
    """Begin to count again."""
    SPENT.update(dict.fromkeys(SPENT, 0.0))


def spent():
    """Seconds in the network so far."""
    return sum(SPENT.values())
