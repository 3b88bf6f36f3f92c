"""The devices and versions that predictions of a source were made with."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa

from creme.store.arrays import Source
from creme.store.index import Index
from creme.store.schema import meta, set_new
from creme.store.statements import execute


class Environments:
    """Environments of a store's sources, in the index's table of keys and values.

    Parameters
    ----------
    index : Index
    """

    def __init__(self, index: Index) -> None:
        self._index = index

    def record(self, source: Source, environment: dict[str, Any]) -> None:
        """Keep an environment with a source, once.

        Parameters
        ----------
        source : Source
        environment : dict
            JSON values.
        """
        text = json.dumps(environment, sort_keys=True)
        key = _prefix(source) + hashlib.sha256(text.encode()).hexdigest()[:16]
        self._index.write(lambda connection: set_new(connection, key, text))

    def of(self, source: Source) -> list[dict[str, Any]]:
        """The environments of a source, in the order of their keys."""
        prefix = {"prefix": _prefix(source)}
        values = self._index.read(
            lambda connection: execute(connection, _BY_PREFIX, prefix).scalars().all()
        )
        return [json.loads(value) for value in values]


_BY_PREFIX = (
    sa.select(meta.c.value)
    .where(meta.c.key.like(sa.bindparam("prefix", type_=sa.String) + "%"))
    .order_by(meta.c.key)
)


def _prefix(source: Source) -> str:
    return f"environment/{source.id}/"
