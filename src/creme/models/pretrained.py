"""Moved to `creme.adapters.pretrained`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.adapters.pretrained")
