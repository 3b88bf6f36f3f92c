"""Moved to `creme.adapters.relative_attention`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.adapters.relative_attention")
