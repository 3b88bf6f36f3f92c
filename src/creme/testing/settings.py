"""Check of a model: a setting that changes predictions changes the fingerprint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from creme.errors import listing
from creme.model import Model
from creme.parameters import Parameters
from creme.testing.checks import NotChecked, ensure

TOLERANCE = 1e-4
"""Of differences that are taken for float32 rounding, as a share of the largest value."""


def check_settings(make: Callable[[], Model], onehot: NDArray[np.float32]) -> str:
    """Vary each setting of a model, and compare predictions where the fingerprint stays.

    Parameters
    ----------
    make : callable
        Makes the model.
    onehot : array of float32, (B, input_length, 4)
        The input.

    Returns
    -------
    str
        The settings for which no other value could be made; empty if there are none.

    Raises
    ------
    ConformanceError
        If predictions change and the fingerprint does not.
    NotChecked
        If no setting could be varied.
    """
    model = make()
    expected: NDArray[np.float32] | None = None
    varied: list[str] = []
    unvaried: list[str] = []
    for name, others in _settings(model):
        tried = False
        for value, other in others:
            try:
                if other.fingerprint != model.fingerprint:
                    tried = True
                    continue
                values = other.predict(onehot).copy()
            except Exception:
                continue  # not allowed after all, or a device that is not there
            tried = True
            if expected is None:
                expected = model.predict(onehot).copy()
            ensure(
                not _differ(values, expected),
                f"with {name} = {value!r} predictions are others, and the fingerprint is the same: "
                f"stored predictions of one setting would be taken for those of the other. Leave "
                f"identity() to its default, or name the setting there",
            )
        (varied if tried else unvaried).append(name)
    if unvaried and not varied:
        raise NotChecked(f"no other value is known of any setting: {listing(unvaried, 20)}")
    return f"not varied: {listing(unvaried, 20)}" if unvaried else ""


def _differ(values: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    if values.shape != expected.shape:
        return True
    # NaN is in no comparison above a limit.
    if not np.array_equal(np.isfinite(values), np.isfinite(expected)):
        return True
    apart = float(np.abs(values - expected).max(initial=0))
    return apart > TOLERANCE * max(float(np.abs(expected).max(initial=0)), 1e-30)


def _settings(model: Model) -> Iterator[tuple[str, Iterator[tuple[Any, Model]]]]:
    """Each setting, and the model with other values of it; those of tables one by one."""
    for name, value in _fields(model).items():
        if isinstance(value, Parameters):
            for inner, others in _alternatives_of(value):
                yield f"{name}.{inner}", _models(model, name, others)
        else:
            yield name, _models(model, name, _values(type(model), name, value))


def _alternatives_of(table: Parameters) -> Iterator[tuple[str, Iterator[Any]]]:
    """The fields of a table, and the table with other values of each."""
    for name, value in _fields(table).items():
        yield name, _copies(table, name, _values(type(table), name, value))


def _fields(parameters: Parameters) -> dict[str, Any]:
    return {name: getattr(parameters, name) for name in type(parameters).model_fields}


def _models(model: Model, name: str, values: Iterator[Any]) -> Iterator[tuple[Any, Model]]:
    for value in values:
        for other in _copies(model, name, iter((value,))):
            yield value, other


def _copies(parameters: Any, name: str, values: Iterator[Any]) -> Iterator[Any]:
    """Copies with other values of a field: those that are allowed and make a difference."""
    for value in values:
        try:
            other = parameters.model_copy(update={name: value})
        except Exception:
            continue  # not allowed, alone or with the other settings
        if getattr(other, name) != getattr(parameters, name):
            yield other


def _values(owner: type[Parameters], name: str, value: Any) -> Iterator[Any]:
    """Other values of a field, as its type has them."""
    info = owner.model_fields[name]
    step = next((m.multiple_of for m in info.metadata if hasattr(m, "multiple_of")), None)
    for kind in _kinds(info.annotation):
        if get_origin(kind) is Literal:
            yield from (each for each in get_args(kind) if each != value)
        elif kind is bool:
            yield from (each for each in (True, False) if each is not value)
        elif isinstance(kind, type) and issubclass(kind, Enum):
            yield from (each for each in kind if each is not value)
        elif kind in (int, float) and not isinstance(value, bool):
            yield from _numbers(kind, value, step)
        elif kind is NoneType and value is not None:
            yield None


def _numbers(kind: type, value: Any, step: Any) -> Iterator[Any]:
    if not isinstance(value, int | float):
        yield from (kind(1), kind(2))
    elif kind is float:
        yield from (value * 1.5, value * 0.5, value + 0.25, value - 0.25)
    else:
        by = step or 1
        yield from (value + by, value - by, value * 2, value // 2)


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; a type alone is one."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(kind for part in get_args(annotation) for kind in _kinds(part))
    return (annotation,)
