"""The description of a plugin and of its parameters."""

from __future__ import annotations

import importlib.util
import inspect
import re
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    from creme.registry import Plugin


def first_line(plugin: Plugin) -> str:
    """The first sentence of a plugin's docstring, read from its file: nothing is imported.

    Empty where it cannot be read so.
    """
    module, _, name = plugin.target.partition(":")
    top, _, rest = module.partition(".")
    try:
        spec = importlib.util.find_spec(top)
        origin = Path((spec and spec.origin) or "")
        path = origin if not rest else origin.parent.joinpath(*rest.split("."))
        files = [path, path.with_suffix(".py"), path / "__init__.py"]
        text = next(file for file in files if file.is_file()).read_text(encoding="utf-8")
    except (OSError, ValueError, ImportError, StopIteration):
        return ""
    match = re.search(
        rf'^class {re.escape(name)}\b.*?:\n\s+r?"""(.+?)(?:\n\s*\n|""")', text, re.M | re.S
    )
    return "" if match is None else _sentence(match[1])


def summary(cls: type[Any]) -> str:
    """The first paragraph of a class's docstring, on one line."""
    return " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())


def _sentence(text: str) -> str:
    return re.split(r"(?<=[.])\s", " ".join(text.split()))[0].replace("*", "")


def parameter_rows(cls: type[Any]) -> list[list[str]]:
    """Of each parameter its name, type with limits, default as in TOML, and meaning."""
    rows = []
    for name, field in cls.model_fields.items():
        default = (
            "required"
            if field.is_required()
            else _default(field.get_default(call_default_factory=True))
        )
        limits = [_limit(each) for each in field.metadata]
        kind = " ".join([_type(field.annotation), *filter(None, limits)])
        rows.append([name, kind, default, field.description or ""])
    return rows


def _default(value: Any) -> str:
    from creme.cli.tables import toml_value

    if value is None:
        return "none"
    try:
        return toml_value(value)
    except TypeError:
        return repr(value)


def _limit(constraint: Any) -> str:
    for name, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<")):
        if (value := getattr(constraint, name, None)) is not None:
            return f"{sign} {value:g}"
    return ""


def _type(annotation: Any) -> str:
    """A type in words, such as ``int, text or list of text``."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(parts[0])
    if origin in (Union, types.UnionType):
        kinds = list(dict.fromkeys(_type(one) for one in parts if one is not type(None)))
        return " or ".join(kinds)
    if origin is Literal:
        return ", ".join(map(_default, parts))
    if origin is dict or annotation is dict:
        return "table"
    if origin in (list, tuple) or annotation in (list, tuple):
        of = [one for one in parts if one is not Ellipsis]
        return f"list of {_type(of[0])}" if of else "list"
    words = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "file"}
    return words.get(annotation, getattr(annotation, "__name__", str(annotation)))
