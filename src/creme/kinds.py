"""The kinds of plugin: models, perturbations and tests; and what a class of each has to have."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from creme.errors import PluginError, listing

KINDS = {
    "model": ("creme.model", "Model"),
    "perturbation": ("creme.perturbation", "Perturbation"),
    "test": ("creme.test", "Test"),
}
"""The kinds, and where the class is that those of a kind derive from."""

PYTHON = "python"
"""The name that stands for a plugin in a Python file."""

_FILE_NAME = re.compile(r"\w[\w.+-]*")
_ATTRIBUTES = {"model": ("name", "version"), "perturbation": ("name",), "test": ("name",)}


def entry_point_group(kind: str) -> str:
    """The group in which packages register a kind: ``creme.models`` for ``model``."""
    return f"creme.{kind}s"


def check_class(kind: str, loaded: Any, title: str) -> None:
    """Check that a class has what its kind needs.

    Parameters
    ----------
    kind : {'model', 'perturbation', 'test'}
    loaded : object
        The object that the plugin's name leads to.
    title : str
        Its name in errors.

    Raises
    ------
    PluginError
        If it is no subclass of its kind, leaves a method out, or has no name or version.
    """
    home, base_name = KINDS[kind]
    base = getattr(import_module(home), base_name)
    if not (isinstance(loaded, type) and issubclass(loaded, base)):
        raise PluginError(f"{title} is not a subclass of creme.{base_name}")
    methods = sorted(getattr(loaded, "__abstractmethods__", ()))
    if methods:
        raise PluginError(f"{title} lacks {listing(methods, 20)}: a {kind} has to define these")
    for attribute in _ATTRIBUTES[kind]:
        value = getattr(loaded, attribute, None)
        if not (isinstance(value, str) and value):
            instead = "" if value is None else f", not {value!r}"
            raise PluginError(
                f"{title} has no {attribute}: set {attribute}: ClassVar[str] = '...' in the class"
                f"{instead}"
            )
    name = getattr(loaded, "name", "")
    if not _FILE_NAME.fullmatch(name):
        raise PluginError(
            f"{title} is called {name!r}: use letters, digits, and . _ + - only, since it names "
            f"files"
        )
