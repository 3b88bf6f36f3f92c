"""The settings of a model or a test as JSON values that identify it: files by their digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python

from creme.errors import ModelError


class _Mark:
    def __repr__(self) -> str:
        return "NotInFingerprint"


_MARK = _Mark()
Setting = TypeVar("Setting")

NotInFingerprint = Annotated[Setting, _MARK]
"""The type of a model's setting that changes no prediction beyond rounding.

``device: NotInFingerprint[str] = "auto"``: the default `creme.model.Model.identity` leaves it out.
"""


def settings_identity(model: BaseModel) -> dict[str, Any]:
    """All fields but those marked with `NotInFingerprint`, as JSON values; files by their digest.

    Raises
    ------
    ModelError
        If a file cannot be read, or a value has no form in JSON.
    """
    identity = {}
    for name, info in type(model).model_fields.items():
        if is_marked(info):
            continue
        value = getattr(model, name)
        if isinstance(value, str) and _takes_paths(info) and Path(value).expanduser().exists():
            value = Path(value).expanduser()
        try:
            identity[name] = by_digest(value)
        except PydanticSerializationError as error:
            owner = getattr(model, "name", type(model).__name__)
            raise ModelError(
                f"model {owner}: the setting {name!r} has no form in JSON ({error}); define "
                f"identity()"
            ) from None
    return identity


def is_marked(info: FieldInfo) -> bool:
    """Whether a field is declared with `NotInFingerprint`."""
    return any(mark is _MARK for mark in info.metadata)


def _takes_paths(info: FieldInfo) -> bool:
    return Path in (info.annotation, *getattr(info.annotation, "__args__", ()))


def by_digest(value: Any) -> Any:
    """A value as JSON, with each path in it replaced by the digest of its file or folder.

    A model in it is its fingerprint; sets are sorted.
    """
    if isinstance(value, Path):
        from creme.files.digests import digest

        return digest(value.expanduser())
    if isinstance(value, BaseModel):
        return getattr(value, "fingerprint", None) or settings_identity(value)
    if isinstance(value, Mapping):
        return {to_jsonable_python(key): by_digest(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [by_digest(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted(map(by_digest, value), key=lambda part: json.dumps(part, sort_keys=True))
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: by_digest(getattr(value, each.name)) for each in fields(value)}
    return to_jsonable_python(value)


def holds_path(value: Any) -> bool:
    """Whether a path stands in a value."""
    if isinstance(value, Mapping):
        return any(map(holds_path, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(holds_path, value))
    return isinstance(value, Path)
