"""Moved to `creme.results.directory`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.results.directory")
