"""Moved to `creme.files.fetch`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.files.fetch")
