"""Moved to `creme.files.digests`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.files.digests")
