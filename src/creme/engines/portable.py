"""Models on their way to other processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from creme.parameters import Parameters

Kind = TypeVar("Kind", bound=Parameters)


def portable(model: Kind) -> Kind:
    """A model whose files are named by absolute paths: a worker has a current folder of its own."""
    values = {name: getattr(model, name) for name in type(model).model_fields}
    absolute = {name: _absolute(value) for name, value in values.items()}
    changed = {name: value for name, value in absolute.items() if value is not values[name]}
    return model.model_copy(update=changed) if changed else model


def _absolute(value: Any) -> Any:
    """The value itself where nothing in it changes."""
    if isinstance(value, Path):
        return value if value.is_absolute() else value.absolute()
    if isinstance(value, Parameters):
        return portable(value)
    if isinstance(value, dict):
        values = {key: _absolute(part) for key, part in value.items()}
        return values if any(values[key] is not value[key] for key in value) else value
    if isinstance(value, (list, tuple)):
        parts = [_absolute(part) for part in value]
        return (
            type(value)(parts)
            if any(a is not b for a, b in zip(parts, value, strict=True))
            else value
        )
    return value
