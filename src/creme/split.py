"""Moved to `creme.adapters.split`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.adapters.split")
