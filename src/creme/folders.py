"""Moved to `creme.files.cache_folder`."""

from creme.moved import forward

__getattr__ = forward(__name__, "creme.files.cache_folder")
