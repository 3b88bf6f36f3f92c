"""Moved to `creme.adapters.torch_model`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.adapters.torch_model")
