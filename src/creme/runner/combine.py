"""Moved to `creme.results.tidy`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.results.tidy")
