"""Moved to `creme.adapters.loaded`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.adapters.loaded")
