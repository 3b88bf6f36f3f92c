"""Typed parameters: one description for Python, the experiment file and the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from creme.errors import ConfigError, nearest


class Parameters(BaseModel):
    """Base of everything that a user configures: fields with types, defaults and limits.

    A subclass declares annotated fields. They are validated once, when the object is made, and
    cannot be changed afterwards.

    Raises
    ------
    ConfigError
        From the constructor: for an unknown field (with the nearest known one), a missing one, or
        a value that is not allowed; the message names the field, the value and what is allowed.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        # An infinity in a table of any values would become None otherwise.
        ser_json_inf_nan="constants",
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(explain(error, type(self))) from None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Another one with some fields changed, made and checked as any.

        Parameters
        ----------
        update : mapping, optional
            Fields by name.
        deep : bool
            Without a meaning here: nothing in it can be changed.
        """
        # pydantic's own keeps what was computed of the old fields, such as a fingerprint.
        return type(self)(**{**_values(self), **(update or {})})

    def configuration(self) -> dict[str, Any]:
        """The parameters as plain JSON values, in the order of their declaration."""
        return self.model_dump(mode="json")

    def identity(self) -> dict[str, Any]:
        """JSON values that tell these parameters from others: results are matched by it.

        The configuration unless overridden. It may lack a parameter at its default, so that results
        of before there was one go on being the same; and it may have what no parameter says, such
        as that the same parameters compute something else than they did.
        """
        return self.configuration()


def pickled(parameters: Parameters) -> tuple[Any, ...]:
    """For ``__reduce__``: a pickle of the fields alone, of which another one is made.

    Values that were computed from them stay behind, and are computed anew.
    """
    return _made, (type(parameters), _values(parameters))


def _made(kind: type[Parameters], fields: dict[str, Any]) -> Parameters:
    return kind(**fields)


def _values(parameters: Parameters) -> dict[str, Any]:
    return {name: getattr(parameters, name) for name in type(parameters).model_fields}


def explain(error: ValidationError, owner: type[BaseModel], where: str = "") -> str:
    """One sentence for each problem of a failed validation."""
    title = where or getattr(owner, "name", None) or owner.__name__
    return "; ".join(_sentence(problem, owner, str(title)) for problem in error.errors())


def _sentence(problem: Any, owner: type[BaseModel], title: str) -> str:
    path = [str(part) for part in problem["loc"]]
    field = ".".join(path)
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        keys = _fields(owner, path[:-1])
        return (
            f"{title}: unknown key {field!r}{nearest(path[-1], keys)}; known keys: "
            f"{', '.join(sorted(keys))}"
        )
    if problem["type"] == "missing":
        return f"{title}: {field!r} is required"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if problem["type"] in ("dict_type", "model_type", "model_attributes_type"):
        message = "input should be a table"
    if not field:
        return f"{title}: {message}"
    value = repr(problem["input"])
    value = value if len(value) <= 80 else value[:77] + "..."
    return f"{title}: {field} = {value} is not allowed: {message[0].lower() + message[1:]}"


def _fields(owner: Any, path: list[str]) -> list[str]:
    """Names of the fields at `path` below `owner`; list positions and unions are passed over."""
    for part in path:
        types = _field_types(owner)
        if part in types:
            owner = next((kind for kind in _members(types[part]) if _field_types(kind)), owner)
    return list(_field_types(owner))


def _field_types(owner: Any) -> dict[str, Any]:
    """Types of the fields of parameters, or of a dataclass, by name."""
    if is_dataclass(owner):
        return dict.fromkeys(field.name for field in fields(owner))
    return {name: info.annotation for name, info in getattr(owner, "model_fields", {}).items()}


def _members(annotation: Any) -> Iterator[Any]:
    """A type, and those that it is made of."""
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _members(part)
