"""Moved to `creme.models.python_file`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.models.python_file")
