"""Moved to `creme.files.durable`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.files.durable")
