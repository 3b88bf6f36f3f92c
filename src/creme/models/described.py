"""Moved to `creme.adapters.described`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.adapters.described")
