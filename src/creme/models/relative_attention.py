"""Moved to `creme.adapters.relative_positions`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.adapters.relative_positions")
