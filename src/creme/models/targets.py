"""Moved to `creme.adapters.targets`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.adapters.targets")
