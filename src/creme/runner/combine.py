"""Moved to `creme.results.labels` and `creme.results.tidy`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.results.labels", "creme.results.tidy")
