"""The types in a panel's file: one that was damaged or changed by hand is refused."""

from __future__ import annotations

from functools import cache
from typing import Any, NotRequired

from pydantic import ConfigDict, FiniteFloat, NonNegativeInt, TypeAdapter
from typing_extensions import TypedDict

_STRICT = ConfigDict(strict=True, extra="allow")


class _EffectsShape(TypedDict):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    of: dict[str, str]
    n: NonNegativeInt
    ranks: NotRequired[list[NonNegativeInt]]
    values: list[FiniteFloat]


class _TestShape(TypedDict):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    test: str
    measure: str
    configuration: dict[str, Any]
    readings: dict[str, Any]
    effects: list[_EffectsShape]


class _ModelShape(TypedDict):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    name: str
    fingerprint: str


class _FloorShape(TypedDict):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    activity: float
    quantile: float
    n: int


class _PanelShape(TypedDict):
    """The types in a panel's file."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    source: str
    model: _ModelShape
    tests: list[_TestShape]
    floors: dict[str, _FloorShape]


@cache
def panel_shape() -> TypeAdapter[Any]:
    """Validates the JSON values of `creme.analysis.panel.Panel`."""
    return TypeAdapter(_PanelShape)
