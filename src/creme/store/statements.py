"""Statements of the index that are always the same, each compiled once in a process.

SQLAlchemy remembers what it has compiled with an engine, and each opening of a store makes one:
there compiling took longer than all that SQLite did. Its driver takes and gives numbers, text and
bytes as they are, so the compiled text is all that is needed. A database server's driver converts
them, and is handed the statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite


def execute(
    connection: sa.Connection, statement: sa.Executable, values: Mapping[str, Any] | None = None
) -> sa.CursorResult[Any]:
    """The result of a statement.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    statement : sqlalchemy.Executable
        The same object each time: it is remembered for good.
    values : mapping of str to value, optional
        Of its parameters; of an INSERT the columns.
    """
    values = values or {}
    if connection.dialect.name != "sqlite":
        return connection.execute(statement, values)
    compiled = _compiled(statement, tuple(values))
    return connection.exec_driver_sql(str(compiled), _in_order(compiled, values))


def execute_many(
    connection: sa.Connection,
    statement: sa.Executable,
    names: tuple[str, ...],
    lines: Iterable[tuple[Any, ...]],
) -> None:
    """Execute a statement for each of many lines of values, at least one.

    Parameters
    ----------
    connection, statement
        As for `execute`.
    names : tuple of str
        Its parameters.
    lines : iterable of tuple
        Their values.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(statement, [dict(zip(names, line, strict=True)) for line in lines])
        return
    compiled = _compiled(statement, names)
    assert tuple(compiled.positiontup or ()) == names, "of an INSERT in the order of its columns"
    connection.exec_driver_sql(str(compiled), list(lines))


@cache
def _compiled(statement: Any, names: tuple[str, ...]) -> Any:
    return statement.compile(dialect=sqlite.dialect(), column_keys=list(names) or None)


def _in_order(compiled: Any, values: Mapping[str, Any]) -> tuple[Any, ...]:
    parameters = compiled.construct_params(dict(values))
    return tuple(parameters[name] for name in compiled.positiontup or ())
