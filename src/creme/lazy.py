"""Packages whose names are imported when they are first used, so that the package stays light."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attach(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The module functions ``__getattr__`` and ``__dir__`` of a package that imports lazily.

    A name is imported when it is first used, and is an ordinary attribute from then on. The
    package names its imports a second time under ``if TYPE_CHECKING``, for type checkers.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    homes : mapping
        For each name the module that has it, such as ``{"Tile": "creme.tiling"}``; where it has
        another name there, with that: ``{"Old": "creme.place:New"}``.

    Examples
    --------
    ``__getattr__, __dir__ = attach(__name__, {"Tile": "creme.tiling"})``
    """

    def get_attribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, own = homes[name].partition(":")
        value = getattr(import_module(module), own or name)
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get_attribute, list_names
