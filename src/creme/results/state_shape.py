"""The types that a state has in its file: one that was changed by hand or damaged is refused."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, Required

from annotated_types import Len
from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

Counts = dict[str, int | float | None]
Pair = Annotated[list[str], Len(2, 2)]
Triple = Annotated[list[str], Len(3, 3)]

_STRICT = ConfigDict(strict=True, extra="allow")


class _State(TypedDict, total=False):
    pid: int
    host: str
    updated: str
    folder: str
    store: str
    versions: dict[str, str]
    sha256: dict[str, str]


class _RunIdentity(TypedDict, total=False):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    tests: dict[str, Any]
    loci: dict[str, Any]
    readouts: list[dict[str, Any]]


class RunState(_State, total=False):
    """``run.json``, of which older versions wrote less."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    state: str
    error: str
    identity: _RunIdentity
    failures: list[Triple]
    counts: Counts
    units: dict[str, Counts]
    rate: float | None
    seconds_left: float | None
    seconds: dict[str, float]
    environment: dict[str, Any]


class StageState(TypedDict, total=False):
    """A stage's entry in ``study.json``."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    state: Required[str]
    units: int | None
    asked: int
    predicted: int
    stored: int
    repeated: int
    seconds: float
    began: str
    ended: str
    note: str
    error: str
    failures: list[Pair]
    remarks: list[str]
    made_from: dict[str, Any]
    test: str | dict[str, Any]
    needs: list[str]
    takes: Literal["sites", "selected", "categories", "cres", "parts", "sets"]


def _whole(stage: StageState) -> StageState:
    """An added stage has all that describes it."""
    if "test" in stage and (missing := {"needs", "takes"} - set(stage)):
        raise ValueError(f"a stage that the study file adds lacks {min(missing)!r}")
    return stage


class StudyState(_State, total=False):
    """``study.json``; see `creme.study.folder`."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    name: str
    track: str
    source: str
    model: dict[str, Any]
    identity: dict[str, dict[str, Any]]
    funnel: list[dict[str, Any]]
    categories: dict[str, int]
    classes: dict[str, dict[str, int]]
    stages: dict[str, Annotated[StageState, AfterValidator(_whole)]]


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def problem(state: object, shape: Any, required: tuple[str, ...]) -> str | None:
    """The first place where a state has not its shape, and what is wrong there; None if none."""
    if not isinstance(state, dict):
        return f"it holds {type(state).__name__} and not an object"
    try:
        _adapter(shape).validate_python(state)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    missing = [key for key in required if key not in state]
    return f"it lacks {missing[0]!r}" if missing else None
