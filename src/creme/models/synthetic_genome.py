"""Moved to `creme.demo.genome`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.demo.genome")
