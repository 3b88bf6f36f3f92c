"""Moved to `creme.demo.grammar`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.demo.grammar")
